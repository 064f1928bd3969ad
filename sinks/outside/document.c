/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/outside/document.h"

#include <stdlib.h>

#include "core/hash.h"
#include "core/require.h"
#include "sinks/store/standing.h"
#include "sinks/verdict_json.h"

/* ---- the kinds ---- */

/* What a maker says of a verdict. */
struct made {
	json_t *body;
	struct bytes asset;
	enum rank rank;
};

static enum status make_asset(struct bytes body, struct names *names, struct arena *arena,
    struct made *out)
{
	const Fettle__AssetVerdict *verdict = record_unpack(&fettle__asset_verdict__descriptor,
	    body, arena);

	if (verdict == NULL)
		return STATUS_REJECT;
	(void)names; /* learned already */
	*out = (struct made){ .body = verdict_json_asset(verdict),
		.asset = record_bytes(verdict->asset),
		.rank = RANK_INFO };
	return STATUS_OK;
}

static enum status make_change(struct bytes body, struct names *names, struct arena *arena,
    struct made *out)
{
	const Fettle__ChangeVerdict *verdict = record_unpack(&fettle__change_verdict__descriptor,
	    body, arena);
	bool is_expected;

	if (verdict == NULL)
		return STATUS_REJECT;
	is_expected = verdict->expected_by != NULL && verdict->expected_by[0] != '\0';
	out->asset = record_bytes(verdict->asset);
	out->body = verdict_json_change(verdict, names_find(names, out->asset));
	out->rank = is_expected ? RANK_INFO : RANK_LOW;
	return STATUS_OK;
}

static enum status make_finding(struct bytes body, struct names *names, struct arena *arena,
    struct made *out)
{
	const Fettle__FindingVerdict *verdict = record_unpack(&fettle__finding_verdict__descriptor,
	    body, arena);
	bool is_open;

	if (verdict == NULL)
		return STATUS_REJECT;
	is_open = verdict->state == FETTLE__FINDING_STATE__FINDING_STATE_OPEN;
	out->asset = record_bytes(verdict->asset);
	out->body = verdict_json_finding(verdict, names_find(names, out->asset));
	out->rank = is_open ? rank_of_severity(verdict->severity) : RANK_INFO;
	return STATUS_OK;
}

static enum status make_alert(struct bytes body, struct names *names, struct arena *arena,
    struct made *out)
{
	const Fettle__AlertVerdict *verdict = record_unpack(&fettle__alert_verdict__descriptor,
	    body, arena);
	enum standing_alert standing;

	if (verdict == NULL || !standing_of_alert(verdict, &standing))
		return STATUS_REJECT;
	out->asset = record_bytes(verdict->asset);
	out->body = verdict_json_alert(verdict, names_find(names, out->asset));
	/* What comes later tells of an alert that was sent, and need not wake anybody again. */
	out->rank = standing == STANDING_OPEN ? rank_of_severity(verdict->severity) : RANK_INFO;
	return STATUS_OK;
}

static enum status make_job(struct bytes body, struct names *names, struct arena *arena,
    struct made *out)
{
	const Fettle__JobVerdict *verdict = record_unpack(&fettle__job_verdict__descriptor, body,
	    arena);
	bool is_bad;

	if (verdict == NULL)
		return STATUS_REJECT;
	is_bad = verdict->state == FETTLE__JOB_STATE__JOB_STATE_FAILED
	      || verdict->state == FETTLE__JOB_STATE__JOB_STATE_LOST;
	out->asset = record_bytes(verdict->asset);
	out->body = verdict_json_job(verdict, names_find(names, out->asset));
	out->rank = is_bad ? RANK_MEDIUM : RANK_INFO;
	return STATUS_OK;
}

static enum status make_results(struct bytes body, struct names *names, struct arena *arena,
    struct made *out)
{
	const Fettle__ResultsVerdict *verdict = record_unpack(&fettle__results_verdict__descriptor,
	    body, arena);

	if (verdict == NULL)
		return STATUS_REJECT;
	out->asset = record_bytes(verdict->asset);
	out->body = verdict_json_results(verdict, names_find(names, out->asset));
	out->rank = RANK_INFO;
	return STATUS_OK;
}

static enum status make_loss(struct bytes body, struct names *names, struct arena *arena,
    struct made *out)
{
	const Fettle__LossVerdict *verdict = record_unpack(&fettle__loss_verdict__descriptor, body,
	    arena);

