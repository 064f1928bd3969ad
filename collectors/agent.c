/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent - the endpoint's role: runs the collectors, and sends what they observe.
 *
 * Everything is one loop on one thread.  What collectors report and what the server acknowledges
 * goes into one spool transaction, which ends with the loop's turn; only then is anything sent, and
 * only then is a command acknowledged.
 */
#include "collectors/agent.h"

#include <stdlib.h>
#include <unistd.h>

#include "collectors/collectors.h"
#include "collectors/enrol.h"
#include "collectors/healing.h"
#include "collectors/jobs/job_runner.h"
#include "collectors/plan.h"
#include "collectors/rotation.h"
#include "collectors/standing.h"
#include "core/clock.h"
#include "core/dialler.h"
#include "core/log.h"
#include "core/record.h"
#include "core/spool.h"
#include "core/version.h"
#include "proto/command.pb-c.h"
#include "proto/observation.pb-c.h"

enum {
	COLLECTORS_MAX = 32,
	RETRY_MS = 5000,
	COMMAND_WINDOW_BYTES = 4 * LINK_BATCH_BYTES,
	SILENT_MS = 25 * 1000,  /* a session that is well is heard of every 15 seconds */
	GATEWAY_MS = 15 * 1000, /* that a key is given then, for each gateway */
};

static const char default_server[] = "tcp://127.0.0.1:7117";

struct agent_settings {
	struct setting_list server;
	char *server_key;
	uint64_t spool_size;
	uint64_t heartbeat;
	uint64_t digest;
	struct setting_list skip;
	char *helper;
	bool bundles;
	uint64_t bundles_kept;
};

static const struct setting settings[] = {
	SETTING_LIST(struct agent_settings, server, "",
	    "the gateway to report to; of several, each agent begins with another, and goes on to "
	    "the next where one is gone; empty: as its enrolment said, else "
	    "tcp://127.0.0.1:7117"),
	SETTING_TEXT(struct agent_settings, server_key, "",
	    "file with the server's public key; empty: keys/server.pub in the data directory"),
	SETTING_SIZE(struct agent_settings, spool_size, 256ULL << 20, 1ULL << 20, 1ULL << 40,
	    "how much may wait while the server cannot be reached"),
	SETTING_DURATION(struct agent_settings, heartbeat, 60 * 1000, 1000, 24 * 3600 * 1000,
	    "how often it says that it is there"),
	SETTING_DURATION(struct agent_settings, digest, 3600 * 1000, 1000, 24 * 3600 * 1000,
	    "how often what it observes is compared with what the server knows"),
	SETTING_LIST(struct agent_settings, skip, "",
	    "collectors that are not to run; `fettle collectors` lists them"),
	SETTING_TEXT(struct agent_settings, helper, "on",
	    "what applies jobs: on (root keeps fettle-helper running), off (jobs are refused), "
	    "later "
	    "(they wait), or the path of the program"),
	SETTING_BOOL(struct agent_settings, bundles, true,
	    "what is seen for the first time goes as hashes: the server asks for what no other "
	    "machine has sent"),
	SETTING_DURATION(struct agent_settings, bundles_kept, 24 * 3600 * 1000, 60 * 1000,
	    30ULL * 24 * 3600 * 1000,
	    "how long it can answer what the server asks about them, as long as the spool has "
	    "room; later it looks again"),
	SETTING_END
};

const struct setting_section agent_section = { .name = "agent",
	.settings = settings,
	.size = sizeof(struct agent_settings),
	.help = "the part that runs on every endpoint" };

struct agent {
	const struct role_host *host;
	const struct agent_settings *settings;
	struct rotation *rotation;
	const struct key_pair *keys;    /* in use */
	struct enrolment_file enrolled; /* what is known of the server; empty: nothing */
	struct standing *standing;
	const char *gateway; /* where there is but one */
	const char *const *gateways;
	size_t gateways_count;
	uint64_t heard_ms, tried_ms; /* by a session; since when this key is tried */
	char server_key[SOCKET_KEY_TEXT];
	uint8_t secret[COLLECTOR_SECRET_SIZE];
	struct spool *spool;
	struct observer *observer;
	struct sockets *sockets;
	struct dialler *server;
	struct collector_context context;
	void *collectors[COLLECTORS_MAX]; /* as in collectors_all; NULL: not running */
	unsigned collectors_running;
	uv_prepare_t prepare;
	uv_timer_t heartbeat, retry;
	struct arena plan_arena;
	struct plan *plan;
	struct job_runner *jobs;
	struct healing *healing;
	uint64_t command_taken; /* to be acknowledged once it is committed */
	bool has_failed, is_stopping;
	bool offers_key, wants_dial; /* at the end of this turn */
};

