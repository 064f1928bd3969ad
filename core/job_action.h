/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_action.h - what an action may say, whoever says it.
 *
 * Names and versions become arguments of a package manager that runs as root: they are of its own
 * character set, begin with a letter or digit, and so are never taken for an option.  apt takes a
 * trailing '-' or '+' of an argument for an order to remove or to install: no version ends so.
 */
#ifndef CORE_JOB_ACTION_H
#define CORE_JOB_ACTION_H

#include "core/bytes.h"
#include "proto/job.pb-c.h"

enum {
	JOB_PACKAGES_MAX = 500,
	JOB_NAME_MAX = 128,         /* bytes */
	JOB_VERSION_MAX = 128,      /* bytes */
	JOB_ACTION_MAX = 64 * 1024, /* bytes, encoded: a lease fits a frame with room to spare */
};

/* NULL: it is well-formed.  Else why it is not, a literal. */
const char *job_action_check(const Fettle__JobAction *action);

/* Its packages by name, and by version where names are the same; to be freed. */
Fettle__JobPackage **job_action_sorted(const Fettle__JobAction *action);

#endif
