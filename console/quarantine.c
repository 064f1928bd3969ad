/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quarantine - the records that no stage would have, or that crashed the processor: what they are,
 * and letting them go, to the stages once more or for good.
 *
 * They are read from the processor's state, which has them, and not from the store, which is told.
 * All of a record is hostile, so its bytes are shown as digits and escaped text.
 */
#include <ctype.h>
#include <stdlib.h>

#include "console/asset_table.h"
#include "console/commands.h"
#include "console/intent.h"
#include "console/page.h"
#include "core/log.h"
#include "core/record.h"
#include "core/sublog.h"
#include "processors/state/reader.h"
#include "sinks/verdict_json.h"

enum {
	ID_TEXT = 2 * HASH_SIZE + 1,
	DUMP_LINE = 16,
	DUMP_MAX = 4096,
	REASON_MAX = 2000,
	AN_ORDER = 1000
};

const struct argp_option quarantine_release_options[] = {
	{ "all", 'a' << 8, NULL, 0, "all that there are", 0 },
	{ "discard", 'x' << 8, NULL, 0, "let it go for good: nobody takes it", 0 },
	{ "reason", 'r' << 8, "TEXT", 0, "why; it stays with the record's verdict", 0 },
	{ 0 },
};

static const struct output_column columns[] = {
	{ "id", "ID", 0, 0 },
	{ "at", "SINCE", 0, 0 },
	{ "asset", "ASSET", OUTPUT_CUT, 15 },
	{ "agent_id", NULL, 0, 0 },
	{ "lane", "LANE", 0, 0 },
	{ "epoch", NULL, 0, 0 },
	{ "sequence", "NUMBER", OUTPUT_RIGHT, 0 },
	{ "record_kind", "KIND", OUTPUT_RIGHT, 0 },
	{ "bytes", "BYTES", OUTPUT_RIGHT, 0 },
	{ "reason", "WHY", OUTPUT_CUT, 30 },
	{ .name = NULL },
};

/* One of them, and what it says of itself as far as that can be read. */
struct item {
	char id[ID_TEXT];
	uint8_t hash[HASH_SIZE];
	const Fettle__Quarantine *kept;
	const Fettle__Envelope *envelope; /* NULL: not even that */
	const Fettle__Stamp *stamp;
};

struct visit {
	const struct console *console;
	struct state_reader *reader;
	struct asset_table assets;
	struct output *output;
	const char *wanted; /* the beginning of an id; NULL: all */
	struct arena arena;
	struct item found;
	size_t count;
};

static void read_item(struct visit *visit, const Fettle__Quarantine *kept, struct item *out)
{
	Fettle__Record *record;

	*out = (struct item){ .kept = kept };
	hash_bytes(record_bytes(kept->record), out->hash);
	bytes_to_hex(BYTES_OF(out->hash), out->id);
	if (record_decode(record_bytes(kept->record), &visit->arena, &record) != STATUS_OK)
		return;
	out->envelope = record->envelope;
	out->stamp = record->stamp;
}

static const char *asset_of(const struct visit *visit, const struct item *item)
{
	return item->stamp == NULL
	         ? NULL
	         : asset_table_name(&visit->assets, record_bytes(item->stamp->writer));
}

static enum status show_row(struct visit *visit, const struct item *item)
{
	struct output *output = visit->output;
	const Fettle__Stamp *stamp = item->stamp;

	output_id(output, BYTES_OF(item->hash));
	output_time(output, item->kept->at_ms);
	output_text(output, asset_of(visit, item));
	output_id(output, stamp == NULL ? BYTES_NONE : record_bytes(stamp->writer));
	output_text(output, stamp == NULL ? NULL : verdict_json_lane(stamp->lane));
	output_number(output, stamp == NULL ? 0 : stamp->epoch);
	output_number(output, stamp == NULL ? item->kept->sequence : stamp->sequence);
	output_number(output, item->envelope == NULL ? 0 : item->envelope->kind);
	output_number(output, item->kept->record.len);
	output_text(output, item->kept->reason);
	return output_row(output);
}

static enum status on_row(void *data, const Fettle__Quarantine *kept)
{
	struct visit *visit = data;
	struct item item;

	if (visit->console->limit > 0 && visit->count == visit->console->limit)
		return STATUS_CLOSED;
	visit->count++;
	arena_reset(&visit->arena);
	read_item(visit, kept, &item);
	return show_row(visit, &item);
}

/* The record itself is needed after the visit, so it is kept in the arena. */
static enum status on_wanted(void *data, const Fettle__Quarantine *kept)
{
	struct visit *visit = data;
	struct buffer packed = { 0 };
	struct item item;

	read_item(visit, kept, &item);
	if (strncmp(item.id, visit->wanted, strlen(visit->wanted)) != 0
	    || strcmp(item.id, visit->found.id) == 0)
		return STATUS_OK;
	record_pack(&packed, &kept->base);
	kept = record_unpack(&fettle__quarantine__descriptor, buffer_bytes(&packed), &visit->arena);
	buffer_fini(&packed);
	if (kept == NULL)
		return STATUS_CORRUPT;
	read_item(visit, kept, &visit->found);
	visit->count++;
	return STATUS_OK;
}

