/* SPDX-License-Identifier: Apache-2.0 */
/*
 * argp knows abbreviations, --name=value and -qv; what it cannot do is to say what a mistyped
 * option may have meant, so long options are looked at before it is asked.
 */
#include "console/options.h"

#include <stdlib.h>
#include <string.h>

#include "core/guess.h"
#include "core/log.h"
#include "core/quantity.h"

enum common_key {
	KEY_FORMAT = 0x1000,
	KEY_NO_HEADERS,
	KEY_COLOR,
	KEY_LIMIT,
	KEY_SINCE,
	KEY_CONFIG,
	KEY_SET,
	KEY_DATA,
	KEY_DRY_RUN,
	KEY_YES,
	KEY_LOG_FORMAT,
	KEY_VERSION,
};
enum { GROUP_COMMON = 2 };

static const struct argp_option common_options[] = {
	{ "format", KEY_FORMAT, "FORMAT", 0, "table, json, ndjson or csv", GROUP_COMMON },
	{ "no-headers", KEY_NO_HEADERS, NULL, 0, "leave the headers out", GROUP_COMMON },
	{ "color", KEY_COLOR, "WHEN", 0, "auto, always or never", GROUP_COMMON },
	{ "limit", KEY_LIMIT, "N", 0, "at most so many rows; 0: all", GROUP_COMMON },
	{ "since", KEY_SINCE, "TIME", 0, "not older than: 1h, 7d, 2026-11-23", GROUP_COMMON },
	{ "data", KEY_DATA, "DIRECTORY", 0, "where the data are", GROUP_COMMON },
	{ "config", KEY_CONFIG, "FILE", 0, "the configuration", GROUP_COMMON },
	{ "set", KEY_SET, "SECTION.NAME=VALUE", 0, "a setting, above all other places of it",
	    GROUP_COMMON },
	{ "dry-run", KEY_DRY_RUN, NULL, 0, "say what would be done, and do nothing", GROUP_COMMON },
	{ "yes", KEY_YES, NULL, 0, "ask nothing", GROUP_COMMON },
	{ "log-format", KEY_LOG_FORMAT, "FORMAT", 0, "logfmt, json or journal", GROUP_COMMON },
	{ "quiet", 'q', NULL, 0, "nothing but data and errors", GROUP_COMMON },
	{ "verbose", 'v', NULL, 0, "say more; twice: much more", GROUP_COMMON },
	{ "help", 'h', NULL, 0, "say how it is used", GROUP_COMMON },
	{ "version", KEY_VERSION, NULL, 0, "say which version this is", GROUP_COMMON },
	{ 0 },
};

/* ---- what the common options do ---- */

static bool take_format(struct console *console, const char *value)
{
	return output_format_parse(value, &console->output.format);
}

static bool take_no_headers(struct console *console, const char *value)
{
	(void)value;
	return console->output.has_no_headers = true;
}

static bool take_color(struct console *console, const char *value)
{
	return output_color_use_parse(value, &console->color_use);
}

static bool take_limit(struct console *console, const char *value)
{
	console->has_limit = true;
	return quantity_parse(QUANTITY_COUNT, value, &console->limit);
}

static bool take_since(struct console *console, const char *value)
{
	return console_parse_since(value, console->now_ms, &console->since_ms);
}

static bool take_config(struct console *console, const char *value)
{
	console->config = value;
	return value[0] != '\0';
}

static bool take_data(struct console *console, const char *value)
{
	console->data = value;
	return value[0] != '\0';
}

static bool take_set(struct console *console, const char *value)
{
	const char *equals = strchr(value, '='), *dot = strchr(value, '.');

	if (equals == NULL || dot == NULL || dot > equals
	    || console->sets_count == CONSOLE_SETS_MAX)
		return false;
	console->sets[console->sets_count++] = value;
	return true;
}

static bool take_dry_run(struct console *console, const char *value)
{
	(void)value;
	return console->is_dry_run = true;
}

static bool take_yes(struct console *console, const char *value)
{
	(void)value;
	return console->has_consent = true;
}

static bool take_log_format(struct console *console, const char *value)
{
	enum log_format format;

	if (!log_format_parse(value, &format))
		return false;
	console->log_format = (int)format;
	return true;
}

static bool take_quiet(struct console *console, const char *value)
{
	(void)value;
	return console->is_quiet = true;
}

static bool take_verbose(struct console *console, const char *value)
{
	(void)value;
	console->verbosity++;
	return true;
}

static bool take_help(struct console *console, const char *value)
{
	(void)value;
	return console->wants_help = true;
}

static bool take_version(struct console *console, const char *value)
{
	(void)value;
	return console->wants_version = true;
}

