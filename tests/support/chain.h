/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain.h - a chain of stages in a host of its own, for tests: records go in as the log hands them
 * over, time passes by hand, and what verdicts and commands come out is looked at.
 */
#ifndef TESTS_SUPPORT_CHAIN_H
#define TESTS_SUPPORT_CHAIN_H

#include "core/host.h"
#include "core/record.h"
#include "core/sublog.h"
#include "tests/support/scratch.h"

enum { CHAIN_START_MS = 1000 * 1000 };

struct chain {
	const char *const *tables;
	const struct stage *const *stages;
	void *directory;
	struct kv *kv;
	struct host *host;
	struct arena arena; /* lives as long */
	uint64_t heads[SUBLOG_END];
	uint64_t now_ms, events;
};

/* A chain of STAGES over an empty state of TABLES, which both live longer; not 0: it failed. */
int chain_start(struct chain *chain, const char *const *tables, const struct stage *const *stages);
int chain_stop(struct chain *chain);
/* The host ends, and another begins where it was. */
void chain_restart(struct chain *chain);

/* Steps, a millisecond each, until there is nothing to do now; what is due later stays. */
void chain_settle(struct chain *chain);

/* What a record says of itself; what is 0 is not said. */
struct chain_record {
	const uint8_t *writer; /* 16 bytes */
	uint32_t flow, kind;
	enum lane lane;
	uint64_t epoch, revision, wall_ms, offset;
	struct bytes body;
};

/* The next record of its flow, under an event id of its own; as it went in, in the arena. */
struct bytes chain_give(struct chain *chain, const struct chain_record *record);
/* MESSAGE as a body, in the arena. */
struct bytes chain_body(struct chain *chain, const ProtobufCMessage *message);

/* One that came out, in the arena. */
const Fettle__Record *chain_verdict(struct chain *chain, uint64_t number);
const Fettle__Record *chain_command(struct chain *chain, uint64_t number);

/* Rows of TABLE. */
uint64_t chain_count(struct chain *chain, unsigned table);

#endif
