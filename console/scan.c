/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan - looks at this machine once: runs every role until all that there is to see has been seen,
 * judged and stored, and then says in a screenful what it found.
 *
 * It goes the same way as `serve` does; only the gateway takes a port that nobody else can want.
 */
#include <stdlib.h>
#include <unistd.h>

#include "brokers/log/dump.h"
#include "brokers/roles.h"
#include "collectors/agent.h"
#include "collectors/identity.h"
#include "collectors/collectors.h"
#include "console/commands.h"
#include "console/control_client.h"
#include "console/scan_page.h"
#include "console/service.h"
#include "core/clock.h"
#include "core/keys.h"
#include "core/log.h"
#include "processors/roles.h"
#include "processors/state/reader.h"
#include "sinks/roles.h"
#include "sinks/store/query.h"

enum { PATIENCE_MS = 60 * 1000, PROGRESS_EVERY_MS = 1000, FAILURE_MS = 2000 };

static const struct role *const all_roles[] = { &log_role, &sink_role, &processor_role,
	&gateway_role, &agent_role, NULL };

struct scan {
	struct service service;
	struct scan_summary summary;
	uint64_t started_ms, progress_ms;
	uint64_t since_ms; /* by the wall clock: what was seen before an earlier scan saw */
	bool is_complete, shows_progress;
};

/* ---- is everything seen, judged and stored? ---- */

/* One scope of one collector. */
struct awaited {
	const struct scan *scan;
	const struct state_score *score;
	const char *collector, *scope;
	bool has_answer;
};

static enum status note_pass(void *data, const struct state_pass *pass)
{
	struct awaited *awaited = data;

	/* A collector that goes by the plan has finished when it has finished with this one. */
	if (strcmp(pass->collector, awaited->collector) == 0
	    && bytes_equal(pass->prefix, bytes_of_text(awaited->scope))
	    && pass->at_ms >= awaited->scan->since_ms
	    && (pass->plan.size == 0 || bytes_equal(pass->plan, BYTES_OF(awaited->score->plan))))
		awaited->has_answer = true;
	return STATUS_OK;
}

/* It said why it cannot look: that is an answer, too. */
static enum status note_failure(void *data, const struct state_fact *fact)
{
	struct awaited *awaited = data;
	bool is_fresh = fact->received_ms >= awaited->scan->since_ms
	             || clock_wall_ms() >= awaited->scan->since_ms + FAILURE_MS;

	/* It does not say the same twice: an old answer stands where no other came in good time. */
	if (is_fresh && fact->fact.key.size == strlen(awaited->scope) - 1
	    && (fact->fact.status == FACT_ABSENT || fact->fact.status == FACT_UNREADABLE
		|| fact->fact.status == FACT_FAILED))
		awaited->has_answer = true;
	return STATUS_OK;
}

static bool has_answer(struct scan *scan, struct state_reader *state, struct awaited *awaited)
{
	const uint8_t *asset = scan->summary.asset;

	return state_reader_passes(state, asset, note_pass, awaited) == STATUS_OK
	    && (awaited->has_answer
		|| (state_reader_facts(state, asset,
			BYTES(awaited->scope, strlen(awaited->scope) - 1), note_failure, awaited)
			== STATUS_OK
		    && awaited->has_answer));
}

static bool is_observed(struct scan *scan, struct state_reader *state)
{
	struct state_score score;
	bool is_complete = state_reader_score(state, scan->summary.asset, &score) == STATUS_OK;

	for (size_t i = 0; is_complete && collectors_all[i] != NULL; i++) {
		const struct collector *collector = collectors_all[i];

		if (!agent_runs(scan->service.settings, collector->name))
			continue;
		for (size_t k = 0; is_complete && collector->scopes[k] != NULL; k++) {
			struct awaited awaited = { .scan = scan,
				.score = &score,
				.collector = collector->name,
				.scope = collector->scopes[k] };

			is_complete = has_answer(scan, state, &awaited);
		}
	}
	return is_complete;
}

static bool is_judged(const struct log_dump_counters *log, const struct state_counters *state)
{
	return state->intent_read == log->intent && state->observations_read == log->appended
	    && state->work_waiting == 0;
}

struct announced {
	const uint8_t *asset;
	uint64_t facts;
};

static enum status note_facts(void *data, const struct state_asset *asset)
{
	struct announced *announced = data;

	if (memcmp(asset->id, announced->asset, ASSET_ID_SIZE) == 0)
		announced->facts = asset->facts;
	return STATUS_OK;
}

