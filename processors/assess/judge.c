/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule's outcome is a function of the rule and of the facts that it reads, so it is kept under
 * both: what ten thousand assets have alike is worked out once.  The results of a policy on an
 * asset are one set, kept under its hash; assets with the same inputs share it.
 */
#include "processors/assess/judge.h"

#include "core/log.h"
#include "processors/state/content.h"
#include "processors/state/facts.h"
#include "processors/state/finding.h"
#include "processors/state/tables.h"
#include "proto/verdict.pb-c.h"

/* Of one set: what a frame carries, and what a sink decodes within its budget. */
enum { RESULTS_MAX = 320 * 1024 };

static const struct content_store result_sets = { STATE_RESULT_SET, STATE_RESULT_OF };

/* ---- looking facts up ---- */

struct asset_lookup {
	struct stage_io *io;
	const struct asset_ref *asset;
	struct fact fact;
};

static enum status look_up(void *self, struct bytes key, const struct fact **out)
{
	struct asset_lookup *lookup = self;
	struct facts_entry entry;
	struct fact_field *fields;
	enum status status = facts_get(lookup->io->txn, lookup->asset, key, lookup->io->arena,
	    &entry);

	if (status != STATUS_OK)
		return status;
	if (entry.record->status == FACT_NONE)
		return STATUS_NOT_FOUND;
	lookup->fact = (struct fact){ .key = key,
		.status = (enum fact_status)entry.record->status,
		.reason = entry.record->reason };
	status = fact_value_decode(entry.value, lookup->io->arena, &fields,
	    &lookup->fact.fields_count);
	lookup->fact.fields = fields;
	*out = &lookup->fact;
	return status == STATUS_OK ? STATUS_OK : STATUS_CORRUPT;
}

/* ---- the memo ---- */

/* What the rule is, and what each fact is that it reads. */
static enum status memo_key(struct stage_io *io, const struct asset_ref *asset,
    const struct rule *rule, struct buffer *key)
{
	struct buffer inputs = { 0 };
	uint8_t hash[HASH_SIZE];
	enum status status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < rule->keys_count; i++) {
		struct facts_entry entry;

		status = facts_get(io->txn, asset, rule->keys[i].key, io->arena, &entry);
		if (status == STATUS_NOT_FOUND) {
			buffer_append_u8(&inputs, FACT_NONE);
			status = STATUS_OK;
			continue;
		}
		if (status != STATUS_OK)
			break;
		buffer_append_u8(&inputs, (uint8_t)entry.record->status);
		hash_bytes(entry.value, hash);
		buffer_append(&inputs,
		    entry.record->has_hash ? record_bytes(entry.record->hash) : BYTES_OF(hash));
	}
	hash_bytes(buffer_bytes(&inputs), hash);
	buffer_append(key, BYTES_OF(rule->hash));
	buffer_append(key, BYTES_OF(hash));
	buffer_fini(&inputs);
	return status;
}

static bool recall(struct stage_io *io, struct bytes key, struct outcome *out)
{
	struct bytes value;
	Fettle__Memo *memo;

	if (txn_get(io->txn, STATE_MEMO, key, &value) != STATUS_OK)
		return false;
	memo = record_unpack(&fettle__memo__descriptor, value, io->arena);
	if (memo == NULL || memo->reason == NULL)
		return false;
	*out = (struct outcome){ .kind = (enum outcome_kind)memo->kind,
		.reason = memo->reason,
		.target = memo->target,
		.evidence = record_bytes(memo->evidence),
		.line = memo->line,
		.may_memoise = true };
	return true;
}

static void remember(struct stage_io *io, struct bytes key, const struct outcome *outcome)
{
	Fettle__Memo memo = FETTLE__MEMO__INIT;
	struct buffer value = { 0 };

	RECORD_SET(&memo, kind, (uint32_t)outcome->kind);
	memo.reason = RECORD_TEXT(outcome->reason);
	memo.target = RECORD_TEXT(outcome->target);
	RECORD_SET_BYTES(&memo, evidence, outcome->evidence);
	RECORD_SET(&memo, line, outcome->line);
	record_pack(&value, &memo.base);
	txn_put(io->txn, STATE_MEMO, key, buffer_bytes(&value));
	buffer_fini(&value);
}

