/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remediations - the open findings by what cures them: first what cures most.
 *
 * Asset by asset, so that what several findings of one asset have in common is counted once, and
 * its pending updates are read once.
 */
#include <stdlib.h>

#include "console/choices.h"
#include "console/commands.h"
#include "console/due_text.h"
#include "console/page.h"
#include "console/store_access.h"
#include "console/updates.h"
#include "core/hashmap.h"
#include "core/log.h"
#include "core/record.h"
#include "sinks/verdict_json.h"

enum { SHOWN_BY_DEFAULT = 100, TEXT_SHOWN = 100 };

const struct argp_option remediations_options[] = {
	{ "asset", 'a' << 8, "ASSET", 0, "of one asset, by name or id", 0 },
	{ 0 },
};

static const struct output_column columns[] = {
	{ "findings", NULL, 0, 0 },
	{ "assets", NULL, 0, 0 },
	{ "severity", NULL, 0, 0 },
	{ "due_at", NULL, 0, 0 },
	{ "action", NULL, 0, 0 },
	{ "manager", NULL, 0, 0 },
	{ "package", NULL, 0, 0 },
	{ "version", NULL, 0, 0 },
	{ "security", NULL, 0, 0 },
	{ "held", NULL, 0, 0 },
	{ "subject", NULL, 0, 0 },
	{ "text", NULL, 0, 0 },
	{ .name = NULL },
};

static const struct output_column table_columns[] = {
	{ "findings", "CURES", OUTPUT_RIGHT, 0 },
	{ "assets", "ON", OUTPUT_RIGHT, 0 },
	{ "severity", "SEVERITY", 0, 0 },
	{ "due_at", "DUE", 0, 0 },
	{ "cure", "CURE", OUTPUT_MIDDLE, 0 },
	{ .name = NULL },
};

struct cure {
	char *key;                               /* what tells cures apart */
	const char *manager, *package, *version; /* of an upgrade; else NULL */
	const char *subject, *text;
	bool is_upgrade, is_security;
	uint64_t findings, assets, held;
	uint64_t due_ms; /* the soonest; 0: none has a date */
	enum rank worst;
	const struct asset_row *last_asset; /* that was counted */
	UT_hash_handle hh;
};

struct remediations {
	const struct console *console;
	struct store_access access;
	struct state_reader *state; /* NULL: it cannot be read here */
	struct updates updates;     /* of ASSET */
	const struct asset_row *asset;
	struct bytes only; /* the asset that was asked for; NONE: all */
	struct cure *cures;
	uint64_t findings;
	struct arena arena;
};

/* ---- gathering ---- */

static struct cure *find_or_add(struct remediations *all, const char *key)
{
	size_t size = strlen(key);
	struct cure *cure = NULL;

	HASH_FIND(hh, all->cures, key, size, cure);
	if (cure != NULL)
		return cure;
	cure = arena_take(&all->arena, sizeof(*cure));
	cure->key = arena_text(&all->arena, key);
	cure->worst = RANK_UNKNOWN;
	HASH_ADD_KEYPTR(hh, all->cures, cure->key, size, cure);
	return cure;
}

static const char *keep(struct remediations *all, const char *text)
{
	return page_is_empty(text) ? NULL : arena_text(&all->arena, text);
}

/* "dpkg/openssl:amd64" is upgraded to its candidate, where that is known. */
static struct cure *upgrade_for(struct remediations *all, const Fettle__FindingVerdict *finding)
{
	const struct update *update = updates_find(&all->updates, finding->subject);
	const char *slash = strchr(finding->subject, '/');
	const char *version = update == NULL ? NULL : update->candidate;
	struct buffer key = { 0 };
	struct cure *cure;

	buffer_append_format(&key, "upgrade %s %s", finding->subject,
	    version == NULL ? "" : version);
	cure = find_or_add(all, buffer_text(&key));
	buffer_fini(&key);
	if (cure->findings == 0) {
		cure->is_upgrade = true;
		cure->package = keep(all, slash == NULL ? finding->subject : slash + 1);
		cure->manager = slash == NULL
		                  ? NULL
		                  : arena_format(&all->arena, "%.*s",
				      (int)(slash - finding->subject), finding->subject);
		cure->version = keep(all, version);
	}
	cure->is_security |= update != NULL && update->is_security;
	cure->held += update != NULL && update->is_held;
	return cure;
}