static void fail(struct agent *agent, enum status status)
{
	if (!agent->has_failed)
		log_error("agent-stopped", "the agent cannot go on: %s", status_text(status));
	agent->has_failed = true;
	role_fail(agent->host, status);
}

/* ---- the end of a turn ---- */

/* A full disk is waited out: what could not be kept is observed again. */
static void on_spool_failure(struct agent *agent, enum status status)
{
	observer_on_undone(agent->observer);
	if (status != STATUS_NO_SPACE && status != STATUS_FULL) {
		fail(agent, status);
		return;
	}
	log_warn("spool-no-space",
	    "the disk has no room for observations: %s; trying again in %d "
	    "seconds; nothing that was seen is forgotten, it is looked at "
	    "again",
	    status_text(status), RETRY_MS / 1000);
}

/* A command that was undone with its transaction, whoever's failure that was, comes again. */
static void acknowledge_commands(struct agent *agent, struct link *link)
{
	uint64_t committed = spool_command(agent->spool);

	if (agent->command_taken > committed)
		link_rewind(link, SPOOL_COMMAND_FLOW, committed);
	else if (agent->command_taken > 0)
		link_committed(link, SPOOL_COMMAND_FLOW, committed, LINK_BATCH_RECORDS,
		    COMMAND_WINDOW_BYTES);
	agent->command_taken = 0;
}

static enum status flush(struct agent *agent)
{
	struct link *link = agent->server == NULL ? NULL : dialler_link(agent->server);
	enum status status = STATUS_OK;

	if (agent->has_failed)
		return STATUS_CLOSED;
	if (link != NULL && link_is_open(link))
		status = spool_number(agent->spool);
	if (status == STATUS_OK)
		status = spool_commit(agent->spool);
	if (status != STATUS_OK) {
		on_spool_failure(agent, status);
		return status;
	}
	if (link == NULL)
		return STATUS_OK;
	acknowledge_commands(agent, link);
	job_runner_committed(agent->jobs);
	for (unsigned lane = 1; lane < LANE_END; lane++)
		link_wake(link, lane, spool_head(agent->spool, (enum lane)lane));
	return STATUS_OK;
}

static void on_round(void *data, bool has_more)
{
	struct agent *agent = data;

	(void)has_more;
	if (agent->server == NULL || agent->is_stopping)
		return;
	if (flush(agent) == STATUS_OK)
		dialler_pump(agent->server);
}

static enum status dial(struct agent *agent);

/* What a turn wants done to the link, once nothing of that turn stands on it. */
static void renew_link(struct agent *agent)
{
	if (agent->is_stopping || agent->server == NULL)
		return;
	if (agent->wants_dial) {
		enum status status;

		dialler_free(agent->server);
		agent->server = NULL;
		status = dial(agent);
		if (status != STATUS_OK)
			fail(agent, status);
	} else if (agent->offers_key) {
		link_restart(dialler_link(agent->server), clock_monotonic_ms(),
		    "a new key is offered");
		dialler_pump(agent->server);
	}
	agent->wants_dial = agent->offers_key = false;
}

/* What timers did in this turn must not wait for the poll to end. */
static void on_prepare(uv_prepare_t *prepare)
{
	on_round(prepare->data, false);
	renew_link(prepare->data);
}

/* ---- commands ---- */

static void tell_plan(struct agent *agent)
{
	for (size_t i = 0; collectors_all[i] != NULL; i++)
		if (agent->collectors[i] != NULL && collectors_all[i]->on_plan != NULL)
			collectors_all[i]->on_plan(agent->collectors[i], agent->plan);
}