static const struct {
	int key;
	bool (*take)(struct console *console, const char *value);
	const char *expected;
} takes[] = {
	{ KEY_FORMAT, take_format, "table, json, ndjson or csv" },
	{ KEY_NO_HEADERS, take_no_headers, NULL },
	{ KEY_COLOR, take_color, "auto, always or never" },
	{ KEY_LIMIT, take_limit, "a number" },
	{ KEY_SINCE, take_since,
	    "a duration (90s, 15m, 36h, 7d) or a time (2026-11-23, "
	    "2026-11-23T15:04:05Z)" },
	{ KEY_CONFIG, take_config, "a file" },
	{ KEY_SET, take_set, "SECTION.NAME=VALUE, 32 times at most" },
	{ KEY_DATA, take_data, "a directory" },
	{ KEY_DRY_RUN, take_dry_run, NULL },
	{ KEY_YES, take_yes, NULL },
	{ KEY_LOG_FORMAT, take_log_format, "logfmt, json or journal" },
	{ 'q', take_quiet, NULL },
	{ 'v', take_verbose, NULL },
	{ 'h', take_help, NULL },
	{ KEY_VERSION, take_version, NULL },
};

static const char *option_name(const struct argp_option *options, int key)
{
	for (; options != NULL && options->name != NULL; options++)
		if (options->key == key)
			return options->name;
	return NULL;
}

/* ---- argp's callbacks ---- */

struct parse {
	struct console *console;
	char **arguments; /* where they are gathered; NULL: the first one ends the parse */
	int count;
	int next; /* index of the first argument */
};

