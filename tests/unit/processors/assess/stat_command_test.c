/* SPDX-License-Identifier: Apache-2.0 */
/*
 * That stat's output is composed as stat itself would print it is shown by running the real one,
 * where there is one.
 */
#include "processors/assess/stat_command.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "processors/assess/rule.h"
#include "tests/unit/processors/assess/world.h"

static void only_what_facts_can_answer_is_recognised(void **test)
{
	static const struct {
		const char *text;
		const char *format; /* NULL: not recognised */
		bool follows;
	} cases[] = {
		{ "stat -c %a /etc/shadow", "%a", false },
		{ "stat -c \"%a %U %G\" /etc/shadow", "%a %U %G", false },
		{ "stat -Lc \"%a %U\" /etc/shadow", "%a %U", true },
		{ "stat -L -c %a /etc/shadow", "%a", true },
		{ "stat -c %a -L /etc/shadow", "%a", true },
		{ "stat /etc/shadow -c%a%%", "%a%%", false },
		{ "/usr/bin/stat --dereference --format=%n:%F /etc/shadow", "%n:%F", true },
		{ "stat -c %a\\ %U /etc/shadow", "%a %U", false },
		{ "stat -c '%a' /etc/shadow", "'%a'", false },
		{ "stat -c '%a %U' /etc/shadow", NULL, false }, /* ' does not group: two paths */
		{ "stat -c %y /etc/shadow", NULL, false },
		{ "stat -c %04a /etc/shadow", NULL, false },
		{ "stat -c % /etc/shadow", NULL, false },
		{ "stat -c %a", NULL, false },
		{ "stat -c", NULL, false },
		{ "stat -", NULL, false },
		{ "stat -L /etc/shadow", NULL, false },
		{ "stat -c %a /etc/shadow /etc/passwd", NULL, false },
		{ "stat -c %a etc/shadow", NULL, false },
		{ "stat -f -c %a /etc/shadow", NULL, false },
		{ "stat --printf=%a /etc/shadow", NULL, false },
		{ "/tmp/stat -c %a /etc/shadow", NULL, false },
		{ "ls -l /etc/shadow", NULL, false },
		{ "", NULL, false },
	};
	struct arena arena = { 0 };

	(void)test;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct stat_command *command = stat_command_parse(cases[i].text, &arena);

		if ((command != NULL) != (cases[i].format != NULL))
			fail_msg("%s", cases[i].text);
		if (command == NULL)
			continue;
		assert_string_equal(command->format, cases[i].format);
		assert_string_equal(command->path, "/etc/shadow");
		assert_int_equal(command->follows_links, cases[i].follows);
	}
	arena_fini(&arena);
}

static const char *output(const char *text, struct world_file file, struct arena *arena)
{
	const struct stat_command *command = stat_command_parse(text, arena);
	struct world_file files[] = { file, { .path = NULL } };
	struct world world = WORLD(files);
	const struct fact *fact;
	const char *missing = NULL, *printed;

	assert_non_null(command);
	assert_int_equal(world_get(&world, bytes_of_text("file/etc/x"), &fact), STATUS_OK);
	printed = stat_command_output(command, fact, arena, &missing);
	assert_true((printed == NULL) == (missing != NULL));
	return printed;
}

static void modes_owners_and_types_are_printed_as_stat_does(void **test)
{
	struct arena arena = { 0 };
	struct world_file file = { .path = "/etc/x",
		.content = "text",
		.mode = 0640,
		.group = "shadow" };

	(void)test;
	assert_string_equal(output("stat -c \"%a %A %U %G %u %g %s %F %n%%\" /etc/x", file, &arena),
	    "640 -rw-r----- root shadow 0 42 4 regular file /etc/x%\n");
	file.mode = 04755;
	assert_string_equal(output("stat -c \"%a %A\" /etc/x", file, &arena), "4755 -rwsr-xr-x\n");
	file.mode = 07000;
	assert_string_equal(output("stat -c \"%a %A\" /etc/x", file, &arena), "7000 ---S--S--T\n");
	file.mode = 01777;
	file.type = "directory";
	assert_string_equal(output("stat -c \"%a %A %F\" /etc/x", file, &arena),
	    "1777 drwxrwxrwt directory\n");
	file = (struct world_file){ .path = "/etc/x", .content = "", .owner = "" };
	assert_string_equal(output("stat -c \"%F %U\" /etc/x", file, &arena),
	    "regular empty file UNKNOWN\n");
	assert_string_equal(output("stat -c plain /etc/x", file, &arena), "plain\n");
	arena_fini(&arena);
}