static void refresh_all(struct agent *agent)
{
	for (size_t i = 0; collectors_all[i] != NULL; i++)
		if (agent->collectors[i] != NULL)
			collectors_all[i]->refresh(agent->collectors[i]);
}

static void take_plan(struct agent *agent, struct bytes body)
{
	struct arena arena = { 0 };
	struct plan *plan;

	if (plan_decode(body, &arena, &plan) != STATUS_OK) {
		arena_fini(&arena);
		return;
	}
	if (spool_note_put(agent->spool, "plan", body) != STATUS_OK) {
		/* The transaction is undone, its command's number with it: it comes again. */
		arena_fini(&arena);
		return;
	}
	arena_fini(&agent->plan_arena);
	agent->plan_arena = arena;
	agent->plan = plan;
	log_write(LOG_INFO, "plan",
	    LOG_FIELDS(LOG_NUMBER("files", plan->files_count),
		LOG_NUMBER("globs", plan->globs_count)),
	    "a new observation plan is in force");
	tell_plan(agent);
}

static void take_resync(struct agent *agent, struct bytes body, struct arena *arena)
{
	Fettle__Resync *resync = record_unpack(&fettle__resync__descriptor, body, arena);
	enum status status = STATUS_OK;

	if (resync == NULL)
		return;
	if (resync->wants_digest || resync->buckets.len > 0) {
		healing_resync(agent->healing, resync);
		return;
	}
	if (resync->n_prefixes == 0)
		status = spool_ledger_forget(agent->spool, BYTES_NONE);
	for (size_t i = 0; status == STATUS_OK && i < resync->n_prefixes; i++)
		status = spool_ledger_forget(agent->spool, record_bytes(resync->prefixes[i]));
	if (status == STATUS_OK)
		refresh_all(agent);
}

/*
 * The server lacks bundles.  Those that are not kept here any more are withdrawn: no number of
 * questions would bring them back, so what they held is looked at again.
 */
static void take_need(struct agent *agent, struct bytes body, struct arena *arena)
{
	Fettle__Need *need = record_unpack(&fettle__need__descriptor, body, arena);
	struct spool_withdrawn *lost;
	size_t count = 0;
	enum status status = STATUS_OK;

	if (need == NULL || need->n_revisions != need->n_hashes || need->n_facts != need->n_hashes)
		return;
	lost = arena_take(arena, need->n_hashes * sizeof(*lost));
	for (size_t i = 0; status == STATUS_OK && i < need->n_hashes; i++) {
		struct bytes hash = record_bytes(need->hashes[i]);

		if (hash.size != BUNDLE_HASH_SIZE)
			continue;
		status = spool_append_bundle(agent->spool, hash.data);
		if (status != STATUS_NOT_FOUND)
			continue;
		lost[count++] = (struct spool_withdrawn){ hash, need->revisions[i],
			need->facts[i] };
		status = STATUS_OK;
	}
	if (status == STATUS_OK && count > 0)
		status = spool_withdraw_bundles(agent->spool, lost, count);
	if (status == STATUS_OK && count > 0)
		refresh_all(agent);
}

/*
 * On the disk before the command is acknowledged; offered in the next hello.  Where it could not be
 * made, a log line said so; asking for it again and again would not help.
 */
static void take_rotate(struct agent *agent)
{
	agent->offers_key |= rotation_begin(agent->rotation) == STATUS_OK;
}

/* What a job may have changed is seen soon, and not when it is next looked for. */
static void refresh_packages(void *data)
{
	struct agent *agent = data;

	for (size_t i = 0; collectors_all[i] != NULL; i++)
		if (agent->collectors[i] != NULL
		    && (strcmp(collectors_all[i]->name, "packages") == 0
			|| strcmp(collectors_all[i]->name, "updates") == 0))
			collectors_all[i]->refresh(agent->collectors[i]);
}

/* Any status but OK: it was not taken, and is to come again. */
static enum status take_command(struct agent *agent, struct bytes bytes)
{
	uint64_t undone = spool_undone(agent->spool);
	enum status status = STATUS_OK;
	struct arena arena = { 0 };
	Fettle__Record *record;