	if (verdict == NULL)
		return STATUS_REJECT;
	out->asset = record_bytes(verdict->asset);
	out->body = verdict_json_loss(verdict, names_find(names, out->asset));
	out->rank = RANK_MEDIUM;
	return STATUS_OK;
}

static enum rank rank_of_health(const Fettle__HealthVerdict *verdict)
{
	if (verdict->is_over && verdict->what != FETTLE__HEALTH_WHAT__HEALTH_WHAT_ROLLED_BACK)
		return RANK_INFO;
	return verdict->what == FETTLE__HEALTH_WHAT__HEALTH_WHAT_CLONE ? RANK_HIGH : RANK_MEDIUM;
}

static enum status make_health(struct bytes body, struct names *names, struct arena *arena,
    struct made *out)
{
	const Fettle__HealthVerdict *verdict = record_unpack(&fettle__health_verdict__descriptor,
	    body, arena);

	if (verdict == NULL)
		return STATUS_REJECT;
	out->asset = record_bytes(verdict->asset);
	out->body = verdict_json_health(verdict, names_find(names, out->asset));
	out->rank = rank_of_health(verdict);
	return STATUS_OK;
}

static enum status make_quarantined(struct bytes body, struct names *names, struct arena *arena,
    struct made *out)
{
	const Fettle__QuarantinedVerdict *verdict = record_unpack(
	    &fettle__quarantined_verdict__descriptor, body, arena);

	(void)names;
	if (verdict == NULL)
		return STATUS_REJECT;
	*out = (struct made){ .body = verdict_json_quarantined(verdict), .rank = RANK_MEDIUM };
	return STATUS_OK;
}

static const struct kind {
	uint32_t kind;
	const char *name;
	enum status (
	    *make)(struct bytes body, struct names *names, struct arena *arena, struct made *out);
} kinds_all[] = {
	{ FETTLE__KIND__KIND_FINDING, "finding", make_finding },
	{ FETTLE__KIND__KIND_ALERT, "alert", make_alert },
	{ FETTLE__KIND__KIND_JOB, "job", make_job },
	{ FETTLE__KIND__KIND_CHANGE, "change", make_change },
	{ FETTLE__KIND__KIND_ASSET, "asset", make_asset },
	{ FETTLE__KIND__KIND_RESULTS, "results", make_results },
	{ FETTLE__KIND__KIND_LOSS, "gap", make_loss },
	{ FETTLE__KIND__KIND_QUARANTINED, "quarantined", make_quarantined },
	{ FETTLE__KIND__KIND_HEALTH, "health", make_health },
};

enum { KINDS = sizeof(kinds_all) / sizeof(kinds_all[0]) };

static bool parse_kind(const char *name, document_kinds *out)
{
	for (unsigned i = 0; i < KINDS; i++)
		if (strcmp(kinds_all[i].name, name) == 0) {
			*out |= UINT32_C(1) << i;
			return true;
		}
	return false;
}

bool document_kinds_parse(const struct setting_list *names, document_kinds *out, struct buffer *why)
{
	*out = 0;
	for (size_t i = 0; i < names->count; i++) {
		if (parse_kind(names->items[i], out))
			continue;
		buffer_append_format(why, "`%s` is no kind of event; there are", names->items[i]);
		for (unsigned k = 0; k < KINDS; k++)
			buffer_append_format(why, "%s %s", k == 0 ? "" : ",", kinds_all[k].name);
		return false;
	}
	if (*out == 0)
		buffer_append_text(why, "`events` is empty, so nothing would ever be sent");
	return *out != 0;
}

/* ---- making one ---- */

void document_fini(struct document *document)
{
	json_decref(document->json);
	*document = (struct document){ 0 };
}

/* Head and BODY, which is taken, in one object. */
static void assemble(struct document *out, json_t *body)
{
	out->json = json_object();
	json_object_set_new(out->json, "event_id", verdict_json_id(BYTES_OF(out->event_id)));
	json_object_set_new(out->json, "event", json_string(out->event));
	json_object_set_new(out->json, "event_at", verdict_json_time(out->at_ms));
	REQUIRE(json_object_update(out->json, body) == 0);
	json_decref(body);
}

static void learn(struct names *names, struct bytes body, struct arena *arena)
{
	const Fettle__AssetVerdict *verdict = record_unpack(&fettle__asset_verdict__descriptor,
	    body, arena);

	if (verdict != NULL)
		names_learn(names, record_bytes(verdict->asset), verdict->name);
}

