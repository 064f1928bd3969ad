/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything here is the difference of two sums that the parts keep anyway: a server ends within
 * two seconds, however much it has seen.
 */
#include "console/serve_page.h"

#include <inttypes.h>
#include <unistd.h>

#include "console/asset_table.h"
#include "console/freshness.h"
#include "console/sections.h"
#include "core/clock.h"
#include "core/log.h"
#include "sinks/outside/journal.h"
#include "sinks/sinks.h"

/* What the page and the line say. */
struct lived {
	const struct console *console;
	const struct settings *settings;
	const struct serve_tally *before, *after;
	uint64_t assets, new_assets, silent_assets;
	uint64_t undelivered, failing, dead; /* of all targets */
};

/* ---- counting ---- */

void serve_tally_take(struct serve_tally *tally, const char *data)
{
	struct state_reader *state = NULL;
	struct query *query = NULL;

	*tally = (struct serve_tally){ .at_ms = clock_wall_ms() };
	if (query_open(data, &query) == STATUS_OK
	    && query_counters(query, &tally->store) != STATUS_OK)
		tally->store = (struct query_counters){ 0 };
	if (state_reader_open(data, &state) == STATUS_OK
	    && state_reader_counters(state, &tally->state) != STATUS_OK)
		tally->state = (struct state_counters){ 0 };
	if (log_dump_counters(data, &tally->log) != STATUS_OK)
		tally->log = (struct log_dump_counters){ 0 };
	query_close(query);
	state_reader_close(state);
}

static uint64_t more(uint64_t after, uint64_t before)
{
	return after > before ? after - before : 0;
}

static uint64_t findings(const struct serve_tally *tally, unsigned state)
{
	uint64_t sum = 0;

	for (unsigned rank = 0; rank < RANKS; rank++)
		sum += tally->store.findings[state][rank];
	return sum;
}

static enum status count_asset(void *data, const Fettle__AssetVerdict *asset)
{
	struct lived *lived = data;
	const struct asset_row row = { .last_seen_ms = asset->last_seen_ms };
	struct freshness freshness;

	lived->assets++;
	lived->new_assets += asset->first_seen_ms >= lived->before->at_ms;
	if (!freshness_parse(lived->console, &freshness))
		return STATUS_CLOSED;
	freshness.now_ms = lived->after->at_ms;
	lived->silent_assets += !freshness_is_current(&freshness, &row);
	return STATUS_OK;
}

static void count_assets(struct lived *lived)
{
	struct query *query = NULL;

	if (query_open(lived->console->paths.data, &query) == STATUS_OK)
		(void)!query_assets(query, count_asset, lived);
	query_close(query);
}

/* How far TARGET is behind; one that never ran has everything before it. */
static void count_target(struct lived *lived, const struct sink_target *target)
{
	Fettle__SinkState none = FETTLE__SINK_STATE__INIT;
	const Fettle__SinkState *state = &none;
	struct arena arena = { 0 };
	enum status status = journal_peek(lived->console->paths.data, target->name, &arena, &state);

	if (status == STATUS_OK || status == STATUS_NOT_FOUND) {
		lived->undelivered += more(lived->after->state.verdicts, state->position);
		lived->failing += state->error != NULL && state->error[0] != '\0';
		lived->dead += state->refused;
	}
	arena_fini(&arena);
}

static void count_targets(struct lived *lived)
{
	struct buffer why = { 0 };

	for (size_t i = 0; sinks_all[i] != NULL; i++) {
		const struct sink *sink = sinks_all[i];

		if (!sink->has_targets)
			continue;
		for (size_t k = 0; k < settings_count(lived->settings, sink->name); k++) {
			struct sink_target target;

			if (sink->describe(settings_at(lived->settings, sink->name, k), &target,
				&why)
			    == STATUS_OK)
				count_target(lived, &target);
		}
	}
	buffer_fini(&why);
}

/* ---- the page: a function a line; what says nothing is left out ---- */

static void say_assets(const struct lived *lived, struct buffer *out)
{
	buffer_append_format(out, "%" PRIu64 " watched", lived->assets);
	if (lived->new_assets > 0)
		buffer_append_format(out, ", %" PRIu64 " of them new", lived->new_assets);
	if (lived->silent_assets > 0)
		buffer_append_format(out, ", %" PRIu64 " silent (fettle assets)",
		    lived->silent_assets);
}

static void say_changes(const struct lived *lived, struct buffer *out)
{
	uint64_t changes = more(lived->after->store.changes, lived->before->store.changes);

	buffer_append_format(out, changes == 0 ? "none" : "%" PRIu64 " (fettle changes)", changes);
}

