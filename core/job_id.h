/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_id.h - what a job is called: a hash of what it does, so that the same proposal, made twice by
 * whoever, is one job.
 *
 * SHA-256 over: the asset (16 bytes), the action's kind (u32), its manager, the number of packages
 * (u32), each package's name and version, and the generation (u64).  Numbers are big-endian; each
 * text is preceded by its size (u32), so that no two actions give the same bytes.  Packages are
 * taken in the order of their bytes, whatever order they are given in.  The generation is how often
 * the same was proposed before and is over: without it nothing could ever be tried again.
 */
#ifndef CORE_JOB_ID_H
#define CORE_JOB_ID_H

#include <stdint.h>

#include "core/bytes.h"
#include "proto/job.pb-c.h"

enum { JOB_ID_SIZE = 32 };

/* ASSET has 16 bytes.  What ACTION leaves out counts as empty. */
void job_id_make(struct bytes asset, const Fettle__JobAction *action, uint64_t generation,
    uint8_t out[JOB_ID_SIZE]);

#endif