static error_t take_common(int key, char *value, struct argp_state *state)
{
	struct parse *parse = state->input;

	for (size_t i = 0; i < sizeof(takes) / sizeof(takes[0]); i++) {
		if (takes[i].key != key)
			continue;
		if (takes[i].take(parse->console, value))
			return 0;
		console_usage(parse->console, "--%s takes %s, not `%s`",
		    option_name(common_options, key), takes[i].expected, value);
		return EINVAL;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t take_argument(struct parse *parse, char *argument, struct argp_state *state)
{
	if (parse->arguments == NULL) {
		parse->next = state->next - 1;
		state->next = state->argc;
	} else {
		parse->arguments[parse->count++] = argument;
	}
	return 0;
}

static error_t take_own(int key, char *value, struct argp_state *state)
{
	struct parse *parse = state->input;
	struct console *console = parse->console;
	const char *name;

	if (key == ARGP_KEY_INIT) {
		state->child_inputs[0] = parse;
		return 0;
	}
	if (key == ARGP_KEY_ARG)
		return take_argument(parse, value, state);
	name = console->command == NULL ? NULL : option_name(console->command->options, key);
	if (name == NULL)
		return ARGP_ERR_UNKNOWN;
	if (console->options_count == CONSOLE_OPTIONS_MAX) {
		console_usage(console, "too many options");
		return EINVAL;
	}
	console->options[console->options_count++] = (struct console_option){ .name = name,
		.value = value == NULL ? "" : value };
	return 0;
}

static const struct argp common_argp = { .options = common_options, .parser = take_common };
static const struct argp_child children[] = {
	{ &common_argp, 0, "Options of every command:", GROUP_COMMON },
	{ 0 },
};

/* ---- mistyped options ---- */

struct tables {
	const struct argp_option *list[2]; /* either may be NULL */
};

/* The option NAME, or the only one that begins so, as getopt has it. */
static const struct argp_option *find_long(const struct tables *tables, const char *name,
    size_t size)
{
	const struct argp_option *found = NULL;
	unsigned begin_so = 0;

	for (unsigned i = 0; i < 2; i++)
		for (const struct argp_option *at = tables->list[i]; at && at->name; at++) {
			if (strncmp(at->name, name, size) != 0)
				continue;
			if (at->name[size] == '\0')
				return at;
			found = at;
			begin_so++;
		}
	return begin_so == 1 ? found : NULL;
}

static const struct argp_option *find_short(const struct tables *tables, char letter)
{
	for (unsigned i = 0; i < 2; i++)
		for (const struct argp_option *at = tables->list[i]; at && at->name; at++)
			if (at->key == letter)
				return at;
	return NULL;
}

static enum status refuse_long(const struct console *console, const struct tables *tables,
    const char *name)
{
	struct guess guess = { .wrong = name };

	for (unsigned i = 0; i < 2; i++)
		for (const struct argp_option *at = tables->list[i]; at && at->name; at++)
			guess_consider(&guess, at->name);
	if (guess.closest != NULL)
		console_usage(console, "there is no option --%s; did you mean --%s?", name,
		    guess.closest);
	else
		console_usage(console, "there is no option --%s", name);
	guess_fini(&guess);
	return STATUS_INVALID;
}

static enum status check_long(const struct console *console, const struct tables *tables,
    const char *text, const char *next)
{
	size_t size = strcspn(text, "=");
	const struct argp_option *option = find_long(tables, text, size);
	enum status status = STATUS_OK;

	if (option == NULL) {
		char *name = text_copy_bytes(BYTES(text, size));

		status = refuse_long(console, tables, name);
		free(name);
	} else if (option->arg == NULL && text[size] == '=') {
		console_usage(console, "--%s takes no value", option->name);
		status = STATUS_INVALID;
	} else if (option->arg != NULL && text[size] != '=' && next == NULL) {
		console_usage(console, "--%s needs a value: %s", option->name, option->arg);
		status = STATUS_INVALID;
	}
	return status;
}

static enum status check_short(const struct console *console, const struct tables *tables,
    const char *letters)
{
	const struct argp_option *option = NULL;

	/* The rest of one that takes a value is its value. */
	for (; *letters != '\0' && (option == NULL || option->arg == NULL); letters++) {
		option = find_short(tables, *letters);
		if (option == NULL) {
			console_usage(console, "there is no option -%c", *letters);
			return STATUS_INVALID;
		}
	}
	return STATUS_OK;
}

static bool takes_next(const struct tables *tables, const char *text)
{
	const struct argp_option *option = find_long(tables, text, strcspn(text, "="));

	return option != NULL && option->arg != NULL && strchr(text, '=') == NULL;
}

/* Up to the noun where there is no command yet. */
static enum status check_options(const struct console *console, int argc, char **argv)
{
	bool is_before = console->command == NULL;
	struct tables tables = { { common_options, is_before ? NULL : console->command->options } };
	enum status status = STATUS_OK;

	for (int i = 1; i < argc && status == STATUS_OK; i++) {
		const char *text = argv[i];

		if (strcmp(text, "--") == 0 || (is_before && text[0] != '-'))
			break;
		if (strncmp(text, "--", 2) == 0) {
			status = check_long(console, &tables, text + 2,
			    i + 1 < argc ? argv[i + 1] : NULL);
			i += takes_next(&tables, text + 2);
		} else if (text[0] == '-') {
			status = check_short(console, &tables, text + 1);
		}
	}
	return status;
}

/* ---- parsing ---- */

const struct argp_option *options_common(void)
{
	return common_options;
}

const char *options_command_name(const struct command *command)
{
	static char names[2][64];
	static unsigned next;
	char *name = names[next++ % 2];

	snprintf(name, sizeof(names[0]), "%s%s%s", command->noun, command->verb == NULL ? "" : " ",
	    command->verb == NULL ? "" : command->verb);
	return name;
}

enum status options_parse_before(struct console *console, int argc, char **argv, int *next)
{
	struct parse parse = { .console = console, .next = argc };
	struct argp argp = { .parser = take_own, .children = children };

	if (check_options(console, argc, argv) != STATUS_OK)
		return STATUS_INVALID;
	if (argp_parse(&argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP | ARGP_IN_ORDER, NULL, &parse)
	    != 0)
		return STATUS_INVALID;
	*next = parse.next;
	return STATUS_OK;
}

enum status options_parse(struct console *console, int argc, char **argv, int *count)
{
	const struct command *command = console->command;
	struct parse parse = { .console = console };
	struct argp argp = { .options = command->options,
		.parser = take_own,
		.args_doc = command->arguments,
		.children = children };
	char *noun = argv[0], *name = text_format("fettle %s", options_command_name(command));
	bool is_fine;

	parse.arguments = memory_new(((size_t)argc + 1) * sizeof(char *));
	argv[0] = name; /* argp's messages begin with it */
	is_fine = check_options(console, argc, argv) == STATUS_OK
	       && argp_parse(&argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP, NULL, &parse) == 0;
	memcpy(argv + 1, parse.arguments, (size_t)parse.count * sizeof(char *));
	*count = parse.count;
	argv[0] = noun;
	free(parse.arguments);
	free(name);
	return is_fine ? STATUS_OK : STATUS_INVALID;
}

void options_help(const struct command *command, FILE *stream)
{
	struct argp argp = { .options = command->options,
		.parser = take_own,
		.args_doc = command->arguments };
	char *name = text_format("fettle %s", options_command_name(command));

	fprintf(stream, "Usage: %s%s%s\n", name, command->arguments == NULL ? "" : " ",
	    command->arguments == NULL ? "" : command->arguments);
	fprintf(stream, "  %s\n", command->summary);
	if (command->example != NULL)
		fprintf(stream, "  For example: %s\n", command->example);
	/* Its note on arguments of short options tells nothing that the list does not. */
	setenv("ARGP_HELP_FMT", "no-dup-args-note", 0);
	if (command->options != NULL)
		argp_help(&argp, stream, ARGP_HELP_LONG, name);
	free(name);
}

void options_help_common(FILE *stream)
{
	struct argp argp = { .children = children };

	argp_help(&argp, stream, ARGP_HELP_LONG, NULL);
}
