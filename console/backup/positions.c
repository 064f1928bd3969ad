/* SPDX-License-Identifier: Apache-2.0 */
#include "console/backup/positions.h"

#include <string.h>

#include "brokers/log/dump.h"
#include "processors/state/reader.h"
#include "sinks/outside/journal.h"
#include "sinks/store/query.h"

static bool has(const struct environments *found, const char *name)
{
	for (size_t i = 0; i < found->count; i++)
		if (strcmp(found->names[i], name) == 0)
			return true;
	return false;
}

static enum status read_heads(const char *data, struct host_heads *out)
{
	struct state_reader *reader;
	enum status status = state_reader_open(data, &reader);

	if (status != STATUS_OK)
		return status;
	status = state_reader_heads(reader, out);
	state_reader_close(reader);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status check_log(const char *data, const struct host_heads *state, const char **why)
{
	uint64_t heads[SUBLOG_END];
	enum status status = log_dump_heads(data, heads);

	for (uint32_t flow = 0; status == STATUS_OK && flow < SUBLOG_END; flow++)
		if (state->positions[flow] > heads[flow])
			*why = "the state has read more than the log holds";
	return status;
}

static enum status check_store(const char *data, const struct host_heads *state, const char **why)
{
	struct query_counters counters = { .position = 0 };
	struct query *query;
	enum status status = query_open(data, &query);

	if (status != STATUS_OK)
		return status;
	status = query_counters(query, &counters);
	query_close(query);
	if (counters.position > state->verdicts)
		*why = "the store holds more verdicts than the state has made";
	else if (counters.position + 1 < state->verdict_tail)
		*why = "the store lacks verdicts that the state keeps no more";
	return status;
}

static enum status check_sink(const char *data, const char *name, const struct host_heads *state,
    const char **why)
{
	const Fettle__SinkState *sink = NULL;
	struct arena arena = { 0 };
	enum status status = journal_peek(data, strchr(name, '/') + 1, &arena, &sink);

	if (status == STATUS_OK && sink->position > state->verdicts)
		*why = "a sink was sent more verdicts than the state has made";
	arena_fini(&arena);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status positions_check(const char *data, const struct environments *found, const char **why)
{
	struct host_heads state;
	enum status status = STATUS_OK;

	*why = NULL;
	if (!has(found, "state"))
		return STATUS_OK;
	status = read_heads(data, &state);
	if (status == STATUS_OK && has(found, "log"))
		status = check_log(data, &state, why);
	if (status == STATUS_OK && has(found, "store"))
		status = check_store(data, &state, why);
	for (size_t i = 0; status == STATUS_OK && i < found->count; i++)
		if (strncmp(found->names[i], "sinks/", strlen("sinks/")) == 0)
			status = check_sink(data, found->names[i], &state, why);
	return status;
}