static struct cure *cure_by_hand(struct remediations *all, const Fettle__FindingVerdict *finding)
{
	struct buffer key = { 0 };
	struct cure *cure;

	buffer_append_format(&key, "hand %u %s", (unsigned)finding->kind, finding->subject);
	cure = find_or_add(all, buffer_text(&key));
	buffer_fini(&key);
	if (cure->text == NULL)
		cure->text = keep(all,
		    page_is_empty(finding->remediation) ? finding->title : finding->remediation);
	return cure;
}

static enum status add_finding(void *visitor, const Fettle__FindingVerdict *finding)
{
	struct remediations *all = visitor;
	bool is_patch = finding->kind == FETTLE__FINDING_KIND__FINDING_KIND_MISSING_PATCH;
	enum rank rank = rank_of_severity(finding->severity);
	struct cure *cure;

	if (page_is_empty(finding->subject))
		return STATUS_OK;
	cure = is_patch ? upgrade_for(all, finding) : cure_by_hand(all, finding);
	if (cure->findings == 0)
		cure->subject = keep(all, finding->subject);
	cure->findings++;
	cure->assets += cure->last_asset != all->asset;
	cure->last_asset = all->asset;
	if (rank < cure->worst)
		cure->worst = rank;
	if (finding->due_ms > 0 && (cure->due_ms == 0 || finding->due_ms < cure->due_ms))
		cure->due_ms = finding->due_ms;
	all->findings++;
	return STATUS_OK;
}

static enum status add_asset(struct remediations *all, const struct asset_row *asset)
{
	struct query_findings wanted = { .asset = BYTES_OF(asset->id),
		.states = 1 << FETTLE__FINDING_STATE__FINDING_STATE_OPEN };
	enum status status = STATUS_OK;

	all->asset = asset;
	if (all->state != NULL)
		status = updates_load(&all->updates, all->state, BYTES_OF(asset->id));
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	return query_findings(all->access.query, &wanted, add_finding, all);
}

static enum status gather(struct remediations *all)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; i < all->access.assets.count && status == STATUS_OK; i++) {
		const struct asset_row *asset = &all->access.assets.rows[i];

		if (all->only.size == 0 || bytes_equal(all->only, BYTES_OF(asset->id)))
			status = add_asset(all, asset);
	}
	return status;
}

/* ---- showing ---- */

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_effect(struct cure *a, struct cure *b)
{
	int order = compare_numbers(b->findings, a->findings);

	if (order == 0)
		order = compare_numbers(a->worst, b->worst);
	if (order == 0) /* without a date: last */
		order = compare_numbers(a->due_ms - 1, b->due_ms - 1);
	return order == 0 ? strcmp(a->key, b->key) : order;
}

static void append_cure(struct buffer *out, const struct cure *cure)
{
	struct bytes text = bytes_of_text(cure->text == NULL ? cure->subject : cure->text);
	const uint8_t *end = memchr(text.data, '\n', text.size);

	if (!cure->is_upgrade) {
		buffer_append_text(out, "by hand: ");
		buffer_append(out,
		    BYTES(text.data, end == NULL ? text.size : (size_t)(end - text.data)));
		return;
	}
	buffer_append_format(out, "upgrade %s%s%s", cure->package,
	    cure->version == NULL ? "" : " to ", cure->version == NULL ? "" : cure->version);
	if (cure->held > 0)
		buffer_append_format(out, " (on hold on %llu)", (unsigned long long)cure->held);
}

static void output_in_table(struct output *output, const struct cure *cure, uint64_t now_ms)
{
	struct buffer text = { 0 }, shown = { 0 };
	char due[DUE_TEXT_SIZE];

	due_text(cure->due_ms, now_ms, due);
	append_cure(&text, cure);
	log_escape(&shown, buffer_bytes(&text));
	output_number(output, cure->findings);
	output_number(output, cure->assets);
	output_text(output, rank_text(cure->worst));
	output_color(output, choices_rank_color(cure->worst));
	output_value(output, json_null(), due);
	output_color(output,
	    cure->due_ms > 0 && cure->due_ms <= now_ms ? OUTPUT_RED : OUTPUT_PLAIN);
	output_value(output, json_null(), buffer_text(&shown));
	buffer_fini(&text);
	buffer_fini(&shown);
}

