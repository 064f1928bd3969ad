/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agents approve, revoke and rotate - decides on agents: all that were named, or none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "console/agent_table.h"
#include "console/commands.h"
#include "console/control_client.h"
#include "console/id_prefix.h"
#include "core/record.h"

enum { REASON_MAX = 500, AGENTS_MAX = 10000, SHOWN = 12 };

const struct argp_option agents_decide_options[] = {
	{ "reason", 'r' << 8, "TEXT", 0, "why; it stays with the agent", 0 },
	{ 0 },
};
const struct argp_option agents_rotate_options[] = {
	{ "all", 'a' << 8, NULL, 0, "every agent that is admitted", 0 },
	{ "reason", 'r' << 8, "TEXT", 0, "why", 0 },
	{ 0 },
};

struct act {
	Fettle__MemberAct act;
	const char *verb, *done, *unchanged;
	unsigned states; /* bits: of whom it can be done */
	bool is_for_good;
};

struct deciding {
	const struct console *console;
	const struct act *act;
	const char *reason;
	struct agent_table table;
	const struct agent_row **chosen;
	size_t count;
};

static unsigned bit(unsigned state)
{
	return 1U << state;
}

/* ---- which ---- */

static bool can_be(const struct deciding *deciding, const struct agent_row *row)
{
	return (deciding->act->states & bit(row->state)) != 0;
}

static const struct agent_row *row_of(const struct deciding *deciding, const uint8_t *id)
{
	for (size_t i = 0; i < deciding->table.count; i++)
		if (memcmp(deciding->table.rows[i].id, id, HASH_SIZE) == 0)
			return &deciding->table.rows[i];
	return NULL;
}

static void choose_row(struct deciding *deciding, const struct agent_row *row)
{
	for (size_t i = 0; i < deciding->count; i++)
		if (deciding->chosen[i] == row)
			return;
	deciding->chosen[deciding->count++] = row;
}

/* Those of whom it can be done come first: a name may also be that of one who is gone. */
static int choose(struct deciding *deciding, const char *text)
{
	struct id_prefix wanted = { .text = text, .what = "agent" };
	const struct agent_row *row;
	int exit_code;

	for (int pass = 0; pass < 2 && wanted.found == 0; pass++)
		for (size_t i = 0; i < deciding->table.count; i++) {
			row = &deciding->table.rows[i];
			if (can_be(deciding, row) == (pass == 0))
				id_prefix_consider(&wanted, BYTES_OF(row->id), row->name);
		}
	exit_code = id_prefix_end(&wanted);
	row = exit_code == 0 ? row_of(deciding, wanted.id) : NULL;
	id_prefix_fini(&wanted);
	if (row == NULL)
		return exit_code;
	if (!can_be(deciding, row))
		return console_fail(STATUS_NOT_FOUND, "%s is %s: there is nothing to %s", text,
		    agent_table_state(row->state), deciding->act->verb);
	choose_row(deciding, row);
	return 0;
}

static int choose_all(struct deciding *deciding, int argc, char **argv)
{
	bool is_all = console_option(deciding->console, "all") != NULL;
	int exit_code = 0;

	if (is_all == (argc > 1))
		return console_usage(deciding->console, is_all
							    ? "--all needs no names beside it"
							    : "which agents? name some, or --all");
	for (size_t i = 0; is_all && i < deciding->table.count; i++)
		if (can_be(deciding, &deciding->table.rows[i]))
			choose_row(deciding, &deciding->table.rows[i]);
	for (int i = 1; exit_code == 0 && i < argc; i++)
		exit_code = choose(deciding, argv[i]);
	if (exit_code == 0 && deciding->count > AGENTS_MAX)
		exit_code = console_usage(deciding->console, "at most %d agents at a time",
		    AGENTS_MAX);
	return exit_code;
}

/* ---- saying so ---- */

static void say_each(const struct deciding *deciding, const char *before, const char *after)
{
	for (size_t i = 0; i < deciding->count; i++) {
		const struct agent_row *row = deciding->chosen[i];
		char id[2 * HASH_SIZE + 1];

		bytes_to_hex(BYTES_OF(row->id), id);
		console_say(deciding->console, "%s%.*s (%s)%s", before, SHOWN, id,
		    row->name[0] == '\0' ? "no name" : row->name, after);
	}
}

