/* SPDX-License-Identifier: Apache-2.0 */
#include "core/job_action.h"

#include <stdio.h>

#include "core/job_id.h"
#include "tests/support/scratch.h"

/* An action of up to 600 packages, in static memory. */
static Fettle__JobAction *action_of(size_t count, const char *const *names, const char *version)
{
	static Fettle__JobPackage packages[600];
	static Fettle__JobPackage *pointers[600];
	static Fettle__JobAction action;

	fettle__job_action__init(&action);
	action.kind = FETTLE__JOB_ACTION_KIND__JOB_ACTION_KIND_UPGRADE_PACKAGES;
	action.has_kind = 1;
	action.manager = (char *)(uintptr_t) "dpkg";
	for (size_t i = 0; i < count; i++) {
		fettle__job_package__init(&packages[i]);
		packages[i].name = (char *)(uintptr_t)names[i];
		packages[i].version = (char *)(uintptr_t)version;
		pointers[i] = &packages[i];
	}
	action.packages = pointers;
	action.n_packages = count;
	return &action;
}

static Fettle__JobAction *one(const char *name, const char *version)
{
	return action_of(1, &name, version);
}

static void what_dpkg_could_have_is_taken(void **test)
{
	static const char *const names[] = { "openssl", "libssl3:amd64", "g++-12:all",
		"libstdc++6:kfreebsd-amd64", "0ad", "libx11.6" };
	static const char *const versions[] = { "1", "3.0.11-1~deb12u2", "1:2.3:4+dfsg-5",
		"2.0-A" };

	(void)test;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_null(job_action_check(one(names[i], "1.0")));
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		assert_null(job_action_check(one("openssl", versions[i])));
	assert_null(job_action_check(action_of(6, names, "1.0")));
}

static void what_is_no_name_is_refused(void **test)
{
	static const char *const names[] = { "", "-y", "--purge", "openssl ", "open ssl", "OpenSSL",
		":amd64", "openssl:", "openssl:a:b", "openssl:-amd64", "openssl=1", "openssl/sid",
		"../x", "a", "a:amd64", "a;b", "a\nb", "\xc3\xa4", "+a" };
	char large[130];

	(void)test;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_non_null(job_action_check(one(names[i], "1.0")));
	memset(large, 'a', sizeof(large));
	large[129] = '\0';
	assert_non_null(job_action_check(one(large, "1.0")));
	large[128] = '\0';
	assert_null(job_action_check(one(large, "1.0")));
	assert_non_null(job_action_check(one(NULL, "1.0")));
}

static void what_is_no_version_is_refused(void **test)
{
	static const char *const versions[] = { "", "-1", "a1", " 1", "1 ", "1;0", "1/0", "1_0",
		"1\n", "1*", "1-", "1+" };
	char large[130];

	(void)test;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		assert_non_null(job_action_check(one("openssl", versions[i])));
	memset(large, '1', sizeof(large));
	large[129] = '\0';
	assert_non_null(job_action_check(one("openssl", large)));
	assert_non_null(job_action_check(one("openssl", NULL)));
}

static void there_are_one_to_five_hundred_packages_once_each(void **test)
{
	static const char *const twice[] = { "openssl", "curl", "openssl" };
	static char names[501][16];
	static const char *pointers[501];

	(void)test;
	assert_non_null(job_action_check(action_of(0, NULL, "1.0")));
	assert_non_null(job_action_check(action_of(3, twice, "1.0")));
	for (int i = 0; i < 501; i++) {
		snprintf(names[i], sizeof(names[i]), "package%d", i);
		pointers[i] = names[i];
	}
	assert_null(job_action_check(action_of(500, pointers, "1.0")));
	assert_non_null(job_action_check(action_of(501, pointers, "1.0")));
}

static void an_action_that_no_frame_could_carry_is_refused(void **test)
{
	static char names[500][JOB_NAME_MAX + 1], version[JOB_VERSION_MAX + 1];
	static const char *pointers[500];

	(void)test;
	memset(version, '1', JOB_VERSION_MAX);
	for (int i = 0; i < 500; i++) {
		snprintf(names[i], sizeof(names[i]), "%0128d", i);
		pointers[i] = names[i];
	}
	assert_non_null(job_action_check(action_of(500, pointers, version)));
	assert_null(job_action_check(action_of(200, pointers, version)));
}

static void only_upgrades_by_dpkg_are_known(void **test)
{
	Fettle__JobAction *action = one("openssl", "1.0");

	(void)test;
	assert_non_null(job_action_check(NULL));
	action->manager = (char *)(uintptr_t) "rpm";
	assert_non_null(job_action_check(action));
	action->manager = NULL;
	assert_non_null(job_action_check(action));
	action = one("openssl", "1.0");
	action->kind = (Fettle__JobActionKind)2;
	assert_non_null(job_action_check(action));
}

/* ---- ids ---- */

static void id_is(const Fettle__JobAction *action, uint64_t generation, const char *expected)
{
	static const uint8_t asset[16] = "0123456789abcde";
	uint8_t id[JOB_ID_SIZE];
	char hex[2 * JOB_ID_SIZE + 1];

	job_id_compute(BYTES_OF(asset), action, generation, id);
	bytes_to_hex(BYTES_OF(id), hex);
	assert_string_equal(hex, expected);
}

/* Worked out by another program from the text in job_id.h. */
static void an_id_is_the_same_for_ever(void **test)
{
	static const char *const forth[] = { "curl:amd64", "openssl:amd64" }, *const back[] = {
		"openssl:amd64", "curl:amd64"
	};
	static const char first[] =
	    "47a58e700a2427183f6b08beb1d67d200245217d60a045ec9de9bd6bfc2b0d00";

	(void)test;
	id_is(action_of(2, forth, "1.1-1"), 0, first);
	id_is(action_of(2, back, "1.1-1"), 0, first);
	id_is(action_of(2, forth, "1.1-1"), 1,
	    "30daaca18c17f61f6a4314ace310b61618c51931a44bc4f15f72f9e7593f7228");
}

static void an_id_of_nothing_much_is_worked_out_too(void **test)
{
	static const uint8_t asset[16];
	Fettle__JobAction empty = FETTLE__JOB_ACTION__INIT;
	uint8_t a[JOB_ID_SIZE], b[JOB_ID_SIZE];

	(void)test;
	job_id_compute(BYTES_OF(asset), &empty, 0, a);
	job_id_compute(BYTES_OF(asset), one(NULL, NULL), 0, b);
	assert_memory_not_equal(a, b, JOB_ID_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_dpkg_could_have_is_taken),
		cmocka_unit_test(what_is_no_name_is_refused),
		cmocka_unit_test(what_is_no_version_is_refused),
		cmocka_unit_test(there_are_one_to_five_hundred_packages_once_each),
		cmocka_unit_test(an_action_that_no_frame_could_carry_is_refused),
		cmocka_unit_test(only_upgrades_by_dpkg_are_known),
		cmocka_unit_test(an_id_is_the_same_for_ever),
		cmocka_unit_test(an_id_of_nothing_much_is_worked_out_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
