/* SPDX-License-Identifier: Apache-2.0 */
#include "console/health.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/record.h"
#include "core/require.h"
#include "processors/state/reader.h"
#include "sinks/verdict_json.h"

enum { DAY_MS = 24 * 3600 * 1000 };

static bool is_recent(const Fettle__HealthVerdict *health, uint64_t now_ms)
{
	return !health->is_over || health->until_ms + DAY_MS > now_ms;
}

/* ---- counting ---- */

struct counting {
	struct health_counts *counts;
	uint64_t now_ms;
};

static enum status count_one(void *visitor, const Fettle__HealthVerdict *health)
{
	const struct counting *counting = visitor;
	struct health_counts *counts = counting->counts;
	bool is_recent_one = is_recent(health, counting->now_ms);

	switch (health->what) {
	case FETTLE__HEALTH_WHAT__HEALTH_WHAT_SKEW:
		counts->skewed += !health->is_over;
		break;
	case FETTLE__HEALTH_WHAT__HEALTH_WHAT_STALE:
		counts->stale += !health->is_over;
		break;
	case FETTLE__HEALTH_WHAT__HEALTH_WHAT_CLONE:
		counts->cloned += !health->is_over;
		break;
	case FETTLE__HEALTH_WHAT__HEALTH_WHAT_QUARANTINE_FULL:
		counts->held += !health->is_over;
		break;
	case FETTLE__HEALTH_WHAT__HEALTH_WHAT_RESYNC:
		counts->resyncing += !health->is_over;
		counts->resyncs += is_recent_one;
		break;
	case FETTLE__HEALTH_WHAT__HEALTH_WHAT_ROLLED_BACK:
		counts->rolled_back += is_recent_one;
		break;
	default:
		break;
	}
	return STATUS_OK;
}

enum status health_count(struct query *query, uint64_t now_ms, struct health_counts *out)
{
	struct counting counting = { .counts = out, .now_ms = now_ms };

	*out = (struct health_counts){ 0 };
	return query_health(query, BYTES_NONE, count_one, &counting);
}

/* ---- of one asset ---- */

struct listing {
	json_t *list;
	const char *name;
	uint64_t now_ms;
	FILE *stream;
};

static enum status add_one(void *visitor, const Fettle__HealthVerdict *health)
{
	const struct listing *listing = visitor;

	if (is_recent(health, listing->now_ms))
		REQUIRE(
		    json_array_append_new(listing->list, verdict_json_health(health, listing->name))
		    == 0);
	return STATUS_OK;
}

json_t *health_json(struct query *query, const struct asset_table *assets, uint64_t now_ms,
    const uint8_t asset[16])
{
	struct listing listing = { .list = json_array(),
		.name = asset_table_name(assets, BYTES(asset, 16)),
		.now_ms = now_ms };

	if (query_health(query, BYTES(asset, 16), add_one, &listing) == STATUS_OK)
		return listing.list;
	json_decref(listing.list);
	return json_null();
}

static bool read_digest(const struct console *console, const uint8_t asset[16],
    struct state_digest *out)
{
	struct state_reader *reader = NULL;
	enum status status = state_reader_open(console->paths.data, &reader);

	if (status == STATUS_OK)
		status = state_reader_digest(reader, asset, out);
	state_reader_close(reader);
	return status == STATUS_OK && (out->agreed_ms > 0 || out->differs_ms > 0);
}

json_t *health_digest_json(const struct console *console, const uint8_t asset[16])
{
	struct state_digest digest;
	json_t *object;

	if (!read_digest(console, asset, &digest))
		return json_null();
	object = json_pack("{s:o, s:o, s:I, s:o, s:I}", "agreed_at",
	    verdict_json_time(digest.agreed_ms), "root", verdict_json_id(BYTES_OF(digest.root)),
	    "facts", (json_int_t)digest.agreed_facts, "differs_since",
	    verdict_json_time(digest.differs_ms), "resyncs", (json_int_t)digest.resyncs);
	REQUIRE(object != NULL);
	return object;
}

static void show_digest(const struct console *console, const uint8_t asset[16])
{
	struct state_digest digest;
	char age[CLOCK_TEXT_SIZE] = "never";

	if (!read_digest(console, asset, &digest))
		return;
	if (digest.agreed_ms > 0)
		clock_format_age(digest.agreed_ms, console->now_ms, age);
	fprintf(console->output.stream, "\nagreed with its agent %s, on %llu facts\n", age,
	    (unsigned long long)digest.agreed_facts);
	if (digest.differs_ms > 0) {
		clock_format_age(digest.differs_ms, console->now_ms, age);
		fprintf(console->output.stream, "differs since %s; it is being sent again\n", age);
	}
}

static enum status show_one(void *visitor, const Fettle__HealthVerdict *health)
{
	const struct listing *listing = visitor;
	char since[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE];

	if (!is_recent(health, listing->now_ms))
		return STATUS_OK;
	clock_format_age(health->since_ms, listing->now_ms, since);
	clock_format_age(health->until_ms, listing->now_ms, until);
	fprintf(listing->stream, "%s since %s%s%s", verdict_json_health_what(health->what), since,
	    health->is_over ? ", over " : "", health->is_over ? until : "");
	if (health->has_skew_ms)
		fprintf(listing->stream, ": its clock is %lld seconds %s",
		    llabs((long long)health->skew_ms) / 1000,
		    health->skew_ms < 0 ? "behind" : "ahead");
	if (health->what == FETTLE__HEALTH_WHAT__HEALTH_WHAT_RESYNC)
		fprintf(listing->stream, ": %llu facts of %llu buckets",
		    (unsigned long long)health->facts, (unsigned long long)health->buckets);
	fputs("\n", listing->stream);
	return STATUS_OK;
}

enum status health_lines(const struct console *console, struct query *query,
    const uint8_t asset[16])
{
	struct listing listing = { .now_ms = console->now_ms, .stream = console->output.stream };

	show_digest(console, asset);
	return query_health(query, BYTES(asset, 16), show_one, &listing);
}
