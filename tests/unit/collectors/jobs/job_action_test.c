/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/jobs/job_action.h"

#include <stdio.h>

#include "core/record.h"
#include "tests/support/scratch.h"

static void names_are_those_of_debian(void **test)
{
	static const char *const good[] = { "bash", "g++", "libstdc++6", "0ad", "a.b-c+d",
		"bash:amd64", "libc6:kfreebsd-i386", NULL };
	static const char *const bad[] = { "", "b", "-o", "--purge", "Bash", "ba sh", "ba/sh",
		"ba=sh", "ba*", "ba?", "^bash", "bash$", "bash,", ".bash", "+bash",
		"bash:", ":amd64", "bash:-x", "bash:amd64:i386", "b\xc3\xa4sh", "bash\n", NULL };

	(void)test;
	for (size_t i = 0; good[i] != NULL; i++)
		assert_true(job_action_is_name(good[i]));
	for (size_t i = 0; bad[i] != NULL; i++)
		assert_false(job_action_is_name(bad[i]));
}

static void versions_are_those_of_debian_and_no_request_to_apt(void **test)
{
	static const char *const good[] = { "1", "1.0-1", "2:1.1~rc1-1+b2", "20230311+deb12u1",
		"1.2.3-A", NULL };
	static const char *const bad[] = { "", "a1", "-1", "~1", "1-", "1+", "1 2", "1/x", "1=2",
		"1*", "1[2]", "1\n", "1_2", "1\xc3\xa4", NULL };

	(void)test;
	for (size_t i = 0; good[i] != NULL; i++)
		assert_true(job_action_is_version(good[i]));
	for (size_t i = 0; bad[i] != NULL; i++)
		assert_false(job_action_is_version(bad[i]));
}

static void nothing_is_longer_than_it_may_be(void **test)
{
	char text[JOB_NAME_MAX + 2];

	(void)test;
	memset(text, '1', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_false(job_action_is_name(text));
	assert_false(job_action_is_version(text));
	text[JOB_NAME_MAX] = '\0';
	assert_true(job_action_is_name(text));
	assert_true(job_action_is_version(text));
}

/* ---- actions ---- */

struct made {
	Fettle__JobAction action;
	Fettle__JobPackage packages[JOB_PACKAGES_MAX + 1], *pointers[JOB_PACKAGES_MAX + 1];
	char names[JOB_PACKAGES_MAX + 1][8];
};

static void make(struct made *made, size_t count)
{
	fettle__job_action__init(&made->action);
	RECORD_SET(&made->action, kind, FETTLE__JOB_ACTION_KIND__JOB_ACTION_KIND_UPGRADE_PACKAGES);
	made->action.manager = RECORD_TEXT("dpkg");
	made->action.packages = made->pointers;
	made->action.n_packages = count;
	for (size_t i = 0; i < count; i++) {
		fettle__job_package__init(&made->packages[i]);
		snprintf(made->names[i], sizeof(made->names[i]), "p%zu", i);
		made->packages[i].name = made->names[i];
		made->packages[i].version = RECORD_TEXT("1");
		made->pointers[i] = &made->packages[i];
	}
}

static void one_to_500_packages_once_each_may_be_upgraded(void **test)
{
	struct made made;

	(void)test;
	make(&made, 0);
	assert_non_null(job_action_refusal(&made.action));
	make(&made, 1);
	assert_null(job_action_refusal(&made.action));
	make(&made, JOB_PACKAGES_MAX);
	assert_null(job_action_refusal(&made.action));
	made.packages[JOB_PACKAGES_MAX - 1].name = made.names[0];
	assert_non_null(job_action_refusal(&made.action));
	make(&made, JOB_PACKAGES_MAX + 1);
	assert_non_null(job_action_refusal(&made.action));
}

static void what_is_missing_or_unknown_is_refused(void **test)
{
	struct made made;

	(void)test;
	assert_non_null(job_action_refusal(NULL));
	make(&made, 2);
	made.action.kind = 2;
	assert_non_null(job_action_refusal(&made.action));
	make(&made, 2);
	made.action.manager = NULL;
	assert_non_null(job_action_refusal(&made.action));
	make(&made, 2);
	made.action.manager = RECORD_TEXT("rpm");
	assert_non_null(job_action_refusal(&made.action));
	make(&made, 2);
	made.packages[1].name = NULL;
	assert_non_null(job_action_refusal(&made.action));
	make(&made, 2);
	made.packages[1].version = NULL;
	assert_non_null(job_action_refusal(&made.action));
	make(&made, 2);
	made.packages[1].version = RECORD_TEXT("1-");
	assert_non_null(job_action_refusal(&made.action));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_those_of_debian),
		cmocka_unit_test(versions_are_those_of_debian_and_no_request_to_apt),
		cmocka_unit_test(nothing_is_longer_than_it_may_be),
		cmocka_unit_test(one_to_500_packages_once_each_may_be_upgraded),
		cmocka_unit_test(what_is_missing_or_unknown_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
