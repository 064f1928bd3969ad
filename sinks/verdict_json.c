/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/verdict_json.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/lane.h"
#include "core/log.h"
#include "core/record.h"
#include "core/require.h"
#include "sinks/store/rank.h"

/* ---- values ---- */

json_t *verdict_json_text(struct bytes bytes)
{
	struct buffer escaped = { 0 };
	json_t *text = NULL;

	if (bytes.size == 0)
		return json_string("");
	if (bytes_is_utf8(bytes))
		text = json_stringn((const char *)bytes.data, bytes.size);
	if (text == NULL) { /* no text, at least not by the measure of JSON */
		log_escape(&escaped, bytes);
		text = json_string(buffer_text(&escaped));
		buffer_fini(&escaped);
	}
	return text;
}

json_t *verdict_json_optional(const char *text)
{
	return text == NULL || text[0] == '\0' ? json_null()
	                                       : verdict_json_text(bytes_of_text(text));
}

json_t *verdict_json_time(uint64_t wall_ms)
{
	char text[CLOCK_TEXT_SIZE];

	if (wall_ms == 0)
		return json_null();
	clock_format(wall_ms, text);
	return json_string(text);
}

json_t *verdict_json_id(struct bytes id)
{
	char *hex = memory_new(2 * id.size + 1);
	json_t *value;

	bytes_to_hex(id, hex);
	value = json_string(hex);
	free(hex);
	return value;
}

/* json_object_set_new with a VALUE that cannot fail but for want of memory. */
static void set(json_t *object, const char *name, json_t *value)
{
	REQUIRE(value != NULL && json_object_set_new(object, name, value) == 0);
}

static void set_number(json_t *object, const char *name, uint64_t number)
{
	set(object, name, json_integer((json_int_t)number));
}

/* A field's name comes from an endpoint, too. */
static void set_field(json_t *object, const struct fact_field *field)
{
	json_t *name = verdict_json_text(bytes_of_text(field->name));

	set(object, json_string_value(name),
	    field->type == FACT_NUMBER ? json_integer(field->number)
				       : verdict_json_text(field->bytes));
	json_decref(name);
}

json_t *verdict_json_fields(const struct fact_field *fields, size_t count)
{
	json_t *object = json_object();

	for (size_t i = 0; i < count; i++)
		set_field(object, &fields[i]);
	return object;
}

json_t *verdict_json_fact(const Fettle__FactState *state)
{
	struct arena arena = { 0 };
	struct fact_field *fields = NULL;
	size_t count = 0;
	json_t *object;

	if (state == NULL || state->status == FACT_NONE || state->status > FACT_FAILED)
		return json_null();
	if (state->value.len > 0
	    && fact_value_decode(record_bytes(state->value), &arena, &fields, &count) != STATUS_OK)
		count = 0;
	object = json_object();
	set(object, "status", json_string(fact_status_text((enum fact_status)state->status)));
	set(object, "value", verdict_json_fields(fields, count));
	if (state->reason != NULL && state->reason[0] != '\0')
		set(object, "reason", verdict_json_text(bytes_of_text(state->reason)));
	arena_fini(&arena);
	return object;
}

/* ---- names, by the numbers of proto/verdict.proto ---- */

#define NAME_OF(names, number) \
	((names)[(number) < sizeof(names) / sizeof((names)[0]) ? (number) : 0])

const char *verdict_json_finding_state(unsigned state)
{
	static const char *const names[] = { "unknown", "open", "fixed", "excepted" };

	return NAME_OF(names, state);
}

const char *verdict_json_finding_kind(unsigned kind)
{
	static const char *const names[] = { "unknown", "misconfiguration", "vulnerability",
		"missing_patch" };

	return NAME_OF(names, kind);
}

const char *verdict_json_alert_state(unsigned state)
{
	static const char *const names[] = { "unknown", "open", "undone" };

	return NAME_OF(names, state);
}

const char *verdict_json_job_state(unsigned state)
{
	static const char *const names[] = { "unknown", "proposed", "rejected", "approved",
		"scheduled", "leased", "applying", "verifying", "confirmed", "failed", "lost",
		"cancelled", "superseded" };

	return NAME_OF(names, state);
}

static const char *job_action(unsigned kind)
{
	static const char *const names[] = { "unknown", "upgrade_packages" };

	return NAME_OF(names, kind);
}

const char *verdict_json_check_result(unsigned result)
{
	static const char *const names[] = { "unknown", "passed", "failed", "not_applicable",
		"not_run" };

	return NAME_OF(names, result);
}

/* ---- verdicts ---- */

/* The members "asset" and "asset_id". */
static void set_asset(json_t *object, ProtobufCBinaryData id, const char *name)
{
	bool has_name = name != NULL && name[0] != '\0';

	set(object, "asset",
	    has_name ? verdict_json_text(bytes_of_text(name)) : verdict_json_id(record_bytes(id)));
	set(object, "asset_id", verdict_json_id(record_bytes(id)));
}

