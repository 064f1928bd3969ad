/* SPDX-License-Identifier: Apache-2.0 */
#include "console/scan_picture.h"

#include <string.h>

#include "collectors/agent.h"
#include "collectors/collectors.h"
#include "core/record.h"
#include "core/require.h"

enum { NAMES_BYTES = 200 };

static bool is_empty(const char *text)
{
	return text == NULL || text[0] == '\0';
}

/* ---- the asset and its facts ---- */

static enum status take_asset(void *data, const struct state_asset *asset)
{
	struct scan_picture *picture = data;

	if (memcmp(asset->id, picture->summary->asset, ASSET_ID_SIZE) != 0)
		return STATUS_OK;
	picture->name = arena_text(&picture->arena, asset->name);
	picture->system = arena_text(&picture->arena, asset->system);
	picture->last_seen_ms = asset->last_seen_ms;
	return STATUS_OK;
}

static bool is_failure(enum fact_status status)
{
	return status == FACT_UNREADABLE || status == FACT_FAILED;
}

/* A collector that cannot look says so in the fact that is called as its scope without the slash.
 */
static void note_answer(struct picture_collector *collector, const char *const *scopes,
    const struct fact *fact)
{
	for (unsigned i = 0; scopes[i] != NULL; i++)
		if (fact->key.size == strlen(scopes[i]) - 1
		    && bytes_start_with(bytes_of_text(scopes[i]), fact->key)
		    && (is_failure(fact->status) || fact->status == FACT_ABSENT))
			collector->answered |= UINT32_C(1) << i;
}

static enum status take_fact(void *data, const struct state_fact *fact)
{
	struct scan_picture *picture = data;

	picture->facts++;
	picture->packages += bytes_start_with(fact->fact.key, bytes_of_text("package/dpkg/"));
	picture->files += bytes_start_with(fact->fact.key, bytes_of_text("file/"));
	picture->unreadable += is_failure(fact->fact.status);
	for (size_t i = 0; i < picture->collectors_count; i++) {
		struct picture_collector *collector = &picture->collectors[i];

		collector->facts += strcmp(collector->name, fact->collector) == 0;
		note_answer(collector, collectors_all[i]->scopes, &fact->fact);
	}
	return STATUS_OK;
}

static enum status take_pass(void *data, const struct state_pass *pass)
{
	struct scan_picture *picture = data;

	for (size_t i = 0; i < picture->collectors_count; i++) {
		const char *const *scopes = collectors_all[i]->scopes;

		for (unsigned k = 0; scopes[k] != NULL; k++)
			if (strcmp(picture->collectors[i].name, pass->collector) == 0
			    && bytes_equal(pass->prefix, bytes_of_text(scopes[k])))
				picture->collectors[i].answered |= UINT32_C(1) << k;
	}
	return STATUS_OK;
}

static void list_collectors(struct scan_picture *picture)
{
	for (size_t i = 0; collectors_all[i] != NULL; i++) {
		REQUIRE(i < PICTURE_COLLECTORS_MAX);
		picture->collectors[picture->collectors_count++].name = collectors_all[i]->name;
	}
}

static void judge_collectors(struct scan_picture *picture)
{
	for (size_t i = 0; i < picture->collectors_count; i++) {
		struct picture_collector *collector = &picture->collectors[i];
		unsigned scopes = 0;

		while (collectors_all[i]->scopes[scopes] != NULL)
			scopes++;
		if (!agent_runs(picture->console->settings, collector->name))
			collector->look = PICTURE_SKIPPED;
		else if (collector->answered != (UINT32_C(1) << scopes) - 1)
			collector->look = PICTURE_UNFINISHED;
	}
}

static enum status read_state(struct scan_picture *picture)
{
	const uint8_t *asset = picture->summary->asset;
	struct state_reader *state;
	enum status status = state_reader_open(picture->console->paths.data, &state);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	status = state_reader_assets(state, take_asset, picture);
	if (status == STATUS_OK)
		status = state_reader_facts(state, asset, BYTES_NONE, take_fact, picture);
	if (status == STATUS_OK)
		status = state_reader_passes(state, asset, take_pass, picture);
	if (status == STATUS_OK)
		status = state_reader_score(state, asset, &picture->score);
	state_reader_close(state);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- what was judged ---- */

const char *scan_picture_why(const Fettle__FindingVerdict *finding)
{
	return finding->n_evidence == 0 ? finding->reason
	                                : finding->evidence[finding->n_evidence - 1]->detail;
}

/* "dpkg/libssl3:amd64": the package, without who manages it and for which machine. */
static struct bytes package_of(const char *subject)
{
	const char *slash = strchr(subject, '/');
	const char *name = slash == NULL ? subject : slash + 1;

