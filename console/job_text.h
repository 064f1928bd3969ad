/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_text.h - jobs in words.
 */
#ifndef CONSOLE_JOB_TEXT_H
#define CONSOLE_JOB_TEXT_H

#include "core/bytes.h"
#include "core/job_id.h"
#include "proto/verdict.pb-c.h"

enum { JOB_TEXT_ID_SIZE = 13 };

/* The first 12 digits: what a job is called by people. */
void job_text_id(struct bytes id, char out[JOB_TEXT_ID_SIZE]);
/* Appends "approved: waits for job 1a2b3c4d5e6f", or what the state means where no REASON is known.
 */
void job_text_state(struct buffer *out, unsigned state, const char *reason);
/* Appends "3: curl:amd64, openssl:amd64, …"; as it came. */
void job_text_packages(struct buffer *out, const Fettle__JobVerdict *job);

#endif
