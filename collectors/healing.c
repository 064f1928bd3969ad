/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/healing.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/record.h"

/* How long until it is asked again whether everything was looked at, and whether there is room. */
enum { LOOK_MS = 500, ROOM_MS = 5000, SPREAD_MAX_MS = 3600 * 1000 };

struct healing {
	struct healing_options is;
	uv_timer_t digest, refresh;
	bool wants_buckets;
};

static uint64_t random_up_to(uint64_t most_ms)
{
	uint8_t random[8];

	hash_random(random, sizeof(random));
	return bytes_u64(random) % ((most_ms < SPREAD_MAX_MS ? most_ms : SPREAD_MAX_MS) + 1);
}

/* ---- digests ---- */

static void on_digest(uv_timer_t *timer);

static void digest_in(struct healing *healing, uint64_t delay_ms)
{
	uv_timer_start(&healing->digest, on_digest, delay_ms, 0);
}

static void send_digest(struct healing *healing)
{
	uint64_t undone = spool_undone(healing->is.spool);
	enum status status = spool_append_digest(healing->is.spool, healing->wants_buckets, true);

	if (status != STATUS_OK) {
		digest_in(healing, ROOM_MS);
		/* A lane without room is waited for, and is no failure unless it cost something. */
		if (status != STATUS_FULL || spool_undone(healing->is.spool) != undone)
			healing->is.on_failure(healing->is.self, status);
		return;
	}
	healing->wants_buckets = false;
	digest_in(healing, clock_jitter_ms(healing->is.digest_ms));
}

/* Without a session it waits for the next one, which begins with a digest. */
static void on_digest(uv_timer_t *timer)
{
	struct healing *healing = timer->data;

	if (!healing->is.is_open(healing->is.self))
		return;
	if (observer_is_complete(healing->is.observer))
		send_digest(healing);
	else
		digest_in(healing, LOOK_MS);
}

void healing_welcome(struct healing *healing, uint64_t spread_ms)
{
	digest_in(healing, LOOK_MS + random_up_to(spread_ms));
}

/* ---- sending again ---- */

static void on_refresh(uv_timer_t *timer)
{
	struct healing *healing = timer->data;

	healing->is.refresh(healing->is.self);
}

void healing_anew(struct healing *healing, uint64_t spread_ms)
{
	uv_timer_start(&healing->refresh, on_refresh, random_up_to(spread_ms), 0);
}

static void send_again(struct healing *healing, struct bytes numbers)
{
	struct digest_set buckets;
	enum status status;

	digest_set_decode(numbers, &buckets);
	status = spool_resync(healing->is.spool, &buckets);
	if (status != STATUS_OK) {
		/* Undone, its command's number with it: it comes again. */
		healing->is.on_failure(healing->is.self, status);
		return;
	}
	log_write(LOG_INFO, "resync", LOG_FIELDS(LOG_NUMBER("buckets", buckets.count)),
	    "the server knows other facts than this agent has told; those are sent again");
	uv_timer_start(&healing->refresh, on_refresh, 0, 0);
}

void healing_resync(struct healing *healing, const Fettle__Resync *resync)
{
	if (resync->wants_digest)
		healing->wants_buckets = true;
	if (resync->buckets.len > 0)
		send_again(healing, record_bytes(resync->buckets));
	digest_in(healing, 0);
}

/* ---- opening ---- */

struct healing *healing_new(const struct healing_options *options)
{
	struct healing *healing = memory_new(sizeof(*healing));

	healing->is = *options;
	uv_timer_init(options->loop, &healing->digest);
	uv_timer_init(options->loop, &healing->refresh);
	healing->digest.data = healing->refresh.data = healing;
	return healing;
}

void healing_stop(struct healing *healing)
{
	if (healing == NULL)
		return;
	uv_close((uv_handle_t *)&healing->digest, NULL);
	uv_close((uv_handle_t *)&healing->refresh, NULL);
}

void healing_free(struct healing *healing)
{
	free(healing);
}
