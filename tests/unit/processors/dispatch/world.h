/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world.h - jobs on two assets, in a state of its own: people decide, agents report, time passes.
 *
 * The stage runs behind inventory in a real host.  Where is_troubled is set, every record is first
 * taken in a batch that fails after the stage had it, and then once more by a host that was started
 * anew: whatever a test says must hold then, too.
 */
#ifndef TESTS_UNIT_PROCESSORS_DISPATCH_WORLD_H
#define TESTS_UNIT_PROCESSORS_DISPATCH_WORLD_H

#include <stdlib.h>

#include "core/host.h"
#include "core/sublog.h"
#include "processors/dispatch/dispatch.h"
#include "processors/inventory/inventory.h"
#include "processors/roles.h"
#include "processors/state/asset.h"
#include "processors/state/job.h"
#include "processors/state/tables.h"
#include "proto/command.pb-c.h"
#include "tests/support/scratch.h"

enum { WORLD_START_MS = 1000 * 1000, WORLD_MINUTE_MS = 60 * 1000 };

#define STATE(name) FETTLE__JOB_STATE__JOB_STATE_##name
#define STEP(name) FETTLE__JOB_STEP__JOB_STEP_##name
#define APPROVE FETTLE__JOB_DECISION_KIND__JOB_DECISION_KIND_APPROVE
#define REJECT FETTLE__JOB_DECISION_KIND__JOB_DECISION_KIND_REJECT
#define CANCEL FETTLE__JOB_DECISION_KIND__JOB_DECISION_KIND_CANCEL

/* Two agents of different slots. */
static const uint8_t web[AGENT_ID_SIZE] = "\x01"
					  "agent of web",
		     mail[AGENT_ID_SIZE] = "\x02"
					   "agent of mail";

struct world {
	void *directory;
	struct kv *kv;
	struct host *host;
	struct settings *settings;
	struct arena arena;
	uint64_t heads[SUBLOG_END];
	uint64_t now_ms, events, revision;
	uint64_t verdicts_seen, commands_seen;
	bool is_troubled;
};

/* ---- the host, and one stage that fails when it is told to ---- */

static bool world_fails;

static enum status world_fail(struct stage_io *io, const struct event *event)
{
	(void)io;
	(void)event;
	return world_fails ? STATUS_IO : STATUS_OK;
}

static const struct stage world_failing_stage = { .name = "failing",
	.summary = "fails when it is told to",
	.consumes = (const enum event_kind[]){ EVENT_FACT_SET, EVENT_FACT_UNSET, EVENT_PASS,
	    EVENT_HEARTBEAT, EVENT_JOB_PROGRESS, EVENT_JOB_PROPOSAL, EVENT_JOB_DECISION,
	    EVENT_NONE },
	.on_event = world_fail };

static const struct stage *const world_stages[] = { &inventory_stage, &dispatch_stage,
	&world_failing_stage, NULL };

static inline void world_open(struct world *at)
{
	static const char *const tables[] = { STATE_TABLE_NAMES };
	const struct kv_options options = { .tables = tables, .is_writer = true };

	assert_int_equal(kv_open(at->directory, &options, &at->kv), STATUS_OK);
	assert_int_equal(host_new(at->kv, world_stages, at->settings, &at->host), STATUS_OK);
}

static inline void world_close(struct world *at)
{
	host_free(at->host);
	kv_close(at->kv);
}

static inline void world_restart(struct world *at)
{
	world_close(at);
	world_open(at);
}

/* FLAG: "dispatch.two_people=on"; NULL: as it comes. */
static inline int world_start_with(void **test, const char *flag)
{
	static struct setting_section sections[3];
	const char *const flags[] = { flag, NULL };
	const struct settings_sources sources = { .flags = flags };
	struct yaml_errors errors = { 0 };
	struct world *at = memory_new(sizeof(*at));

	sections[0] = inventory_section;
	sections[1] = dispatch_section;
	if (scratch_start(&at->directory) != 0
	    || settings_load(sections, &sources, &at->settings, &errors) != STATUS_OK)
		return -1;
	at->now_ms = WORLD_START_MS;
	world_open(at);
	*test = at;
	return 0;
}

