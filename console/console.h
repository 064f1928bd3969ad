/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console.h - what every command is, and what it is given.
 *
 * Data goes to standard output, everything else to standard error.  A command returns its exit
 * code: 0 ok; 1 it ran and the answer is negative; 2 usage; 3 unreachable; 4 denied; 65 bad data;
 * 74 I/O; 78 bad configuration.
 */
#ifndef CONSOLE_CONSOLE_H
#define CONSOLE_CONSOLE_H

#include <argp.h>

#include "console/data.h"
#include "console/output.h"
#include "core/setting.h"

enum { CONSOLE_NEGATIVE = 1, CONSOLE_USAGE = 2, CONSOLE_BAD_CONFIGURATION = 78 };
enum { CONSOLE_OPTIONS_MAX = 16, CONSOLE_SETS_MAX = 32, CONSOLE_ARGUMENTS_MANY = 10000 };

struct console;

struct command {
	const char *noun;
	const char *verb;  /* NULL: the noun alone; of several verbs, "list" may be left out */
	const char *group; /* under which `fettle help` shows it */
	const char *summary;
	const char *arguments; /* "ASSET [PREFIX]"; NULL: none */
	unsigned arguments_least, arguments_most;
	const char *example;
	const struct argp_option *options; /* its own, with a name each; NULL: none */
	bool is_service;                   /* runs until it is stopped: its log lines are wanted */
	bool has_no_settings;              /* works whatever the configuration says */
	/* ARGV[0] is its name; the arguments follow, and no options. */
	int (*run)(const struct console *console, int argc, char **argv);
};

/* What the command line said, before and after the command. */
struct console {
	struct output_options output;
	struct data_paths paths;
	bool is_quiet, is_dry_run, has_consent;
	bool has_limit;
	uint64_t limit;    /* 0: none */
	uint64_t since_ms; /* Unix time; 0: not given */
	uint64_t now_ms;
	const struct settings *settings;    /* NULL where the command has none */
	const char *sets[CONSOLE_SETS_MAX]; /* of --set: "SECTION.NAME=VALUE" */
	size_t sets_count;

	/* For console.c, options.c and help.c. */
	const struct command *commands, *command;
	struct console_option {
		const char *name, *value;
	} options[CONSOLE_OPTIONS_MAX];
	size_t options_count;
	const char *data, *config;
	enum output_color_use color_use;
	unsigned verbosity;
	int log_format; /* enum log_format */
	bool wants_help, wants_version;
};

/* COMMANDS ends with a NULL noun.  The exit code. */
int console_run(const struct command *commands, int argc, char **argv);

/* The value of one of the command's own options; "" where it takes none; NULL: not given. */
const char *console_option(const struct console *console, const char *name);

/* A line for a person, unless -q. */
void console_say(const struct console *console, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Says what is wrong with what was typed, and returns CONSOLE_USAGE. */
int console_usage(const struct console *console, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Says what could not be done, and returns the exit code of STATUS.  The text is escaped here. */
int console_fail(enum status status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/*
 * The end of a command that showed rows: takes OUTPUT (or NULL), and returns the exit code for
 * STATUS, saying why where it is a failure.  A reader that went away is none.
 */
int console_end(struct output **output, enum status status);

/* "1h" before now, or "2026-11-23", or "2026-11-23T15:04:05Z"; false where it is neither. */
bool console_parse_since(const char *text, uint64_t now_ms, uint64_t *out_ms);

#endif
