/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_id.h - the id of a job: what it does to which asset, and for the how manieth time.
 *
 * Who proposes a job works it out, and who takes it works it out again: the same proposal made
 * twice is one job.  SHA-256 over, with integers in big-endian order:
 *
 *   "fettle job 1"; the asset's 16 bytes; kind as u32; manager as u32 size and bytes;
 *   number of packages as u32; of each, by name, name and version as u32 size and bytes;
 *   generation as u64
 */
#ifndef CORE_JOB_ID_H
#define CORE_JOB_ID_H

#include "core/bytes.h"
#include "core/hash.h"
#include "proto/job.pb-c.h"

enum { JOB_ID_SIZE = HASH_SHA256_SIZE };

/* The order in which ACTION names its packages does not matter. */
void job_id_compute(struct bytes asset, const Fettle__JobAction *action, uint64_t generation,
    uint8_t out[JOB_ID_SIZE]);

#endif
