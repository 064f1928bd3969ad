/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrolment list and revoke - what lets machines in that nobody knows yet.  Never a secret: the log
 * has none.
 */
#include <stdlib.h>

#include "brokers/log/members_dump.h"
#include "console/commands.h"
#include "console/control_client.h"
#include "console/id_prefix.h"
#include "core/clock.h"
#include "core/hash.h"
#include "core/record.h"
#include "sinks/verdict_json.h"

static const struct output_column columns[] = {
	{ "enrolment_id", "ID", 0, 0 },
	{ "name", "NAME", OUTPUT_CUT, 0 },
	{ "state", "STATE", 0, 0 },
	{ "uses", "USED", OUTPUT_RIGHT, 0 },
	{ "uses_most", "OF", OUTPUT_RIGHT, 0 },
	{ "expires_at", "EXPIRES", 0, 0 },
	{ "group", "GROUP", OUTPUT_CUT, 0 },
	{ "needs_approval", "APPROVAL", 0, 0 },
	{ "networks", "NETWORKS", OUTPUT_CUT, 0 },
	{ "created_at", NULL, 0, 0 },
	{ "created_by", "BY", OUTPUT_CUT, 0 },
	{ "revoked_at", NULL, 0, 0 },
	{ .name = NULL },
};

struct list {
	const struct console *console;
	struct output *output;
	uint64_t rows;
};

static const char *state_of(const Fettle__Enrolment *enrolment, uint64_t now_ms)
{
	if (enrolment->revoked_ms > 0)
		return "revoked";
	if (now_ms >= enrolment->expires_ms)
		return "expired";
	return enrolment->uses >= enrolment->uses_most ? "used up" : "open";
}

static void output_networks(struct output *output, const Fettle__Enrolment *enrolment)
{
	json_t *list = json_array();
	struct buffer text = { 0 };

	for (size_t i = 0; i < enrolment->n_networks; i++) {
		json_array_append_new(list, verdict_json_optional(enrolment->networks[i]));
		buffer_append_format(&text, "%s%s", i > 0 ? "," : "", enrolment->networks[i]);
	}
	output_value(output, list, enrolment->n_networks == 0 ? "any" : buffer_text(&text));
	buffer_fini(&text);
}

static void output_end(struct output *output, uint64_t at_ms, uint64_t now_ms)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format_age(at_ms, now_ms, text);
	output_value(output, verdict_json_time(at_ms), text);
}

static enum status show(void *visitor, const Fettle__Enrolment *enrolment)
{
	struct list *list = visitor;
	struct output *output = list->output;
	const char *state = state_of(enrolment, list->console->now_ms);

	if (enrolment->created_ms < list->console->since_ms)
		return STATUS_OK;
	if (list->console->limit > 0 && list->rows == list->console->limit)
		return STATUS_CLOSED;
	list->rows++;
	output_id(output, record_bytes(enrolment->id));
	output_text(output, enrolment->name);
	output_text(output, state);
	output_color(output, strcmp(state, "open") == 0 ? OUTPUT_GREEN : OUTPUT_DIM);
	output_number(output, enrolment->uses);
	output_number(output, enrolment->uses_most);
	output_end(output, enrolment->expires_ms, list->console->now_ms);
	output_text(output, enrolment->group);
	output_flag(output, enrolment->needs_approval);
	output_networks(output, enrolment);
	output_time(output, enrolment->created_ms);
	output_text(output, enrolment->by);
	output_time(output, enrolment->revoked_ms);
	return output_row(output);
}

int enrolment_list_run(const struct console *console, int argc, char **argv)
{
	struct list list = { .console = console };
	enum status status;

	(void)argc;
	(void)argv;
	list.output = output_new(&console->output, columns);
	status = log_enrolments_dump(console->paths.data, show, &list);
	if (status == STATUS_NOT_FOUND)
		status = STATUS_OK; /* where no log has run there is none */
	if (status == STATUS_OK && list.rows == 0)
		console_say(console, "no enrolments; `fettle enrolment create` makes one");
	return console_end(&list.output, status);
}

/* ---- revoke ---- */

static enum status consider(void *visitor, const Fettle__Enrolment *enrolment)
{
	id_prefix_consider(visitor, record_bytes(enrolment->id), enrolment->name);
	return STATUS_OK;
}

static int revoke(const struct console *console, const struct id_prefix *found)
{
	Fettle__ControlRequest request = FETTLE__CONTROL_REQUEST__INIT;
	Fettle__EnrolmentOrder order = FETTLE__ENROLMENT_ORDER__INIT;
	uint64_t written = 0;
	enum status status;

	if (console->is_dry_run) {
		console_say(console, "would be revoked; nothing was changed");
		return 0;
	}
	RECORD_SET_BYTES(&order, revoke, BYTES_OF(found->id));
	request.enrolment = &order;
	status = control_send(console->paths.data, &request, &written);
	if (status == STATUS_OK)
		console_say(console, "%s",
		    written > 0 ? "revoked: it lets nobody in any more; whom it has let in stays"
				: "it was revoked already");
	return status_exit_code(status);
}

int enrolment_revoke_run(const struct console *console, int argc, char **argv)
{
	struct id_prefix wanted = { .text = argv[1], .what = "enrolment" };
	enum status status = log_enrolments_dump(console->paths.data, consider, &wanted);
	int exit_code;

	(void)argc;
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		exit_code = console_fail(status, "the log cannot be read: %s", status_text(status));
	else
		exit_code = id_prefix_end(&wanted);
	if (exit_code == 0)
		exit_code = revoke(console, &wanted);
	id_prefix_fini(&wanted);
	return exit_code;
}
