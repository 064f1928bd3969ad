/* SPDX-License-Identifier: Apache-2.0 */
#include "console/configuration.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/scratch.h"

enum { NOT_RUN = -1 };

/* What the command was given, last time. */
static struct {
	const char *command;
	enum output_format format;
	uint64_t limit;
	bool is_quiet, has_all;
	char asset[64], data[64];
	uint64_t stale_after; /* of the settings */
	int argc;
	char argv[4][64];
} given;

static int note(const struct console *console, int argc, char **argv)
{
	const char *asset = console_option(console, "asset");

	given.command = console->command->summary;
	given.format = console->output.format;
	given.limit = console->limit;
	given.is_quiet = console->is_quiet;
	given.has_all = console_option(console, "all") != NULL;
	snprintf(given.asset, sizeof(given.asset), "%s", asset == NULL ? "none" : asset);
	snprintf(given.data, sizeof(given.data), "%s", console->paths.data);
	if (console->settings != NULL) {
		const struct configuration_console *set = settings_of(console->settings, "console");

		given.stale_after = set->stale_after;
	}
	given.argc = argc;
	for (int i = 0; i < argc && i < 4; i++)
		snprintf(given.argv[i], sizeof(given.argv[0]), "%s", argv[i]);
	return 0;
}

static const struct argp_option options[] = {
	{ "asset", 0x100, "ASSET", 0, "of one asset", 0 },
	{ "all", 0x101, NULL, 0, "all of them", 0 },
	{ 0 },
};

static const struct command commands[] = {
	{ .noun = "finds",
	    .verb = "list",
	    .group = "See",
	    .summary = "list",
	    .options = options,
	    .run = note },
	{ .noun = "finds",
	    .verb = "show",
	    .group = "See",
	    .summary = "show",
	    .arguments = "ID",
	    .arguments_least = 1,
	    .arguments_most = 1,
	    .run = note },
	{ .noun = "facts",
	    .group = "See",
	    .summary = "facts",
	    .arguments = "ASSET [PREFIX]",
	    .arguments_least = 1,
	    .arguments_most = 2,
	    .options = options,
	    .run = note },
	{ .noun = "pages",
	    .group = "See",
	    .summary = "pages",
	    .has_no_settings = true,
	    .run = note },
	{ .noun = "log", .verb = "dump", .group = "See", .summary = "dump", .run = note },
	{ .noun = NULL },
};

static int run(const char *line)
{
	char *copy = strdup(line), *rest = copy, *word, *argv[16] = { NULL };
	int argc = 0, exit_code;

	while ((word = strsep(&rest, " ")) != NULL)
		argv[argc++] = word;
	memset(&given, 0, sizeof(given));
	exit_code = console_run(commands, argc, argv);
	free(copy);
	return exit_code == 0 && given.command == NULL ? NOT_RUN : exit_code;
}

static void a_noun_alone_lists(void **test)
{
	(void)test;
	assert_int_equal(run("fettle finds"), 0);
	assert_string_equal(given.command, "list");
	assert_int_equal(run("fettle finds list"), 0);
	assert_string_equal(given.command, "list");
	assert_int_equal(run("fettle finds show abc"), 0);
	assert_string_equal(given.command, "show");
	assert_int_equal(given.argc, 2);
	assert_string_equal(given.argv[1], "abc");
}

static void common_options_may_stand_anywhere(void **test)
{
	const char *const lines[] = {
		"fettle --format json -q --limit 5 facts web1",
		"fettle facts --format=json -q web1 --limit 5",
		"fettle -q facts web1 --for json --limit=5",
	};

	(void)test;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(run(lines[i]), 0);
		assert_int_equal(given.format, OUTPUT_JSON);
		assert_true(given.is_quiet);
		assert_int_equal(given.limit, 5);
		assert_int_equal(given.argc, 2);
		assert_string_equal(given.argv[1], "web1");
	}
}

static void a_command_has_options_of_its_own(void **test)
{
	(void)test;
	assert_int_equal(run("fettle facts --asset db1 web1 --all file/"), 0);
	assert_string_equal(given.asset, "db1");
	assert_true(given.has_all);
	assert_int_equal(given.argc, 3);
	assert_string_equal(given.argv[2], "file/");
	assert_int_equal(run("fettle finds --asset a --asset b"), 0);
	assert_string_equal(given.asset, "b");
	assert_int_equal(run("fettle finds show abc --asset a"), CONSOLE_USAGE);
}

static void what_follows_two_dashes_is_no_option(void **test)
{
	(void)test;
	assert_int_equal(run("fettle facts -- --web1"), 0);
	assert_string_equal(given.argv[1], "--web1");
}