json_t *verdict_json_evidence(Fettle__Evidence *const *evidence, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *object = json_object();

		set(object, "rule", verdict_json_optional(evidence[i]->rule));
		set(object, "key", verdict_json_text(record_bytes(evidence[i]->key)));
		set(object, "outcome", verdict_json_optional(evidence[i]->outcome));
		set(object, "detail", verdict_json_optional(evidence[i]->detail));
		json_array_append_new(list, object);
	}
	return list;
}

json_t *verdict_json_asset(const Fettle__AssetVerdict *verdict)
{
	json_t *object = json_object();

	set_asset(object, verdict->asset, verdict->name);
	set(object, "agent_id", verdict_json_id(record_bytes(verdict->agent)));
	set(object, "system", verdict_json_optional(verdict->system));
	set(object, "agent_version", verdict_json_optional(verdict->agent_version));
	set_number(object, "facts", verdict->facts);
	set_number(object, "passed", verdict->passed);
	set_number(object, "failed", verdict->failed);
	set_number(object, "not_applicable", verdict->not_applicable);
	set_number(object, "not_run", verdict->not_run);
	set(object, "first_seen_at", verdict_json_time(verdict->first_seen_ms));
	set(object, "last_seen_at", verdict_json_time(verdict->last_seen_ms));
	return object;
}

json_t *verdict_json_change(const Fettle__ChangeVerdict *verdict, const char *asset)
{
	json_t *object = json_object();

	set(object, "id", verdict_json_id(record_bytes(verdict->id)));
	set_asset(object, verdict->asset, asset);
	set(object, "key", verdict_json_text(record_bytes(verdict->key)));
	set(object, "before", verdict_json_fact(verdict->before));
	set(object, "after", verdict_json_fact(verdict->after));
	set(object, "observed_at", verdict_json_time(verdict->observed_ms));
	set(object, "received_at", verdict_json_time(verdict->received_ms));
	set(object, "expected_by", verdict_json_optional(verdict->expected_by));
	set(object, "collector", verdict_json_optional(verdict->collector));
	return object;
}

static void set_finding_times(json_t *object, const Fettle__FindingVerdict *verdict)
{
	set(object, "first_seen_at", verdict_json_time(verdict->first_seen_ms));
	set(object, "last_seen_at", verdict_json_time(verdict->last_seen_ms));
	set(object, "fixed_at", verdict_json_time(verdict->fixed_ms));
	set_number(object, "reopened", verdict->reopened);
}

json_t *verdict_json_finding(const Fettle__FindingVerdict *verdict, const char *asset)
{
	json_t *object = json_object();

	set(object, "id", verdict_json_id(record_bytes(verdict->id)));
	set(object, "severity", json_string(rank_text(rank_of_severity(verdict->severity))));
	set_asset(object, verdict->asset, asset);
	set(object, "kind", json_string(verdict_json_finding_kind((unsigned)verdict->kind)));
	set(object, "subject", verdict_json_optional(verdict->subject));
	set(object, "title", verdict_json_optional(verdict->title));
	set(object, "priority", verdict_json_optional(verdict->priority));
	set(object, "due_at", verdict_json_time(verdict->due_ms));
	set(object, "state", json_string(verdict_json_finding_state((unsigned)verdict->state)));
	set(object, "reason", verdict_json_optional(verdict->reason));
	set_finding_times(object, verdict);
	set(object, "policy", verdict_json_optional(verdict->policy));
	set(object, "policy_hash", verdict_json_id(record_bytes(verdict->policy_hash)));
	set(object, "dialect", verdict_json_optional(verdict->dialect));
	set(object, "evidence", verdict_json_evidence(verdict->evidence, verdict->n_evidence));
	set(object, "rationale", verdict_json_optional(verdict->rationale));
	set(object, "remediation", verdict_json_optional(verdict->remediation));
	return object;
}

static json_t *outcomes_json(const Fettle__ResultsVerdict *verdict)
{
	json_t *list = json_array();

	for (size_t i = 0; i < verdict->n_outcomes; i++) {
		const Fettle__CheckOutcome *outcome = verdict->outcomes[i];
		json_t *object = json_object();

		set(object, "check", verdict_json_optional(outcome->check));
		set(object, "result",
		    json_string(verdict_json_check_result((unsigned)outcome->result)));
		set(object, "reason", verdict_json_optional(outcome->reason));
		set(object, "evidence",
		    verdict_json_evidence(outcome->evidence, outcome->n_evidence));
		json_array_append_new(list, object);
	}
	return list;
}