/* ---- opening ---- */

static int open_state(struct visit *visit, const struct console *console)
{
	enum status status = state_reader_open(console->paths.data, &visit->reader);

	visit->console = console;
	if (status == STATUS_OK)
		status = asset_table_load_state(&visit->assets, visit->reader);
	return status == STATUS_OK ? 0
	                           : console_fail(status, "no quarantine can be read in %s: %s",
				       console->paths.data, status_text(status));
}

static void close_state(struct visit *visit)
{
	arena_fini(&visit->arena);
	asset_table_fini(&visit->assets);
	state_reader_close(visit->reader);
}

/* The one whose id begins with TEXT.  0, or the exit code of a failure that a message told. */
static int find(struct visit *visit, const char *text)
{
	enum status status;

	visit->wanted = text;
	visit->count = 0;
	visit->found = (struct item){ .kept = NULL };
	status = state_reader_quarantine(visit->reader, on_wanted, visit);
	if (status != STATUS_OK)
		return console_fail(status, "the quarantine cannot be read: %s",
		    status_text(status));
	if (visit->count == 1)
		return 0;
	console_say(visit->console,
	    visit->count == 0 ? "no quarantined record has an id that begins with \"%.40s\""
			      : "several ids begin with \"%.40s\"; give more of it",
	    text);
	return CONSOLE_NEGATIVE;
}

/* ---- list ---- */

int quarantine_list_run(const struct console *console, int argc, char **argv)
{
	struct visit visit = { .count = 0 };
	int exit_code = open_state(&visit, console);
	enum status status;

	(void)argc;
	(void)argv;
	if (exit_code == 0) {
		visit.output = output_new(&console->output, columns);
		status = state_reader_quarantine(visit.reader, on_row, &visit);
		if ((status == STATUS_OK || status == STATUS_CLOSED) && visit.count == 0)
			console_say(console, "nothing is quarantined");
		exit_code = console_end(&visit.output,
		    status == STATUS_CLOSED ? STATUS_OK : status);
	}
	close_state(&visit);
	return exit_code;
}

/* ---- show ---- */

static void dump_line(struct buffer *out, const uint8_t *at, size_t size, size_t offset)
{
	buffer_append_format(out, "  %06zx ", offset);
	for (size_t i = 0; i < DUMP_LINE; i++)
		if (i < size)
			buffer_append_format(out, " %02x", at[i]);
		else
			buffer_append_text(out, "   ");
	buffer_append_text(out, "  ");
	for (size_t i = 0; i < size; i++)
		buffer_append_format(out, "%c", at[i] < 0x7f && isprint(at[i]) ? at[i] : '.');
	buffer_append_text(out, "\n");
}

static void dump(struct buffer *out, struct bytes bytes)
{
	size_t most = bytes.size < DUMP_MAX ? bytes.size : DUMP_MAX;

	for (size_t at = 0; at < most; at += DUMP_LINE)
		dump_line(out, bytes.data + at, most - at < DUMP_LINE ? most - at : DUMP_LINE, at);
	if (most < bytes.size)
		buffer_append_format(out, "  … and %zu bytes more\n", bytes.size - most);
}

static void escaped(struct buffer *out, const char *label, const char *text)
{
	buffer_append_format(out, "%-9s ", label);
	log_escape(out, bytes_of_text(text == NULL ? "unknown" : text));
	buffer_append_text(out, "\n");
}

static void describe(const struct visit *visit, const struct item *item, struct buffer *out)
{
	char time[OUTPUT_TIME_SIZE];

	output_local_time(item->kept->at_ms, time);
	escaped(out, "record", item->id);
	escaped(out, "reason", item->kept->reason);
	escaped(out, "since", time);
	escaped(out, "asset", asset_of(visit, item));
	if (item->stamp == NULL || item->envelope == NULL) {
		buffer_append_text(out, "nothing of it can be read but its bytes\n");
	} else {
		escaped(out, "lane", verdict_json_lane(item->stamp->lane));
		buffer_append_format(out, "number    %llu of epoch %llu\nkind      %u, schema %u\n",
		    (unsigned long long)item->stamp->sequence,
		    (unsigned long long)item->stamp->epoch, item->envelope->kind,
		    item->envelope->schema);
	}
	buffer_append_format(out, "bytes     %zu\n\n", item->kept->record.len);
	dump(out, record_bytes(item->kept->record));
}

int quarantine_show_run(const struct console *console, int argc, char **argv)
{
	struct visit visit = { .count = 0 };
	struct buffer page = { 0 };
	int exit_code = open_state(&visit, console);

	(void)argc;
	if (exit_code == 0)
		exit_code = find(&visit, argv[1]);
	if (exit_code == 0 && console->output.format == OUTPUT_TABLE) {
		describe(&visit, &visit.found, &page);
		fputs(buffer_text(&page), stdout);
	} else if (exit_code == 0) {
		visit.output = output_new(&console->output, columns);
		exit_code = console_end(&visit.output, show_row(&visit, &visit.found));
	}
	buffer_fini(&page);
	close_state(&visit);
	return exit_code;
}