enum status document_make(struct bytes record, document_kinds kinds, struct names *names,
    struct arena *arena, struct document *out)
{
	Fettle__Record *decoded;
	struct made made = { .rank = RANK_UNKNOWN };
	enum status status = record_decode(record, arena, &decoded);
	unsigned index = 0;

	*out = (struct document){ 0 };
	if (status != STATUS_OK)
		return status;
	if (decoded->envelope->kind == FETTLE__KIND__KIND_ASSET)
		learn(names, record_bytes(decoded->body), arena);
	while (index < KINDS && kinds_all[index].kind != decoded->envelope->kind)
		index++;
	if (index == KINDS || (kinds >> index & 1) == 0)
		return STATUS_NOT_FOUND;
	status = kinds_all[index].make(record_bytes(decoded->body), names, arena, &made);
	if (status != STATUS_OK)
		return status;
	memcpy(out->event_id, decoded->envelope->event_id.data, EVENT_ID_SIZE);
	out->event = kinds_all[index].name;
	out->at_ms = decoded->envelope->wall_ms;
	out->rank = made.rank;
	out->has_asset = made.asset.size == sizeof(out->asset);
	if (out->has_asset)
		memcpy(out->asset, made.asset.data, sizeof(out->asset));
	assemble(out, made.body);
	return STATUS_OK;
}

void document_make_gap(const char *target, uint64_t first, uint64_t last, uint64_t at_ms,
    struct document *out)
{
	struct buffer numbers = { 0 };
	struct bytes parts[2] = { bytes_of_text(target) };
	json_t *body;

	*out = (struct document){ .event = "gap", .at_ms = at_ms, .rank = RANK_MEDIUM };
	buffer_append_u64(&numbers, first);
	buffer_append_u64(&numbers, last);
	parts[1] = buffer_bytes(&numbers);
	hash_parts(parts, 2, out->event_id);
	buffer_fini(&numbers);
	body = json_pack("{s:o, s:n, s:n, s:I, s:s, s:o}", "id",
	    verdict_json_id(BYTES_OF(out->event_id)), "asset", "asset_id", "count",
	    (json_int_t)(last - first + 1), "reason",
	    "verdicts that were not sent here, because this target was too far behind", "at",
	    verdict_json_time(at_ms));
	REQUIRE(body != NULL);
	assemble(out, body);
}

void document_make_test(const char *target, uint64_t at_ms, struct document *out)
{
	json_t *body = json_pack("{s:o, s:s}", "target", verdict_json_text(bytes_of_text(target)),
	    "message", "This is a test of the way from Fettle to here. It means nothing else.");

	REQUIRE(body != NULL);
	*out = (struct document){ .event = "test",
		.at_ms = at_ms,
		.rank = RANK_INFO,
		.is_test = true };
	hash_random(out->event_id, sizeof(out->event_id));
	assemble(out, body);
}

/* ---- writing it ---- */

static size_t append_whole(const json_t *json, struct buffer *out)
{
	size_t before = out->size;

	verdict_json_append(out, json);
	return out->size - before;
}

/* Without these nobody knows what it is. */
static bool is_needed(const char *member)
{
	static const char *const needed[] = { "event_id", "event", "event_at", "left_out" };

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (strcmp(member, needed[i]) == 0)
			return true;
	return false;
}

/* The member of JSON that takes most room, and may be left out; NULL: none is left. */
static const char *longest_member(json_t *json)
{
	const char *name, *longest = NULL;
	struct buffer text = { 0 };
	size_t most = 0;
	json_t *value;

	json_object_foreach(json, name, value)
	{
		size_t size = append_whole(value, &text);

		if (!is_needed(name) && size > most) {
			longest = name;
			most = size;
		}
	}
	buffer_fini(&text);
	return longest;
}

/* A copy without its longest members, so that it fits. */
static void append_shortened(const json_t *json, size_t most, struct buffer *out)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)json), *left_out = json_array();
	size_t before = out->size;
	const char *longest;

	json_object_set_new(copy, "left_out", left_out);
	while ((longest = longest_member(copy)) != NULL) {
		json_array_append_new(left_out, json_string(longest));
		json_object_del(copy, longest);
		out->size = before;
		if (append_whole(copy, out) <= most)
			break;
	}
	json_decref(copy);
}

void document_append(const struct document *document, size_t most, struct buffer *out)
{
	size_t before = out->size;

	if (append_whole(document->json, out) <= most || most == 0)
		return;
	out->size = before;
	append_shortened(document->json, most, out);
}
