/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/store/layout.h"

#include "core/hash.h"
#include "core/record.h"
#include "core/require.h"

enum { SUBJECT_MAX = 256, POLICY_MAX = 256 };
enum {
	FIRST_SUMS = 3 + LAYOUT_STATES * RANKS, /* what the first version had */
	SUMS = FIRST_SUMS + STANDINGS_END * RANKS + STANDING_JOB_STATES_END,
};

const char *const layout_tables[] = {
	[LAYOUT_META] = "meta",
	[LAYOUT_ASSETS] = "assets",
	[LAYOUT_FINDINGS] = "findings",
	[LAYOUT_FINDINGS_BY_RANK] = "findings_by_rank",
	[LAYOUT_CHANGES] = "changes",
	[LAYOUT_CHANGES_BY_ASSET] = "changes_by_asset",
	[LAYOUT_RESULTS] = "results",
	[LAYOUT_QUARANTINED] = "quarantined",
	[LAYOUT_LOSSES] = "losses",
	[LAYOUT_FINDINGS_BY_DUE] = "findings_by_due",
	[LAYOUT_ALERTS] = "alerts",
	[LAYOUT_ALERTS_BY_RANK] = "alerts_by_rank",
	[LAYOUT_ALERTS_BY_ASSET] = "alerts_by_asset",
	[LAYOUT_JOBS] = "jobs",
	[LAYOUT_JOBS_BY_TIME] = "jobs_by_time",
	[LAYOUT_JOBS_BY_STATE] = "jobs_by_state",
	[LAYOUT_JOBS_BY_ASSET] = "jobs_by_asset",
	[LAYOUT_HEALTH] = "health",
	NULL,
};

char *layout_directory(const char *data)
{
	return text_format("%s/store", data);
}

struct bytes layout_sums_key(void)
{
	return bytes_of_text("sums");
}

/* Every sum, in the order in which they are kept; TABLE has room for SUMS. */
static void list_sums(struct layout_sums *sums, uint64_t *table[])
{
	size_t count = 0;

	table[count++] = &sums->position;
	table[count++] = &sums->refused;
	table[count++] = &sums->lost;
	for (unsigned i = 0; i < LAYOUT_STATES * RANKS; i++)
		table[count++] = &sums->findings[i / RANKS][i % RANKS];
	for (unsigned i = 0; i < STANDINGS_END * RANKS; i++)
		table[count++] = &sums->alerts[i / RANKS][i % RANKS];
	for (unsigned i = 0; i < STANDING_JOB_STATES_END; i++)
		table[count++] = &sums->jobs[i];
	REQUIRE(count == SUMS);
}

void layout_sums_encode(struct buffer *out, const struct layout_sums *sums)
{
	struct layout_sums copy = *sums;
	uint64_t *table[SUMS];

	list_sums(&copy, table);
	for (size_t i = 0; i < SUMS; i++)
		buffer_append_u64(out, *table[i]);
}

bool layout_sums_decode(struct bytes value, struct layout_sums *out)
{
	uint64_t *table[SUMS];

	if (value.size != 8 * SUMS && value.size != 8 * FIRST_SUMS)
		return false;
	*out = (struct layout_sums){ 0 };
	list_sums(out, table);
	for (size_t i = 0; i < value.size / 8; i++)
		*table[i] = bytes_u64(value.data + 8 * i);
	return true;
}

/* Text that may be longer than a key may be: its beginning, and then the hash of all of it. */
static void append_bounded(struct buffer *out, const char *text, size_t most)
{
	struct bytes bytes = bytes_of_text(text == NULL ? "" : text);
	uint8_t hash[HASH_SIZE];

	if (bytes.size <= most) {
		buffer_append(out, bytes);
		return;
	}
	hash_bytes(bytes, hash);
	buffer_append(out, BYTES(bytes.data, most));
	buffer_append(out, BYTES_OF(hash));
}

void layout_timed_key(struct buffer *out, uint64_t ms, struct bytes id)
{
	buffer_append_u64(out, ms);
	buffer_append(out, id);
}

/* What both indexes of findings end with. */
static void append_finding(struct buffer *out, const Fettle__FindingVerdict *finding)
{
	buffer_append_u8(out, (uint8_t)rank_of_severity(finding->severity));
	buffer_append(out, record_bytes(finding->asset));
	append_bounded(out, finding->subject, SUBJECT_MAX);
	buffer_append_u8(out, 0);
	buffer_append(out, record_bytes(finding->id));
}

void layout_finding_key(struct buffer *out, const Fettle__FindingVerdict *finding)
{
	buffer_append_u8(out, (uint8_t)finding->state);
	append_finding(out, finding);
}

void layout_due_key(struct buffer *out, const Fettle__FindingVerdict *finding)
{
	buffer_append_u8(out, (uint8_t)finding->state);
	buffer_append_u64(out, finding->due_ms == 0 ? UINT64_MAX : finding->due_ms);
	append_finding(out, finding);
}

void layout_alert_key(struct buffer *out, const Fettle__AlertVerdict *alert,
    enum standing_alert standing)
{
	buffer_append_u8(out, (uint8_t)standing);
	buffer_append_u8(out, (uint8_t)rank_of_severity(alert->severity));
	layout_timed_key(out, alert->opened_ms, record_bytes(alert->id));
}

void layout_health_key(struct buffer *out, const Fettle__HealthVerdict *health)
{
	buffer_append(out, record_bytes(health->asset));
	buffer_append_u8(out, (uint8_t)health->what);
	buffer_append_u64(out, health->since_ms);
}

void layout_results_key(struct buffer *out, struct bytes asset, const char *policy)
{
	buffer_append(out, asset);
	append_bounded(out, policy, POLICY_MAX);
}