static void say_findings(const struct lived *lived, struct buffer *out)
{
	uint64_t open = findings(lived->after, FETTLE__FINDING_STATE__FINDING_STATE_OPEN);
	uint64_t was_open = findings(lived->before, FETTLE__FINDING_STATE__FINDING_STATE_OPEN);
	uint64_t fixed = more(findings(lived->after, FETTLE__FINDING_STATE__FINDING_STATE_FIXED),
	    findings(lived->before, FETTLE__FINDING_STATE__FINDING_STATE_FIXED));

	buffer_append_format(out, "%" PRIu64 " open", open);
	if (open != was_open)
		buffer_append_format(out, ", %" PRIu64 " at the start", was_open);
	if (fixed > 0)
		buffer_append_format(out, "; %" PRIu64 " fixed", fixed);
	if (open > 0)
		buffer_append_text(out, " (fettle findings)");
}

/* What is kept and waits for the next start: nothing of it is lost. */
static void say_waiting(const struct lived *lived, struct buffer *out)
{
	uint64_t unread = more(lived->after->log.appended, lived->after->state.observations_read);
	uint64_t unstored = more(lived->after->state.verdicts, lived->after->store.position);

	if (unread > 0)
		buffer_append_format(out, "%" PRIu64 " records to be judged", unread);
	if (unstored > 0)
		buffer_append_format(out, "%s%" PRIu64 " verdicts to be stored",
		    out->size > 0 ? ", " : "", unstored);
	if (lived->undelivered > 0)
		buffer_append_format(out, "%s%" PRIu64 " verdicts to be sent on",
		    out->size > 0 ? ", " : "", lived->undelivered);
	if (lived->failing > 0)
		buffer_append_format(out,
		    " (%" PRIu64 " target%s cannot be reached: fettle siem, fettle webhook)",
		    lived->failing, lived->failing == 1 ? "" : "s");
	if (out->size > 0)
		buffer_append_text(out, "; kept until the next start");
}

static void say_trouble(const struct lived *lived, struct buffer *out)
{
	uint64_t lost = more(lived->after->store.lost, lived->before->store.lost);
	uint64_t quarantined = more(lived->after->store.quarantined,
	    lived->before->store.quarantined);

	if (lost > 0)
		buffer_append_format(out, "%" PRIu64 " records lost, by account of who lost them",
		    lost);
	if (quarantined > 0)
		buffer_append_format(out, "%s%" PRIu64 " records that could not be understood",
		    out->size > 0 ? ", " : "", quarantined);
	if (lived->dead > 0)
		buffer_append_format(out, "%s%" PRIu64 " events that a webhook would not take",
		    out->size > 0 ? ", " : "", lived->dead);
}

static const struct {
	const char *label;
	void (*say)(const struct lived *lived, struct buffer *out);
} lines[] = {
	{ "assets", say_assets },
	{ "changes", say_changes },
	{ "findings", say_findings },
	{ "waiting", say_waiting },
	{ "trouble", say_trouble },
};

/* "2 hours" */
static void append_duration(struct buffer *out, uint64_t ms)
{
	char age[CLOCK_TEXT_SIZE];

	clock_format_age(1, 1 + ms, age);
	buffer_append(out, BYTES(age, ms < 1000 ? strlen(age) : strlen(age) - strlen(" ago")));
}

static void write_page(const struct lived *lived)
{
	struct buffer text = { 0 };

	append_duration(&text, more(lived->after->at_ms, lived->before->at_ms));
	console_say(lived->console, "Fettle has ended, after %s:",
	    lived->after->at_ms - lived->before->at_ms < 1000 ? "a moment" : buffer_text(&text));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		buffer_clear(&text);
		lines[i].say(lived, &text);
		if (text.size > 0)
			console_say(lived->console, "  %-9s %s", lines[i].label,
			    buffer_text(&text));
	}
	buffer_fini(&text);
}

static void write_line(const struct lived *lived)
{
	const struct serve_tally *before = lived->before, *after = lived->after;

	log_write(LOG_INFO, "served",
	    LOG_FIELDS(LOG_NUMBER("ran_ms", more(after->at_ms, before->at_ms)),
		LOG_NUMBER("assets", lived->assets), LOG_NUMBER("assets_new", lived->new_assets),
		LOG_NUMBER("assets_silent", lived->silent_assets),
		LOG_NUMBER("changes", more(after->store.changes, before->store.changes)),
		LOG_NUMBER("findings_open",
		    findings(after, FETTLE__FINDING_STATE__FINDING_STATE_OPEN)),
		LOG_NUMBER("findings_fixed",
		    more(findings(after, FETTLE__FINDING_STATE__FINDING_STATE_FIXED),
			findings(before, FETTLE__FINDING_STATE__FINDING_STATE_FIXED))),
		LOG_NUMBER("undelivered", lived->undelivered),
		LOG_NUMBER("lost", more(after->store.lost, before->store.lost))),
	    "the server has ended; what waits is kept");
}

void serve_page(const struct console *console, const struct settings *settings,
    const struct serve_tally *before)
{
	struct serve_tally after;
	struct lived lived = { .console = console,
		.settings = settings,
		.before = before,
		.after = &after };

	serve_tally_take(&after, console->paths.data);
	count_assets(&lived);
	count_targets(&lived);
	if (isatty(STDERR_FILENO) == 1)
		write_page(&lived);
	else
		write_line(&lived);
}
