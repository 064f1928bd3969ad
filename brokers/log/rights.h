/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights.h - what may be asked of the log by its local socket, and which role it takes.
 *
 * One table (rights.c).  An admin may do everything in it; reading takes no right here: whoever may
 * read the data directory may read.
 */
#ifndef BROKERS_LOG_RIGHTS_H
#define BROKERS_LOG_RIGHTS_H

#include "core/bytes.h"
#include "proto/control.pb-c.h"

/* Of the bits of a set of roles. */
#define RIGHTS_BIT(role) (1u << (FETTLE__ROLE__ROLE_##role))

struct right {
	const char *what;    /* "approve or reject jobs" */
	uint32_t roles;      /* any of these suffices; 0: only an admin */
	bool may_be_servers; /* the server itself does it, as its configuration says */
};

/* RECORD, of intent.  NULL: nobody writes such a record, or not under this key. */
const struct right *rights_of_record(const Fettle__Record *record);
/* What REQUEST orders besides its intent; NULL: nothing. */
const struct right *rights_of_order(const Fettle__ControlRequest *request);

/* "approver"; NULL: there is no such role. */
const char *rights_role_text(Fettle__Role role);
/* "approver", or "operator or responder": those that RIGHT names, and "admin" where none. */
void rights_roles_text(struct buffer *out, const struct right *right);

#endif
