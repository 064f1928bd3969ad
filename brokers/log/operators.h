/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operators.h - the people who may ask the log for something: their names, roles and keys.
 *
 * While nobody was ever added, root and the owner of the data directory may do everything: one
 * person on one machine needs no roles.  From then on what a person may do is what was given to
 * them, and root alone stays admin as the last resort, which is noted down wherever it is used.
 */
#ifndef BROKERS_LOG_OPERATORS_H
#define BROKERS_LOG_OPERATORS_H

#include "brokers/log/control.h"
#include "brokers/log/rights.h"
#include "brokers/log/store.h"

enum { OPERATORS_MAX = 1000, OPERATORS_NAME_MAX = 64 };

/* Everybody who was ever added, as they stand. */
struct operators {
	Fettle__Operators list;
	struct arena arena;
};

/* From the store, in a transaction or not.  CORRUPT, IO; to be ended by operators_fini anyway. */
NODISCARD enum status operators_load(struct log_store *store, struct operators *out);
void operators_fini(struct operators *operators);

/* What WHO may do, as bits of roles; OWNER is the uid of the data directory's owner. */
uint32_t operators_roles(const struct operators *operators, const struct control_principal *who,
    uint64_t owner);
/* WHO is called by the name that they were added under: "anna (uid 1000)". */
void operators_name(const struct operators *operators, struct control_principal *who);
/* WHO is root, and nobody was given the role by which it acts. */
bool operators_is_last_resort(const struct operators *operators,
    const struct control_principal *who);

/*
 * Whether WHO may do all that REQUEST asks for.  DENIED: MESSAGE says who may, and *kind what was
 * asked; REJECT: nobody writes such a record, or
 * not under such a key; INVALID: more than one order.
 */
NODISCARD enum status operators_admit(const struct operators *operators,
    const Fettle__ControlRequest *request, const struct control_principal *who, uint64_t owner,
    struct buffer *message, const Fettle__Record **denied);

/*
 * Does what ORDER says, as WHO.  *changed: something did.  INVALID: MESSAGE says why it cannot be;
 * NOT_FOUND: there is nobody of that name.  In a transaction.
 */
NODISCARD enum status operators_order(struct log_store *store, const Fettle__OperatorOrder *order,
    const struct control_principal *who, uint64_t now_ms, struct buffer *message, bool *changed);

/* Notes that WHO wrote RECORD, or was denied what REQUEST asks for.  In a transaction. */
NODISCARD enum status operators_note_intent(struct log_store *store, const Fettle__Record *record,
    const struct control_principal *who, bool is_last_resort, uint64_t now_ms);
NODISCARD enum status operators_note_denied(struct log_store *store, const Fettle__Record *record,
    const struct control_principal *who, const char *why, uint64_t now_ms);

#endif
