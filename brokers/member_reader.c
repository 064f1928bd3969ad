/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/member_reader.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/sublog.h"

enum { WINDOW_RECORDS = 4096, WINDOW_BYTES = 4 * 1024 * 1024 };

struct member_reader {
	struct dialler *dialler;
	struct member_list *list;
	void (*on_log)(void *data);
	void *data;
	uint8_t store[16]; /* the log wants to know who reads; nothing is kept here */
	char name[32];
	bool was_whole;
};

static void on_hello(void *self, Fettle__Hello *hello, struct arena *arena)
{
	struct member_reader *reader = self;
	Fettle__Flow *flow = link_new_flow(arena, SUBLOG_MEMBER);

	/* From the first record on, always: the log may be another than before, from a backup. */
	RECORD_SET(flow, committed, 0);
	RECORD_SET(flow, window_records, WINDOW_RECORDS);
	RECORD_SET(flow, window_bytes, WINDOW_BYTES);
	hello->name = RECORD_TEXT(reader->name);
	RECORD_SET_BYTES(hello, store, BYTES_OF(reader->store));
	hello->receives = arena_take(arena, sizeof(*hello->receives));
	hello->receives[hello->n_receives++] = flow;
}

static void report_whole(struct member_reader *reader)
{
	if (reader->was_whole || !member_list_is_whole(reader->list))
		return;
	reader->was_whole = true;
	log_write(LOG_INFO, "members-known",
	    LOG_FIELDS(LOG_NUMBER("admitted", member_list_count(reader->list))),
	    "who is admitted is known; agents are let in");
}

static enum status on_welcome(void *self, const Fettle__Welcome *welcome)
{
	struct member_reader *reader = self;

	for (size_t i = 0; i < welcome->n_sends; i++)
		if (welcome->sends[i]->flow == SUBLOG_MEMBER) {
			member_list_begin(reader->list, welcome->sends[i]->head);
			report_whole(reader);
			reader->on_log(reader->data);
			return STATUS_OK;
		}
	return STATUS_REJECT;
}

static void on_data(void *self, uint32_t flow, uint64_t first, const struct bytes *records,
    size_t count, struct bytes chain)
{
	struct member_reader *reader = self;

	(void)chain;
	for (size_t i = 0; i < count; i++)
		member_list_take(reader->list, first + i, records[i]);
	link_committed(dialler_link(reader->dialler), flow, first + count - 1, WINDOW_RECORDS,
	    WINDOW_BYTES);
	report_whole(reader);
}

/* It sends nothing. */
static enum status read_nothing(void *self, uint32_t flow, uint64_t from, size_t most,
    struct link_batch *batch)
{
	(void)self;
	(void)flow;
	(void)from;
	(void)most;
	(void)batch;
	return STATUS_OK;
}

static void on_acked(void *self, uint32_t flow, uint64_t committed)
{
	(void)self;
	(void)flow;
	(void)committed;
}

enum status member_reader_open(const struct member_reader_options *options,
    struct member_reader **out)
{
	struct member_reader *reader = memory_new(sizeof(*reader));
	char id[17];
	const struct dialler_options dialler = { .loop = options->loop,
		.sockets = options->sockets,
		.endpoint = options->endpoint,
		.caller = options->caller,
		.operations = { .read = read_nothing,
		    .on_acked = on_acked,
		    .on_data = on_data,
		    .on_hello = on_hello,
		    .on_welcome = on_welcome },
		.self = reader,
		.is_inner = true };
	enum status status;

	reader->list = options->list;
	reader->on_log = options->on_log;
	reader->data = options->data;
	hash_random(reader->store, sizeof(reader->store));
	/* Several gateways read at once, and the log tells readers apart by their names. */
	bytes_to_hex(BYTES(reader->store, 8), id);
	snprintf(reader->name, sizeof(reader->name), "gateway/%s", id);
	status = dialler_new(&dialler, &reader->dialler);
	if (status != STATUS_OK) {
		free(reader);
		return status;
	}
	*out = reader;
	return STATUS_OK;
}

void member_reader_close(struct member_reader *reader)
{
	if (reader == NULL)
		return;
	dialler_free(reader->dialler);
	free(reader);
}

void member_reader_pump(struct member_reader *reader)
{
	member_list_sweep(reader->list, clock_wall_ms());
	dialler_pump(reader->dialler);
}