static void output_whole(struct output *output, const struct cure *cure)
{
	output_number(output, cure->findings);
	output_number(output, cure->assets);
	output_text(output, rank_text(cure->worst));
	output_time(output, cure->due_ms);
	output_text(output, cure->is_upgrade ? "upgrade" : "by_hand");
	output_text(output, cure->manager);
	output_text(output, cure->package);
	output_text(output, cure->version);
	output_flag(output, cure->is_security);
	output_number(output, cure->held);
	output_text(output, cure->subject);
	output_text(output, cure->text);
}

static uint64_t limit_of(const struct console *console)
{
	bool is_bounded = console->has_limit || console->output.format != OUTPUT_TABLE;

	return is_bounded ? console->limit : SHOWN_BY_DEFAULT;
}

/* Findings of assets that nothing was ever told of cannot be gone through asset by asset. */
static uint64_t count_left_out(const struct remediations *all)
{
	struct query_counters counters;
	uint64_t open = 0;

	if (all->only.size > 0 || query_counters(all->access.query, &counters) != STATUS_OK)
		return 0;
	for (unsigned rank = 0; rank < RANKS; rank++)
		open += counters.findings[FETTLE__FINDING_STATE__FINDING_STATE_OPEN][rank];
	return open > all->findings ? open - all->findings : 0;
}

static void say_rest(const struct remediations *all, uint64_t rows, uint64_t upgrades)
{
	uint64_t cures = HASH_COUNT(all->cures), left_out = count_left_out(all);
	struct buffer line = { 0 };

	if (cures == 0)
		buffer_append_text(&line, "no open findings: nothing to cure");
	else
		buffer_append_format(&line, "%llu open finding%s, %llu cure%s",
		    (unsigned long long)all->findings, all->findings == 1 ? "" : "s",
		    (unsigned long long)cures, cures == 1 ? "" : "s");
	if (rows < cures)
		buffer_append_format(&line, "; the first %llu of them (--limit 0 shows all)",
		    (unsigned long long)rows);
	if (left_out > 0)
		buffer_append_format(&line, "; %llu of assets that are not known here left out",
		    (unsigned long long)left_out);
	if (upgrades > 0 && all->state == NULL)
		buffer_append_text(&line,
		    "; to which versions is known where the processor keeps its state");
	else if (upgrades > 0)
		buffer_append_text(&line, "; `fettle remediations plan` makes jobs of upgrades");
	console_say(all->console, "%s", buffer_text(&line));
	buffer_fini(&line);
}

static int show(struct remediations *all)
{
	const struct console *console = all->console;
	bool is_table = console->output.format == OUTPUT_TABLE;
	struct output *output = output_new(&console->output, is_table ? table_columns : columns);
	uint64_t limit = limit_of(console), rows = 0, upgrades = 0;
	enum status status = STATUS_OK;
	int exit_code;

	HASH_SORT(all->cures, by_effect);
	for (struct cure *cure = all->cures; cure != NULL && status == STATUS_OK;
	     cure = cure->hh.next) {
		upgrades += cure->is_upgrade;
		if (limit > 0 && rows == limit)
			continue;
		rows++;
		if (is_table)
			output_in_table(output, cure, console->now_ms);
		else
			output_whole(output, cure);
		status = output_row(output);
	}
	exit_code = console_end(&output, status);
	if (exit_code == 0)
		say_rest(all, rows, upgrades);
	return exit_code;
}

/* ---- the command ---- */

int remediations_list_run(const struct console *console, int argc, char **argv)
{
	struct remediations all = { .console = console };
	enum status status;
	int exit_code = store_access_open(&all.access, console);

	(void)argc;
	(void)argv;
	if (exit_code != 0)
		return exit_code;
	if (state_reader_open(console->paths.data, &all.state) != STATUS_OK)
		all.state = NULL; /* it may be on another machine: the list is less exact then */
	exit_code = CONSOLE_NEGATIVE;
	if (store_access_asset(&all.access, console, &all.only)) {
		status = gather(&all);
		exit_code = status == STATUS_OK
		              ? show(&all)
		              : console_fail(status, "the findings in %s cannot be read: %s",
				  console->paths.data, status_text(status));
	}
	HASH_CLEAR(hh, all.cures);
	updates_fini(&all.updates);
	state_reader_close(all.state);
	arena_fini(&all.arena);
	store_access_fini(&all.access);
	return exit_code;
}
