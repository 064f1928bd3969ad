/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader.h - a processor's state as the console reads it: while the processor runs, from the same
 * or another process, without disturbing it.
 */
#ifndef PROCESSORS_STATE_READER_H
#define PROCESSORS_STATE_READER_H

#include "core/event.h"
#include "core/fact.h"
#include "core/host.h"
#include "core/status.h"

/* The asset that is made for an agent when first heard of. */
void asset_id_of_agent(const uint8_t *agent, uint8_t out[ASSET_ID_SIZE]);

struct state_reader;

/* DATA is the data directory.  NOT_FOUND: no processor has run there yet.  Or as kv_open. */
NODISCARD enum status state_reader_open(const char *data, struct state_reader **out);
void state_reader_close(struct state_reader *reader); /* NULL is fine */

/* One asset; borrowed for the visit. */
struct state_asset {
	uint8_t id[ASSET_ID_SIZE];
	uint8_t agent[ASSET_ID_SIZE];
	const char *name; /* never NULL */
	const char *system;
	const char *agent_version;
	uint64_t first_seen_ms, last_seen_ms, facts;
};
/* Calls VISIT for each until it returns other than OK, which is then returned. */
NODISCARD enum status state_reader_assets(struct state_reader *reader,
    enum status (*visit)(void *data, const struct state_asset *asset), void *data);

/* One fact; borrowed for the visit. */
struct state_fact {
	struct fact fact;
	uint64_t revision, observed_ms, received_ms;
	const char *collector;
};
/* The facts of one asset whose keys begin with PREFIX, in the order of their keys. */
NODISCARD enum status state_reader_facts(struct state_reader *reader,
    const uint8_t asset[ASSET_ID_SIZE], struct bytes prefix,
    enum status (*visit)(void *data, const struct state_fact *fact), void *data);

/* One policy in force; borrowed for the visit. */
struct state_policy {
	const char *id;
	const char *file;
	struct bytes text;
	uint8_t hash[HASH_SIZE];
	const char *dialect_override; /* "" if none */
};
NODISCARD enum status state_reader_policies(struct state_reader *reader,
    enum status (*visit)(void *data, const struct state_policy *policy), void *data);

/* The passes that collectors have completed on an asset; borrowed for the visit. */
struct state_pass {
	const char *collector;
	struct bytes prefix; /* of the keys that it went over */
	uint64_t facts, at_ms;
	struct bytes plan; /* by which it observed; empty: by none */
};
NODISCARD enum status state_reader_passes(struct state_reader *reader,
    const uint8_t asset[ASSET_ID_SIZE],
    enum status (*visit)(void *data, const struct state_pass *pass), void *data);
/* What was made of its results, and the hash of the plan sent to its agent; NOT_FOUND. */
struct state_score {
	uint8_t plan[HASH_SIZE];
	uint64_t passed, failed, not_applicable, not_run;
};
NODISCARD enum status state_reader_score(struct state_reader *reader,
    const uint8_t asset[ASSET_ID_SIZE], struct state_score *out);

/* How far the facts are compared with the agent's; all zeroes where they never were. */
struct state_digest {
	uint64_t agreed_ms;      /* when both held the same, last */
	uint64_t agreed_facts;   /* how many those were */
	uint8_t root[HASH_SIZE]; /* of them */
	uint64_t differs_ms;     /* since when they do not; 0: they do */
	uint64_t resyncs;        /* how often facts were asked for again, ever */
};
NODISCARD enum status state_reader_digest(struct state_reader *reader,
    const uint8_t asset[ASSET_ID_SIZE], struct state_digest *out);

/* How far it is, and what it did. */
struct state_counters {
	uint64_t batches, verdicts; /* heads of both */
	uint64_t intent_read, observations_read;
	uint64_t work_waiting, quarantined;
	uint64_t rules_evaluated, memo_hits, checks_judged, work_slices;
};
NODISCARD enum status state_reader_counters(struct state_reader *reader,
    struct state_counters *out);

/* NOT_FOUND: the processor has never committed a batch. */
NODISCARD enum status state_reader_heads(struct state_reader *reader, struct host_heads *out);

#endif
