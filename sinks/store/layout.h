/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout.h - how the store's environment is laid out: its tables, and the keys in them.
 *
 * Values are the verdicts' own bytes, never encoded again.  A row of an index has no value: the
 * end of its key is the key of the row that it stands for.
 */
#ifndef SINKS_STORE_LAYOUT_H
#define SINKS_STORE_LAYOUT_H

#include "core/bytes.h"
#include "core/status.h"
#include "proto/verdict.pb-c.h"
#include "sinks/store/rank.h"
#include "sinks/store/standing.h"

enum { LAYOUT_ID_SIZE = 16, LAYOUT_STATES = 3, LAYOUT_TIMED_SIZE = 8 + LAYOUT_ID_SIZE };

/* Rises when a key or a value is laid out so that older bytes would be misread. */
enum { LAYOUT_FORMAT = 1 };

enum layout_table {
	LAYOUT_META,             /* "sums", "audit" */
	LAYOUT_ASSETS,           /* asset */
	LAYOUT_FINDINGS,         /* id */
	LAYOUT_FINDINGS_BY_RANK, /* state u8 | rank u8 | asset | subject | 0 | id */
	LAYOUT_CHANGES,          /* received_ms u64 | id; value: stored_ms u64 | verdict */
	LAYOUT_CHANGES_BY_ASSET, /* asset | received_ms u64 | id */
	LAYOUT_RESULTS,          /* asset | policy */
	LAYOUT_QUARANTINED,      /* at_ms u64 | id */
	LAYOUT_LOSSES,           /* at_ms u64 | id */
	LAYOUT_FINDINGS_BY_DUE,  /* state u8 | due_ms u64 | rank u8 | asset | subject | 0 | id */
	LAYOUT_ALERTS,           /* id */
	LAYOUT_ALERTS_BY_RANK,   /* standing u8 | rank u8 | opened_ms u64 | id */
	LAYOUT_ALERTS_BY_ASSET,  /* asset | standing u8 | rank u8 | opened_ms u64 | id */
	LAYOUT_JOBS,             /* id, of 32 bytes */
	LAYOUT_JOBS_BY_TIME,     /* proposed_ms u64 | id */
	LAYOUT_JOBS_BY_STATE,    /* state u8 | proposed_ms u64 | id */
	LAYOUT_JOBS_BY_ASSET,    /* asset | proposed_ms u64 | id */
	LAYOUT_HEALTH,           /* asset | what u8 | since_ms u64 */
	LAYOUT_AUDIT,            /* sequence u64 -> AuditEntry */
	LAYOUT_AUDIT_BY_ID,      /* id -> sequence */
	LAYOUT_CHECKPOINTS,      /* sequence u64 -> AuditCheckpoint */
};

extern const char *const layout_tables[]; /* names by the numbers above; ends with NULL */

/* DATA/store; free it. */
char *layout_directory(const char *data);

/* What is counted as it is applied, and how far that is. */
struct layout_sums {
	uint64_t position; /* offset of the last verdict applied */
	uint64_t refused;  /* verdicts that could not be understood */
	uint64_t lost;     /* records that endpoints or roles lost, by their own account */
	uint64_t findings[LAYOUT_STATES][RANKS]; /* by state - 1, and rank */
	uint64_t alerts[STANDINGS_END][RANKS];
	uint64_t jobs[STANDING_JOB_STATES_END];
};

struct bytes layout_sums_key(void);
void layout_sums_encode(struct buffer *out, const struct layout_sums *sums);
/* False where it is not what was encoded, now or by a version that knew fewer sums: those are 0. */
bool layout_sums_decode(struct bytes value, struct layout_sums *out);

/* These append. */
void layout_timed_key(struct buffer *out, uint64_t ms, struct bytes id);
void layout_finding_key(struct buffer *out, const Fettle__FindingVerdict *finding);
/* By when it is due; what has no date comes after all that have. */
void layout_due_key(struct buffer *out, const Fettle__FindingVerdict *finding);
/* By rank; with its asset in front: by asset. */
void layout_alert_key(struct buffer *out, const Fettle__AlertVerdict *alert,
    enum standing_alert standing);
/* Of one asset by kind and time: what is over replaces its own beginning. */
void layout_health_key(struct buffer *out, const Fettle__HealthVerdict *health);
void layout_results_key(struct buffer *out, struct bytes asset, const char *policy);

#endif