static void what_is_mistyped_is_refused(void **test)
{
	const char *const lines[] = {
		"fettle findz",
		"fettle finds shwo",
		"fettle log",
		"fettle log dmup",
		"fettle finds --asst web1",
		"fettle --fromat json finds",
		"fettle finds -x",
		"fettle facts",
		"fettle facts a b c",
		"fettle finds --asset",
		"fettle finds --all=1",
		"fettle finds --format xml",
		"fettle finds --limit -3",
		"fettle finds --limit many",
		"fettle finds --since yesterday",
		"fettle finds --color blue",
		"fettle help findz",
		"fettle finds --data=",
	};

	(void)test;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		print_message("%s\n", lines[i]);
		assert_int_equal(run(lines[i]), CONSOLE_USAGE);
		assert_null(given.command);
	}
}

static void help_runs_nothing(void **test)
{
	const char *const lines[] = {
		"fettle",
		"fettle help",
		"fettle --help",
		"fettle finds --help",
		"fettle help finds",
		"fettle finds show --help",
		"fettle facts -h",
		"fettle --version",
	};

	(void)test;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(run(lines[i]), NOT_RUN);
}

static void a_flag_stands_above_the_environment(void **test)
{
	(void)test;
	setenv("FETTLE_DATA", "/from/environment", 1);
	assert_int_equal(run("fettle finds"), 0);
	assert_string_equal(given.data, "/from/environment");
	assert_int_equal(run("fettle finds --data /from/flag"), 0);
	assert_string_equal(given.data, "/from/flag");
	unsetenv("FETTLE_DATA");
}

static void set_stands_above_the_environment_and_that_above_the_default(void **test)
{
	(void)test;
	assert_int_equal(run("fettle finds"), 0);
	assert_int_equal(given.stale_after, 15 * 60 * 1000);
	setenv("FETTLE_CONSOLE_STALE_AFTER", "3m", 1);
	assert_int_equal(run("fettle finds"), 0);
	assert_int_equal(given.stale_after, 3 * 60 * 1000);
	assert_int_equal(run("fettle --set console.stale_after=2m finds"), 0);
	assert_int_equal(given.stale_after, 2 * 60 * 1000);
	assert_int_equal(
	    run("fettle --set console.stale_after=2m finds --set console.stale_after=1m"), 0);
	assert_int_equal(given.stale_after, 60 * 1000);
	unsetenv("FETTLE_CONSOLE_STALE_AFTER");
}

static void a_setting_that_is_none_is_refused(void **test)
{
	const char *const lines[] = {
		"fettle finds --set console.stale_afer=1m",
		"fettle finds --set consol.stale_after=1m",
		"fettle finds --set console.stale_after=soon",
		"fettle finds --set siem.name=soc",
		"fettle finds --config /nowhere/fettle.yaml",
	};

	(void)test;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(run(lines[i]), CONSOLE_BAD_CONFIGURATION);
		assert_null(given.command);
	}
	assert_int_equal(run("fettle finds --set console.stale_after"), CONSOLE_USAGE);
	assert_int_equal(run("fettle finds --set stale_after=1m"), CONSOLE_USAGE);
}

static void what_has_no_use_for_settings_works_without(void **test)
{
	(void)test;
	assert_int_equal(run("fettle pages --config /nowhere/fettle.yaml"), 0);
	assert_int_equal(run("fettle pages --set console.stale_after=1m"), CONSOLE_USAGE);
}

static void since_is_a_duration_or_a_time(void **test)
{
	uint64_t at = 0;

	(void)test;
	assert_true(console_parse_since("1h", 7200000, &at));
	assert_int_equal(at, 3600000);
	assert_true(console_parse_since("365d", 1000, &at));
	assert_int_equal(at, 1);
	assert_true(console_parse_since("1970-01-02", 0, &at));
	assert_int_equal(at, 86400000);
	assert_true(console_parse_since("1970-01-02T00:00:01Z", 0, &at));
	assert_int_equal(at, 86401000);
	assert_false(console_parse_since("1970-01-02 ", 0, &at));
	assert_false(console_parse_since("", 0, &at));
	assert_false(console_parse_since("5", 0, &at));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_noun_alone_lists),
		cmocka_unit_test(common_options_may_stand_anywhere),
		cmocka_unit_test(a_command_has_options_of_its_own),
		cmocka_unit_test(what_follows_two_dashes_is_no_option),
		cmocka_unit_test(what_is_mistyped_is_refused),
		cmocka_unit_test(help_runs_nothing),
		cmocka_unit_test(a_flag_stands_above_the_environment),
		cmocka_unit_test(set_stands_above_the_environment_and_that_above_the_default),
		cmocka_unit_test(a_setting_that_is_none_is_refused),
		cmocka_unit_test(what_has_no_use_for_settings_works_without),
		cmocka_unit_test(since_is_a_duration_or_a_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
