/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/checker/checker.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/checker/parts.h"

enum { COMPLAINTS_KEPT = 50, COMPLAINT_SIZE = 400 };

void checker_complain(struct checker *checker, const char *format, ...)
{
	char text[COMPLAINT_SIZE];
	va_list arguments;

	if (checker->complained++ >= COMPLAINTS_KEPT)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	buffer_append_format(&checker->complaints, "%s\n", text);
}

void checker_fini(struct checker *checker)
{
	buffer_fini(&checker->complaints);
}

const char *checker_name(const struct production_entry *entry, char out[CHECKER_NAME_SIZE])
{
	char id[2 * EVENT_ID_SIZE + 1];

	bytes_to_hex(BYTES_OF(entry->event_id), id);
	snprintf(out, CHECKER_NAME_SIZE,
	    "agent %u, life %u, lane %d, position %" PRIu64 ", kind %u, event %s", entry->agent,
	    entry->life, (int)entry->lane, entry->position, entry->kind, id);
	return out;
}

static void reset(struct checker *checker)
{
	struct production_entry *entry = NULL;

	while ((entry = production_next(checker->production, entry)) != NULL) {
		entry->is_spooled = entry->is_in_gap = false;
		entry->logged = 0;
		entry->logged_epoch = 0;
	}
	checker->produced = checker->logged = checker->stored = checker->in_gaps = 0;
	checker->replaced = checker->undone = checker->spooled = checker->quarantined = 0;
	checker->lost_by_restore = checker->sent_again = checker->agreed = 0;
}

/* ---- I4, I5: where everything that was produced is ---- */

/* What is said again by itself may go at any time, and is no loss. */
static bool is_mark(const struct production_entry *entry)
{
	return entry->kind == FETTLE__KIND__KIND_PASS || entry->kind == FETTLE__KIND__KIND_HEARTBEAT
	    || entry->kind == FETTLE__KIND__KIND_DIGEST;
}

static void place(struct checker *checker, struct production_entry *entry, uint64_t *replaced)
{
	char name[CHECKER_NAME_SIZE];

	bool is_logged = entry->logged > 0 || entry->was_logged > 0;

	if (is_logged || entry->is_spooled) {
		checker->logged += is_logged;
		checker->spooled += !is_logged;
		/* A record in a gap that was sent all the same is no loss, and was called one. */
		if (entry->is_in_gap)
			checker_complain(checker, "I5 a gap covers what is kept: %s",
			    checker_name(entry, name));
	} else if (entry->is_in_gap) {
		checker->in_gaps++;
	} else if (entry->is_undone) {
		checker->undone++;
	} else if (entry->later != NULL || is_mark(entry)) {
		checker->replaced++;
		*replaced += !is_mark(entry);
	} else if (checker->was_restored) {
		checker->lost_by_restore++;
	} else {
		checker_complain(checker, "I4 produced, and nowhere: %s",
		    checker_name(entry, name));
	}
}

/* What counts as replaced by a newer one is what the spool says that it replaced. */
static void check_replaced(struct checker *checker, const uint64_t *replaced)
{
	for (unsigned i = 0; i < checker->agents_count; i++) {
		struct checker_spool spool;
		uint64_t counted = 0;

		if (checker_read_spool(checker->agents[i].spool, &spool) != STATUS_OK
		    || production_life(checker->production, i) > 0 || checker->was_restored)
			continue;
		for (unsigned lane = 1; lane < LANE_END; lane++)
			counted += spool.lanes[lane].coalesced;
		if (replaced[i] > counted)
			checker_complain(checker,
			    "I4 agent %u: %" PRIu64 " records went without a word, besides %" PRIu64
			    " that newer ones replaced",
			    i, replaced[i] - counted, counted);
	}
}

static void check_produced(struct checker *checker)
{
	uint64_t *replaced = memory_new((checker->agents_count + 1) * sizeof(*replaced));
	struct production_entry *entry = NULL;

	while ((entry = production_next(checker->production, entry)) != NULL) {
		checker->produced++;
		place(checker, entry, &replaced[entry->agent]);
	}
	check_replaced(checker, replaced);
	free(replaced);
}

/* ---- all of it ---- */

bool checker_is_read(struct checker *checker)
{
	return checker_look_at_positions(checker) == STATUS_OK
	    && checker_look_at_heads(checker) == STATUS_OK && checker->complained == 0;
}

enum status checker_run(struct checker *checker)
{
	enum status status = STATUS_OK;

	reset(checker);
	for (size_t i = 0; status == STATUS_OK && i < checker->agents_count; i++) {
		status = checker_look_at_spool(checker, (unsigned)i);
		checker_check_acks(checker, &checker->agents[i]);
	}
	if (status == STATUS_OK)
		status = checker_look_at_log(checker);
	if (status == STATUS_OK)
		check_produced(checker);
	if (status == STATUS_OK)
		status = checker_look_at_state(checker);
	return status == STATUS_OK ? checker_look_at_store(checker) : status;
}