	if (bytes.size == 0)
		return STATUS_OK; /* replaced by a later one */
	if (record_decode(bytes, &arena, &record) != STATUS_OK) {
		log_warn("command-refused", "the server sent a command that is not well-formed");
	} else if (record->envelope->kind == FETTLE__KIND__KIND_PLAN) {
		take_plan(agent, record_bytes(record->body));
	} else if (record->envelope->kind == FETTLE__KIND__KIND_RESYNC) {
		take_resync(agent, record_bytes(record->body), &arena);
	} else if (record->envelope->kind == FETTLE__KIND__KIND_NEED) {
		take_need(agent, record_bytes(record->body), &arena);
	} else if (record->envelope->kind == FETTLE__KIND__KIND_JOB_LEASE) {
		status = job_runner_lease(agent->jobs, record_bytes(record->body));
	} else if (record->envelope->kind == FETTLE__KIND__KIND_JOB_CANCEL) {
		status = job_runner_cancel(agent->jobs, record_bytes(record->body));
	} else if (record->envelope->kind == FETTLE__KIND__KIND_ROTATE) {
		take_rotate(agent);
	} else {
		log_write(LOG_WARN, "command-unknown",
		    LOG_FIELDS(LOG_NUMBER("kind", record->envelope->kind)),
		    "the server sent a command that this version does not know; update the agent");
	}
	arena_fini(&arena);
	/* What was undone with its transaction took the commands before this one along. */
	return undone == spool_undone(agent->spool) ? status : STATUS_AGAIN;
}

static void on_data(void *self, uint32_t flow, uint64_t first, const struct bytes *records,
    size_t count, struct bytes chain)
{
	struct agent *agent = self;
	enum status status = STATUS_OK;

	(void)chain;
	if (flow != SPOOL_COMMAND_FLOW)
		return;
	for (size_t i = 0; status == STATUS_OK && i < count; i++)
		status = take_command(agent, records[i]);
	/* Also where nothing came of it: the number itself is to be remembered. */
	if (status == STATUS_OK && spool_set_command(agent->spool, first + count - 1) == STATUS_OK)
		agent->command_taken = first + count - 1;
	else
		link_rewind(dialler_link(agent->server), flow, spool_command(agent->spool));
}

/* ---- the link ---- */

static enum status read_records(void *self, uint32_t flow, uint64_t from, size_t most,
    struct link_batch *batch)
{
	struct agent *agent = self;
	enum status status = flush(agent);

	return status == STATUS_OK ? spool_read(agent->spool, (enum lane)flow, from, most, batch)
	                           : status;
}

static void release(void *self)
{
	struct agent *agent = self;

	spool_release(agent->spool);
}

static void on_acked(void *self, uint32_t flow, uint64_t committed)
{
	struct agent *agent = self;
	enum status status = spool_acked(agent->spool, (enum lane)flow, committed);

	if (status != STATUS_OK)
		on_spool_failure(agent, status);
}

static void on_hello(void *self, Fettle__Hello *hello, struct arena *arena)
{
	struct agent *agent = self;

	if (flush(agent) != STATUS_OK)
		spool_abort(agent->spool);
	hello->name = RECORD_TEXT("agent");
	spool_hello(agent->spool, hello, arena);
	rotation_hello(agent->rotation, hello, arena);
}

static enum status on_welcome(void *self, const Fettle__Welcome *welcome)
{
	struct agent *agent = self;
	bool is_challenged = rotation_challenged(agent->rotation, welcome);
	enum status status = flush(agent);

	if (status == STATUS_OK)
		status = spool_welcome(agent->spool, welcome);
	if (status == STATUS_OK && is_challenged)
		return STATUS_AGAIN; /* the next hello has the proof */
	if (status == STATUS_AGAIN)
		healing_anew(agent->healing, welcome->spread_ms);
	else if (status == STATUS_OK)
		healing_welcome(agent->healing, welcome->spread_ms);
	else
		on_spool_failure(agent, status);
	agent->wants_dial |= rotation_welcome(agent->rotation, welcome);
	return status;
}

static void on_open(void *self)
{
	struct agent *agent = self;

	rotation_opened(agent->rotation);
}