static inline int world_start(void **test)
{
	return world_start_with(test, NULL);
}

static inline int world_stop(void **test)
{
	struct world *at = *test;
	int result;

	world_close(at);
	settings_free(at->settings);
	arena_fini(&at->arena);
	result = scratch_stop(&at->directory);
	free(at);
	return result;
}

/* ---- time ---- */

static inline void world_settle(struct world *at)
{
	enum status status = STATUS_OK;

	while (status == STATUS_OK)
		status = host_step(at->host, at->now_ms);
	assert_int_equal(status, STATUS_AGAIN);
}

/* MS pass while the processor runs: every timer is called when it is due. */
static inline void world_wait(struct world *at, uint64_t ms)
{
	uint64_t until_ms = at->now_ms + ms;

	while (host_due_ms(at->host) <= until_ms) {
		if (host_due_ms(at->host) > at->now_ms)
			at->now_ms = host_due_ms(at->host);
		world_settle(at);
	}
	at->now_ms = until_ms;
}

/* MS pass while it does not. */
static inline void world_sleep(struct world *at, uint64_t ms)
{
	at->now_ms += ms;
}

/* ---- what comes in ---- */

struct world_record {
	const uint8_t *agent; /* NULL: WHO wrote it, as intent */
	const char *who;
	enum lane lane;
	uint32_t kind;
	uint64_t revision;
	const ProtobufCMessage *message;
};

static inline void world_pack(struct world *at, const struct world_record *from, struct buffer *out)
{
	Fettle__Record record = FETTLE__RECORD__INIT;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	Fettle__Stamp stamp = FETTLE__STAMP__INIT;
	uint8_t event_id[EVENT_ID_SIZE] = { 0 }, writer[HASH_SIZE];
	struct buffer body = { 0 };

	at->events++;
	memcpy(event_id, &at->events, sizeof(at->events));
	record_pack(&body, from->message);
	RECORD_SET_BYTES(&envelope, event_id, BYTES_OF(event_id));
	RECORD_SET(&envelope, kind, from->kind);
	if (from->revision > 0)
		RECORD_SET(&envelope, fact_revision, from->revision);
	if (from->agent != NULL)
		memcpy(writer, from->agent, sizeof(writer));
	else
		hash_bytes(bytes_of_text(from->who), writer);
	RECORD_SET_BYTES(&stamp, writer, BYTES_OF(writer));
	stamp.principal = RECORD_TEXT(from->who);
	RECORD_SET(&stamp, epoch, 1);
	RECORD_SET(&stamp, received_ms, at->now_ms);
	record.envelope = &envelope;
	record.stamp = &stamp;
	RECORD_SET_BYTES(&record, body, buffer_bytes(&body));
	record_pack(out, &record.base);
	buffer_fini(&body);
}

/* The batch fails behind the stage; another process takes over. */
static inline void world_trouble(struct world *at, uint32_t flow, struct bytes record)
{
	host_take(at->host, flow, at->heads[flow], &record, 1);
	world_fails = true;
	assert_int_equal(host_step(at->host, at->now_ms), STATUS_IO);
	world_fails = false;
	world_restart(at);
}

static inline void world_give(struct world *at, const struct world_record *from)
{
	uint32_t flow = from->agent == NULL ? (uint32_t)SUBLOG_INTENT
	                                    : sublog_flow(sublog_slot_of(from->agent), from->lane);
	struct buffer packed = { 0 };
	struct bytes record;

	at->now_ms++;
	at->heads[flow]++;
	world_pack(at, from, &packed);
	record = buffer_bytes(&packed);
	if (at->is_troubled)
		world_trouble(at, flow, record);
	host_take(at->host, flow, at->heads[flow], &record, 1);
	world_settle(at);
	buffer_fini(&packed);
}