static enum status rule_outcome(struct stage_io *io, const struct asset_ref *asset,
    const struct rule *rule, const struct lookup *lookup, struct outcome *out)
{
	struct buffer key = { 0 };
	enum status status = memo_key(io, asset, rule, &key);

	if (status == STATUS_OK && recall(io, buffer_bytes(&key), out)) {
		stage_count(io, "memo_hits", 1);
	} else if (status == STATUS_OK) {
		status = rule_evaluate(rule, lookup, io->arena, out);
		stage_count(io, "rules_evaluated", 1);
		/* "Not run" costs nothing to find out again, and is different tomorrow. */
		if (status == STATUS_OK && out->may_memoise && out->kind != OUTCOME_NOT_RUN)
			remember(io, buffer_bytes(&key), out);
	}
	buffer_fini(&key);
	return status;
}

/* ---- one check ---- */

static enum status judge_check(struct stage_io *io, const struct asset_ref *asset,
    const struct check *check, const struct lookup *lookup, struct check_outcome *out)
{
	struct outcome *outcomes = arena_take(io->arena, check->rules_count * sizeof(*outcomes));
	size_t count = 0;
	enum status status = STATUS_OK;

	while (status == STATUS_OK && count < check->rules_count) {
		status = rule_outcome(io, asset, &check->rules[count], lookup, &outcomes[count]);
		count++;
		if (status == STATUS_OK && check_is_decided(check, outcomes[count - 1].kind))
			break;
	}
	if (status == STATUS_OK)
		check_fold(check, outcomes, count, out);
	stage_count(io, "checks_judged", 1);
	return status;
}

static const char *const outcome_names[] = {
	[OUTCOME_FOUND] = "found",
	[OUTCOME_NOT_FOUND] = "not found",
	[OUTCOME_INVALID] = "invalid",
	[OUTCOME_NOT_RUN] = "not run",
};

/* Text for people, whatever the endpoint sent. */
static char *clean_text(struct arena *arena, struct bytes bytes)
{
	struct buffer clean = { 0 };
	char *text;

	log_escape(&clean, bytes);
	text = arena_text(arena, buffer_text(&clean));
	buffer_fini(&clean);
	return text;
}

static Fettle__Evidence *describe_rule(struct arena *arena, const struct rule *rule,
    const struct outcome *outcome)
{
	Fettle__Evidence *evidence = arena_take(arena, sizeof(*evidence));

	fettle__evidence__init(evidence);
	evidence->rule = clean_text(arena, bytes_of_text(rule->text));
	if (rule->keys_count > 0)
		RECORD_SET_BYTES(evidence, key, rule->keys[0].key);
	for (size_t i = 0; outcome->target != NULL && i < rule->keys_count; i++)
		if (rule->keys[i].path != NULL && strcmp(rule->keys[i].path, outcome->target) == 0)
			RECORD_SET_BYTES(evidence, key, rule->keys[i].key);
	evidence->outcome = RECORD_TEXT(outcome_names[outcome->kind]);
	if (outcome->evidence.size > 0 && outcome->line > 0)
		evidence->detail = arena_format(arena, "line %u: %s", outcome->line,
		    clean_text(arena, outcome->evidence));
	else if (outcome->evidence.size > 0)
		evidence->detail = clean_text(arena, outcome->evidence);
	else
		evidence->detail = clean_text(arena, bytes_of_text(outcome->reason));
	return evidence;
}

static Fettle__CheckOutcome *describe_check(struct arena *arena, const struct check *check,
    const struct check_outcome *outcome)
{
	Fettle__CheckOutcome *message = arena_take(arena, sizeof(*message));

	fettle__check_outcome__init(message);
	message->check = RECORD_TEXT(check->id);
	RECORD_SET(message, result, (Fettle__CheckResult)outcome->result);
	message->reason = clean_text(arena, bytes_of_text(outcome->reason));
	message->evidence = arena_take(arena, outcome->outcomes_count * sizeof(*message->evidence));
	for (size_t i = 0; i < outcome->outcomes_count; i++)
		message->evidence[message->n_evidence++] = describe_rule(arena, &check->rules[i],
		    &outcome->outcomes[i]);
	return message;
}

/* ---- what was kept ---- */

static void result_key(struct buffer *key, const struct asset_ref *asset, const char *policy_id)
{
	asset_key(key, asset);
	buffer_append_text(key, policy_id);
}

/* The results so far, in the arena.  NOT_FOUND: none. */
static enum status load_results(struct stage_io *io, struct bytes key,
    Fettle__StateResults **results, Fettle__ResultsVerdict **set)
{
	struct bytes value;
	enum status status = txn_get(io->txn, STATE_RESULT, key, &value);

	if (status != STATUS_OK)
		return status;
	*results = record_unpack(&fettle__state_results__descriptor, value, io->arena);
	if (*results == NULL || (*results)->set_hash.len != HASH_SIZE)
		return STATUS_CORRUPT;
	status = content_get(io->txn, &result_sets, (*results)->set_hash.data, &value);
	if (status != STATUS_OK)
		return status;
	*set = fettle__results_verdict__unpack(NULL, value.size, value.data);
	return *set == NULL ? STATUS_CORRUPT : STATUS_OK;
}

