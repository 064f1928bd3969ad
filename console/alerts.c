/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts - the changes that nobody announced and that matter: the list, and one of them.
 */
#include "console/age_text.h"
#include "console/alerts_page.h"
#include "console/choices.h"
#include "console/commands.h"
#include "console/store_access.h"
#include "core/record.h"
#include "sinks/verdict_json.h"

enum { SHOWN_BY_DEFAULT = 100 };

const struct argp_option alerts_options[] = {
	{ "asset", 'a' << 8, "ASSET", 0, "of one asset, by name or id", 0 },
	{ "state", 's' << 8, "STATE,...", 0, "open, acknowledged, undone; open unless given", 0 },
	{ "severity", 'v' << 8, "SEVERITY,...", 0, "critical, high, medium, low, info, unknown",
	    0 },
	{ "all", 'A' << 8, NULL, 0, "in whatever state", 0 },
	{ 0 },
};

static const struct output_column columns[] = {
	{ "id", NULL, 0, 0 },
	{ "severity", NULL, 0, 0 },
	{ "asset", NULL, 0, 0 },
	{ "asset_id", NULL, 0, 0 },
	{ "state", NULL, 0, 0 },
	{ "rule", NULL, 0, 0 },
	{ "title", NULL, 0, 0 },
	{ "description", NULL, 0, 0 },
	{ "techniques", NULL, 0, 0 },
	{ "tactics", NULL, 0, 0 },
	{ "attack_version", NULL, 0, 0 },
	{ "change_id", NULL, 0, 0 },
	{ "key", NULL, 0, 0 },
	{ "before", NULL, 0, 0 },
	{ "after", NULL, 0, 0 },
	{ "observed_at", NULL, 0, 0 },
	{ "received_at", NULL, 0, 0 },
	{ "opened_at", NULL, 0, 0 },
	{ "undone_at", NULL, 0, 0 },
	{ "package", NULL, 0, 0 },
	{ "reason", NULL, 0, 0 },
	{ "undecided", NULL, 0, 0 },
	{ "acknowledged_by", NULL, 0, 0 },
	{ "acknowledged_at", NULL, 0, 0 },
	{ "note", NULL, 0, 0 },
	{ "falsepositives", NULL, 0, 0 },
	{ .name = NULL },
};

static const struct output_column table_columns[] = {
	{ "id", "ID", 0, 0 },
	{ "severity", "SEVERITY", 0, 0 },
	{ "state", "STATE", 0, 0 },
	{ "opened_at", "AGE", OUTPUT_RIGHT, 0 },
	{ "asset", "ASSET", OUTPUT_CUT, 12 },
	{ "title", "TITLE", OUTPUT_CUT, 30 },
	{ "key", "KEY", OUTPUT_MIDDLE, 25 },
	{ .name = NULL },
};

enum { COLUMNS = sizeof(table_columns) / sizeof(table_columns[0]) };

struct alerts {
	const struct console *console;
	struct output_column columns[COLUMNS];
	const struct asset_table *assets;
	struct output *output;
	uint64_t limit, rows, beyond;
};

/* ---- one alert in the list ---- */

static const char *asset_of(const struct alerts *alerts, const Fettle__AlertVerdict *alert)
{
	return asset_table_name(alerts->assets, record_bytes(alert->asset));
}

static void output_age(struct alerts *alerts, uint64_t at_ms)
{
	char age[AGE_TEXT_SIZE];

	age_text(at_ms, alerts->console->now_ms, age);
	output_value(alerts->output, verdict_json_time(at_ms), age);
}

static void output_in_table(struct alerts *alerts, const Fettle__AlertVerdict *alert)
{
	enum rank rank = rank_of_severity(alert->severity);
	const char *asset = asset_of(alerts, alert);
	struct output *output = alerts->output;
	enum standing_alert standing = STANDING_OPEN;

	(void)standing_of_alert(alert, &standing); /* the store has no other */
	output_id(output, record_bytes(alert->id));
	output_text(output, rank_text(rank));
	output_color(output, choices_rank_color(rank));
	output_text(output, standing_text(standing));
	output_age(alerts, alert->opened_ms);
	if (asset == NULL)
		output_id(output, record_bytes(alert->asset));
	else
		output_text(output, asset);
	output_text(output, alert->title);
	output_bytes(output, record_bytes(alert->key));
}

static enum status show_alert(void *visitor, const Fettle__AlertVerdict *alert)
{
	struct alerts *alerts = visitor;

	if (alerts->limit > 0 && alerts->rows == alerts->limit) {
		alerts->beyond++;
		return STATUS_OK;
	}
	alerts->rows++;
	if (alerts->console->output.format == OUTPUT_TABLE)
		output_in_table(alerts, alert);
	else
		output_object(alerts->output, verdict_json_alert(alert, asset_of(alerts, alert)));
	return output_row(alerts->output);
}

/* ---- what was asked for ---- */

static bool parse_state(const char *text, unsigned *out)
{
	for (*out = STANDING_OPEN; *out < STANDINGS_END; ++*out)
		if (strcmp(standing_text((enum standing_alert) * out), text) == 0)
			return true;
	return false;
}

static bool parse_wanted(const struct console *console, struct query_alerts *wanted)
{
	wanted->since_ms = console->since_ms;
	if (!choices_parse(console, "state", parse_state, "open, acknowledged or undone",
		&wanted->standings)
	    || !choices_ranks(console, &wanted->ranks))
		return false;
	/* One word for both. */
	if ((wanted->standings & 1 << STANDING_UNDONE) != 0)
		wanted->standings |= 1 << STANDING_UNDONE_ACKNOWLEDGED;
	if (console_option(console, "all") != NULL)
		wanted->standings = 0;
	else if (wanted->standings == 0)
		wanted->standings = 1 << STANDING_OPEN;
	return true;
}

