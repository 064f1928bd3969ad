/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/store/layout.h"

#include "core/hash.h"
#include "core/record.h"

enum { SUBJECT_MAX = 256, POLICY_MAX = 256 };
enum { SUMS = 3 + LAYOUT_STATES * RANKS };

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

void layout_sums_encode(struct buffer *out, const struct layout_sums *sums)
{
	buffer_append_u64(out, sums->position);
	buffer_append_u64(out, sums->refused);
	buffer_append_u64(out, sums->lost);
	for (unsigned state = 0; state < LAYOUT_STATES; state++)
		for (unsigned rank = 0; rank < RANKS; rank++)
			buffer_append_u64(out, sums->findings[state][rank]);
}

bool layout_sums_decode(struct bytes value, struct layout_sums *out)
{
	const uint8_t *at = value.data;

	if (value.size != 8 * SUMS)
		return false;
	out->position = bytes_u64(at);
	out->refused = bytes_u64(at + 8);
	out->lost = bytes_u64(at + 16);
	at += 24;
	for (unsigned state = 0; state < LAYOUT_STATES; state++)
		for (unsigned rank = 0; rank < RANKS; rank++, at += 8)
			out->findings[state][rank] = bytes_u64(at);
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

void layout_results_key(struct buffer *out, struct bytes asset, const char *policy)
{
	buffer_append(out, asset);
	append_bounded(out, policy, POLICY_MAX);
}