static Fettle__CheckOutcome *find_outcome(const Fettle__ResultsVerdict *set, const char *check)
{
	for (size_t i = 0; set != NULL && i < set->n_outcomes; i++)
		if (strcmp(set->outcomes[i]->check, check) == 0)
			return set->outcomes[i];
	return NULL;
}

/* ---- the asset's score over all its policies ---- */

static void count_results(const Fettle__ResultsVerdict *set, int64_t sign, int64_t counts[5])
{
	for (size_t i = 0; set != NULL && i < set->n_outcomes; i++)
		if ((unsigned)set->outcomes[i]->result < 5)
			counts[set->outcomes[i]->result] += sign;
}

static enum status update_score(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__ResultsVerdict *before, const Fettle__ResultsVerdict *after)
{
	Fettle__StateAssessed fresh = FETTLE__STATE_ASSESSED__INIT, *assessed = &fresh;
	int64_t counts[5] = { 0 };
	struct buffer key = { 0 }, packed = { 0 };
	struct bytes value;
	enum status status;

	asset_key(&key, asset);
	status = txn_get(io->txn, STATE_ASSESSED, buffer_bytes(&key), &value);
	if (status == STATUS_OK) {
		assessed = record_unpack(&fettle__state_assessed__descriptor, value, io->arena);
		status = assessed == NULL ? STATUS_CORRUPT : STATUS_OK;
	} else if (status == STATUS_NOT_FOUND) {
		status = STATUS_OK;
	}
	if (status == STATUS_OK) {
		count_results(before, -1, counts);
		count_results(after, 1, counts);
		RECORD_SET(assessed, passed, assessed->passed + (uint64_t)counts[CHECK_PASSED]);
		RECORD_SET(assessed, failed, assessed->failed + (uint64_t)counts[CHECK_FAILED]);
		RECORD_SET(assessed, not_applicable,
		    assessed->not_applicable + (uint64_t)counts[CHECK_NOT_APPLICABLE]);
		RECORD_SET(assessed, not_run, assessed->not_run + (uint64_t)counts[CHECK_NOT_RUN]);
		record_pack(&packed, &assessed->base);
		txn_put(io->txn, STATE_ASSESSED, buffer_bytes(&key), buffer_bytes(&packed));
	}
	buffer_fini(&key);
	buffer_fini(&packed);
	return status;
}

/* ---- keeping ---- */

/* Where lines of an endpoint would make it too large for a frame, results and reasons remain. */
static void fit(struct arena *arena, Fettle__ResultsVerdict *set)
{
	if (protobuf_c_message_get_packed_size(&set->base) <= RESULTS_MAX)
		return;
	for (size_t i = 0; i < set->n_outcomes; i++) {
		Fettle__CheckOutcome *bare = arena_take(arena, sizeof(*bare));

		*bare = *set->outcomes[i]; /* which may be of the set before, on the heap */
		bare->n_evidence = 0;
		bare->evidence = NULL;
		set->outcomes[i] = bare;
	}
}

/* SET holds outcomes only; what names asset, policy and time is added for the verdict. */
static enum status keep(struct stage_io *io, const struct asset_ref *asset,
    const struct policy *policy, struct bytes key, const Fettle__StateResults *older,
    Fettle__ResultsVerdict *set)
{
	Fettle__StateResults results = FETTLE__STATE_RESULTS__INIT;
	struct buffer packed = { 0 }, row = { 0 };
	uint8_t hash[HASH_SIZE];
	bool is_same_set;
	enum status status = STATUS_OK;

	fit(io->arena, set);
	record_pack(&packed, &set->base);
	hash_bytes(buffer_bytes(&packed), hash);
	is_same_set = older != NULL && memcmp(older->set_hash.data, hash, HASH_SIZE) == 0;
	if (!is_same_set) {
		status = content_hold(io->txn, &result_sets, hash, buffer_bytes(&packed), key);
		if (status == STATUS_OK && older != NULL)
			status = content_release(io->txn, &result_sets, older->set_hash.data, key);
	}
	RECORD_SET_BYTES(&results, policy_hash, BYTES_OF(policy->hash));
	RECORD_SET_BYTES(&results, set_hash, BYTES_OF(hash));
	RECORD_SET(&results, judged_ms, io->now_ms);
	record_pack(&row, &results.base);
	txn_put(io->txn, STATE_RESULT, key, buffer_bytes(&row));
	RECORD_SET_BYTES(set, asset, BYTES_OF(asset->id));
	set->policy = RECORD_TEXT(policy->id);
	RECORD_SET_BYTES(set, policy_hash, BYTES_OF(policy->hash));
	RECORD_SET_BYTES(set, set_hash, BYTES_OF(hash));
	RECORD_SET(set, judged_ms, io->now_ms);
	if (!is_same_set || !bytes_equal(record_bytes(older->policy_hash), BYTES_OF(policy->hash)))
		stage_verdict(io, FETTLE__KIND__KIND_RESULTS, &set->base);
	buffer_fini(&packed);
	buffer_fini(&row);
	return status;
}