static void what_the_fact_does_not_say_is_not_guessed(void **test)
{
	struct arena arena = { 0 };
	struct world_file bare = { .path = "/etc/x", .is_bare = true };
	struct world_file link = { .path = "/etc/x", .link = "/run/x" };
	struct world_file dangling = { .path = "/etc/x", .link = "/run/x", .status = FACT_ABSENT };
	struct world_file strange = { .path = "/etc/x", .type = "unknown" };

	(void)test;
	assert_null(output("stat -c %a /etc/x", bare, &arena));
	assert_null(output("stat -c %F /etc/x", bare, &arena));
	assert_string_equal(output("stat -c %n /etc/x", bare, &arena), "/etc/x\n");
	/* The link itself was not observed, only what it leads to. */
	assert_null(output("stat -c %a /etc/x", link, &arena));
	assert_string_equal(output("stat -Lc %a /etc/x", link, &arena), "644\n");
	assert_null(output("stat -c %a /etc/x", dangling, &arena));
	assert_non_null(strstr(output("stat -Lc %a /etc/x", dangling, &arena), "No such file"));
	assert_null(output("stat -c %F /etc/x", strange, &arena));
	assert_string_equal(output("stat -c %a /etc/x", strange, &arena), "644\n");
	arena_fini(&arena);
}

static void rules_ask_it_like_any_command(void **test)
{
	static const struct world_file files[] = {
		{ .path = "/etc/shadow", .mode = 0640, .group = "shadow", .content = "" },
		{ .path = "/etc/secret", .mode = 0600, .status = FACT_UNREADABLE },
		{ .path = "/etc/bare", .is_bare = true },
		{ .path = "/etc/gone", .status = FACT_ABSENT },
		{ .path = NULL },
	};
	static const struct {
		const char *rule;
		char outcomes[4]; /* as in rule_test.c: wazuh4, wazuh5, fettle */
	} cases[] = {
		{ "c:stat -c \"%a %U %G\" /etc/shadow -> r:^640 root shadow$", "FFF" },
		{ "not c:stat -c \"%a %U %G\" /etc/shadow -> r:^600", "FFF" },
		{ "c:stat -c %a /etc/shadow -> n:^(\\d+) compare <= 640", "FFF" },
		{ "c:stat -c \"%a %U\" /etc/shadow -> 640 ROOT", "FNN" },
		{ "c:stat -c \"%a %U\" /etc/shadow -> 640 root", "FFF" },
		{ "c:stat -c %a /etc/shadow", "FFF" },
		{ "c:stat -c %a /etc/secret -> r:^600$", "FFF" },
		{ "c:stat -c %a /etc/bare -> r:^600$", "RRR" },
		{ "c:stat -c %a /etc/gone -> r:^600$", "NNI" },
		{ "not c:stat -c %a /etc/gone -> r:^600$", "FFI" },
		{ "c:stat -c %a /etc/gone -> r:No such file", "FFI" },
		{ "c:stat -c %a /etc/gone", "FFI" },
		{ "c:stat -c %a /etc/never -> r:^600$", "RRR" },
	};
	struct world world = WORLD(files);
	struct lookup lookup = WORLD_LOOKUP(&world);
	struct arena arena = { 0 };
	struct pattern_context context = { .set = regex_set_new(), .arena = &arena };

	(void)test;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int j = 0; j < 3; j++) {
			struct outcome outcome;
			struct rule rule;

			context.dialect = dialect_of((enum dialect_id)(DIALECT_WAZUH4 + j));
			context.is_osregex = j == 0;
			assert_null(rule_parse(&context, NULL, cases[i].rule, &rule));
			assert_int_equal(rule_evaluate(&rule, &lookup, &arena, &outcome),
			    STATUS_OK);
			if ("?FNIR"[outcome.kind] != cases[i].outcomes[j])
				fail_msg("%s, %s: %s", cases[i].rule, context.dialect->name,
				    outcome.reason);
		}
	regex_set_free(context.set);
	arena_fini(&arena);
}

