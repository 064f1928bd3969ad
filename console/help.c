/* SPDX-License-Identifier: Apache-2.0 */
#include "console/help.h"

#include <string.h>

#include "console/options.h"

static bool begins_group(const struct command *commands, const struct command *command)
{
	return command == commands || strcmp(command[-1].group, command->group) != 0;
}

/* "findings show ID" */
static void append_usage(struct buffer *out, const struct command *command)
{
	buffer_append_text(out, options_command_name(command));
	if (command->arguments != NULL)
		buffer_append_format(out, " %s", command->arguments);
}

void help_overview(const struct command *commands, FILE *stream)
{
	struct buffer usage = { 0 };

	fputs("fettle keeps endpoints in order: what is wrong, what changed, what to do.\n\n"
	      "Usage: fettle [OPTIONS] COMMAND [ARGUMENTS]\n",
	    stream);
	for (const struct command *at = commands; at->noun != NULL; at++) {
		if (begins_group(commands, at))
			fprintf(stream, "\n%s\n", at->group);
		buffer_clear(&usage);
		append_usage(&usage, at);
		fprintf(stream, "  %-28s %s\n", buffer_text(&usage), at->summary);
	}
	fputs("\n`fettle COMMAND --help` says more. Every command that shows data takes --format "
	      "json.\n",
	    stream);
	buffer_fini(&usage);
}

void help_noun(const struct command *commands, const char *noun, const char *verb, FILE *stream)
{
	bool is_first = true;

	for (const struct command *at = commands; at->noun != NULL; at++) {
		if (strcmp(at->noun, noun) != 0)
			continue;
		if (verb != NULL && (at->verb == NULL || strcmp(at->verb, verb) != 0))
			continue;
		if (!is_first)
			fputs("\n", stream);
		is_first = false;
		options_help(at, stream);
	}
	fputs("\n", stream);
	options_help_common(stream);
}
