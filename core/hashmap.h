/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hashmap.h - uthash as Fettle uses it: a seeded hash, because endpoints choose keys, and no
 * exit().
 */
#ifndef CORE_HASHMAP_H
#define CORE_HASHMAP_H

#include <stdint.h>
#include <xxhash.h>

#include "core/require.h"

/* Chosen once a process, at random. */
uint64_t hashmap_seed(void);

#define HASH_FUNCTION(keyptr, keylen, hashv) \
	((hashv) = (unsigned)XXH3_64bits_withSeed((keyptr), (keylen), hashmap_seed()))
#define uthash_fatal(message) require_failed(__FILE__, __LINE__, (message))

/* uthash's macros are written for looser warnings than ours. */
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <uthash.h>

#endif