json_t *verdict_json_results(const Fettle__ResultsVerdict *verdict, const char *asset)
{
	json_t *object = json_object();
	uint64_t counts[FETTLE__CHECK_RESULT__CHECK_RESULT_NOT_RUN + 1] = { 0 };

	for (size_t i = 0; i < verdict->n_outcomes; i++)
		if ((unsigned)verdict->outcomes[i]->result < sizeof(counts) / sizeof(counts[0]))
			counts[verdict->outcomes[i]->result]++;
	set_asset(object, verdict->asset, asset);
	set(object, "policy", verdict_json_optional(verdict->policy));
	set(object, "policy_hash", verdict_json_id(record_bytes(verdict->policy_hash)));
	for (unsigned i = 1; i < sizeof(counts) / sizeof(counts[0]); i++)
		set_number(object, verdict_json_check_result(i), counts[i]);
	set(object, "judged_at", verdict_json_time(verdict->judged_ms));
	set(object, "removed", json_boolean(verdict->removed));
	set(object, "outcomes", outcomes_json(verdict));
	return object;
}

const char *verdict_json_lane(uint32_t lane)
{
	static const char *const names[LANE_END] = { [LANE_CRITICAL] = "critical",
		[LANE_DELTA] = "delta",
		[LANE_BULK] = "bulk" };

	return lane < LANE_END ? names[lane] : NULL;
}

const char *verdict_json_health_what(uint32_t what)
{
	static const char *const texts[] = { "", "clock skew", "stale", "resync", "clone",
		"rolled back", "quarantine full" };

	return what < sizeof(texts) / sizeof(texts[0]) ? texts[what] : "";
}

json_t *verdict_json_health(const Fettle__HealthVerdict *verdict, const char *asset)
{
	json_t *object = json_object();

	set_asset(object, verdict->asset, asset);
	set(object, "what",
	    verdict_json_optional(verdict_json_health_what((uint32_t)verdict->what)));
	set(object, "is_over", json_boolean(verdict->is_over));
	set(object, "since", verdict_json_time(verdict->since_ms));
	set(object, "until", verdict_json_time(verdict->until_ms));
	set(object, "skew_ms",
	    verdict->has_skew_ms ? json_integer((json_int_t)verdict->skew_ms) : json_null());
	set(object, "facts",
	    verdict->has_facts ? json_integer((json_int_t)verdict->facts) : json_null());
	set(object, "buckets",
	    verdict->has_buckets ? json_integer((json_int_t)verdict->buckets) : json_null());
	set(object, "detail", verdict_json_optional(verdict->detail));
	return object;
}

json_t *verdict_json_loss(const Fettle__LossVerdict *verdict, const char *asset)
{
	json_t *object = json_object();

	set(object, "id", verdict_json_id(record_bytes(verdict->id)));
	set_asset(object, verdict->asset, asset);
	set_number(object, "count", verdict->count);
	set(object, "reason", verdict_json_optional(verdict->reason));
	set(object, "at", verdict_json_time(verdict->at_ms));
	set(object, "lane", verdict_json_optional(verdict_json_lane(verdict->lane)));
	set(object, "from",
	    verdict->has_from ? json_integer((json_int_t)verdict->from) : json_null());
	set(object, "to", verdict->has_to ? json_integer((json_int_t)verdict->to) : json_null());
	set(object, "first_at", verdict_json_time(verdict->first_ms));
	set(object, "last_at", verdict_json_time(verdict->last_ms));
	return object;
}

static json_t *texts_json(char *const *texts, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, verdict_json_text(bytes_of_text(texts[i])));
	return list;
}

static void set_alert_rule(json_t *object, const Fettle__AlertVerdict *verdict)
{
	set(object, "rule", verdict_json_optional(verdict->rule));
	set(object, "title", verdict_json_optional(verdict->title));
	set(object, "description", verdict_json_optional(verdict->description));
	set(object, "techniques", texts_json(verdict->techniques, verdict->n_techniques));
	set(object, "tactics", texts_json(verdict->tactics, verdict->n_tactics));
	set(object, "attack_version", verdict_json_optional(verdict->attack_version));
}

static void set_alert_change(json_t *object, const Fettle__AlertVerdict *verdict)
{
	set(object, "change_id", verdict_json_id(record_bytes(verdict->change)));
	set(object, "key", verdict_json_text(record_bytes(verdict->key)));
	set(object, "before", verdict_json_fact(verdict->before));
	set(object, "after", verdict_json_fact(verdict->after));
	set(object, "observed_at", verdict_json_time(verdict->observed_ms));
	set(object, "received_at", verdict_json_time(verdict->received_ms));
	set(object, "opened_at", verdict_json_time(verdict->opened_ms));
	set(object, "undone_at", verdict_json_time(verdict->undone_ms));
	set(object, "package", verdict_json_optional(verdict->package));
}