/* AGENT has PACKAGE at VERSION (NULL: not any more), and dpkg calls it STATE. */
static inline void world_observe(struct world *at, const uint8_t *agent, const char *package,
    const char *version, const char *state)
{
	Fettle__Fact fact = FETTLE__FACT__INIT;
	const struct fact_field fields[] = { FACT_FIELD_TEXT("version", version),
		FACT_FIELD_TEXT("state", state) };
	struct buffer value = { 0 };
	const char *key = arena_format(&at->arena, "package/dpkg/%s", package);

	RECORD_SET_BYTES(&fact, key, bytes_of_text(key));
	fact.collector = RECORD_TEXT("packages");
	if (version != NULL) {
		fact_value_encode(&value, fields, 2);
		RECORD_SET(&fact, status, FETTLE__FACT_STATUS__FACT_STATUS_PRESENT);
		RECORD_SET_BYTES(&fact, value, buffer_bytes(&value));
	}
	world_give(at, &(struct world_record){ .agent = agent,
			   .lane = LANE_DELTA,
			   .revision = ++at->revision,
			   .kind = version == NULL ? FETTLE__KIND__KIND_FACT_UNSET
	                                           : FETTLE__KIND__KIND_FACT_SET,
			   .message = &fact.base });
	buffer_fini(&value);
}

static inline void world_has(struct world *at, const uint8_t *agent, const char *package,
    const char *version)
{
	world_observe(at, agent, package, version, "ii");
}

/* AGENT has looked at everything under PREFIX. */
static inline void world_pass(struct world *at, const uint8_t *agent, const char *collector,
    const char *prefix)
{
	Fettle__Pass pass = FETTLE__PASS__INIT;

	pass.collector = RECORD_TEXT(collector);
	RECORD_SET_BYTES(&pass, prefix, bytes_of_text(prefix));
	world_give(at, &(struct world_record){ .agent = agent,
			   .lane = LANE_DELTA,
			   .kind = FETTLE__KIND__KIND_PASS,
			   .message = &pass.base });
}

static inline void world_looks(struct world *at, const uint8_t *agent)
{
	world_pass(at, agent, "packages", "package/dpkg/");
}

/* ---- proposals ---- */

enum { WORLD_PACKAGES_MAX = 600 };

/* One in the making: what a test wants to be wrong with it, it changes before it is sent. */
struct world_proposal {
	Fettle__JobProposal proposal;
	Fettle__JobAction action;
	Fettle__JobPackage packages[WORLD_PACKAGES_MAX];
	Fettle__JobPackage *pointers[WORLD_PACKAGES_MAX];
	uint8_t asset[ASSET_ID_SIZE], id[JOB_ID_SIZE];
};

static inline void world_add_package(struct world_proposal *draft, const char *name,
    const char *version)
{
	Fettle__JobPackage *package = &draft->packages[draft->action.n_packages];

	fettle__job_package__init(package);
	package->name = RECORD_TEXT(name);
	package->version = RECORD_TEXT(version);
	draft->pointers[draft->action.n_packages++] = package;
}

/* For the asset of AGENT; without packages. */
static inline struct world_proposal *world_draft(struct world *at, const uint8_t *agent)
{
	struct world_proposal *draft = arena_take(&at->arena, sizeof(*draft));

	fettle__job_proposal__init(&draft->proposal);
	fettle__job_action__init(&draft->action);
	draft->action.manager = RECORD_TEXT("dpkg");
	RECORD_SET(&draft->action, kind, FETTLE__JOB_ACTION_KIND__JOB_ACTION_KIND_UPGRADE_PACKAGES);
	draft->action.packages = draft->pointers;
	draft->proposal.action = &draft->action;
	asset_id_of_agent(agent, draft->asset);
	RECORD_SET_BYTES(&draft->proposal, asset, BYTES_OF(draft->asset));
	return draft;
}

static inline void world_set_id(struct world_proposal *draft)
{
	job_id_compute(BYTES_OF(draft->asset), &draft->action, draft->proposal.generation,
	    draft->id);
	RECORD_SET_BYTES(&draft->proposal, job, BYTES_OF(draft->id));
}

