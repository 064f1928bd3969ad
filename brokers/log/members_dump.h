/* SPDX-License-Identifier: Apache-2.0 */
/*
 * members_dump.h - who is admitted, and by which enrolments, as the console reads it while the log
 * runs.
 */
#ifndef BROKERS_LOG_MEMBERS_DUMP_H
#define BROKERS_LOG_MEMBERS_DUMP_H

#include "core/status.h"
#include "proto/admission.pb-c.h"

/*
 * Visits each key of the log of the data directory DATA, borrowed for the visit, until VISIT
 * returns other than OK, which is then returned.  NOT_FOUND: no log has run there; CORRUPT, IO.
 */
NODISCARD enum status log_members_dump(const char *data,
    enum status (*visit)(void *visitor, const Fettle__Member *member), void *visitor);
/* The same of each enrolment. */
NODISCARD enum status log_enrolments_dump(const char *data,
    enum status (*visit)(void *visitor, const Fettle__Enrolment *enrolment), void *visitor);

#endif
