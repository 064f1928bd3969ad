/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/files/globs.h"

#include "core/path_glob.h"
#include "tests/support/scratch.h"

static const char *const exclude[] = { "*.dpkg-new" };

static struct globs *make(const char *glob)
{
	const struct plan_glob planned = { "/unused", glob, 5, true };
	const struct plan plan = { .globs = &planned,
		.globs_count = 1,
		.exclude = exclude,
		.exclude_count = 1 };

	return globs_new(&plan);
}

static void step_by_step_it_is_as_at_once(void **test)
{
	static const char *const all[] = { "/etc/x", "/etc/*", "/etc/**", "/etc/**/x",
		"/a/**/b/**/c", "/a/?/b*/**", "/**/x", "/etc/*/*/x" };
	static const char *const paths[] = { "/etc/x", "/etc", "/etc/y/x", "/etc/y/z/x", "/a/b/c",
		"/a/x/b/y/b/z/c", "/a/1/bb", "/a/1/bb/c/d", "/x", "/q/x", "/etc/xx", "/a/12/b/c" };

	(void)test;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct globs *globs = make(all[i]);
		struct globs_meaning meaning;

		for (size_t j = 0; j < sizeof(paths) / sizeof(paths[0]); j++)
			if (globs_mean_path(globs, bytes_of_text(paths[j]), &meaning)
			    != path_glob_match(all[i], bytes_of_text(paths[j])))
				fail_msg("%s on %s", all[i], paths[j]);
		globs_free(globs);
	}
}

/* Whether what GLOB means may be below PATH. */
static bool leads(const char *glob, const char *path)
{
	struct globs *globs = make(glob);
	struct globs_spot spot = { 0 };
	bool result;

	globs_find(globs, bytes_of_text(path), &spot);
	result = spot.count > 0;
	globs_spot_fini(&spot);
	globs_free(globs);
	return result;
}

static void only_what_may_be_meant_is_gone_into(void **test)
{
	(void)test;
	assert_true(leads("/home/*/.ssh/key", "/home/anna/.ssh"));
	assert_false(leads("/home/*/.ssh/key", "/home/anna/mail"));
	assert_false(leads("/home/*/.ssh/key", "/home/anna/.ssh/key"));
	assert_true(leads("/etc/**", "/etc/a/b/c"));
	assert_false(leads("/etc/**", "/srv"));
	assert_true(leads("/etc/**/x", "/etc/a/b"));
}

static void double_stars_do_not_cross_and_names_do(void **test)
{
	struct globs *globs = make("/etc/**/x");
	struct globs_spot spot = { 0 };

	(void)test;
	globs_find(globs, BYTES_NONE, &spot);
	assert_true(globs_lead(globs, &spot, bytes_of_text("etc"), GLOBS_CROSSING));
	globs_spot_fini(&spot);
	globs_find(globs, bytes_of_text("/etc"), &spot);
	assert_true(globs_lead(globs, &spot, bytes_of_text("a"), GLOBS_PLAIN));
	assert_false(globs_lead(globs, &spot, bytes_of_text("a"), GLOBS_CROSSING));
	assert_true(globs_are_at_end(globs, &spot));
	globs_spot_fini(&spot);
	globs_free(globs);
}

static void what_is_excluded_is_not_meant(void **test)
{
	struct globs *globs = make("/etc/*");
	struct globs_meaning meaning;

	(void)test;
	assert_false(globs_mean_path(globs, bytes_of_text("/etc/x.dpkg-new"), &meaning));
	assert_true(globs_mean_path(globs, bytes_of_text("/etc/x"), &meaning));
	assert_int_equal(meaning.content_limit, 5);
	assert_true(meaning.is_watched);
	globs_free(globs);
}

static void count_name(void *data, struct bytes name)
{
	(void)name;
	++*(unsigned *)data;
}

static void names_are_known_where_there_is_no_wildcard(void **test)
{
	struct globs *globs = make("/etc/a/*");
	struct globs_spot spot = { 0 };
	unsigned names = 0;

	(void)test;
	globs_find(globs, bytes_of_text("/etc"), &spot);
	assert_true(globs_next_names(globs, &spot, count_name, &names));
	assert_int_equal(names, 1);
	globs_spot_fini(&spot);
	globs_find(globs, bytes_of_text("/etc/a"), &spot);
	assert_false(globs_next_names(globs, &spot, count_name, &names));
	globs_spot_fini(&spot);
	globs_free(globs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(step_by_step_it_is_as_at_once),
		cmocka_unit_test(only_what_may_be_meant_is_gone_into),
		cmocka_unit_test(double_stars_do_not_cross_and_names_do),
		cmocka_unit_test(what_is_excluded_is_not_meant),
		cmocka_unit_test(names_are_known_where_there_is_no_wildcard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
