/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the command line to a command: options before it, its noun and verb, its own options and
 * arguments.  SIGPIPE is ignored, so that `fettle … | head` ends by a failed write, quietly.
 */
#include "console/console.h"

#include <langinfo.h>
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "console/configuration.h"
#include "console/help.h"
#include "console/options.h"
#include "core/clock.h"
#include "core/guess.h"
#include "core/log.h"
#include "core/quantity.h"
#include "core/version.h"

/* ---- saying ---- */

static void say(const char *before, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void say(const char *before, const char *format, va_list arguments)
{
	struct buffer line = { 0 };
	char *text = NULL;

	if (vasprintf(&text, format, arguments) < 0)
		text = text_copy(format);
	buffer_append_text(&line, before);
	log_escape(&line, bytes_of_text(text));
	fprintf(stderr, "%s\n", buffer_text(&line));
	free(text);
	buffer_fini(&line);
}

void console_say(const struct console *console, const char *format, ...)
{
	va_list arguments;

	if (console->is_quiet)
		return;
	va_start(arguments, format);
	say("", format, arguments);
	va_end(arguments);
}

int console_usage(const struct console *console, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("fettle: ", format, arguments);
	va_end(arguments);
	if (console->command == NULL)
		fputs("`fettle help` shows what there is.\n", stderr);
	else
		fprintf(stderr, "`fettle %s --help` says how it is used.\n",
		    options_command_name(console->command));
	return CONSOLE_USAGE;
}

int console_fail(enum status status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("fettle: ", format, arguments);
	va_end(arguments);
	return status_exit_code(status);
}

int console_end(struct output **output, enum status status)
{
	bool is_closed = status == STATUS_CLOSED;
	enum status finished = output == NULL || *output == NULL ? STATUS_OK
	                                                         : output_finish(output);

	if (is_closed || (status == STATUS_OK && finished == STATUS_CLOSED))
		return 0;
	if (status == STATUS_OK)
		status = finished;
	return status == STATUS_OK ? 0 : console_fail(status, "%s", status_text(status));
}

const char *console_option(const struct console *console, const char *name)
{
	for (size_t i = console->options_count; i > 0; i--)
		if (strcmp(console->options[i - 1].name, name) == 0)
			return console->options[i - 1].value;
	return NULL;
}

bool console_parse_since(const char *text, uint64_t now_ms, uint64_t *out_ms)
{
	static const char *const formats[] = { "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d" };
	uint64_t age_ms;

	if (quantity_parse(QUANTITY_DURATION, text, &age_ms)) {
		*out_ms = age_ms < now_ms ? now_ms - age_ms : 1;
		return true;
	}
	for (size_t i = 0; i < 2; i++) {
		struct tm parts = { 0 };
		const char *end = strptime(text, formats[i], &parts);
		time_t seconds = end == NULL || *end != '\0' ? -1 : timegm(&parts);

		if (seconds >= 0) {
			*out_ms = (uint64_t)seconds * 1000;
			return true;
		}
	}
	return false;
}

/* ---- finding the command ---- */

static bool is_verb(const struct command *command, const char *verb)
{
	return command->verb != NULL && verb != NULL && strcmp(command->verb, verb) == 0;
}

/* The command NOUN VERB, or that of NOUN alone; *WORDS is how many of the two it took. */
static const struct command *find(const struct command *commands, const char *noun,
    const char *verb, int *words)
{
	const struct command *alone = NULL;

	for (const struct command *at = commands; at->noun != NULL; at++) {
		if (strcmp(at->noun, noun) != 0)
			continue;
		if (is_verb(at, verb)) {
			*words = 2;
			return at;
		}
		if (at->verb == NULL || is_verb(at, "list"))
			alone = at;
	}
	*words = 1;
	return alone;
}

static bool is_noun(const struct command *commands, const char *text)
{
	for (; commands->noun != NULL; commands++)
		if (strcmp(commands->noun, text) == 0)
			return true;
	return false;
}

static int refuse_noun(const struct console *console, const char *noun)
{
	struct guess guess = { .wrong = noun };
	int exit_code;

	for (const struct command *at = console->commands; at->noun != NULL; at++)
		guess_consider(&guess, at->noun);
	exit_code = guess.closest == NULL
	              ? console_usage(console, "there is no command `%s`", noun)
	              : console_usage(console, "there is no command `%s`; did you mean `%s`?", noun,
			  guess.closest);
	guess_fini(&guess);
	return exit_code;
}

/* WORD, after NOUN, is no verb of it; or there is none, and one is needed. */
static int refuse_verb(const struct console *console, const char *noun, const char *word)
{
	struct guess guess = { .wrong = word == NULL ? "" : word };
	struct buffer message = { 0 };
	int exit_code;

	for (const struct command *at = console->commands; at->noun != NULL; at++)
		if (strcmp(at->noun, noun) == 0 && at->verb != NULL)
			guess_consider(&guess, at->verb);
	if (word == NULL)
		buffer_append_format(&message, "`fettle %s` needs a verb", noun);
	else
		buffer_append_format(&message, "there is no `fettle %s %s`", noun, word);
	guess_write(&guess, &message);
	exit_code = console_usage(console, "%s", buffer_text(&message));
	guess_fini(&guess);
	buffer_fini(&message);
	return exit_code;
}

/* ---- running it ---- */

static bool has_verbs(const struct console *console, const char *noun)
{
	unsigned verbs = 0;

	for (const struct command *at = console->commands; at->noun != NULL; at++)
		verbs += strcmp(at->noun, noun) == 0;
	return verbs > 1;
}

static int check_arguments(const struct console *console, int count, char **argv)
{
	const struct command *command = console->command;

	if ((unsigned)count < command->arguments_least)
		return console_usage(console, "`fettle %s` needs %s", options_command_name(command),
		    command->arguments);
	if ((unsigned)count <= command->arguments_most)
		return 0;
	if (has_verbs(console, command->noun) && command->arguments_most == 0)
		return refuse_verb(console, command->noun, argv[1]);
	return console_usage(console, "`fettle %s` does not know what to do with `%s`",
	    options_command_name(command), argv[command->arguments_most + 1]);
}

static void configure_log(const struct console *console)
{
	enum log_level level = console->command->is_service ? LOG_INFO : LOG_WARN;

	if (console->is_quiet)
		level = LOG_ERROR;
	else if (console->verbosity > 0)
		level = console->verbosity > 1 || level == LOG_INFO ? LOG_DEBUG : LOG_INFO;
	log_configure(level, (enum log_format)console->log_format);
}

static int run_command(struct console *console, int argc, char **argv)
{
	struct settings *settings = NULL;
	int count, exit_code;

	if (options_parse(console, argc, argv, &count) != STATUS_OK)
		return CONSOLE_USAGE;
	if (console->wants_help) {
		help_noun(console->commands, console->command->noun, console->command->verb,
		    stdout);
		return 0;
	}
	exit_code = check_arguments(console, count, argv);
	if (exit_code != 0)
		return exit_code;
	output_options_init(&console->output, console->color_use);
	data_find(&console->paths, console->data, console->config);
	configure_log(console);
	if (console->command->has_no_settings)
		return console->sets_count > 0
		         ? console_usage(console, "`fettle %s` has no use for settings",
			     options_command_name(console->command))
		         : console->command->run(console, count + 1, argv);
	exit_code = configuration_load(console, NULL, &settings);
	if (exit_code == 0) {
		console->settings = settings;
		exit_code = console->command->run(console, count + 1, argv);
	}
	settings_free(settings);
	return exit_code;
}

static int run_help(struct console *console, int argc, char **argv)
{
	if (argc < 2)
		help_overview(console->commands, stdout);
	else if (!is_noun(console->commands, argv[1]))
		return refuse_noun(console, argv[1]);
	else
		help_noun(console->commands, argv[1], argc > 2 ? argv[2] : NULL, stdout);
	return 0;
}

static bool asks_for_help(int argc, char **argv)
{
	return argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0);
}

