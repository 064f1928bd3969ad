/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remediations plan - makes a job of the missing patches of each asset, and proposes it.
 *
 * Nothing is done by that: somebody has to approve it.  The same plan made twice is one job, as a
 * job is called by what it does.
 */
#include <stdlib.h>

#include "console/commands.h"
#include "console/intent.h"
#include "console/job_text.h"
#include "console/page.h"
#include "console/store_access.h"
#include "console/updates.h"
#include "core/job_action.h"
#include "core/log.h"
#include "core/record.h"
#include "proto/intent.pb-c.h"
#include "sinks/verdict_json.h"

enum { GENERATIONS_MAX = 10000, NAMED_AFTER_MAX = 8 };

const struct argp_option remediations_plan_options[] = {
	{ "asset", 'a' << 8, "ASSET", 0, "of one asset, by name or id", 0 },
	{ "security", 's' << 8, NULL, 0, "every update that is for security", 0 },
	{ "all", 'A' << 8, NULL, 0, "every update there is", 0 },
	{ 0 },
};

static const struct output_column columns[] = {
	{ "id", NULL, 0, 0 },
	{ "asset", NULL, 0, 0 },
	{ "asset_id", NULL, 0, 0 },
	{ "state", NULL, 0, 0 },
	{ "manager", NULL, 0, 0 },
	{ "packages", NULL, 0, 0 },
	{ "findings", NULL, 0, 0 },
	{ "generation", NULL, 0, 0 },
	{ .name = NULL },
};

static const struct output_column table_columns[] = {
	{ "id", "ID", 0, 0 },
	{ "state", "STATE", 0, 0 },
	{ "asset", "ASSET", OUTPUT_CUT, 15 },
	{ "packages", "PACKAGES", OUTPUT_CUT, 0 },
	{ .name = NULL },
};

/* One package that is to be upgraded. */
struct item {
	const char *manager, *name, *version;
	struct bytes finding; /* its id */
};

struct job {
	uint8_t id[JOB_ID_SIZE];
	char hex[2 * JOB_ID_SIZE + 1];
	const struct asset_row *asset;
	const struct item *items; /* of one manager */
	size_t count;
	uint64_t generation;
	unsigned state; /* as the store has it; 0: it has not */
	bool is_known;  /* it was there before */
};

struct plan {
	const struct console *console;
	struct store_access access;
	struct state_reader *state;
	struct updates updates;
	const struct asset_row *asset; /* whose updates those are */
	char **names;                  /* of packages that were asked for */
	size_t names_count;
	bool *is_named; /* one of each of them was found */
	bool wants_all, wants_security;

	struct item *items; /* of the asset in hand */
	size_t items_count, items_room;
	uint64_t held, gone;

	struct job *jobs;
	size_t jobs_count, jobs_room;
	struct arena arena;
};

/* ---- which packages ---- */

/* "openssl", "openssl:amd64" and "dpkg/openssl:amd64" all name the last. */
static bool is_called(const char *subject, const char *text)
{
	const char *slash = strchr(subject, '/'), *name = slash == NULL ? subject : slash + 1;
	size_t size = strlen(text);

	if (strcmp(subject, text) == 0 || strcmp(name, text) == 0)
		return true;
	return strncmp(name, text, size) == 0 && name[size] == ':';
}

static bool is_asked_for(struct plan *plan, const char *subject, const struct update *update)
{
	bool is_named = false;

	for (size_t i = 0; i < plan->names_count; i++)
		if (is_called(subject, plan->names[i]))
			is_named = plan->is_named[i] = true;
	return is_named || plan->wants_all
	    || (plan->wants_security && update != NULL && update->is_security);
}