static inline void world_send(struct world *at, const char *who, const struct world_proposal *draft)
{
	world_give(at, &(struct world_record){ .who = who,
			   .kind = FETTLE__KIND__KIND_JOB_PROPOSAL,
			   .message = &draft->proposal.base });
}

/* WHO proposes to upgrade PACKAGE of the asset of AGENT; the job's id, in the arena. */
static inline const uint8_t *world_propose(struct world *at, const char *who, const uint8_t *agent,
    const char *package, const char *version)
{
	struct world_proposal *draft = world_draft(at, agent);

	world_add_package(draft, package, version);
	world_set_id(draft);
	world_send(at, who, draft);
	return draft->id;
}

static inline void world_decide(struct world *at, const char *who, const uint8_t *job,
    Fettle__JobDecisionKind kind, const char *reason)
{
	Fettle__JobDecision decision = FETTLE__JOB_DECISION__INIT;

	RECORD_SET_BYTES(&decision, job, BYTES(job, JOB_ID_SIZE));
	RECORD_SET(&decision, decision, kind);
	decision.reason = RECORD_TEXT(reason);
	world_give(at, &(struct world_record){ .who = who,
			   .kind = FETTLE__KIND__KIND_JOB_DECISION,
			   .message = &decision.base });
}

/* ---- looking ---- */

static inline Fettle__JobVerdict *world_job(struct world *at, const uint8_t *id)
{
	Fettle__JobVerdict *job = NULL;
	struct asset_ref asset;
	struct txn *txn;

	assert_int_equal(txn_begin(at->kv, &txn), STATUS_OK);
	assert_int_equal(job_get(txn, BYTES(id, JOB_ID_SIZE), &at->arena, &asset, &job), STATUS_OK);
	txn_abort(&txn);
	return job;
}

static inline void world_is(struct world *at, const uint8_t *id, Fettle__JobState state)
{
	assert_int_equal(world_job(at, id)->state, state);
}

static inline uint64_t world_count(struct world *at, unsigned table)
{
	struct kv_txn *txn;
	uint64_t count;

	assert_int_equal(kv_read_begin(at->kv, &txn), STATUS_OK);
	assert_int_equal(kv_count(txn, table, &count), STATUS_OK);
	kv_abort(&txn);
	return count;
}

/* The job's history as "proposed approved scheduled"; notes that are no step are left out. */
static inline const char *world_history(struct world *at, const uint8_t *id)
{
	static const char *const names[] = { "none", "proposed", "rejected", "approved",
		"scheduled", "leased", "applying", "verifying", "confirmed", "failed", "lost",
		"cancelled", "superseded" };
	const Fettle__JobVerdict *job = world_job(at, id);
	const char *text = "";
	Fettle__JobState before = STATE(NONE);

	for (size_t i = 0; i < job->n_history; i++) {
		if (job->history[i]->state != before)
			text = arena_format(&at->arena, "%s%s%s", text, i > 0 ? " " : "",
			    names[job->history[i]->state]);
		before = job->history[i]->state;
	}
	return text;
}

/* True where some step of its history says TEXT. */
static inline bool world_tells(struct world *at, const uint8_t *id, const char *text)
{
	const Fettle__JobVerdict *job = world_job(at, id);

	for (size_t i = 0; i < job->n_history; i++)
		if (strstr(job->history[i]->note, text) != NULL)
			return true;
	return false;
}

/* How many job verdicts there are since the last look. */
static inline unsigned world_verdicts(struct world *at)
{
	unsigned found = 0;

	while (at->verdicts_seen < host_verdict_head(at->host)) {
		struct link_batch batch = { .count = 0 };
		Fettle__Record *record;

		assert_int_equal(host_read_verdicts(at->host, ++at->verdicts_seen, 1, &batch),
		    STATUS_OK);
		assert_int_equal(record_decode(batch.records[0], &at->arena, &record), STATUS_OK);
		found += record->envelope->kind == FETTLE__KIND__KIND_JOB;
		host_release(at->host);
	}
	return found;
}