	return BYTES(name, strcspn(name, ":"));
}

static void take_patch(struct scan_picture *picture, const Fettle__FindingVerdict *finding)
{
	enum rank rank = rank_of_severity(finding->severity);
	struct picture_patches *patches = &picture->patches_by_rank[rank];
	struct bytes name = package_of(is_empty(finding->subject) ? "?" : finding->subject);

	picture->patches++;
	picture->security_patches += rank <= RANK_HIGH;
	patches->count++;
	if (finding->due_ms > 0 && (patches->due_ms == 0 || finding->due_ms < patches->due_ms))
		patches->due_ms = finding->due_ms;
	if (patches->names.size >= NAMES_BYTES)
		return;
	buffer_append_text(&patches->names, patches->names.size > 0 ? ", " : "");
	buffer_append(&patches->names, name);
}

/* A copy that outlives the visit. */
static const Fettle__FindingVerdict *keep(struct scan_picture *picture,
    const Fettle__FindingVerdict *finding)
{
	struct buffer packed = { 0 };
	const Fettle__FindingVerdict *copy;

	record_pack(&packed, &finding->base);
	copy = record_unpack(&fettle__finding_verdict__descriptor, buffer_bytes(&packed),
	    &picture->arena);
	buffer_fini(&packed);
	return copy;
}

static enum status take_finding(void *data, const Fettle__FindingVerdict *finding)
{
	struct scan_picture *picture = data;

	picture->open++;
	if (finding->kind == FETTLE__FINDING_KIND__FINDING_KIND_MISSING_PATCH)
		take_patch(picture, finding);
	else if (picture->worst_count < PICTURE_WORST_MAX)
		picture->worst[picture->worst_count++] = keep(picture, finding);
	if (picture->on_finding != NULL)
		picture->on_finding(picture->callback_data, finding);
	return STATUS_OK;
}

static enum status take_results(void *data, const Fettle__ResultsVerdict *results)
{
	struct scan_picture *picture = data;

	for (size_t i = 0; i < results->n_outcomes; i++) {
		const Fettle__CheckOutcome *outcome = results->outcomes[i];

		if (outcome->result != FETTLE__CHECK_RESULT__CHECK_RESULT_NOT_RUN
		    || picture->not_run_count == PICTURE_NOT_RUN_MAX)
			continue;
		picture->not_run[picture->not_run_count].check = arena_text(&picture->arena,
		    is_empty(outcome->check) ? "?" : outcome->check);
		picture->not_run[picture->not_run_count++].why = arena_text(&picture->arena,
		    is_empty(outcome->reason) ? "" : outcome->reason);
	}
	return STATUS_OK;
}

static enum status read_store(struct scan_picture *picture)
{
	const struct query_findings wanted = { .asset = BYTES_OF(picture->summary->asset),
		.states = 1U << FETTLE__FINDING_STATE__FINDING_STATE_OPEN };
	struct query *query;
	enum status status = query_open(picture->console->paths.data, &query);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	status = query_findings(query, &wanted, take_finding, picture);
	if (status == STATUS_OK)
		status = query_results(query, wanted.asset, take_results, picture);
	query_close(query);
	return status;
}

enum status scan_picture_take(struct scan_picture *picture)
{
	enum status status;

	picture->name = picture->system = "";
	list_collectors(picture);
	status = read_state(picture);
	judge_collectors(picture);
	return status == STATUS_OK ? read_store(picture) : status;
}

void scan_picture_fini(struct scan_picture *picture)
{
	for (unsigned rank = 0; rank < RANKS; rank++)
		buffer_fini(&picture->patches_by_rank[rank].names);
	arena_fini(&picture->arena);
}