/* What cannot be taken back is asked for once; where nobody can be asked it has to be said. */
static int confirm(const struct deciding *deciding)
{
	char answer[16] = "";

	if (!deciding->act->is_for_good || deciding->console->has_consent)
		return 0;
	if (isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1)
		return console_usage(deciding->console,
		    "to %s is for good: say --yes, as nobody can be asked here",
		    deciding->act->verb);
	say_each(deciding, "", "");
	fprintf(stderr, "%s for good? [y/N] ", deciding->act->verb);
	if (fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
		return 0;
	console_say(deciding->console, "nothing was changed");
	return CONSOLE_NEGATIVE;
}

static int order(const struct deciding *deciding)
{
	Fettle__ControlRequest request = FETTLE__CONTROL_REQUEST__INIT;
	Fettle__MemberOrder member = FETTLE__MEMBER_ORDER__INIT;
	uint64_t written = 0;
	enum status status;

	RECORD_SET(&member, act, deciding->act->act);
	member.reason = RECORD_TEXT(deciding->reason);
	member.n_agents = deciding->count;
	member.agents = memory_new(deciding->count * sizeof(*member.agents));
	for (size_t i = 0; i < deciding->count; i++) {
		member.agents[i].data = (uint8_t *)deciding->chosen[i]->id;
		member.agents[i].len = HASH_SIZE;
	}
	request.member = &member;
	status = control_send(deciding->console->paths.data, &request, &written);
	free(member.agents);
	if (status == STATUS_OK)
		say_each(deciding, "",
		    written > 0 ? deciding->act->done : deciding->act->unchanged);
	return status_exit_code(status);
}

static int decide_on(struct deciding *deciding, int argc, char **argv)
{
	int exit_code = choose_all(deciding, argc, argv);

	if (exit_code != 0)
		return exit_code;
	if (deciding->count == 0) {
		console_say(deciding->console, "there is none to %s", deciding->act->verb);
		return 0;
	}
	if (deciding->console->is_dry_run) {
		say_each(deciding, "would be done: ", "; nothing was changed");
		return 0;
	}
	exit_code = confirm(deciding);
	return exit_code == 0 ? order(deciding) : exit_code;
}

static int decide(const struct console *console, const struct act *act, int argc, char **argv)
{
	struct deciding deciding = { .console = console,
		.act = act,
		.reason = console_option(console, "reason") };
	struct bytes reason = bytes_of_text(deciding.reason == NULL ? "" : deciding.reason);
	enum status status;
	int exit_code;

	if (reason.size > REASON_MAX || !bytes_is_utf8(reason))
		return console_usage(console, "--reason takes at most %d bytes of text",
		    REASON_MAX);
	status = agent_table_load(&deciding.table, console->paths.data, console->now_ms);
	if (status != STATUS_OK)
		return console_fail(status, "the log's agents cannot be read: %s",
		    status_text(status));
	deciding.chosen = memory_new(
	    (deciding.table.count + (size_t)argc) * sizeof(*deciding.chosen));
	exit_code = decide_on(&deciding, argc, argv);
	free(deciding.chosen);
	agent_table_fini(&deciding.table);
	return exit_code;
}

int agents_approve_run(const struct console *console, int argc, char **argv)
{
	const struct act approve = {
		.act = FETTLE__MEMBER_ACT__MEMBER_ACT_APPROVE,
		.verb = "approve",
		.done = " may come in",
		.unchanged = " was approved already",
		.states = bit(FETTLE__MEMBER_STATE__MEMBER_STATE_PENDING)
		        | bit(FETTLE__MEMBER_STATE__MEMBER_STATE_QUARANTINED),
	};

	return decide(console, &approve, argc, argv);
}

int agents_revoke_run(const struct console *console, int argc, char **argv)
{
	const struct act revoke = {
		.act = FETTLE__MEMBER_ACT__MEMBER_ACT_REVOKE,
		.verb = "revoke",
		.done = " is let in no more",
		.unchanged = " was revoked already",
		.states = bit(FETTLE__MEMBER_STATE__MEMBER_STATE_PENDING)
		        | bit(FETTLE__MEMBER_STATE__MEMBER_STATE_ADMITTED)
		        | bit(FETTLE__MEMBER_STATE__MEMBER_STATE_QUARANTINED),
		.is_for_good = true,
	};

	return decide(console, &revoke, argc, argv);
}

int agents_rotate_run(const struct console *console, int argc, char **argv)
{
	const struct act rotate = {
		.act = FETTLE__MEMBER_ACT__MEMBER_ACT_ROTATE,
		.verb = "rotate",
		.done = " is told to make a new key, and does so once it is connected",
		.unchanged = " was told already",
		.states = bit(FETTLE__MEMBER_STATE__MEMBER_STATE_ADMITTED),
	};

	return decide(console, &rotate, argc, argv);
}