/* ARGV begins with the noun. */
static int run_noun(struct console *console, int argc, char **argv)
{
	int words;

	if (strcmp(argv[0], "help") == 0)
		return run_help(console, argc, argv);
	if (!is_noun(console->commands, argv[0]))
		return refuse_noun(console, argv[0]);
	if (asks_for_help(argc - 1, argv + 1)) {
		help_noun(console->commands, argv[0], NULL, stdout);
		return 0;
	}
	console->command = find(console->commands, argv[0], argc > 1 ? argv[1] : NULL, &words);
	if (console->command == NULL)
		return refuse_verb(console, argv[0], argc > 1 ? argv[1] : NULL);
	return run_command(console, argc - words + 1, argv + words - 1);
}

/* Names of people and files are UTF-8 wherever this runs. */
static void set_locale(void)
{
	setlocale(LC_ALL, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		setlocale(LC_CTYPE, "C.UTF-8");
}

/* What was printed may still be on its way, to a disk that is full; a reader that left is fine. */
static int end_output(int exit_code)
{
	bool has_failed = fflush(stdout) != 0 || ferror(stdout) != 0;

	if (!has_failed || errno == EPIPE || exit_code != 0)
		return exit_code;
	return console_fail(STATUS_IO, "the output could not be written whole");
}

int console_run(const struct command *commands, int argc, char **argv)
{
	struct console console = { .commands = commands, .now_ms = clock_wall_ms() };
	int next, exit_code;

	set_locale();
	signal(SIGPIPE, SIG_IGN);
	if (options_parse_before(&console, argc, argv, &next) != STATUS_OK)
		return CONSOLE_USAGE;
	if (console.wants_version) {
		puts("fettle " FETTLE_VERSION);
		return end_output(0);
	}
	if (console.wants_help || next >= argc) {
		help_overview(commands, stdout);
		return end_output(0);
	}
	exit_code = run_noun(&console, argc - next, argv + next);
	data_paths_fini(&console.paths);
	return end_output(exit_code);
}