/* ---- findings ---- */

static const char *subject_of(struct stage_io *io, const char *policy_id, const char *check_id)
{
	return arena_format(io->arena, "%s/%s", policy_id, check_id);
}

/*
 * A failure opens or keeps a finding, a pass or "not applicable" closes one; "not run" leaves it as
 * it is, because nobody has seen it fixed.
 */
static enum status update_finding(struct stage_io *io, const struct asset_ref *asset,
    const struct policy *policy, const struct check *check, const Fettle__CheckOutcome *outcome)
{
	const char *subject = subject_of(io, policy->id, check->id);
	Fettle__FindingVerdict draft = FETTLE__FINDING_VERDICT__INIT;

	if (outcome->result == FETTLE__CHECK_RESULT__CHECK_RESULT_NOT_RUN)
		return STATUS_OK;
	if (outcome->result != FETTLE__CHECK_RESULT__CHECK_RESULT_FAIL)
		return finding_close(io, asset, FETTLE__FINDING_KIND__FINDING_KIND_MISCONFIGURATION,
		    subject, outcome->reason, outcome->evidence, outcome->n_evidence);
	draft.title = RECORD_TEXT(check->title);
	draft.severity = RECORD_TEXT(check_severity_text(check->severity));
	draft.rationale = RECORD_TEXT(check->rationale);
	draft.remediation = RECORD_TEXT(check->remediation);
	draft.policy = RECORD_TEXT(policy->id);
	draft.dialect = RECORD_TEXT(policy->dialect->name);
	draft.reason = outcome->reason;
	draft.n_evidence = outcome->n_evidence;
	draft.evidence = outcome->evidence;
	RECORD_SET_BYTES(&draft, policy_hash, BYTES_OF(policy->hash));
	return finding_open(io, asset, FETTLE__FINDING_KIND__FINDING_KIND_MISCONFIGURATION, subject,
	    &draft);
}

static enum status withdraw_finding(struct stage_io *io, const struct asset_ref *asset,
    const char *policy_id, const char *check_id, const char *reason)
{
	return finding_close(io, asset, FETTLE__FINDING_KIND__FINDING_KIND_MISCONFIGURATION,
	    subject_of(io, policy_id, check_id), reason, NULL, 0);
}

/* ---- judging ---- */

static bool is_same_outcome(const Fettle__CheckOutcome *a, const Fettle__CheckOutcome *b)
{
	struct buffer left = { 0 }, right = { 0 };
	bool is_same;

	if (a == NULL || b == NULL)
		return a == b;
	record_pack(&left, &a->base);
	record_pack(&right, &b->base);
	is_same = bytes_equal(buffer_bytes(&left), buffer_bytes(&right));
	buffer_fini(&left);
	buffer_fini(&right);
	return is_same;
}

/* Everything that judging one policy on one asset needs at hand. */
struct session {
	struct stage_io *io;
	const struct asset_ref *asset;
	const struct policy *policy;
	struct lookup lookup;
	enum policy_gate gate;
	struct check_outcome gate_outcome;
	Fettle__StateResults *older;
	Fettle__ResultsVerdict *older_set; /* on the heap */
	bool is_other_text; /* the results so far are of another text of the policy */
};

static enum status outcome_of(struct session *session, const struct check *check,
    Fettle__CheckOutcome **out)
{
	struct check_outcome outcome = session->gate_outcome;
	enum status status = STATUS_OK;

	if (session->gate == POLICY_OPEN)
		status = judge_check(session->io, session->asset, check, &session->lookup,
		    &outcome);
	else
		outcome.outcomes_count = 0; /* those are the requirements', not this check's */
	if (status == STATUS_OK)
		*out = describe_check(session->io->arena, check, &outcome);
	return status;
}