/* ---- release ---- */

struct wanted {
	uint8_t hash[HASH_SIZE];
	char id[ID_TEXT];
};

struct order {
	const struct console *console;
	struct visit visit;
	struct wanted *wanted;
	size_t count, room;
};

static void want(struct order *order, const struct item *item)
{
	if (order->count == order->room) {
		order->room = 2 * order->room + 16;
		order->wanted = memory_grow(order->wanted, order->room * sizeof(*order->wanted));
	}
	memcpy(order->wanted[order->count].hash, item->hash, HASH_SIZE);
	memcpy(order->wanted[order->count++].id, item->id, ID_TEXT);
}

static enum status want_one(void *data, const Fettle__Quarantine *kept)
{
	struct order *order = data;
	struct item item;

	arena_reset(&order->visit.arena);
	read_item(&order->visit, kept, &item);
	want(order, &item);
	return STATUS_OK;
}

static enum status mark_left(void *data, const Fettle__Quarantine *kept)
{
	struct order *order = data;
	uint8_t hash[HASH_SIZE];

	hash_bytes(record_bytes(kept->record), hash);
	for (size_t i = 0; i < order->count; i++)
		if (memcmp(order->wanted[i].hash, hash, HASH_SIZE) == 0)
			return STATUS_CLOSED;
	return STATUS_OK;
}

static bool are_gone(void *data)
{
	struct order *order = data;

	return state_reader_quarantine(order->visit.reader, mark_left, order) == STATUS_OK;
}

/* COUNT of those that are wanted. */
static enum status send_some(struct order *order, struct wanted *wanted, size_t count)
{
	Fettle__QuarantineRelease message = FETTLE__QUARANTINE_RELEASE__INIT;
	ProtobufCBinaryData ids[AN_ORDER];
	struct intent intent;
	uint64_t written;
	enum status status;

	for (size_t i = 0; i < count; i++)
		ids[i] = (ProtobufCBinaryData){ HASH_SIZE, wanted[i].hash };
	message.ids = ids;
	message.n_ids = count;
	RECORD_SET(&message, is_discard, console_option(order->console, "discard") != NULL);
	message.reason = RECORD_TEXT(console_option(order->console, "reason"));
	intent_init(&intent);
	/* A key of its own, or a second try would be the same intent, and nothing would happen. */
	intent_add(&intent, FETTLE__KIND__KIND_QUARANTINE_RELEASE,
	    arena_format(&intent.arena, "quarantine/%s/%llu", wanted[0].id,
		(unsigned long long)order->console->now_ms),
	    &message.base);
	status = intent_send(&intent, order->console->paths.data, &written);
	intent_fini(&intent);
	return status;
}

static enum status send_order(struct order *order)
{
	enum status status = STATUS_OK;

	for (size_t at = 0; status == STATUS_OK && at < order->count; at += AN_ORDER)
		status = send_some(order, order->wanted + at,
		    order->count - at < AN_ORDER ? order->count - at : AN_ORDER);
	return status;
}

static int release(struct order *order)
{
	bool is_discard = console_option(order->console, "discard") != NULL;
	enum status status;

	if (order->count == 0) {
		console_say(order->console, "nothing is quarantined");
		return 0;
	}
	if (order->console->is_dry_run) {
		console_say(order->console, "%zu would be %s", order->count,
		    is_discard ? "discarded" : "released");
		return 0;
	}
	status = send_order(order);
	if (status != STATUS_OK)
		return status_exit_code(status);
	if (intent_wait(are_gone, order, INTENT_PATIENCE_MS)) {
		console_say(order->console, "%s: %zu", is_discard ? "discarded" : "released",
		    order->count);
		return 0;
	}
	console_say(order->console,
	    "sent; some are still there: they were rejected again, or no processor runs. "
	    "`fettle quarantine` tells");
	return CONSOLE_NEGATIVE;
}

static int find_all(struct order *order)
{
	enum status status = state_reader_quarantine(order->visit.reader, want_one, order);

	return status == STATUS_OK
	         ? 0
	         : console_fail(status, "the quarantine cannot be read: %s", status_text(status));
}

int quarantine_release_run(const struct console *console, int argc, char **argv)
{
	struct order order = { .console = console };
	const char *reason = console_option(console, "reason");
	int exit_code;

	if (reason != NULL
	    && (strlen(reason) > REASON_MAX || !bytes_is_utf8(bytes_of_text(reason))))
		return console_usage(console, "--reason takes at most %d bytes of text",
		    REASON_MAX);
	if ((argc == 1) == (console_option(console, "all") == NULL))
		return console_usage(console, "name some by their ids, or say --all");
	exit_code = open_state(&order.visit, console);
	if (exit_code == 0 && argc == 1)
		exit_code = find_all(&order);
	for (int i = 1; i < argc && exit_code == 0; i++) {
		exit_code = find(&order.visit, argv[i]);
		if (exit_code == 0)
			want(&order, &order.visit.found);
	}
	if (exit_code == 0)
		exit_code = release(&order);
	free(order.wanted);
	close_state(&order.visit);
	return exit_code;
}
