/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_table.h - the agents that the log knows, each once, however many keys it has.
 */
#ifndef CONSOLE_AGENT_TABLE_H
#define CONSOLE_AGENT_TABLE_H

#include "core/bytes.h"
#include "core/hash.h"
#include "core/socket.h"
#include "core/status.h"

struct agent_row {
	uint8_t id[HASH_SIZE];
	uint8_t key[SOCKET_KEY_SIZE];                     /* the newest */
	unsigned state;                                   /* enum MemberState */
	const char *name, *group, *by, *reason, *address; /* NULL: not known */
	struct bytes enrolment;
	uint64_t since_ms;
	uint64_t last_seen_ms; /* 0: not known */
	unsigned keys;         /* that it may connect with, or might once approved */
};

struct agent_table {
	struct agent_row *rows; /* by name, then id */
	size_t count, room;
	struct arena arena;
};

/* All that the log of DATA knows at NOW_MS, and the store, if there is one.  As log_members_dump.
 */
NODISCARD enum status agent_table_load(struct agent_table *table, const char *data,
    uint64_t now_ms);
void agent_table_fini(struct agent_table *table);

/* "admitted", "pending", …; and the other way about, for choices_parse. */
const char *agent_table_state(unsigned state);
bool agent_table_state_parse(const char *text, unsigned *out);

#endif