static const struct link_operations operations = {
	.read = read_records,
	.release = release,
	.on_acked = on_acked,
	.on_data = on_data,
	.on_hello = on_hello,
	.on_welcome = on_welcome,
	.on_open = on_open,
};

/* ---- heartbeats ---- */

static void expire_bundles(struct agent *agent)
{
	uint64_t now_ms = clock_wall_ms(), kept_ms = agent->settings->bundles_kept;
	enum status status = now_ms < kept_ms
	                       ? STATUS_OK
	                       : spool_expire_bundles(agent->spool, now_ms - kept_ms);

	if (status != STATUS_OK)
		on_spool_failure(agent, status);
}

static bool is_open(void *self)
{
	const struct agent *agent = self;
	struct link *link = agent->server == NULL ? NULL : dialler_link(agent->server);

	return link != NULL && link_is_open(link);
}

static void on_heartbeat(uv_timer_t *timer)
{
	struct agent *agent = timer->data;
	Fettle__Heartbeat heartbeat = FETTLE__HEARTBEAT__INIT;
	struct buffer body = { 0 };
	char name[256] = "";
	uint64_t facts = 0;
	enum status status = spool_ledger_count(agent->spool, &facts);

	if (gethostname(name, sizeof(name) - 1) == 0 && bytes_is_utf8(bytes_of_text(name)))
		heartbeat.host_name = name;
	heartbeat.agent_version = RECORD_TEXT(FETTLE_VERSION);
	RECORD_SET(&heartbeat, facts, facts);
	RECORD_SET(&heartbeat, every_ms, agent->settings->heartbeat);
	if (is_open(agent) && spool_kept(agent->spool) == 0)
		RECORD_SET(&heartbeat, is_prompt, true);
	if (agent->plan != NULL)
		RECORD_SET_BYTES(&heartbeat, plan, BYTES_OF(agent->plan->hash));
	record_pack(&body, &heartbeat.base);
	if (status == STATUS_OK)
		status = spool_append(agent->spool, LANE_DELTA, FETTLE__KIND__KIND_HEARTBEAT, 0,
		    buffer_bytes(&body));
	if (status != STATUS_OK && status != STATUS_FULL)
		on_spool_failure(agent, status);
	buffer_fini(&body);
	expire_bundles(agent);
	uv_timer_start(&agent->heartbeat, on_heartbeat, clock_jitter_ms(agent->settings->heartbeat),
	    0);
}

/*
 * Once the dialler has been round all gateways: the key before the last, where there is one, as the
 * server may have been restored to a time before the exchange.
 */
static void try_older_key(struct agent *agent, uint64_t now_ms)
{
	if (now_ms - agent->tried_ms < (agent->gateways_count + 1) * GATEWAY_MS)
		return;
	agent->tried_ms = now_ms;
	agent->wants_dial |= rotation_silent(agent->rotation);
}

/* A server that says nothing is gone, or does not let this agent in any more. */
static void watch_silence(struct agent *agent)
{
	uint64_t now_ms = clock_monotonic_ms(), silent_ms;

	if (agent->server == NULL || agent->is_stopping)
		return;
	if (link_is_open(dialler_link(agent->server)))
		agent->heard_ms = link_heard_ms(dialler_link(agent->server));
	silent_ms = now_ms - agent->heard_ms;
	if (silent_ms >= SILENT_MS)
		try_older_key(agent, now_ms);
	standing_tick(agent->standing, agent->keys, silent_ms, now_ms);
}

/* Once there is room again: what the spool refused is counted, what it lacks is looked for. */
static void on_retry(uv_timer_t *timer)
{
	struct agent *agent = timer->data;
	enum status status;

	watch_silence(agent);
	if (agent->has_failed || !spool_has_room(agent->spool))
		return;
	status = spool_refused(agent->spool) > 0 ? spool_report_refused(agent->spool) : STATUS_OK;
	if (status != STATUS_OK && status != STATUS_FULL)
		on_spool_failure(agent, status);
	else if (observer_wants_refresh(agent->observer))
		refresh_all(agent);
}

/* ---- opening ---- */

