/* SPDX-License-Identifier: Apache-2.0 */
#include "core/attempts.h"

#include "core/record.h"
#include "core/require.h"
#include "proto/state.pb-c.h"

/* Records at once, by how often a lot with them has crashed. */
static const size_t widths[ATTEMPTS_CRASHES] = { 256, 16, 1 };

static bool has_range(const Fettle__Suspect *suspect)
{
	return suspect != NULL && suspect->flow < SUBLOG_END && suspect->first > 0
	    && suspect->last >= suspect->first;
}

static void suspect(struct attempts *attempts, const Fettle__Suspect *kept, uint32_t more)
{
	if (has_range(kept))
		attempts->suspects[kept->flow] = (struct attempts_range){ kept->first, kept->last,
			kept->crashes + more };
}

enum status attempts_begin(struct attempts *attempts, struct bytes kept)
{
	struct arena arena = { 0 };
	Fettle__Attempts *message = record_unpack(&fettle__attempts__descriptor, kept, &arena);
	enum status status = message == NULL ? STATUS_CORRUPT : STATUS_OK;
	bool has_suspects = false;

	*attempts = (struct attempts){ .careful_left = 0 };
	for (size_t i = 0; message != NULL && i < message->n_suspects; i++) {
		suspect(attempts, message->suspects[i], 0);
		has_suspects = true;
	}
	if (message != NULL && message->is_running)
		suspect(attempts, message->trying, 1);
	if (message != NULL && (message->is_running || has_suspects))
		attempts->careful_left = ATTEMPTS_CAREFUL;
	arena_fini(&arena);
	return status;
}

static Fettle__Suspect *pack_range(struct arena *arena, uint32_t flow,
    const struct attempts_range *range)
{
	Fettle__Suspect *packed = arena_take(arena, sizeof(*packed));

	fettle__suspect__init(packed);
	RECORD_SET(packed, flow, flow);
	RECORD_SET(packed, first, range->first);
	RECORD_SET(packed, last, range->last);
	RECORD_SET(packed, crashes, range->crashes);
	return packed;
}

void attempts_encode(const struct attempts *attempts, bool is_running, struct buffer *out)
{
	Fettle__Attempts message = FETTLE__ATTEMPTS__INIT;
	struct arena arena = { 0 };

	RECORD_SET(&message, is_running, is_running);
	message.suspects = arena_take(&arena, SUBLOG_END * sizeof(*message.suspects));
	for (uint32_t flow = 0; flow < SUBLOG_END; flow++)
		if (attempts->suspects[flow].first > 0)
			message.suspects[message.n_suspects++] = pack_range(&arena, flow,
			    &attempts->suspects[flow]);
	if (attempts->trying.first > 0)
		message.trying = pack_range(&arena, attempts->trying_flow, &attempts->trying);
	record_pack(out, &message.base);
	arena_fini(&arena);
}

bool attempts_is_careful(const struct attempts *attempts)
{
	return attempts->careful_left > 0;
}

static const struct attempts_range *suspects_at(const struct attempts *attempts, uint32_t flow,
    uint64_t number)
{
	const struct attempts_range *range = &attempts->suspects[flow];

	return range->first > 0 && number >= range->first && number <= range->last ? range : NULL;
}

bool attempts_condemns(const struct attempts *attempts, uint32_t flow, uint64_t number)
{
	const struct attempts_range *range = suspects_at(attempts, flow, number);

	return range != NULL && range->first == range->last && range->crashes >= ATTEMPTS_CRASHES;
}

size_t attempts_width(const struct attempts *attempts, uint32_t flow, uint64_t first)
{
	const struct attempts_range *range = suspects_at(attempts, flow, first);
	uint32_t crashes = range == NULL ? 0 : range->crashes;
	size_t width = crashes < ATTEMPTS_CRASHES ? widths[crashes] : 1;
	uint64_t begin = attempts->suspects[flow].first;
	uint64_t most = UINT64_MAX;

	/* A lot is all suspect or not at all. */
	if (range != NULL)
		most = range->last - first + 1;
	else if (begin > first)
		most = begin - first;
	return most < width ? (size_t)most : width;
}

void attempts_try(struct attempts *attempts, uint32_t flow, uint64_t first, uint64_t last)
{
	const struct attempts_range *range = suspects_at(attempts, flow, first);

	REQUIRE(flow < SUBLOG_END && first > 0 && last >= first);
	attempts->trying_flow = flow;
	attempts->trying = (struct attempts_range){ first, last,
		range == NULL ? 0 : range->crashes };
}

void attempts_survived(struct attempts *attempts)
{
	struct attempts_range *range = &attempts->suspects[attempts->trying_flow];
	uint64_t count = attempts->trying.last - attempts->trying.first + 1;

	if (range->first > 0 && attempts->trying.last >= range->last)
		*range = (struct attempts_range){ 0, 0, 0 };
	else if (range->first > 0 && attempts->trying.last >= range->first)
		range->first = attempts->trying.last + 1;
	attempts->careful_left -= count < attempts->careful_left ? count : attempts->careful_left;
	attempts_forget(attempts);
}

void attempts_forget(struct attempts *attempts)
{
	attempts->trying = (struct attempts_range){ 0, 0, 0 };
}
