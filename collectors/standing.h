/* SPDX-License-Identifier: Apache-2.0 */
/*
 * standing.h - how an agent learns that it is not let in.
 *
 * A gateway says nothing to a key that it does not admit: the connection ends, as if it were down.
 * So an agent that hears nothing asks the enrolment endpoint, which answers anybody, how its key
 * stands, and puts it into its log.
 */
#ifndef COLLECTORS_STANDING_H
#define COLLECTORS_STANDING_H

#include "core/enrolment_file.h"
#include "core/keys.h"

struct standing;

/* SERVER lives longer; without an enrolment endpoint nobody is asked. */
struct standing *standing_new(uv_loop_t *loop, struct sockets *sockets,
    const struct enrolment_file *server);
void standing_free(struct standing *standing); /* NULL is fine; the loop must turn once more */

/* Now and then: nothing was heard for SILENT_MS under KEYS, which live until the next call. */
void standing_tick(struct standing *standing, const struct key_pair *keys, uint64_t silent_ms,
    uint64_t now_ms);

#endif