static void close_last(struct agent *agent)
{
	if (flush(agent) != STATUS_OK)
		spool_abort(agent->spool);
	agent->is_stopping = true;
	dialler_free(agent->server);
	agent->server = NULL;
	standing_free(agent->standing);
	sockets_free(agent->sockets);
	if (agent->jobs != NULL)
		job_runner_stop(agent->jobs);
	uv_close((uv_handle_t *)&agent->prepare, NULL);
	uv_close((uv_handle_t *)&agent->heartbeat, NULL);
	uv_close((uv_handle_t *)&agent->retry, NULL);
	healing_stop(agent->healing);
}

static void on_collector_stopped(void *data)
{
	struct agent *agent = data;

	if (--agent->collectors_running == 0)
		close_last(agent);
}

static void stop(void *self)
{
	struct agent *agent = self;

	agent->collectors_running++; /* held until every collector was told */
	for (size_t i = 0; collectors_all[i] != NULL; i++) {
		if (agent->collectors[i] == NULL)
			continue;
		agent->collectors_running++;
		collectors_all[i]->stop(agent->collectors[i], on_collector_stopped, agent);
		agent->collectors[i] = NULL;
	}
	on_collector_stopped(agent);
}

static void finish(void *self)
{
	struct agent *agent = self;

	observer_free(agent->observer);
	job_runner_free(agent->jobs);
	healing_free(agent->healing);
	spool_close(agent->spool);
	arena_fini(&agent->plan_arena);
	enrolment_file_fini(&agent->enrolled);
	rotation_free(agent->rotation);
	free(agent);
}

static enum status load_identity(struct agent *agent)
{
	char *keys = text_format("%s/keys", agent->host->data);
	char *beside = text_format("%s/server.pub", keys);
	const char *named = agent->settings->server_key;
	enum status status = rotation_open(keys, &agent->rotation);

	if (status == STATUS_OK)
		status = keys_secret(keys, "redaction", agent->secret);
	if (status == STATUS_OK)
		status = keys_load_public(named[0] != '\0' ? named : beside, agent->server_key);
	if (status == STATUS_OK) {
		status = enrol_server(agent->host->data, &agent->enrolled);
		status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
	}
	free(keys);
	free(beside);
	return status;
}

static enum status load_plan(struct agent *agent)
{
	struct buffer body = { 0 };
	enum status status = spool_note_get(agent->spool, "plan", &body);

	if (status == STATUS_OK)
		(void)(plan_decode(buffer_bytes(&body), &agent->plan_arena, &agent->plan)
		       == STATUS_OK);
	/* The plan's texts are in the arena by now. */
	buffer_fini(&body);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

bool agent_runs(const struct settings *in_use, const char *collector)
{
	const struct agent_settings *set = settings_of(in_use, "agent");

	for (size_t i = 0; i < set->skip.count; i++)
		if (strcmp(set->skip.items[i], collector) == 0)
			return false;
	return true;
}

static enum status check_skip(const struct setting_list *skip)
{
	for (size_t i = 0; i < skip->count; i++) {
		size_t at = 0;

		while (collectors_all[at] != NULL
		       && strcmp(collectors_all[at]->name, skip->items[i]) != 0)
			at++;
		if (collectors_all[at] == NULL) {
			log_error("agent-skip",
			    "the setting agent.skip names `%s`, which is no "
			    "collector; `fettle collectors` lists them",
			    skip->items[i]);
			return STATUS_INVALID;
		}
	}
	return STATUS_OK;
}

static enum status start_collectors(struct agent *agent)
{
	enum status status = check_skip(&agent->settings->skip);

