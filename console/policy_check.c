/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy check - what is wrong with a policy before it is in force: errors, which refuse it, and
 * what its dialect lets pass and its author surely did not mean.
 */
#include <stdlib.h>

#include "console/commands.h"
#include "console/file_text.h"
#include "processors/assess/lint.h"

const struct argp_option policy_check_options[] = {
	{ "dialect", 'd' << 8, "DIALECT", 0, "instead of what the file names", 0 },
	{ 0 },
};

static const struct output_column columns[] = {
	{ "file", "FILE", OUTPUT_MIDDLE, 0 },
	{ "line", "LINE", OUTPUT_RIGHT, 0 },
	{ "column", NULL, 0, 0 },
	{ "check", "CHECK", 0, 0 },
	{ "rule", NULL, 0, 0 },
	{ "why", "WHY", OUTPUT_CUT, 35 },
	{ "suggestion", "SUGGESTION", OUTPUT_CUT, 30 },
	{ .name = NULL },
};

struct report {
	struct output *output;
	const char *file;
	struct yaml_errors errors;
	const char *dialect; /* or NULL */
	size_t notes;
	enum status status; /* of the output */
};

static void note(struct report *report, unsigned line, unsigned column, const char *check,
    const char *rule, const char *why, const char *suggestion)
{
	struct output *output = report->output;

	if (report->status != STATUS_OK)
		return;
	report->notes++;
	output_text(output, report->file);
	output_number(output, line);
	output_number(output, column);
	output_text(output, check);
	output_text(output, rule);
	output_text(output, why);
	output_text(output, suggestion);
	report->status = output_row(output);
}

static void lint(struct report *report, const struct policy *policy)
{
	struct arena arena = { 0 };
	size_t count;
	const struct lint_finding *findings = policy_lint(policy, &arena, &count);

	for (size_t i = 0; i < policy->notes_count; i++)
		note(report, policy->notes[i].line, policy->notes[i].column, NULL, NULL,
		    policy->notes[i].why, policy->notes[i].suggestion);
	for (size_t i = 0; i < count; i++)
		note(report, findings[i].line, findings[i].column, findings[i].check,
		    findings[i].rule, findings[i].why, findings[i].suggestion);
	arena_fini(&arena);
}

static void check_file(const struct console *console, struct report *report)
{
	char *text = file_text_read(report->file, &report->errors);
	struct policy *policy = NULL;
	enum status status = STATUS_INVALID;

	if (text != NULL)
		status = policy_parse(report->file, bytes_of_text(text), report->dialect, &policy,
		    &report->errors);
	if (status == STATUS_OK) {
		size_t before = report->notes;

		lint(report, policy);
		console_say(console, "%s: %s, %zu check%s, %zu note%s", report->file, policy->id,
		    policy->checks_count, policy->checks_count == 1 ? "" : "s",
		    report->notes - before, report->notes - before == 1 ? "" : "s");
	}
	policy_free(policy);
	free(text);
}

/* Notes refuse nothing: 0 where every file could be put in force, else 65. */
int policy_check_run(const struct console *console, int argc, char **argv)
{
	struct report report = { .dialect = console_option(console, "dialect") };
	bool has_errors;
	int exit_code;

	report.output = output_new(&console->output, columns);
	for (int i = 1; i < argc && report.status == STATUS_OK; i++) {
		report.file = argv[i];
		check_file(console, &report);
	}
	has_errors = report.errors.count > 0;
	exit_code = console_end(&report.output, report.status);
	fputs(yaml_errors_text(&report.errors), stderr);
	yaml_errors_fini(&report.errors);
	return exit_code == 0 && has_errors ? status_exit_code(STATUS_INVALID) : exit_code;
}