static void add_item(struct plan *plan, const Fettle__FindingVerdict *finding, const char *version)
{
	const char *slash = strchr(finding->subject, '/');
	struct item *item;

	if (plan->items_count == plan->items_room) {
		plan->items_room = plan->items_room * 2 + 64;
		plan->items = memory_grow(plan->items, plan->items_room * sizeof(*plan->items));
	}
	item = &plan->items[plan->items_count++];
	*item = (struct item){ .manager = arena_format(&plan->arena, "%.*s",
				   (int)(slash - finding->subject), finding->subject),
		.name = arena_text(&plan->arena, slash + 1),
		.version = arena_text(&plan->arena, version),
		.finding = arena_bytes(&plan->arena, record_bytes(finding->id)) };
}

static enum status choose(void *visitor, const Fettle__FindingVerdict *finding)
{
	struct plan *plan = visitor;
	const char *subject = page_is_empty(finding->subject) ? "" : finding->subject;
	const struct update *update = updates_find(&plan->updates, subject);

	if (!is_asked_for(plan, subject, update))
		return STATUS_OK;
	if (update == NULL || update->candidate == NULL || strchr(subject, '/') == NULL) {
		plan->gone++;
	} else if (update->is_held) {
		plan->held++;
		console_say(plan->console, "%s is on hold on %s and left out",
		    strchr(subject, '/') + 1, plan->asset->name);
	} else {
		add_item(plan, finding, update->candidate);
	}
	return STATUS_OK;
}

/* ---- which jobs ---- */

static int by_name(const void *a, const void *b)
{
	const struct item *one = a, *other = b;
	int order = strcmp(one->manager, other->manager);

	return order != 0 ? order : strcmp(one->name, other->name);
}

/* The action of JOB, in ARENA. */
static Fettle__JobAction *action_of(const struct job *job, struct arena *arena)
{
	Fettle__JobAction *action = arena_take(arena, sizeof(*action));

	fettle__job_action__init(action);
	RECORD_SET(action, kind, FETTLE__JOB_ACTION_KIND__JOB_ACTION_KIND_UPGRADE_PACKAGES);
	action->manager = RECORD_TEXT(job->items[0].manager);
	action->n_packages = job->count;
	action->packages = arena_take(arena, job->count * sizeof(*action->packages));
	for (size_t i = 0; i < job->count; i++) {
		Fettle__JobPackage *package = arena_take(arena, sizeof(*package));

		fettle__job_package__init(package);
		package->name = RECORD_TEXT(job->items[i].name);
		package->version = RECORD_TEXT(job->items[i].version);
		action->packages[i] = package;
	}
	return action;
}

static enum status look_up(struct plan *plan, struct job *job)
{
	Fettle__JobVerdict *known = NULL;
	struct arena arena = { 0 };
	enum status status = query_job(plan->access.query, job->hex, &arena, &known);

	job->state = status == STATUS_OK ? (unsigned)known->state : 0;
	arena_fini(&arena);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* The first generation that is not over: how often the same was done, or was not to be done. */
static enum status identify(struct plan *plan, struct job *job, const Fettle__JobAction *action)
{
	enum status status = STATUS_OK;

	for (; job->generation < GENERATIONS_MAX; job->generation++) {
		job_id_compute(BYTES_OF(job->asset->id), action, job->generation, job->id);
		bytes_to_hex(BYTES_OF(job->id), job->hex);
		status = look_up(plan, job);
		if (status != STATUS_OK || !standing_job_is_over(job->state))
			break;
	}
	job->is_known = job->state != 0;
	return status;
}

static enum status add_job(struct plan *plan, const struct item *items, size_t count)
{
	struct job job = { .asset = plan->asset,
		.items = (const struct item *)arena_bytes(&plan->arena,
		    BYTES(items, count * sizeof(*items)))
		             .data,
		.count = count };
	const Fettle__JobAction *action = action_of(&job, &plan->arena);
	const char *wrong = job_action_check(action);