static uint64_t limit_of(const struct console *console)
{
	bool is_bounded = console->has_limit || console->output.format != OUTPUT_TABLE;

	return is_bounded ? console->limit : SHOWN_BY_DEFAULT;
}

/* ---- the list ---- */

/* A table of open alerts need not say on every line that they are. */
static struct output *new_list(struct alerts *alerts, const struct query_alerts *wanted)
{
	bool is_one_state = wanted->standings == 1 << STANDING_OPEN
	                 || wanted->standings == 1 << STANDING_ACKNOWLEDGED;

	if (alerts->console->output.format != OUTPUT_TABLE)
		return output_new(&alerts->console->output, columns);
	memcpy(alerts->columns, table_columns, sizeof(table_columns));
	for (size_t i = 0; i < COLUMNS - 1; i++)
		if (is_one_state && strcmp(table_columns[i].name, "state") == 0)
			alerts->columns[i].title = NULL;
	return output_new(&alerts->console->output, alerts->columns);
}

static uint64_t total(const struct query_counters *counters, enum standing_alert standing)
{
	uint64_t sum = 0;

	for (unsigned rank = 0; rank < RANKS; rank++)
		sum += counters->alerts[standing][rank];
	return sum;
}

static void append_hidden(struct buffer *line, const struct query_counters *counters,
    uint32_t standings)
{
	unsigned long long acknowledged = total(counters, STANDING_ACKNOWLEDGED);
	unsigned long long unseen = total(counters, STANDING_UNDONE);
	unsigned long long undone = unseen + total(counters, STANDING_UNDONE_ACKNOWLEDGED);
	size_t before = line->size;

	if ((standings & 1 << STANDING_ACKNOWLEDGED) == 0 && acknowledged > 0)
		buffer_append_format(line, "; %llu acknowledged in all", acknowledged);
	if ((standings & 1 << STANDING_UNDONE) == 0 && undone > 0) {
		buffer_append_format(line, "; %llu undone in all", undone);
		if (unseen > 0)
			buffer_append_format(line, ", %llu of them not acknowledged", unseen);
	}
	if (line->size > before)
		buffer_append_text(line, " (--all shows every state)");
}

/* What the list does not show: nobody should have to guess. */
static void say_rest(const struct alerts *alerts, struct query *query,
    const struct query_alerts *wanted)
{
	const char *open = wanted->standings == 1 << STANDING_OPEN ? "open " : "";
	struct query_counters counters;
	struct buffer line = { 0 };

	if (query_counters(query, &counters) != STATUS_OK)
		return;
	if (alerts->rows == 0)
		buffer_append_format(&line, "no %salerts", open);
	else
		buffer_append_format(&line, "%llu %salert%s", (unsigned long long)alerts->rows,
		    open, alerts->rows == 1 ? "" : "s");
	if (alerts->beyond > 0)
		buffer_append_format(&line, " and %llu more (--limit 0 shows all)",
		    (unsigned long long)alerts->beyond);
	if (wanted->standings != 0)
		append_hidden(&line, &counters, wanted->standings);
	console_say(alerts->console, "%s", buffer_text(&line));
	buffer_fini(&line);
}

int alerts_list_run(const struct console *console, int argc, char **argv)
{
	struct alerts alerts = { .console = console, .limit = limit_of(console) };
	struct query_alerts wanted = { 0 };
	struct store_access access;
	enum status status;
	int exit_code;

	(void)argc;
	(void)argv;
	if (!parse_wanted(console, &wanted))
		return CONSOLE_USAGE;
	exit_code = store_access_open(&access, console);
	if (exit_code != 0)
		return exit_code;
	if (!store_access_asset(&access, console, &wanted.asset)) {
		store_access_fini(&access);
		return CONSOLE_NEGATIVE;
	}
	alerts.assets = &access.assets;
	alerts.output = new_list(&alerts, &wanted);
	status = query_alerts(access.query, &wanted, show_alert, &alerts);
	exit_code = console_end(&alerts.output, status);
	if (exit_code == 0)
		say_rest(&alerts, access.query, &wanted);
	store_access_fini(&access);
	return exit_code;
}

/* ---- one of them ---- */

static int show_one(struct alerts *alerts, const Fettle__AlertVerdict *alert)
{
	struct output_options options = alerts->console->output;
	const char *asset = asset_of(alerts, alert);

	if (options.format == OUTPUT_TABLE) {
		alerts_page_write(&options, alert, asset == NULL ? "unknown" : asset,
		    alerts->console->now_ms);
		return 0;
	}
	options.is_single = true;
	alerts->output = output_new(&options, columns);
	output_object(alerts->output, verdict_json_alert(alert, asset));
	return console_end(&alerts->output, output_row(alerts->output));
}

int alerts_show_run(const struct console *console, int argc, char **argv)
{
	struct alerts alerts = { .console = console };
	Fettle__AlertVerdict *alert = NULL;
	struct store_access access;
	struct arena arena = { 0 };
	int exit_code = store_access_open(&access, console);

	(void)argc;
	if (exit_code != 0)
		return exit_code;
	alerts.assets = &access.assets;
	exit_code = store_access_alert(&access, console, argv[1], &arena, &alert);
	if (exit_code == 0)
		exit_code = show_one(&alerts, alert);
	arena_fini(&arena);
	store_access_fini(&access);
	return exit_code;
}
