/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_action.h - whether what a job does is what an endpoint may do.
 *
 * Asked twice: by the agent of what the server sent, and by the helper of what the agent sent.
 * Neither trusts the one before it, and what passes here becomes arguments of apt-get, so that it
 * refuses everything that apt could take for something else than a package and a version.
 */
#ifndef COLLECTORS_JOBS_JOB_ACTION_H
#define COLLECTORS_JOBS_JOB_ACTION_H

#include "core/bytes.h"
#include "proto/job.pb-c.h"

enum { JOB_ID_SIZE = 32, JOB_PACKAGES_MAX = 500, JOB_NAME_MAX = 128, JOB_VERSION_MAX = 128 };

/* Why ACTION is refused, for a person; NULL where it is not. */
const char *job_action_refusal(const Fettle__JobAction *action);

/* "NAME", "NAME:ARCHITECTURE": Debian's policy 5.6.1 and 5.6.8. */
bool job_action_is_name(const char *text);
/* A version by Debian's policy 5.6.12, without what apt would read as a request of its own. */
bool job_action_is_version(const char *text);

#endif