static enum status judge_checks(struct session *session, const bool *selected,
    Fettle__ResultsVerdict *set)
{
	const struct policy *policy = session->policy;
	enum status status = STATUS_OK;

	set->outcomes = arena_take(session->io->arena,
	    policy->checks_count * sizeof(*set->outcomes));
	for (size_t i = 0; status == STATUS_OK && i < policy->checks_count; i++) {
		const struct check *check = &policy->checks[i];
		Fettle__CheckOutcome *before = find_outcome(session->older_set, check->id);
		Fettle__CheckOutcome *after = before;

		if (selected == NULL || selected[i] || before == NULL || session->is_other_text)
			status = outcome_of(session, check, &after);
		if (status == STATUS_OK
		    && (session->is_other_text || !is_same_outcome(before, after)))
			status = update_finding(session->io, session->asset, policy, check, after);
		set->outcomes[set->n_outcomes++] = after;
	}
	return status;
}

/* Checks that an older text of the policy had, and this one has not. */
static enum status withdraw_missing(struct session *session)
{
	const Fettle__ResultsVerdict *set = session->older_set;
	enum status status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && set != NULL && i < set->n_outcomes; i++)
		if (policy_check(session->policy, set->outcomes[i]->check) == NULL)
			status = withdraw_finding(session->io, session->asset, session->policy->id,
			    set->outcomes[i]->check, "the check was taken out of the policy");
	return status;
}

static enum status judge_session(struct session *session, struct bytes key, const bool *selected)
{
	struct stage_io *io = session->io;
	Fettle__ResultsVerdict set = FETTLE__RESULTS_VERDICT__INIT;
	enum status status = load_results(io, key, &session->older, &session->older_set);

	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	session->is_other_text = session->older != NULL
	                      && !bytes_equal(record_bytes(session->older->policy_hash),
				  BYTES_OF(session->policy->hash));
	status = policy_requirements_evaluate(session->policy, &session->lookup, io->arena,
	    &session->gate_outcome, &session->gate);
	if (status == STATUS_OK && session->gate == POLICY_CLOSED_SILENTLY)
		return judge_withdraw(io, session->asset, session->policy->id);
	if (status == STATUS_OK)
		status = judge_checks(session, selected, &set);
	if (status == STATUS_OK && session->is_other_text)
		status = withdraw_missing(session);
	if (status == STATUS_OK)
		status = update_score(io, session->asset, session->older_set, &set);
	return status == STATUS_OK
	         ? keep(io, session->asset, session->policy, key, session->older, &set)
	         : status;
}

enum status judge(struct stage_io *io, const struct asset_ref *asset, const struct policy *policy,
    const bool *selected)
{
	struct asset_lookup lookup = { .io = io, .asset = asset };
	struct session session = { .io = io,
		.asset = asset,
		.policy = policy,
		.lookup = { .self = &lookup, .get = look_up } };
	struct buffer key = { 0 };
	enum status status;

	result_key(&key, asset, policy->id);
	status = judge_session(&session, buffer_bytes(&key), selected);
	if (session.older_set != NULL)
		fettle__results_verdict__free_unpacked(session.older_set, NULL);
	buffer_fini(&key);
	return status;
}

enum status judge_withdraw(struct stage_io *io, const struct asset_ref *asset,
    const char *policy_id)
{
	Fettle__ResultsVerdict verdict = FETTLE__RESULTS_VERDICT__INIT, *set = NULL;
	Fettle__StateResults *results = NULL;
	struct buffer key = { 0 };
	enum status status;

	result_key(&key, asset, policy_id);
	status = load_results(io, buffer_bytes(&key), &results, &set);
	for (size_t i = 0; status == STATUS_OK && i < set->n_outcomes; i++)
		status = withdraw_finding(io, asset, policy_id, set->outcomes[i]->check,
		    "the policy no longer applies");
	if (status == STATUS_OK)
		status = update_score(io, asset, set, NULL);
	if (status == STATUS_OK)
		status = content_release(io->txn, &result_sets, results->set_hash.data,
		    buffer_bytes(&key));
	if (status == STATUS_OK) {
		txn_delete(io->txn, STATE_RESULT, buffer_bytes(&key));
		RECORD_SET_BYTES(&verdict, asset, BYTES_OF(asset->id));
		verdict.policy = RECORD_TEXT(policy_id);
		RECORD_SET(&verdict, removed, 1);
		RECORD_SET(&verdict, judged_ms, io->now_ms);
		stage_verdict(io, FETTLE__KIND__KIND_RESULTS, &verdict.base);
	}
	if (set != NULL)
		fettle__results_verdict__free_unpacked(set, NULL);
	buffer_fini(&key);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
