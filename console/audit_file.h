/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_file.h - the audit as a file that can be verified anywhere: one JSON object a line.
 *
 * First a head (which entry the file begins with, the hash before it, the store's public key), then
 * entries, each checkpoint after the entry that it is about, and an end.  Bytes are hexadecimal.
 */
#ifndef CONSOLE_AUDIT_FILE_H
#define CONSOLE_AUDIT_FILE_H

#include <jansson.h>
#include <stdio.h>

#include "sinks/store/chain.h"

struct audit_file_head {
	uint64_t from; /* number of the first entry */
	uint8_t previous[HASH_LONG_SIZE];
	uint8_t key[SIGN_PUBLIC_SIZE];
};

/* As JSON; the caller's. */
json_t *audit_file_head(const struct audit_file_head *head);
json_t *audit_file_entry(const Fettle__AuditEntry *entry);
json_t *audit_file_checkpoint(const Fettle__AuditCheckpoint *checkpoint);
json_t *audit_file_end(uint64_t sequence, const uint8_t hash[HASH_LONG_SIZE]);

/* Who is told of what a file holds, in its order; each returns what is wrong, or NULL. */
struct audit_file_visitor {
	const char *(*on_head)(void *data, const struct audit_file_head *head);
	const char *(*on_entry)(void *data, const Fettle__AuditEntry *entry);
	const char *(*on_checkpoint)(void *data, const Fettle__AuditCheckpoint *checkpoint);
	const char *(*on_end)(void *data, uint64_t sequence, const uint8_t hash[HASH_LONG_SIZE]);
	void *data;
};

/*
 * Reads STREAM.  NULL: all of it; else what was wrong, in line *LINE.  Any of the visitor's
 * functions may be NULL.
 */
const char *audit_file_read(FILE *stream, const struct audit_file_visitor *visitor, uint64_t *line);

#endif
