/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query.h - the store as the console reads it: while the sink writes, from the same or another
 * process.
 *
 * Rows are copied page by page, each page in a read transaction of its own, so that a visitor may
 * take as long as it likes.  What is committed meanwhile may or may not be seen.  Every visit goes
 * on until the visitor returns other than OK, which is then returned.  Visited messages are
 * borrowed for the visit.
 */
#ifndef SINKS_STORE_QUERY_H
#define SINKS_STORE_QUERY_H

#include <stdbool.h>

#include "core/bytes.h"
#include "core/status.h"
#include "proto/verdict.pb-c.h"
#include "sinks/store/rank.h"
#include "sinks/store/standing.h"

struct query;

/* DATA is the data directory.  NOT_FOUND: nothing was ever stored there.  Or as kv_open. */
NODISCARD enum status query_open(const char *data, struct query **out);
void query_close(struct query *query); /* NULL is fine */

/* In the order of their ids. */
NODISCARD enum status query_assets(struct query *query,
    enum status (*visit)(void *visitor, const Fettle__AssetVerdict *asset), void *visitor);
/* In ARENA.  NOT_FOUND. */
NODISCARD enum status query_asset(struct query *query, struct bytes id, struct arena *arena,
    Fettle__AssetVerdict **out);

/* All zeroes: everything. */
struct query_findings {
	struct bytes asset; /* id */
	uint32_t states;    /* bits 1 << FindingState */
	uint32_t kinds;     /* bits 1 << FindingKind */
	uint32_t ranks;     /* bits 1 << rank */
	uint64_t since_ms;  /* first seen, or fixed, then or later */
	bool is_by_due;     /* the soonest due first, those without a date last */
};

/* By state (open, fixed, excepted), then (due time where asked for,) rank, asset, subject. */
NODISCARD enum status query_findings(struct query *query, const struct query_findings *wanted,
    enum status (*visit)(void *visitor, const Fettle__FindingVerdict *finding), void *visitor);
/*
 * The one whose id, in hexadecimal, begins with ID, in ARENA.  NOT_FOUND; EXISTS: more than one
 * does; INVALID: not hexadecimal, or too long.
 */
NODISCARD enum status query_finding(struct query *query, const char *id, struct arena *arena,
    Fettle__FindingVerdict **out);

/* All zeroes: everything. */
struct query_changes {
	uint64_t since_ms;  /* received then or later */
	struct bytes asset; /* id */
	struct bytes key_prefix;
	uint64_t limit; /* the newest so many */
};

/* By time of receipt, the newest last. */
NODISCARD enum status query_changes(struct query *query, const struct query_changes *wanted,
    enum status (*visit)(void *visitor, const Fettle__ChangeVerdict *change, uint64_t stored_ms),
    void *visitor);

/* Of ASSET, or where it is NONE of all, by asset and policy. */
NODISCARD enum status query_results(struct query *query, struct bytes asset,
    enum status (*visit)(void *visitor, const Fettle__ResultsVerdict *results), void *visitor);

/* By time, the newest last. */
NODISCARD enum status query_quarantined(struct query *query,
    enum status (*visit)(void *visitor, const Fettle__QuarantinedVerdict *quarantined),
    void *visitor);
NODISCARD enum status query_losses(struct query *query,
    enum status (*visit)(void *visitor, const Fettle__LossVerdict *loss), void *visitor);

/* Of ASSET, or where it is NONE of all: by asset, kind and time. */
NODISCARD enum status query_health(struct query *query, struct bytes asset,
    enum status (*visit)(void *visitor, const Fettle__HealthVerdict *health), void *visitor);

/* All zeroes: everything. */
struct query_alerts {
	struct bytes asset;     /* id */
	uint32_t standings;     /* bits 1 << standing */
	uint32_t ranks;         /* bits 1 << rank */
	uint64_t since_ms;      /* opened, or undone, then or later */
	bool is_unacknowledged; /* only what nobody has seen yet */
};

/* By standing (open first), then rank, the newest first. */
NODISCARD enum status query_alerts(struct query *query, const struct query_alerts *wanted,
    enum status (*visit)(void *visitor, const Fettle__AlertVerdict *alert), void *visitor);
/* As query_finding. */
NODISCARD enum status query_alert(struct query *query, const char *id, struct arena *arena,
    Fettle__AlertVerdict **out);

/* All zeroes: everything. */
struct query_jobs {
	struct bytes asset; /* id */
	uint32_t states;    /* bits 1 << JobState */
	uint64_t since_ms;  /* something happened to it then or later */
};

/* By when they were proposed, the newest first. */
NODISCARD enum status query_jobs(struct query *query, const struct query_jobs *wanted,
    enum status (*visit)(void *visitor, const Fettle__JobVerdict *job), void *visitor);
/* As query_finding. */
NODISCARD enum status query_job(struct query *query, const char *id, struct arena *arena,
    Fettle__JobVerdict **out);

struct query_counters {
	uint64_t position; /* in the verdict stream */
	uint64_t refused;  /* verdicts that could not be understood */
	uint64_t assets, changes, results, quarantined;
	uint64_t losses, lost; /* reports of lost records, and how many records */
	uint64_t findings[FETTLE__FINDING_STATE__FINDING_STATE_EXCEPTED + 1][RANKS];
	uint64_t alerts[STANDINGS_END][RANKS];
	uint64_t jobs[STANDING_JOB_STATES_END];
};
NODISCARD enum status query_counters(struct query *query, struct query_counters *out);

#endif
