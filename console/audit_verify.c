/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit verify - whether the audit is as it was written; if not, the first entry that is not.
 */
#include <errno.h>
#include <string.h>

#include "console/audit_check.h"
#include "console/commands.h"

const struct argp_option audit_verify_options[] = {
	{ "key", 'k' << 8, "FILE", 0, "the store's public key, from a place that you trust", 0 },
	{ "against", 'a' << 8, "FILE", 0, "what was exported before must be part of it", 0 },
	{ 0 },
};

static const struct output_column columns[] = {
	{ "whole", NULL, 0, 0 },
	{ "entries", NULL, 0, 0 },
	{ "checkpoints", NULL, 0, 0 },
	{ "vouched", NULL, 0, 0 },
	{ "vouched_at", NULL, 0, 0 },
	{ "bad", NULL, 0, 0 },
	{ "what", NULL, 0, 0 },
	{ "held_to_log", NULL, 0, 0 },
	{ .name = NULL },
};

static int show(const struct console *console, const struct audit_check *check)
{
	struct output_options options = console->output;
	struct output *output;
	int code;

	options.is_single = true;
	output = output_new(&options, columns);
	output_flag(output, check->wrong == NULL);
	output_number(output, check->chain.entries);
	output_number(output, check->chain.checkpoints);
	output_number(output, check->chain.vouched);
	output_time(output, check->chain.vouched_ms);
	if (check->wrong != NULL && check->chain.bad > 0)
		output_number(output, check->chain.bad);
	else
		output_null(output);
	output_text(output, check->wrong);
	output_flag(output, check->is_held_to_log);
	code = console_end(&output, output_row(output));
	return code == 0 && check->wrong != NULL ? CONSOLE_NEGATIVE : code;
}

static int say_bad(const struct audit_check *check)
{
	if (check->chain.bad == 0)
		return console_fail(STATUS_NOT_FOUND, "line %llu: %s",
		    (unsigned long long)check->line, check->wrong);
	return console_fail(STATUS_NOT_FOUND, "entry %llu: %s",
	    (unsigned long long)check->chain.bad, check->wrong);
}

static int say(const struct console *console, const struct audit_check *check, bool has_own_key)
{
	const struct chain *chain = &check->chain;

	if (check->wrong != NULL)
		return say_bad(check);
	console_say(console, "%llu entries are as they were written",
	    (unsigned long long)chain->entries);
	if (chain->checkpoints == 0 && chain->entries > 0)
		console_say(console, "no checkpoint vouches for them yet");
	else if (chain->vouched < chain->sequence)
		console_say(console, "no checkpoint vouches yet for what came after entry %llu",
		    (unsigned long long)chain->vouched);
	if (!check->is_anchored)
		console_say(console, "what came before the file's first entry is not in it");
	if (check->line > 0 && !has_own_key)
		console_say(console,
		    "by the key in the file itself: --key FILE says whose that is");
	if (check->line == 0 && !check->is_held_to_log)
		console_say(console,
		    "not held against the log: it is elsewhere, or not all that it "
		    "noted has come here yet");
	return 0;
}

static int end(const struct console *console, const struct audit_check *check, enum status status,
    const char *what)
{
	if (status != STATUS_OK)
		return console_fail(status == STATUS_CORRUPT ? STATUS_INVALID : status,
		    "%s cannot be verified: %s", what, status_text(status));
	return console->output.format == OUTPUT_TABLE
	         ? say(console, check, console_option(console, "key") != NULL)
	         : show(console, check);
}

static int verify_file(const struct console *console, const char *path)
{
	FILE *stream = fopen(path, "re");
	struct audit_check check;
	enum status status;

	if (stream == NULL)
		return console_fail(status_of_errno(errno), "%s: %s", path, strerror(errno));
	status = audit_check_file(stream, console_option(console, "key"), &check);
	fclose(stream);
	return end(console, &check, status, path);
}

int audit_verify_run(const struct console *console, int argc, char **argv)
{
	struct audit_check check;
	enum status status;

	if (argc > 1 && console_option(console, "against") != NULL)
		return console_usage(console, "--against is for the store's own audit");
	if (argc > 1)
		return verify_file(console, argv[1]);
	status = audit_check_store(console->paths.data, console_option(console, "key"),
	    console_option(console, "against"), &check);
	return end(console, &check, status, console->paths.data);
}
