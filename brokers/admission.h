/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admission.h - decides which keys may connect to the gateway, and whose messages are still good.
 *
 * The one ZAP handler of the gateway's process, over the list of members.  Nobody gets in before
 * that list has been read whole.  Who is refused is told to come again (300): at 400 a client of
 * libzmq 4.3.4 would give up for good, and the machine could not be let in later.
 */
#ifndef BROKERS_ADMISSION_H
#define BROKERS_ADMISSION_H

#include "brokers/member_list.h"

struct admission;

/*
 * On the loop of SOCKETS, before any socket binds that wants it.  BUSY: there is one already.
 * ON_SHUT (with DATA) is told of each connection, by its descriptor, that has to end.
 */
NODISCARD enum status admission_open(struct sockets *sockets,
    void (*on_shut)(void *data, int connection), void *data, struct admission **out);
void admission_close(struct admission *admission); /* NULL is fine */

/* To be filled by a member_reader. */
struct member_list *admission_members(struct admission *admission);
/* For endpoints with a domain of their own. */
struct zap *admission_zap(struct admission *admission);

/*
 * Whose message that is, which came by CONNECTION from USER: NULL where its key is not admitted
 * (any more); then the connection has to end.
 */
const struct member *admission_check(struct admission *admission, const char *user, int connection);

/* KEY is refused from now on, and admission_has_refused says whether it has knocked since. */
void admission_probe(struct admission *admission, const uint8_t key[SOCKET_KEY_SIZE]);
bool admission_has_refused_probe(const struct admission *admission);

uint64_t admission_admitted(const struct admission *admission);
uint64_t admission_refused(const struct admission *admission);

#endif