json_t *verdict_json_alert(const Fettle__AlertVerdict *verdict, const char *asset)
{
	json_t *object = json_object();

	set(object, "id", verdict_json_id(record_bytes(verdict->id)));
	set(object, "severity", json_string(rank_text(rank_of_severity(verdict->severity))));
	set_asset(object, verdict->asset, asset);
	set(object, "state", json_string(verdict_json_alert_state((unsigned)verdict->state)));
	set_alert_rule(object, verdict);
	set_alert_change(object, verdict);
	set(object, "reason", verdict_json_optional(verdict->reason));
	set(object, "undecided", json_boolean(verdict->is_undecided));
	set(object, "acknowledged_by", verdict_json_optional(verdict->acknowledged_by));
	set(object, "acknowledged_at", verdict_json_time(verdict->acknowledged_ms));
	set(object, "note", verdict_json_optional(verdict->note));
	set(object, "falsepositives",
	    texts_json(verdict->falsepositives, verdict->n_falsepositives));
	return object;
}

static json_t *packages_json(const Fettle__JobVerdict *verdict)
{
	json_t *list = json_array();

	for (size_t i = 0; i < verdict->n_packages; i++) {
		const Fettle__JobPackageState *package = verdict->packages[i];
		json_t *object = json_object();

		set(object, "name", verdict_json_optional(package->name));
		set(object, "before", verdict_json_optional(package->before));
		set(object, "target", verdict_json_optional(package->target));
		set(object, "observed", verdict_json_optional(package->observed));
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *history_json(const Fettle__JobVerdict *verdict)
{
	json_t *list = json_array();

	for (size_t i = 0; i < verdict->n_history; i++) {
		const Fettle__JobEvent *event = verdict->history[i];
		json_t *object = json_object();

		set(object, "state", json_string(verdict_json_job_state((unsigned)event->state)));
		set(object, "at", verdict_json_time(event->at_ms));
		set(object, "by", verdict_json_optional(event->by));
		set(object, "note", verdict_json_optional(event->note));
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *ids_json(const ProtobufCBinaryData *ids, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, verdict_json_id(record_bytes(ids[i])));
	return list;
}

static void set_job_times(json_t *object, const Fettle__JobVerdict *verdict)
{
	set(object, "proposed_by", verdict_json_optional(verdict->proposed_by));
	set(object, "proposed_at", verdict_json_time(verdict->proposed_ms));
	set(object, "decided_by", verdict_json_optional(verdict->decided_by));
	set(object, "decided_at", verdict_json_time(verdict->decided_ms));
	set(object, "started_at", verdict_json_time(verdict->started_ms));
	set(object, "ended_at", verdict_json_time(verdict->ended_ms));
	set(object, "updated_at", verdict_json_time(verdict->updated_ms));
	set(object, "lease_until_at", verdict_json_time(verdict->lease_until_ms));
}

json_t *verdict_json_job(const Fettle__JobVerdict *verdict, const char *asset)
{
	json_t *object = json_object();
	const Fettle__JobAction *action = verdict->action;

	set(object, "id", verdict_json_id(record_bytes(verdict->id)));
	set_asset(object, verdict->asset, asset);
	set(object, "state", json_string(verdict_json_job_state((unsigned)verdict->state)));
	set(object, "reason", verdict_json_optional(verdict->reason));
	set(object, "action", json_string(job_action(action == NULL ? 0 : (unsigned)action->kind)));
	set(object, "manager", verdict_json_optional(action == NULL ? NULL : action->manager));
	set(object, "packages", packages_json(verdict));
	set(object, "findings", ids_json(verdict->findings, verdict->n_findings));
	set_job_times(object, verdict);
	set_number(object, "attempt", verdict->attempt);
	set(object, "exit_code",
	    verdict->has_exit_code ? json_integer(verdict->exit_code) : json_null());
	set(object, "output",
	    verdict->has_output ? verdict_json_text(record_bytes(verdict->output)) : json_null());
	set(object, "history", history_json(verdict));
	return object;
}

json_t *verdict_json_quarantined(const Fettle__QuarantinedVerdict *verdict)
{
	json_t *object = json_object();

	set(object, "id", verdict_json_id(record_bytes(verdict->id)));
	set(object, "agent_id", verdict_json_id(record_bytes(verdict->agent)));
	set_number(object, "lane", verdict->lane);
	set_number(object, "epoch", verdict->epoch);
	set_number(object, "sequence", verdict->sequence);
	set_number(object, "record_kind", verdict->kind);
	set(object, "reason", verdict_json_optional(verdict->reason));
	set(object, "at", verdict_json_time(verdict->at_ms));
	return object;
}

/* ---- writing ---- */

void verdict_json_append(struct buffer *out, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	REQUIRE(text != NULL);
	log_escape(out, bytes_of_text(text));
	free(text);
}