	agent->context = (struct collector_context){ .loop = agent->host->loop,
		.observer = agent->observer,
		.root = "",
		.secret = agent->secret };
	for (size_t i = 0; status == STATUS_OK && collectors_all[i] != NULL; i++) {
		const struct collector *collector = collectors_all[i];

		if (!agent_runs(agent->host->settings, collector->name))
			continue;
		status = collector->start(&agent->context,
		    collector->settings == NULL
			? NULL
			: settings_of(agent->host->settings, collector->name),
		    &agent->collectors[i]);
	}
	if (status == STATUS_OK && agent->plan != NULL)
		tell_plan(agent);
	return status;
}

static void start_jobs(struct agent *agent)
{
	const struct job_runner_options options = { .loop = agent->host->loop,
		.spool = agent->spool,
		.data = agent->host->data,
		.helper = agent->settings->helper,
		.on_applied = refresh_packages,
		.data_of_caller = agent };

	agent->jobs = job_runner_new(&options);
}

static void refresh(void *self)
{
	refresh_all(self);
}

static void on_healing_failure(void *self, enum status status)
{
	on_spool_failure(self, status);
}

static void start_healing(struct agent *agent)
{
	const struct healing_options options = { .loop = agent->host->loop,
		.spool = agent->spool,
		.observer = agent->observer,
		.digest_ms = agent->settings->digest,
		.is_open = is_open,
		.refresh = refresh,
		.on_failure = on_healing_failure,
		.self = agent };

	agent->healing = healing_new(&options);
}

/* Borrowed from the settings, or from what its enrolment said; the dialler chooses among several.
 */
static void choose_gateways(struct agent *agent, const struct role_endpoints *endpoints)
{
	const struct setting_list *set = &agent->settings->server;
	bool is_set = set->count > 0;

	agent->heard_ms = agent->tried_ms = clock_monotonic_ms();
	agent->gateway = endpoints->gateway != NULL ? endpoints->gateway : default_server;
	if (endpoints->gateway != NULL)
		return;
	agent->gateways = is_set ? (const char *const *)set->items : agent->enrolled.gateways;
	agent->gateways_count = is_set ? set->count : agent->enrolled.gateways_count;
}

static enum status dial(struct agent *agent)
{
	struct dialler_options options = { .loop = agent->host->loop,
		.sockets = agent->sockets,
		.endpoint = agent->gateway,
		.endpoints = agent->gateways,
		.endpoints_count = agent->gateways_count,
		.server_key = agent->server_key,
		.operations = operations,
		.self = agent };

	agent->keys = rotation_dial(agent->rotation);
	options.public_key = agent->keys->public_key;
	options.secret_key = agent->keys->secret_key;
	return dialler_new(&options, &agent->server);
}

static void start_timers(struct agent *agent)
{
	uv_prepare_init(agent->host->loop, &agent->prepare);
	uv_timer_init(agent->host->loop, &agent->heartbeat);
	uv_timer_init(agent->host->loop, &agent->retry);
	agent->prepare.data = agent->heartbeat.data = agent->retry.data = agent;
	uv_prepare_start(&agent->prepare, on_prepare);
	uv_timer_start(&agent->heartbeat, on_heartbeat, 0, 0);
	uv_timer_start(&agent->retry, on_retry, RETRY_MS, RETRY_MS);
}

static enum status start(const struct role_host *host, const struct role_endpoints *endpoints,
    void **self)
{
	struct agent *agent = memory_new(sizeof(*agent));
	char *directory = text_format("%s/spool", host->data);
	enum status status;

	agent->host = host;
	agent->settings = settings_of(host->settings, "agent");
	status = load_identity(agent);
	if (status == STATUS_OK)
		status = spool_open(directory, agent->settings->spool_size, &agent->spool);
	free(directory);
	if (status == STATUS_OK)
		status = load_plan(agent);
	if (status != STATUS_OK) {
		finish(agent);
		return status;
	}
	agent->observer = observer_new(agent->spool);
	observer_set_bundles(agent->observer, agent->settings->bundles);
	start_timers(agent);
	start_jobs(agent);
	start_healing(agent);
	choose_gateways(agent, endpoints);
	status = sockets_new(host->sockets, host->loop, on_round, agent, &agent->sockets);
	if (status == STATUS_OK) {
		agent->standing = standing_new(host->loop, agent->sockets, &agent->enrolled);
		status = dial(agent);
	}
	if (status == STATUS_OK)
		status = start_collectors(agent);
	if (status != STATUS_OK) {
		*self = agent; /* to be taken down */
		return status;
	}
	log_write(LOG_INFO, "agent-ready",
	    LOG_FIELDS(LOG_TEXT("public_key", agent->keys->public_key)), "observing this machine");
	*self = agent;
	return STATUS_OK;
}

const struct role agent_role = {
	.name = "agent",
	.summary = "observes this machine and sends what it sees",
	.start = start,
	.stop = stop,
	.finish = finish,
};