static const char *type_name(mode_t mode)
{
	return S_ISREG(mode)  ? "file"
	     : S_ISDIR(mode)  ? "directory"
	     : S_ISFIFO(mode) ? "fifo"
	     : S_ISCHR(mode)  ? "character"
	                      : "block";
}

static void compare_with_the_real_one(const char *path, const char *format, struct arena *arena)
{
	struct stat info;
	const struct passwd *user;
	const struct group *group;
	const char *missing, *composed,
	    *line = arena_format(arena, "stat -L -c \"%s\" %s", format, path);
	struct fact_field fields[7];
	struct fact fact = { .status = FACT_PRESENT, .fields = fields, .fields_count = 5 };
	char printed[1024] = "";
	FILE *real;

	assert_int_equal(stat(path, &info), 0);
	user = getpwuid(info.st_uid);
	group = getgrgid(info.st_gid);
	fields[0] = FACT_FIELD_TEXT("type", type_name(info.st_mode));
	fields[1] = FACT_FIELD_TEXT("mode", arena_format(arena, "%04o", info.st_mode & 07777));
	fields[2] = FACT_FIELD_NUMBER("uid", info.st_uid);
	fields[3] = FACT_FIELD_NUMBER("gid", info.st_gid);
	fields[4] = FACT_FIELD_NUMBER("size", info.st_size);
	if (user != NULL)
		fields[fact.fields_count++] = FACT_FIELD_TEXT("owner", user->pw_name);
	if (group != NULL)
		fields[fact.fields_count++] = FACT_FIELD_TEXT("group", group->gr_name);
	composed = stat_command_output(stat_command_parse(line, arena), &fact, arena, &missing);
	real = popen(arena_format(arena, "LC_ALL=C %s 2>&1", line), "r");
	assert_non_null(real);
	printed[fread(printed, 1, sizeof(printed) - 1, real)] = '\0';
	pclose(real);
	assert_string_equal(composed, printed);
}

static void the_real_stat_prints_the_same(void **test)
{
	static const char *const names[] = { "file", "none", "sticky", "setuid", "directory" };
	static const unsigned modes[] = { 0644, 0, 01600, 06751, 02775 };
	struct arena arena = { 0 };

	if (system("stat --version >/dev/null 2>&1") != 0) {
		print_message("skipped: there is no GNU stat here\n");
		skip();
	}
	for (size_t i = 0; i < 5; i++) {
		const char *path = scratch_path(*test, names[i]);

		if (i == 4)
			assert_int_equal(mkdir(path, 0700), 0);
		else
			scratch_write(*test, names[i], i == 0 ? "text" : "");
		assert_int_equal(chmod(path, modes[i]), 0);
		compare_with_the_real_one(path, "%a|%A|%U|%G|%u|%g|%s|%F|%n|%%", &arena);
	}
	compare_with_the_real_one("/dev/null", "%a %A %F %U", &arena);
	assert_int_equal(chmod(scratch_path(*test, "directory"), 0700), 0);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_facts_can_answer_is_recognised),
		cmocka_unit_test(modes_owners_and_types_are_printed_as_stat_does),
		cmocka_unit_test(what_the_fact_does_not_say_is_not_guessed),
		cmocka_unit_test(rules_ask_it_like_any_command),
		cmocka_unit_test_setup_teardown(the_real_stat_prints_the_same, scratch_start,
		    scratch_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