	if (wrong != NULL) {
		(void)console_fail(STATUS_REJECT, "no job for %s: %s", plan->asset->name, wrong);
		return STATUS_OK;
	}
	if (plan->jobs_count == plan->jobs_room) {
		plan->jobs_room = plan->jobs_room * 2 + 16;
		plan->jobs = memory_grow(plan->jobs, plan->jobs_room * sizeof(*plan->jobs));
	}
	plan->jobs[plan->jobs_count++] = job;
	return identify(plan, &plan->jobs[plan->jobs_count - 1], action);
}

/* A job of each manager's packages; more than one where they are too many for it. */
static enum status make_jobs(struct plan *plan)
{
	enum status status = STATUS_OK;
	size_t first = 0;

	if (plan->items_count > 0)
		qsort(plan->items, plan->items_count, sizeof(*plan->items), by_name);
	while (first < plan->items_count && status == STATUS_OK) {
		size_t end = first + 1;

		while (end < plan->items_count && end - first < JOB_PACKAGES_MAX
		       && strcmp(plan->items[end].manager, plan->items[first].manager) == 0)
			end++;
		status = add_job(plan, &plan->items[first], end - first);
		first = end;
	}
	return status;
}

static enum status plan_asset(struct plan *plan, const struct asset_row *asset)
{
	struct query_findings wanted = { .asset = BYTES_OF(asset->id),
		.states = 1 << FETTLE__FINDING_STATE__FINDING_STATE_OPEN,
		.kinds = 1 << FETTLE__FINDING_KIND__FINDING_KIND_MISSING_PATCH };
	enum status status = updates_load(&plan->updates, plan->state, BYTES_OF(asset->id));

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	plan->asset = asset;
	plan->items_count = 0;
	status = query_findings(plan->access.query, &wanted, choose, plan);
	return status == STATUS_OK ? make_jobs(plan) : status;
}

static enum status plan_all(struct plan *plan, struct bytes only)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; i < plan->access.assets.count && status == STATUS_OK; i++) {
		const struct asset_row *asset = &plan->access.assets.rows[i];

		if (only.size == 0 || bytes_equal(only, BYTES_OF(asset->id)))
			status = plan_asset(plan, asset);
	}
	return status;
}

/* ---- proposing ---- */

static void add_proposal(struct plan *plan, struct intent *intent, const struct job *job)
{
	Fettle__JobProposal proposal = FETTLE__JOB_PROPOSAL__INIT;

	RECORD_SET_BYTES(&proposal, job, BYTES_OF(job->id));
	RECORD_SET_BYTES(&proposal, asset, BYTES_OF(job->asset->id));
	RECORD_SET(&proposal, generation, job->generation);
	proposal.action = action_of(job, &plan->arena);
	proposal.n_findings = job->count;
	proposal.findings = arena_take(&plan->arena, job->count * sizeof(*proposal.findings));
	for (size_t i = 0; i < job->count; i++)
		proposal.findings[i] = record_binary(job->items[i].finding);
	intent_add(intent, FETTLE__KIND__KIND_JOB_PROPOSAL,
	    arena_format(&intent->arena, "job/%s/proposal", job->hex), &proposal.base);
}

static bool are_all_known(void *data)
{
	struct plan *plan = data;
	bool is_done = true;

	for (size_t i = 0; i < plan->jobs_count; i++) {
		if (plan->jobs[i].state == 0 && look_up(plan, &plan->jobs[i]) != STATUS_OK)
			return false;
		is_done &= plan->jobs[i].state != 0;
	}
	return is_done;
}

static enum status propose(struct plan *plan)
{
	struct intent intent;
	uint64_t written;
	enum status status;

	if (plan->console->is_dry_run)
		return STATUS_OK;
	intent_init(&intent);
	for (size_t i = 0; i < plan->jobs_count; i++)
		if (!plan->jobs[i].is_known)
			add_proposal(plan, &intent, &plan->jobs[i]);
	status = intent_send(&intent, plan->console->paths.data, &written);
	intent_fini(&intent);
	if (status == STATUS_OK)
		(void)intent_wait(are_all_known, plan, INTENT_PATIENCE_MS);
	return status;
}

