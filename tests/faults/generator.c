/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fettle-generator - synthetic agents as a process of their own, to be killed and measured.
 *
 * It ends with 0 once every fact was produced and acknowledged.
 */
#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/keys.h"
#include "core/log.h"
#include "core/quantity.h"
#include "core/require.h"
#include "tests/support/generator.h"

enum { AGENTS_MAX = 64, WATCH_MS = 10 };

struct agents {
	struct generator_options model;
	const char *directory, *server_key_file;
	uint64_t count;
	bool sends_only, produces_only;
	struct generator *all[AGENTS_MAX];
	uv_timer_t watch;
	enum status status;
};

/* ---- arguments ---- */

enum {
	DIRECTORY = 256,
	SERVER,
	SERVER_KEY,
	SEED,
	COUNT,
	RATE,
	AGENTS,
	SIZE,
	LANE,
	JOURNAL,
	ONLY,
	SPOOL,
	SHARED,
	PROBES,
	PROBE,
	SOUND
};

static const struct argp_option options[] = {
	{ "directory", DIRECTORY, "DIR", 0, "keys, spool and journal; below it 1, 2, … for several",
	    0 },
	{ "server", SERVER, "tcp://HOST:PORT", 0, "the gateway", 0 },
	{ "server-key", SERVER_KEY, "FILE", 0, "its public key", 0 },
	{ "seed", SEED, "TEXT", 0, "keys are test/SEED/NUMBER", 0 },
	{ "count", COUNT, "N", 0, "facts that each agent makes, after one that marks the beginning",
	    0 },
	{ "rate", RATE, "N", 0, "facts a second and agent; 0: a burst", 0 },
	{ "agents", AGENTS, "N", 0, "how many", 0 },
	{ "value-size", SIZE, "BYTES", 0, "of a value", 0 },
	{ "shared-values", SHARED, NULL, 0, "every agent has the same value under a number", 0 },
	{ "lane", LANE, "N", 0, "1, 2 or 3; without it each in turn", 0 },
	{ "no-journal", JOURNAL, NULL, 0, "keep no journal", 0 },
	{ "only", ONLY, "produce|send", 0, "fill the spools, or send what they have", 0 },
	{ "spool-size", SPOOL, "BYTES", 0, "of each spool", 0 },
	{ "probes", PROBES, "N", 0, "send so many critical facts as well, and end after the last",
	    0 },
	{ "sound", SOUND, "N", 0, "records from number N on are such that nothing can process them",
	    0 },
	{ "probe-every", PROBE, "MS", 0, "one of them each time", 0 },
	{ 0 },
};

static uint64_t number(struct argp_state *state, const char *value)
{
	uint64_t out;

	if (!quantity_parse(QUANTITY_COUNT, value, &out))
		argp_error(state, "`%s` is no number", value);
	return out;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct agents *agents = state->input;

	switch (key) {
	case DIRECTORY:
		agents->directory = value;
		return 0;
	case SERVER:
		agents->model.endpoint = value;
		return 0;
	case SERVER_KEY:
		agents->server_key_file = value;
		return 0;
	case SEED:
		agents->model.seed = value;
		return 0;
	case COUNT:
		agents->model.count = number(state, value);
		return 0;
	case RATE:
		agents->model.rate = number(state, value);
		return 0;
	case AGENTS:
		agents->count = number(state, value);
		return 0;
	case SIZE:
		agents->model.value_size = number(state, value);
		return 0;
	case LANE:
		agents->model.lane = (enum lane)number(state, value);
		return 0;
	case SHARED:
		agents->model.shares_values = true;
		return 0;
	case JOURNAL:
		agents->model.has_journal = false;
		return 0;
	case SPOOL:
		agents->model.spool_size = number(state, value);
		return 0;
	case ONLY:
		agents->produces_only = strcmp(value, "produce") == 0;
		agents->sends_only = strcmp(value, "send") == 0;
		return 0;
	case SOUND:
		agents->model.sound = number(state, value);
		return 0;
	case PROBES:
		agents->model.probes = number(state, value);
		return 0;
	case PROBE:
		agents->model.probe_ms = number(state, value);
		return 0;
	case ARGP_KEY_END:
		if (agents->directory == NULL || agents->count < 1 || agents->count > AGENTS_MAX
		    || agents->model.lane >= LANE_END
		    || (!agents->produces_only
			&& (agents->model.endpoint == NULL || agents->server_key_file == NULL)))
			argp_error(state, "where to, and from where?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = { options, parse, NULL, "Synthetic agents.", NULL, NULL, NULL };

/* ---- running ---- */

static enum status start(struct agents *agents, unsigned index)
{
	struct generator_options own = agents->model;
	bool is_one = agents->count == 1;
	char *directory = is_one ? text_copy(agents->directory)
	                         : text_format("%s/%u", agents->directory, index + 1);
	char *seed = is_one ? text_copy(own.seed) : text_format("%s-%u", own.seed, index + 1);
	enum status status;

	own.directory = directory;
	own.seed = seed;
	status = generator_new(&own, &agents->all[index]);
	free(directory);
	free(seed);
	return status;
}

static void stop_all(struct agents *agents)
{
	for (unsigned i = 0; i < agents->count; i++)
		if (agents->all[i] != NULL)
			generator_stop(agents->all[i]);
	uv_close((uv_handle_t *)&agents->watch, NULL);
}

static void on_watch(uv_timer_t *watch)
{
	struct agents *agents = watch->data;
	bool are_done = true;

	for (unsigned i = 0; i < agents->count; i++) {
		if (generator_failure(agents->all[i]) != STATUS_OK)
			agents->status = generator_failure(agents->all[i]);
		are_done = are_done && generator_is_done(agents->all[i]);
	}
	if (are_done || agents->status != STATUS_OK)
		stop_all(agents);
}

static void run(struct agents *agents)
{
	uv_loop_t loop;

	REQUIRE(uv_loop_init(&loop) == 0);
	agents->model.loop = &loop;
	uv_timer_init(&loop, &agents->watch);
	agents->watch.data = agents;
	for (unsigned i = 0; agents->status == STATUS_OK && i < agents->count; i++)
		agents->status = start(agents, i);
	if (agents->status == STATUS_OK)
		uv_timer_start(&agents->watch, on_watch, WATCH_MS, WATCH_MS);
	else
		stop_all(agents);
	uv_run(&loop, UV_RUN_DEFAULT);
	for (unsigned i = 0; i < agents->count; i++)
		if (agents->all[i] != NULL)
			generator_free(agents->all[i]);
	uv_loop_close(&loop);
}

int main(int argc, char **argv)
{
	struct agents agents = { .count = 1,
		.model = { .seed = "seed",
		    .value_size = 40,
		    .has_journal = true,
		    .probe_ms = 100,
		    .spool_size = 256ULL << 20 } };
	char server_key[SOCKET_KEY_TEXT];

	if (argp_parse(&argp, argc, argv, 0, NULL, &agents) != 0)
		return 2;
	log_set_role("generator");
	agents.model.is_sender = agents.sends_only;
	if (agents.produces_only) {
		agents.model.endpoint = NULL;
	} else {
		agents.status = keys_load_public(agents.server_key_file, server_key);
		agents.model.server_key = server_key;
	}
	if (agents.status == STATUS_OK)
		agents.status = socket_context_new(&agents.model.sockets);
	if (agents.status == STATUS_OK) {
		/* An old one may still be closing when its agent dials again. */
		socket_context_allow(agents.model.sockets, 6 * (unsigned)agents.count + 16);
		run(&agents);
	}
	socket_context_free(agents.model.sockets);
	return status_exit_code(agents.status);
}
