/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/detect/watchlist.h"

#include "tests/unit/processors/detect/rules.h"

static struct watchlist *parse(struct rules *rules, struct bytes text)
{
	struct watchlist *list;

	yaml_errors_fini(&rules->errors);
	if (watchlist_parse("watchlist.yaml", text, &list, &rules->errors) != STATUS_OK)
		return NULL;
	return list;
}

static struct watchlist *shipped(struct rules *rules)
{
	const char *source = getenv("FETTLE_SOURCE");
	struct watchlist *list = parse(rules,
	    rules_read(&rules->arena, arena_format(&rules->arena, "%s/content/watchlist.yaml",
					  source == NULL ? "." : source)));

	if (list == NULL)
		fail_msg("%s", yaml_errors_text(&rules->errors));
	return list;
}

static const struct {
	const char *path;
	enum watchlist_change change;
	const char *technique; /* NULL: not meant */
	enum level level;
} cases[] = {
	{ "/etc/ld.so.preload", WATCHLIST_CREATE, "T1574.006", LEVEL_CRITICAL },
	{ "/etc/ld.so.preload", WATCHLIST_DELETE, NULL, LEVEL_LOW },
	{ "/lib64/ld-linux-x86-64.so.2", WATCHLIST_MODIFY, "T1574.006", LEVEL_CRITICAL },
	{ "/lib/x86_64-linux-gnu/security/pam_unix.so", WATCHLIST_MODIFY, "T1556.003",
	    LEVEL_CRITICAL },
	{ "/usr/bin/sudo", WATCHLIST_MODIFY, "T1554", LEVEL_CRITICAL },
	{ "/etc/pam.d/common-auth", WATCHLIST_MODIFY, "T1556.003", LEVEL_CRITICAL },
	{ "/etc/sudoers", WATCHLIST_MODIFY, "T1548.003", LEVEL_HIGH },
	{ "/etc/sudoers.d/anna", WATCHLIST_CREATE, "T1548.003", LEVEL_HIGH },
	{ "/etc/sudoers.d/README.dpkg-new", WATCHLIST_CREATE, NULL, LEVEL_LOW },
	{ "/etc/pam.d/login.dpkg-tmp", WATCHLIST_CREATE, NULL, LEVEL_LOW },
	{ "/root/.ssh/authorized_keys", WATCHLIST_MODIFY, "T1098.004", LEVEL_CRITICAL },
	{ "/home/anna/.ssh/authorized_keys2", WATCHLIST_MODIFY, "T1098.004", LEVEL_HIGH },
	{ "/home/anna/x/.ssh/authorized_keys", WATCHLIST_MODIFY, NULL, LEVEL_LOW },
	{ "/var/spool/cron/crontabs/root", WATCHLIST_MODIFY, "T1053.003", LEVEL_HIGH },
	{ "/var/spool/cron/crontabs/anna", WATCHLIST_MODIFY, "T1053.003", LEVEL_MEDIUM },
	{ "/var/spool/cron/crontabs/tmp.Xa91", WATCHLIST_CREATE, NULL, LEVEL_LOW },
	{ "/var/spool/tmp.Xa91", WATCHLIST_CREATE, NULL, LEVEL_LOW },
	{ "/etc/systemd/system/x.service.d/y.conf", WATCHLIST_CREATE, "T1543.002", LEVEL_HIGH },
	/* Of two entries the higher level counts. */
	{ "/etc/systemd/system/x.timer", WATCHLIST_CREATE, "T1543.002", LEVEL_HIGH },
	{ "/lib/modules/6.1.0-1/kernel/net/x.ko", WATCHLIST_CREATE, "T1547.006", LEVEL_HIGH },
	{ "/var/log/wtmp", WATCHLIST_DELETE, "T1070.002", LEVEL_HIGH },
	{ "/var/log/wtmp", WATCHLIST_MODIFY, NULL, LEVEL_LOW },
	{ "/home/anna/.bashrc", WATCHLIST_MODIFY, "T1546.004", LEVEL_LOW },
	{ "/home/anna/.bashrc", WATCHLIST_CREATE, NULL, LEVEL_LOW },
	{ "/etc/audit/auditd.conf", WATCHLIST_DELETE, "T1562.012", LEVEL_HIGH },
	{ "/etc/motd", WATCHLIST_MODIFY, NULL, LEVEL_LOW },
	{ "", WATCHLIST_MODIFY, NULL, LEVEL_LOW },
};

static void the_shipped_list_gives_level_and_technique(void **test)
{
	struct watchlist *list = shipped(*test);

	assert_string_equal(list->attack_version, "18.1");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct watchlist_entry *entry = watchlist_find(list,
		    bytes_of_text(cases[i].path), cases[i].change);

		if ((entry != NULL) != (cases[i].technique != NULL))
			fail_msg("%s is %s", cases[i].path, entry == NULL ? "not meant" : "meant");
		if (entry == NULL)
			continue;
		assert_string_equal(entry->technique, cases[i].technique);
		assert_int_equal(entry->level, cases[i].level);
		assert_true(*entry->why != '\0');
	}
	watchlist_free(list);
}