/* ---- showing ---- */

static const char *state_text(const struct plan *plan, const struct job *job)
{
	if (job->state != 0)
		return verdict_json_job_state(job->state);
	return plan->console->is_dry_run ? "planned" : "sent";
}

static void output_packages_shown(struct output *output, const struct job *job)
{
	struct buffer text = { 0 }, shown = { 0 };

	buffer_append_format(&text, "%zu: ", job->count);
	for (size_t i = 0; i < job->count; i++)
		buffer_append_format(&text, "%s%s", i == 0 ? "" : ", ", job->items[i].name);
	log_escape(&shown, buffer_bytes(&text));
	output_value(output, json_null(), buffer_text(&shown));
	buffer_fini(&text);
	buffer_fini(&shown);
}

static json_t *packages_json(const struct job *job)
{
	json_t *list = json_array();

	for (size_t i = 0; i < job->count; i++)
		json_array_append_new(list,
		    json_pack("{s:o, s:o}", "name",
			verdict_json_text(bytes_of_text(job->items[i].name)), "version",
			verdict_json_text(bytes_of_text(job->items[i].version))));
	return list;
}

static json_t *findings_json(const struct job *job)
{
	json_t *list = json_array();

	for (size_t i = 0; i < job->count; i++)
		json_array_append_new(list, verdict_json_id(job->items[i].finding));
	return list;
}

static void output_job(const struct plan *plan, struct output *output, const struct job *job)
{
	if (plan->console->output.format == OUTPUT_TABLE) {
		char id[JOB_TEXT_ID_SIZE];

		job_text_id(BYTES_OF(job->id), id);
		output_text(output, id);
		output_text(output, state_text(plan, job));
		output_text(output, job->asset->name);
		output_packages_shown(output, job);
		return;
	}
	output_id(output, BYTES_OF(job->id));
	asset_table_output(&plan->access.assets, output, BYTES_OF(job->asset->id));
	output_text(output, state_text(plan, job));
	output_text(output, job->items[0].manager);
	output_value(output, packages_json(job), "");
	output_value(output, findings_json(job), "");
	output_number(output, job->generation);
}

/* How many of the jobs are in STATE. */
static uint64_t count_in(const struct plan *plan, unsigned state)
{
	uint64_t count = 0;

	for (size_t i = 0; i < plan->jobs_count; i++)
		count += plan->jobs[i].state == state;
	return count;
}

static void append_approval(struct buffer *line, const struct plan *plan)
{
	uint64_t named = 0;

	buffer_append_text(line, "; to let it be done: fettle remediations approve");
	for (size_t i = 0; i < plan->jobs_count && named < NAMED_AFTER_MAX; i++)
		if (plan->jobs[i].state == FETTLE__JOB_STATE__JOB_STATE_PROPOSED) {
			buffer_append_format(line, " %.12s", plan->jobs[i].hex);
			named++;
		}
	if (named < count_in(plan, FETTLE__JOB_STATE__JOB_STATE_PROPOSED))
		buffer_append_text(line, " …");
}

static void say_next(const struct plan *plan)
{
	unsigned long long proposed = count_in(plan, FETTLE__JOB_STATE__JOB_STATE_PROPOSED);
	unsigned long long unknown = count_in(plan, 0);
	struct buffer line = { 0 };

	if (plan->console->is_dry_run) {
		console_say(plan->console, "%zu job%s would be proposed; nothing was changed",
		    plan->jobs_count, plan->jobs_count == 1 ? "" : "s");
		return;
	}
	buffer_append_format(&line, "%llu job%s proposed", proposed, proposed == 1 ? "" : "s");
	if (unknown > 0)
		buffer_append_format(&line,
		    ", %llu sent and not taken up yet (`fettle jobs` will tell, once a processor "
		    "runs)",
		    unknown);
	if (plan->jobs_count > proposed + unknown)
		buffer_append_format(&line, ", %llu under way already",
		    (unsigned long long)plan->jobs_count - proposed - unknown);
	if (proposed > 0)
		append_approval(&line, plan);
	console_say(plan->console, "%s", buffer_text(&line));
	buffer_fini(&line);
}

