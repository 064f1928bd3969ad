/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts.h - what the files of this folder share, and nobody else sees.
 */
#ifndef COLLECTORS_AGENT_PARTS_H
#define COLLECTORS_AGENT_PARTS_H

#include <uv.h>

#include "collectors/healing.h"
#include "collectors/jobs/job_runner.h"
#include "collectors/plan.h"
#include "collectors/rotation.h"
#include "collectors/standing.h"
#include "core/collector.h"
#include "core/dialler.h"
#include "core/enrolment_file.h"
#include "core/observer.h"
#include "core/record.h"
#include "core/role.h"
#include "core/setting.h"
#include "core/spool.h"

enum {
	AGENT_COLLECTORS_MAX = 32,
	AGENT_RETRY_MS = 5000, /* what found no room is tried again */
};

struct agent_settings {
	struct setting_list server;
	char *server_key;
	uint64_t spool_size;
	uint64_t heartbeat;
	uint64_t digest;
	struct setting_list skip;
	char *helper;
	bool bundles;
	uint64_t bundles_kept;
};

struct agent {
	const struct role_host *host;
	const struct agent_settings *settings;
	struct rotation *rotation;
	const struct key_pair *keys;    /* in use */
	struct enrolment_file enrolled; /* what is known of the server; empty: nothing */
	struct standing *standing;
	const char *gateway; /* where there is but one */
	const char *const *gateways;
	size_t gateways_count;
	uint64_t heard_ms, tried_ms; /* by a session; since when this key is tried */
	char server_key[SOCKET_KEY_TEXT];
	uint8_t secret[COLLECTOR_SECRET_SIZE];
	struct spool *spool;
	struct observer *observer;
	struct sockets *sockets;
	struct dialler *server;
	struct collector_context context;
	void *collectors[AGENT_COLLECTORS_MAX]; /* as in collectors_all; NULL: not running */
	unsigned collectors_running;
	uv_prepare_t prepare;
	uv_timer_t heartbeat, retry;
	struct arena plan_arena;
	struct plan *plan;
	struct job_runner *jobs;
	struct healing *healing;
	uint64_t command_taken; /* to be acknowledged once it is committed */
	bool has_failed, is_stopping;
	bool offers_key, wants_dial; /* at the end of this turn */
};

/* ---- settings.c ---- */

/* INVALID: it names what is no collector; a log line says so. */
NODISCARD enum status agent_check_skip(const struct setting_list *skip);

/* ---- turn.c ---- */

/* The agent cannot go on. */
void agent_fail(struct agent *agent, enum status status);
/* What was not committed is undone; a full disk is waited out. */
void agent_on_spool_failure(struct agent *agent, enum status status);
/* Numbers what waits, where a session is open, and commits.  As spool_commit; CLOSED: it failed. */
NODISCARD enum status agent_flush(struct agent *agent);
void agent_on_round(void *data, bool has_more);
void agent_on_prepare(uv_prepare_t *prepare);

/* ---- commands.c ---- */

void agent_on_data(void *self, uint32_t flow, uint64_t first, const struct bytes *records,
    size_t count, struct bytes chain);

/* ---- session.c ---- */

bool agent_is_open(void *self);
void agent_choose_gateways(struct agent *agent, const struct role_endpoints *endpoints);
NODISCARD enum status agent_dial(struct agent *agent);

/* ---- timers.c ---- */

void agent_start_timers(struct agent *agent);

/* ---- agent.c ---- */

/* Every collector hears of the plan; every one looks again. */
void agent_tell_plan(struct agent *agent);
void agent_refresh(struct agent *agent);

#endif
