/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts ack - says that somebody has seen alerts: all that were named, or none.
 *
 * Who that is, the log knows from the connection and not from what is sent.
 */
#include <stdlib.h>

#include "console/commands.h"
#include "console/intent.h"
#include "console/page.h"
#include "console/store_access.h"
#include "core/clock.h"
#include "core/record.h"
#include "proto/intent.pb-c.h"
#include "sinks/store/layout.h"

enum { NOTE_MAX = 2000, ID_SHOWN = 8 };

const struct argp_option alerts_ack_options[] = {
	{ "note", 'n' << 8, "TEXT", 0, "what you know of it; it stays with the alert", 0 },
	{ 0 },
};

/* One alert that is to be acknowledged, and how it stood before. */
struct wanted {
	char id[2 * LAYOUT_ID_SIZE + 1];
	const char *title, *asset;
	uint64_t acknowledged_ms;
	bool is_done;
};

struct ack {
	const struct console *console;
	struct store_access access;
	struct arena arena;
	struct wanted *wanted;
	size_t count;
	const char *note;
};

static const char *text_or(const char *text, const char *otherwise)
{
	return page_is_empty(text) ? otherwise : text;
}

static bool is_wanted_already(const struct ack *ack, const char *id)
{
	for (size_t i = 0; i < ack->count; i++)
		if (strcmp(ack->wanted[i].id, id) == 0)
			return true;
	return false;
}

/* 0, or the exit code of a failure that a message told. */
static int want(struct ack *ack, const char *text)
{
	struct wanted *wanted = &ack->wanted[ack->count];
	Fettle__AlertVerdict *alert = NULL;
	char age[CLOCK_TEXT_SIZE];
	int exit_code = store_access_alert(&ack->access, ack->console, text, &ack->arena, &alert);

	if (exit_code != 0)
		return exit_code;
	if (alert->acknowledged_ms > 0 && ack->note == NULL) {
		clock_format_age(alert->acknowledged_ms, ack->console->now_ms, age);
		console_say(ack->console,
		    "%s was acknowledged by %s, %s; --note changes what is noted", text,
		    text_or(alert->acknowledged_by, "somebody"), age);
		return 0;
	}
	bytes_to_hex(record_bytes(alert->id), wanted->id);
	if (is_wanted_already(ack, wanted->id))
		return 0;
	wanted->title = text_or(alert->title, "(no title)");
	wanted->asset = text_or(asset_table_name(&ack->access.assets, record_bytes(alert->asset)),
	    "an unknown asset");
	wanted->acknowledged_ms = alert->acknowledged_ms;
	ack->count++;
	return 0;
}

static void add(struct ack *ack, struct intent *intent, const struct wanted *wanted)
{
	Fettle__AlertAck message = FETTLE__ALERT_ACK__INIT;
	uint8_t id[LAYOUT_ID_SIZE];

	(void)bytes_from_hex(wanted->id, id, sizeof(id)); /* it was made from one */
	RECORD_SET_BYTES(&message, alert, BYTES_OF(id));
	message.note = RECORD_TEXT(ack->note);
	intent_add(intent, FETTLE__KIND__KIND_ALERT_ACK,
	    arena_format(&intent->arena, "alert/%s/ack", wanted->id), &message.base);
}

static void look(struct ack *ack, struct wanted *wanted)
{
	Fettle__AlertVerdict *alert = NULL;
	struct arena arena = { 0 };

	if (query_alert(ack->access.query, wanted->id, &arena, &alert) == STATUS_OK)
		wanted->is_done = alert->acknowledged_ms > wanted->acknowledged_ms;
	arena_fini(&arena);
}

static bool are_all_done(void *data)
{
	struct ack *ack = data;
	bool is_done = true;

	for (size_t i = 0; i < ack->count; i++) {
		look(ack, &ack->wanted[i]);
		is_done &= ack->wanted[i].is_done;
	}
	return is_done;
}

static void say_outcome(const struct ack *ack)
{
	for (size_t i = 0; i < ack->count; i++) {
		const struct wanted *wanted = &ack->wanted[i];

		if (wanted->is_done)
			console_say(ack->console, "acknowledged: %s, on %s", wanted->title,
			    wanted->asset);
		else
			console_say(ack->console,
			    "sent, and not taken up yet: %s, on %s; `fettle alerts show %.*s` will "
			    "tell, once a processor runs",
			    wanted->title, wanted->asset, ID_SHOWN, wanted->id);
	}
}

static int send(struct ack *ack)
{
	struct intent intent;
	uint64_t written;
	enum status status;

	if (ack->count == 0)
		return 0;
	if (ack->console->is_dry_run) {
		for (size_t i = 0; i < ack->count; i++)
			console_say(ack->console, "would be acknowledged: %s, on %s",
			    ack->wanted[i].title, ack->wanted[i].asset);
		return 0;
	}
	intent_init(&intent);
	for (size_t i = 0; i < ack->count; i++)
		add(ack, &intent, &ack->wanted[i]);
	status = intent_send(&intent, ack->console->paths.data, &written);
	intent_fini(&intent);
	if (status != STATUS_OK)
		return status_exit_code(status);
	(void)intent_wait(are_all_done, ack, INTENT_PATIENCE_MS);
	say_outcome(ack);
	return 0;
}

int alerts_ack_run(const struct console *console, int argc, char **argv)
{
	struct ack ack = { .console = console, .note = console_option(console, "note") };
	int exit_code;

	if (ack.note != NULL
	    && (strlen(ack.note) > NOTE_MAX || !bytes_is_utf8(bytes_of_text(ack.note))))
		return console_usage(console, "--note takes at most %d bytes of text", NOTE_MAX);
	exit_code = store_access_open(&ack.access, console);
	if (exit_code != 0)
		return exit_code;
	ack.wanted = memory_new((size_t)argc * sizeof(*ack.wanted));
	for (int i = 1; i < argc && exit_code == 0; i++)
		exit_code = want(&ack, argv[i]);
	if (exit_code == 0)
		exit_code = send(&ack);
	else if (argc > 2)
		console_say(console, "nothing was acknowledged");
	free(ack.wanted);
	arena_fini(&ack.arena);
	store_access_fini(&ack.access);
	return exit_code;
}
