/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policies - those in force, from the processor's state, and how the assets stand by each.
 */
#include <stdlib.h>
#include <string.h>

#include "console/commands.h"
#include "processors/state/reader.h"
#include "sinks/store/query.h"

static const struct output_column columns[] = {
	{ "policy", "POLICY", OUTPUT_CUT, 25 },
	{ "file", "FILE", OUTPUT_MIDDLE, 20 },
	{ "policy_hash", "HASH", 0, 0 },
	{ "dialect_override", NULL, 0, 0 },
	{ "assets", "ASSETS", OUTPUT_RIGHT, 0 },
	{ "passed", "PASSED", OUTPUT_RIGHT, 0 },
	{ "failed", "FAILED", OUTPUT_RIGHT, 0 },
	{ "not_applicable", "N/A", OUTPUT_RIGHT, 0 },
	{ "not_run", "NOT RUN", OUTPUT_RIGHT, 0 },
	{ .name = NULL },
};

enum { RESULTS = FETTLE__CHECK_RESULT__CHECK_RESULT_NOT_RUN + 1, POLICIES_MAX = 10000 };

struct standing {
	const char *policy;
	uint64_t assets, results[RESULTS];
};

struct policies {
	struct output *output;
	struct standing *standings;
	size_t count;
	struct arena arena;
};

static struct standing *standing_of(struct policies *policies, const char *policy)
{
	for (size_t i = 0; i < policies->count; i++)
		if (strcmp(policies->standings[i].policy, policy) == 0)
			return &policies->standings[i];
	return NULL;
}

static enum status add_results(void *visitor, const Fettle__ResultsVerdict *results)
{
	struct policies *policies = visitor;
	struct standing *standing = standing_of(policies, results->policy);

	if (standing == NULL)
		return STATUS_OK; /* of a policy that is no longer in force */
	standing->assets++;
	for (size_t i = 0; i < results->n_outcomes; i++)
		if ((unsigned)results->outcomes[i]->result < RESULTS)
			standing->results[results->outcomes[i]->result]++;
	return STATUS_OK;
}

static enum status add_policy(void *visitor, const struct state_policy *policy)
{
	struct policies *policies = visitor;
	struct standing standing = { .policy = arena_text(&policies->arena, policy->id) };

	if (policies->count == POLICIES_MAX)
		return STATUS_FULL;
	policies->standings = memory_grow(policies->standings,
	    (policies->count + 1) * sizeof(*policies->standings));
	policies->standings[policies->count++] = standing;
	return STATUS_OK;
}

static enum status show_policy(void *visitor, const struct state_policy *policy)
{
	struct policies *policies = visitor;
	const struct standing *standing = standing_of(policies, policy->id);
	struct output *output = policies->output;

	output_text(output, policy->id);
	output_text(output, policy->file);
	output_id(output, BYTES_OF(policy->hash));
	output_text(output, policy->dialect_override);
	output_number(output, standing == NULL ? 0 : standing->assets);
	for (unsigned i = FETTLE__CHECK_RESULT__CHECK_RESULT_PASS; i < RESULTS; i++)
		output_number(output, standing == NULL ? 0 : standing->results[i]);
	return output_row(output);
}

/* Without a store, nothing is known of how anything stands. */
static enum status read_standings(struct policies *policies, const char *data)
{
	struct query *query = NULL;
	enum status status = query_open(data, &query);

	if (status == STATUS_OK)
		status = query_results(query, BYTES_NONE, add_results, policies);
	query_close(query);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

int policies_run(const struct console *console, int argc, char **argv)
{
	struct policies policies = { 0 };
	struct state_reader *reader = NULL;
	enum status status = state_reader_open(console->paths.data, &reader);

	(void)argc;
	(void)argv;
	if (status != STATUS_OK)
		return console_fail(status, "no policies can be read in %s: %s",
		    console->paths.data, status_text(status));
	policies.output = output_new(&console->output, columns);
	status = state_reader_policies(reader, add_policy, &policies);
	if (status == STATUS_OK)
		status = read_standings(&policies, console->paths.data);
	if (status == STATUS_OK)
		status = state_reader_policies(reader, show_policy, &policies);
	if (status == STATUS_OK && output_rows(policies.output) == 0)
		console_say(console, "no policies are in force");
	state_reader_close(reader);
	free(policies.standings);
	arena_fini(&policies.arena);
	return console_end(&policies.output, status);
}