static const struct watchlist_path *planned(const struct watchlist_path *paths, size_t count,
    const char *path, const char *glob)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(paths[i].path, path) == 0
		    && strcmp(paths[i].glob == NULL ? "" : paths[i].glob, glob) == 0)
			return &paths[i];
	fail_msg("%s %s is not planned", path, glob);
	return NULL;
}

static void the_plan_has_files_and_the_directories_of_globs(void **test)
{
	struct rules *rules = *test;
	struct watchlist *list = shipped(rules);
	size_t count;
	struct watchlist_path *paths = watchlist_plan(list, &rules->arena, &count);

	assert_true(planned(paths, count, "/etc/sudoers", "")->wants_content);
	assert_false(planned(paths, count, "/etc/shadow", "")->wants_content);
	assert_true(planned(paths, count, "/etc/pam.d", "/etc/pam.d/*")->wants_content);
	planned(paths, count, "/home", "/home/*/.ssh/authorized_keys*");
	planned(paths, count, "/etc", "/etc/rc?.d/*");
	planned(paths, count, "/lib/modules", "/lib/modules/**/*.ko*");
	planned(paths, count, "/root/.ssh", "/root/.ssh/authorized_keys*");
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(paths[i].path[0], '/');
		assert_true(strlen(paths[i].path) > 1);
		assert_null(strpbrk(paths[i].path, "*?"));
		if (i > 0)
			assert_true(strcmp(paths[i - 1].path, paths[i].path) <= 0);
	}
	watchlist_free(list);
}

#define ENTRY(globs) \
	"attack_version: '18.1'\npaths:\n  - globs: " globs "\n" \
	"    technique: T1\n    level: low\n    why: w\n"

static void a_path_is_planned_once_and_with_content_if_any_entry_wants_it(void **test)
{
	struct rules *rules = *test;
	struct watchlist *list = parse(rules,
	    bytes_of_text(ENTRY("[/a/b, '/a/*']") "  - globs: ['/a/*', /a/b]\n    technique: T1\n  "
						  "  level: low\n    why: w\n"
						  "    content: true\n"));
	size_t count;
	struct watchlist_path *paths = watchlist_plan(list, &rules->arena, &count);

	assert_int_equal(count, 2);
	assert_string_equal(paths[0].path, "/a");
	assert_string_equal(paths[1].path, "/a/b");
	assert_true(paths[0].wants_content && paths[1].wants_content);
	watchlist_free(list);
}

static const struct {
	const char *text, *message;
} refused[] = {
	{ "a", "1:1: a watchlist is a mapping with \"paths\"" },
	{ "attack_version: '1'\n", "there must be \"paths\"" },
	{ "paths: []\n", "there must be \"attack_version\"" },
	{ "attack_version: '1'\npaths: []\npath: []\n", "3:1: \"path\" means nothing here" },
	{ "attack_version: '1'\npaths: [a]\n", "2:9: each of \"paths\" must be a mapping" },
	{ "attack_version: '1'\npaths: [{technique: T1, level: low, why: w}]\n",
	    "there must be \"globs\"" },
	{ ENTRY("[etc/passwd]"), "3:13: \"etc/passwd\" is no absolute path of a file" },
	{ ENTRY("[/etc/]"), "\"/etc/\" is no absolute path of a file" },
	{ ENTRY("[/]"), "\"/\" is no absolute path of a file" },
	{ ENTRY("[/etc//x]"), "is not written in its shortest form" },
	{ ENTRY("[/etc/../x]"), "is not written in its shortest form" },
	{ ENTRY("['/*/x']"), "would have the whole file system searched" },
	{ ENTRY("['/**']"), "would have the whole file system searched" },
	{ ENTRY("['/etc/a**']"), "has a `**` that is not a whole component" },
	{ ENTRY("['/etc/**x']"), "has a `**` that is not a whole component" },
	{ ENTRY("[/a/b]") "    changes: [rename]\n", "7:15: a change is create, modify or delete" },
	{ ENTRY("[/a/b]") "    content: yes\n", "\"content\" is true or false" },
	{ ENTRY("[/a/b]") "    writer: x\n", "\"writer\" means nothing here" },
	{ "attack_version: '1'\npaths: [{globs: [/a/b], technique: T1, level: bad, why: w}]\n",
	    "\"level\" is informational" },
};

static void a_list_with_a_mistake_is_refused(void **test)
{
	struct rules *rules = *test;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_null(parse(rules, bytes_of_text(refused[i].text)));
		if (strstr(yaml_errors_text(&rules->errors), refused[i].message) == NULL)
			fail_msg("%s\nnot \"%s\" but %s", refused[i].text, refused[i].message,
			    yaml_errors_text(&rules->errors));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rules_start, rules_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_shipped_list_gives_level_and_technique),
		TEST(the_plan_has_files_and_the_directories_of_globs),
		TEST(a_path_is_planned_once_and_with_content_if_any_entry_wants_it),
		TEST(a_list_with_a_mistake_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
