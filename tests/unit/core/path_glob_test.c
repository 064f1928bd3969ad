/* SPDX-License-Identifier: Apache-2.0 */
#include "core/path_glob.h"

#include "tests/support/scratch.h"

static const struct {
	const char *glob, *path;
	bool is_match;
} cases[] = {
	{ "/etc/passwd", "/etc/passwd", true },
	{ "/etc/passwd", "/etc/passwd-", false },
	{ "/etc/passwd", "/etc/Passwd", false },
	{ "/etc/cron.d/*", "/etc/cron.d/backup", true },
	{ "/etc/cron.d/*", "/etc/cron.d/a/b", false },
	{ "/etc/cron.d/*", "/etc/cron.d", false },
	{ "/home/*/.ssh/authorized_keys*", "/home/anna/.ssh/authorized_keys2", true },
	{ "/home/*/.ssh/authorized_keys*", "/home/a/b/.ssh/authorized_keys", false },
	{ "/etc/rc?.d/*", "/etc/rc2.d/S01x", true },
	{ "/etc/rc?.d/*", "/etc/rc.d/S01x", false },
	{ "/a/?", "/a//", false },
	{ "/etc/systemd/system/**", "/etc/systemd/system/a.service", true },
	{ "/etc/systemd/system/**", "/etc/systemd/system/a.service.d/b.conf", true },
	{ "/etc/systemd/system/**", "/etc/systemd/systems", false },
	{ "/lib/modules/**/*.ko*", "/lib/modules/6.1/kernel/net/x.ko.xz", true },
	{ "/lib/modules/**/*.ko*", "/lib/modules/x.ko", true },
	{ "/lib/modules/**/*.ko*", "/lib/modules/6.1/modules.dep", false },
	{ "/a/**/b/**/c", "/a/x/b/y/b/z/c", true },
	{ "/a/**/b/**/c", "/a/b/c", true },
	{ "/a/**/b/**/c", "/a/x/c", false },
	{ "/a/**/b*d/c", "/a/bd/x/bxd/c", true },
	{ "*.dpkg-new", "x.dpkg-new", true },
	{ "crontabs/tmp.*", "crontabs/tmp.Xa1", true },
	{ "*a*a*b", "aaaaaaaaab", true },
	{ "*a*a*b", "aaaaaaaaac", false },
	{ "**", "/any/thing", true },
	{ "/etc", "", false },
};

static void stars_stay_within_a_component_and_double_stars_do_not(void **test)
{
	(void)test;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (path_glob_match(cases[i].glob, bytes_of_text(cases[i].path))
		    != cases[i].is_match)
			fail_msg("%s on %s", cases[i].glob, cases[i].path);
}

static void of_the_last_components_as_many_count_as_the_glob_has(void **test)
{
	struct bytes path = bytes_of_text("/var/spool/crontabs/tmp.a1");

	(void)test;
	assert_true(path_glob_match_last("tmp.*", path));
	assert_true(path_glob_match_last("crontabs/tmp.*", path));
	assert_false(path_glob_match_last("cron.d/tmp.*", path));
	assert_false(path_glob_match_last("crontabs", path));
	assert_true(path_glob_match_last("a/b/tmp.*", bytes_of_text("a/b/tmp.x")));
	assert_false(path_glob_match_last("a/b/tmp.*", bytes_of_text("b/tmp.x")));
}

static void no_glob_takes_long(void **test)
{
	char glob[401], path[401];

	(void)test;
	for (size_t i = 0; i < 400; i += 2) {
		memcpy(glob + i, "*a", 2);
		memcpy(path + i, "aa", 2);
	}
	glob[399] = 'b';
	glob[400] = path[400] = '\0';
	assert_false(path_glob_match(glob, bytes_of_text(path)));
	for (size_t i = 0; i < 400; i += 2)
		memcpy(path + i, "a/", 2);
	assert_false(path_glob_match("**/a/**/a/**/a/**/a/**/a/**/a/**/b", bytes_of_text(path)));
}

static void a_wildcard_is_seen(void **test)
{
	(void)test;
	assert_true(path_glob_has_wildcard(bytes_of_text("a*")));
	assert_true(path_glob_has_wildcard(bytes_of_text("a?")));
	assert_false(path_glob_has_wildcard(bytes_of_text("a")));
	assert_false(path_glob_has_wildcard(BYTES_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stars_stay_within_a_component_and_double_stars_do_not),
		cmocka_unit_test(of_the_last_components_as_many_count_as_the_glob_has),
		cmocka_unit_test(no_glob_takes_long),
		cmocka_unit_test(a_wildcard_is_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