/* The next command since the last look; NULL: there is none. */
static inline const Fettle__Record *world_command(struct world *at)
{
	struct link_batch batch = { .count = 0 };
	Fettle__Record *record;

	if (at->commands_seen == host_outbox_head(at->host))
		return NULL;
	assert_int_equal(host_read_outbox(at->host, ++at->commands_seen, 1, &batch), STATUS_OK);
	assert_int_equal(record_decode(batch.records[0], &at->arena, &record), STATUS_OK);
	host_release(at->host);
	return record;
}

/* The next command, which must be a lease for AGENT. */
static inline const Fettle__JobLease *world_lease(struct world *at, const uint8_t *agent)
{
	const Fettle__Record *record = world_command(at);
	const Fettle__JobLease *lease;

	assert_non_null(record);
	assert_int_equal(record->envelope->kind, FETTLE__KIND__KIND_JOB_LEASE);
	assert_memory_equal(record->envelope->target.data, agent, AGENT_ID_SIZE);
	lease = record_unpack(&fettle__job_lease__descriptor, record_bytes(record->body),
	    &at->arena);
	assert_non_null(lease);
	return lease;
}

/* ---- agents ---- */

/* What AGENT says of a lease. */
struct world_word {
	const uint8_t *job;
	Fettle__JobStep step;
	uint64_t attempt, token;
	const char *reason, *output;
	int64_t exit_code;
	bool is_final;
};

static inline void world_word(struct world *at, const uint8_t *agent, const struct world_word *word)
{
	Fettle__JobProgress progress = FETTLE__JOB_PROGRESS__INIT;

	RECORD_SET_BYTES(&progress, job, BYTES(word->job, JOB_ID_SIZE));
	RECORD_SET(&progress, attempt, word->attempt);
	RECORD_SET(&progress, token, word->token);
	RECORD_SET(&progress, step, word->step);
	progress.reason = RECORD_TEXT(word->reason);
	RECORD_SET(&progress, is_final, word->is_final);
	if (word->step == STEP(ENDED))
		RECORD_SET(&progress, exit_code, word->exit_code);
	if (word->output != NULL)
		RECORD_SET_BYTES(&progress, output, bytes_of_text(word->output));
	world_give(at, &(struct world_record){ .agent = agent,
			   .lane = LANE_CRITICAL,
			   .kind = FETTLE__KIND__KIND_JOB_PROGRESS,
			   .message = &progress.base });
}

/* About the lease that is current. */
static inline void world_says(struct world *at, const uint8_t *agent, const uint8_t *id,
    Fettle__JobStep step, const char *reason)
{
	const Fettle__JobVerdict *job = world_job(at, id);

	world_word(at, agent,
	    &(struct world_word){ .job = id,
		.step = step,
		.attempt = job->attempt,
		.token = job->token,
		.reason = reason });
}

static inline void world_ends(struct world *at, const uint8_t *agent, const uint8_t *id,
    int64_t exit_code, const char *output)
{
	const Fettle__JobVerdict *job = world_job(at, id);

	world_word(at, agent,
	    &(struct world_word){ .job = id,
		.step = STEP(ENDED),
		.attempt = job->attempt,
		.token = job->token,
		.exit_code = exit_code,
		.output = output });
}

/* ---- short ways ---- */

/* Of the asset of web, which has openssl 1.0: one that anna proposed and bert approved. */
static inline const uint8_t *world_scheduled(struct world *at)
{
	const uint8_t *job;

	world_has(at, web, "openssl:amd64", "1.0-1");
	world_looks(at, web);
	job = world_propose(at, "anna", web, "openssl:amd64", "1.1-1");
	world_decide(at, "bert", job, APPROVE, NULL);
	world_is(at, job, STATE(SCHEDULED));
	return job;
}

static inline const uint8_t *world_applying(struct world *at)
{
	const uint8_t *job = world_scheduled(at);

	world_says(at, web, job, STEP(ACCEPTED), NULL);
	world_says(at, web, job, STEP(STARTED), NULL);
	world_is(at, job, STATE(APPLYING));
	return job;
}

#endif