/* An asset's counts follow a little later; `fettle status` is to say after this what we say. */
static bool is_announced(struct scan *scan, struct state_reader *state, struct query *store)
{
	const uint8_t *id = scan->summary.asset;
	struct announced announced = { .asset = id };
	Fettle__AssetVerdict *asset;
	struct arena arena = { 0 };
	struct state_score score;
	bool is_same = state_reader_score(state, id, &score) == STATUS_OK
	            && state_reader_assets(state, note_facts, &announced) == STATUS_OK
	            && query_asset(store, BYTES(id, ASSET_ID_SIZE), &arena, &asset) == STATUS_OK
	            && asset->facts == announced.facts && asset->passed == score.passed
	            && asset->failed == score.failed
	            && asset->not_applicable == score.not_applicable
	            && asset->not_run == score.not_run;

	arena_fini(&arena);
	return is_same;
}

static bool is_settled(struct scan *scan)
{
	const char *data = scan->service.console->paths.data;
	struct state_reader *state = NULL;
	struct query *store = NULL;
	struct log_dump_counters log;
	struct state_counters judged;
	struct query_counters stored;
	bool settled = false;

	if (!scan->service.is_published)
		return false;
	if (state_reader_open(data, &state) == STATUS_OK && query_open(data, &store) == STATUS_OK)
		settled = is_observed(scan, state) && log_dump_counters(data, &log) == STATUS_OK
		       && state_reader_counters(state, &judged) == STATUS_OK
		       && is_judged(&log, &judged) && query_counters(store, &stored) == STATUS_OK
		       && stored.position == judged.verdicts && is_announced(scan, state, store);
	state_reader_close(state);
	query_close(store);
	return settled;
}

static void show_progress(struct scan *scan, uint64_t now_ms)
{
	if (!scan->shows_progress || now_ms - scan->progress_ms < PROGRESS_EVERY_MS)
		return;
	scan->progress_ms = now_ms;
	fprintf(stderr, "\rlooking at this machine … %llu s",
	    (unsigned long long)(now_ms - scan->started_ms) / 1000);
	fflush(stderr);
}

static void on_tick(void *data)
{
	struct scan *scan = data;
	uint64_t now_ms = clock_monotonic_ms();

	show_progress(scan, now_ms);
	scan->is_complete = is_settled(scan);
	if (scan->is_complete || now_ms - scan->started_ms > PATIENCE_MS)
		supervisor_end(scan->service.supervisor);
}

/* ---- running ---- */

/* This machine's asset is known by its agent's key, before anything has been heard of it. */
static enum status find_asset(struct scan *scan)
{
	char *keys = text_format("%s/keys", scan->service.console->paths.data);
	struct key_pair pair;
	uint8_t agent[HASH_SIZE];
	enum status status = keys_load(keys, "agent", &pair);

	if (status == STATUS_OK)
		status = identity_agent_id(keys, pair.public_key, agent);
	if (status == STATUS_OK)
		asset_id_of_agent(agent, scan->summary.asset);
	free(keys);
	return status;
}

static int run(struct scan *scan, const struct supervisor_options *options)
{
	struct service *service = &scan->service;
	enum status status = service_settle_agent(service);

	if (status == STATUS_OK)
		status = find_asset(scan);
	if (status == STATUS_OK)
		status = supervisor_start(options, &service->supervisor);
	if (status == STATUS_OK)
		status = service_publish(service);
	if (status == STATUS_OK)
		status = supervisor_run(service->supervisor);
	supervisor_free(service->supervisor);
	service->supervisor = NULL;
	if (scan->shows_progress)
		fputs("\r\033[K", stderr);
	if (status != STATUS_OK)
		return status_exit_code(status);
	scan->summary.took_ms = clock_monotonic_ms() - scan->started_ms;
	scan->summary.is_complete = scan->is_complete;
	return scan_page(service->console, &scan->summary);
}

/* What a server sees that runs already is newer than any look of ours. */
static int show_running(struct scan *scan)
{
	enum status status = find_asset(scan);

	if (status != STATUS_OK)
		return status_exit_code(status);
	console_say(scan->service.console,
	    "Fettle is running on %s already; this is what it knows now.",
	    scan->service.console->paths.data);
	scan->summary.is_complete = true;
	return scan_page(scan->service.console, &scan->summary);
}

int scan_run(const struct console *console, int argc, char **argv)
{
	/* Nobody else is to connect, a `serve` elsewhere keeps its port, and who looks changes
	 * nothing. */
	const char *const flags[] = { "gateway.listen=tcp://127.0.0.1:*",
		"gateway.enrolment=", "inventory.announce_after=100ms", "agent.helper=later",
		NULL };
	struct scan scan = { .started_ms = clock_monotonic_ms(),
		.since_ms = clock_wall_ms(),
		.shows_progress = isatty(STDERR_FILENO) && !console->is_quiet };
	struct supervisor_options options = { .data = console->paths.data,
		.roles = all_roles,
		.endpoints = service_inproc,
		.on_tick = on_tick,
		.callback_data = &scan };
	int code = service_load(&scan.service, console, flags, true);

	(void)argc;
	(void)argv;
	if (code == 0) {
		options.settings = scan.service.settings;
		code = control_is_running(console->paths.data) ? show_running(&scan)
		                                               : run(&scan, &options);
		service_fini(&scan.service);
	}
	return code;
}
