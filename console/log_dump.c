/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log dump - the log's records, for people; or --raw, as one fettle.RecordList for
 * `protoc --decode fettle.RecordList proto/record.proto`.
 */
#include "brokers/log/dump.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "console/commands.h"
#include "core/quantity.h"
#include "core/record.h"
#include "proto/observation.pb-c.h"

enum { TAG_RECORD = 0x0a /* field 1, length-delimited */, VARINT_MAX = 10 };

const struct argp_option log_dump_options[] = {
	{ "raw", 'r' << 8, NULL, 0, "the records' own bytes, as a fettle.RecordList", 0 },
	{ "flow", 'f' << 8, "N", 0, "only the sub-log of this number", 0 },
	{ 0 },
};

static const struct output_column columns[] = {
	{ "flow", "FLOW", OUTPUT_RIGHT, 0 },
	{ "offset", "OFFSET", OUTPUT_RIGHT, 0 },
	{ "received_at", "RECEIVED", 0, 0 },
	{ "kind", "KIND", 0, 0 },
	{ "writer_id", "WRITER", 0, 0 },
	{ "epoch", NULL, 0, 0 },
	{ "lane", NULL, 0, 0 },
	{ "sequence", "SEQUENCE", OUTPUT_RIGHT, 0 },
	{ "event_id", NULL, 0, 0 },
	{ "fact_revision", NULL, 0, 0 },
	{ "sent_at", NULL, 0, 0 },
	{ "bytes", "BYTES", OUTPUT_RIGHT, 0 },
	{ "key", "KEY", OUTPUT_MIDDLE, 0 },
	{ .name = NULL },
};

struct dump {
	const struct console *console;
	struct output *output; /* NULL: raw */
	struct arena arena;
	uint64_t flow, records;
	bool has_flow;
};

/* ---- raw ---- */

static enum status write_raw(struct dump *dump, struct bytes record)
{
	uint8_t head[1 + VARINT_MAX] = { TAG_RECORD };
	uint64_t size = record.size;
	size_t used = 1;

	(void)dump;
	for (; size >= 0x80; size >>= 7)
		head[used++] = (uint8_t)(size | 0x80);
	head[used++] = (uint8_t)size;
	if (fwrite(head, 1, used, stdout) == used
	    && fwrite(record.data, 1, record.size, stdout) == record.size)
		return STATUS_OK;
	return errno == EPIPE ? STATUS_CLOSED : STATUS_IO;
}

/* ---- rows ---- */

/* "fact_set" for KIND_FACT_SET, else the number. */
static void output_kind(struct output *output, uint32_t kind)
{
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
	    &fettle__kind__descriptor, (int)kind);
	char name[64];

	if (value == NULL) {
		snprintf(name, sizeof(name), "%u", kind);
	} else {
		snprintf(name, sizeof(name), "%s", value->name + strlen("KIND_"));
		for (char *at = name; *at != '\0'; at++)
			*at = (char)tolower((unsigned char)*at);
	}
	output_text(output, name);
}

/* What the record is about: the key of its fact, or that of its envelope. */
static struct bytes key_of(struct dump *dump, const Fettle__Record *record)
{
	const Fettle__Fact *fact;

	if (record->envelope->kind != FETTLE__KIND__KIND_FACT_SET
	    && record->envelope->kind != FETTLE__KIND__KIND_FACT_UNSET)
		return record_bytes(record->envelope->key);
	fact = record_unpack(&fettle__fact__descriptor, record_bytes(record->body), &dump->arena);
	return fact == NULL ? BYTES_NONE : record_bytes(fact->key);
}

static void output_record(struct dump *dump, const struct log_dump_record *row,
    const Fettle__Record *record)
{
	static const Fettle__Stamp no_stamp = FETTLE__STAMP__INIT;
	const Fettle__Stamp *stamp = record->stamp == NULL ? &no_stamp : record->stamp;
	struct output *output = dump->output;

	output_number(output, row->flow);
	output_number(output, row->offset);
	output_time(output, stamp->received_ms);
	output_kind(output, record->envelope->kind);
	output_id(output, record_bytes(stamp->writer));
	output_number(output, stamp->epoch);
	output_number(output, stamp->lane);
	output_number(output, stamp->sequence);
	output_id(output, record_bytes(record->envelope->event_id));
	output_number(output, record->envelope->fact_revision);
	output_time(output, record->envelope->wall_ms);
	output_number(output, row->record.size);
	output_bytes(output, key_of(dump, record));
}

static enum status show_record(void *visitor, const struct log_dump_record *row)
{
	struct dump *dump = visitor;
	Fettle__Record *record;
	enum status status;

	if (dump->has_flow && row->flow != dump->flow)
		return STATUS_OK;
	if (dump->console->limit > 0 && dump->records == dump->console->limit)
		return STATUS_CLOSED;
	dump->records++;
	if (dump->output == NULL)
		return write_raw(dump, row->record);
	arena_reset(&dump->arena);
	status = record_decode(row->record, &dump->arena, &record);
	if (status != STATUS_OK)
		return STATUS_CORRUPT; /* the log keeps nothing else */
	output_record(dump, row, record);
	return output_row(dump->output);
}

static int end(struct dump *dump, enum status status)
{
	arena_fini(&dump->arena);
	if (dump->output == NULL && status == STATUS_OK && fflush(stdout) != 0)
		status = errno == EPIPE ? STATUS_CLOSED : STATUS_IO;
	return console_end(&dump->output, status);
}

int log_dump_run(const struct console *console, int argc, char **argv)
{
	struct dump dump = { .console = console };
	const char *flow = console_option(console, "flow");
	bool is_raw = console_option(console, "raw") != NULL;
	struct log_dump_counters counters;

	(void)argc;
	(void)argv;
	dump.has_flow = flow != NULL;
	if (dump.has_flow && !quantity_parse(QUANTITY_COUNT, flow, &dump.flow))
		return console_usage(console, "--flow takes a number, not `%s`", flow);
	if (is_raw && isatty(STDOUT_FILENO) == 1)
		return console_usage(console, "--raw writes bytes that are not for a terminal: "
					      "redirect them");
	/* Before anything is written of a listing that there will not be. */
	if (log_dump_counters(console->paths.data, &counters) == STATUS_NOT_FOUND)
		return console_fail(STATUS_NOT_FOUND, "no log has run in %s yet",
		    console->paths.data);
	if (!is_raw)
		dump.output = output_new(&console->output, columns);
	return end(&dump, log_dump(console->paths.data, show_record, &dump));
}