static int show(struct plan *plan)
{
	bool is_table = plan->console->output.format == OUTPUT_TABLE;
	struct output *output = output_new(&plan->console->output,
	    is_table ? table_columns : columns);
	enum status status = STATUS_OK;
	int exit_code;

	for (size_t i = 0; i < plan->jobs_count && status == STATUS_OK; i++) {
		output_job(plan, output, &plan->jobs[i]);
		status = output_row(output);
	}
	exit_code = console_end(&output, status);
	if (exit_code == 0)
		say_next(plan);
	return exit_code;
}

/* ---- the command ---- */

static int say_nothing_to_do(const struct plan *plan)
{
	for (size_t i = 0; i < plan->names_count; i++)
		if (!plan->is_named[i])
			return console_fail(STATUS_NOT_FOUND,
			    "no patch of `%s` is missing; `fettle remediations` shows what is",
			    plan->names[i]);
	if (plan->jobs_count > 0)
		return 0;
	if (plan->held > 0 || plan->gone > 0)
		console_say(plan->console,
		    "nothing to propose: %llu on hold, %llu not pending any more",
		    (unsigned long long)plan->held, (unsigned long long)plan->gone);
	else
		console_say(plan->console, "nothing to propose: no such patch is missing");
	return CONSOLE_NEGATIVE;
}

static int run(struct plan *plan, struct bytes only)
{
	enum status status = plan_all(plan, only);
	int exit_code;

	if (status != STATUS_OK)
		return console_fail(status, "the findings in %s cannot be read: %s",
		    plan->console->paths.data, status_text(status));
	exit_code = say_nothing_to_do(plan);
	if (exit_code != 0)
		return exit_code;
	if (plan->gone > 0)
		console_say(plan->console, "%llu left out: not pending any more",
		    (unsigned long long)plan->gone);
	status = propose(plan);
	return status == STATUS_OK ? show(plan) : status_exit_code(status);
}

static int open_state(struct plan *plan)
{
	enum status status = state_reader_open(plan->console->paths.data, &plan->state);

	if (status == STATUS_OK)
		return 0;
	return console_fail(status,
	    "which versions there are is known to the processor, and its state in %s cannot be "
	    "read (%s); run this where it runs, or name its directory by --data",
	    plan->console->paths.data, status_text(status));
}

static void fini(struct plan *plan)
{
	free(plan->is_named);
	free(plan->items);
	free(plan->jobs);
	updates_fini(&plan->updates);
	state_reader_close(plan->state);
	arena_fini(&plan->arena);
	store_access_fini(&plan->access);
}

int remediations_plan_run(const struct console *console, int argc, char **argv)
{
	struct plan plan = { .console = console,
		.names = argv + 1,
		.names_count = (size_t)argc - 1,
		.wants_all = console_option(console, "all") != NULL,
		.wants_security = console_option(console, "security") != NULL };
	struct bytes only;
	int exit_code;

	if (plan.names_count == 0 && !plan.wants_all && !plan.wants_security)
		return console_usage(console,
		    "say what to upgrade: packages by name, --security, or --all");
	exit_code = store_access_open(&plan.access, console);
	if (exit_code != 0)
		return exit_code;
	plan.is_named = memory_new((plan.names_count + 1) * sizeof(*plan.is_named));
	exit_code = open_state(&plan);
	if (exit_code == 0)
		exit_code = store_access_asset(&plan.access, console, &only) ? run(&plan, only)
		                                                             : CONSOLE_NEGATIVE;
	fini(&plan);
	return exit_code;
}
