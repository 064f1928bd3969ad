/* SPDX-License-Identifier: Apache-2.0 */
#include "core/job_id.h"

#include "tests/support/scratch.h"

static const uint8_t web1[16] = { 1, 2, 3 };

static Fettle__JobPackage curl = { PROTOBUF_C_MESSAGE_INIT(&fettle__job_package__descriptor),
	.name = "curl:amd64", .version = "7.88.1-10" };
static Fettle__JobPackage openssl = { PROTOBUF_C_MESSAGE_INIT(&fettle__job_package__descriptor),
	.name = "openssl:amd64", .version = "3.0.15-1" };
static Fettle__JobPackage *both[] = { &curl, &openssl };
static Fettle__JobPackage *swapped[] = { &openssl, &curl };

static Fettle__JobAction action_of(Fettle__JobPackage **packages, size_t count)
{
	Fettle__JobAction action = FETTLE__JOB_ACTION__INIT;

	action.has_kind = true;
	action.kind = FETTLE__JOB_ACTION_KIND__JOB_ACTION_KIND_UPGRADE_PACKAGES;
	action.manager = (char *)(uintptr_t) "dpkg";
	action.packages = packages;
	action.n_packages = count;
	return action;
}

static bool is_same(const Fettle__JobAction *a, uint64_t a_generation, const Fettle__JobAction *b,
    uint64_t b_generation)
{
	uint8_t one[JOB_ID_SIZE], other[JOB_ID_SIZE];

	job_id_compute(BYTES_OF(web1), a, a_generation, one);
	job_id_compute(BYTES_OF(web1), b, b_generation, other);
	return memcmp(one, other, sizeof(one)) == 0;
}

/* Worked out by another implementation of SHA-256 from the layout in the header. */
static void the_id_is_the_sha256_of_the_layout(void **test)
{
	Fettle__JobAction action = action_of(both, 2);
	uint8_t id[JOB_ID_SIZE];
	char hex[2 * JOB_ID_SIZE + 1];

	(void)test;
	job_id_compute(BYTES_OF(web1), &action, 1, id);
	bytes_to_hex(BYTES_OF(id), hex);
	assert_string_equal(hex,
	    "85ec2eeec0cb9ca6476419328f034df2e2754362ccd77a849eea20a3fb5f32c1");
}

static void the_order_of_packages_makes_no_other_job(void **test)
{
	Fettle__JobAction one = action_of(both, 2), other = action_of(swapped, 2);

	(void)test;
	assert_true(is_same(&one, 0, &other, 0));
	assert_ptr_equal(swapped[0], &openssl); /* and what was given stays as it was */
}

static void another_asset_package_version_or_generation_makes_another_job(void **test)
{
	Fettle__JobPackage newer = curl;
	Fettle__JobPackage *bumped[] = { &newer, &openssl };
	Fettle__JobAction action = action_of(both, 2), fewer = action_of(both, 1);
	Fettle__JobAction other = action_of(bumped, 2);
	uint8_t here[JOB_ID_SIZE], there[JOB_ID_SIZE];
	static const uint8_t web2[16] = { 2 };

	(void)test;
	newer.version = (char *)(uintptr_t) "7.88.1-11";
	assert_false(is_same(&action, 0, &action, 1));
	assert_false(is_same(&action, 0, &fewer, 0));
	assert_false(is_same(&action, 0, &other, 0));
	job_id_compute(BYTES_OF(web1), &action, 0, here);
	job_id_compute(BYTES_OF(web2), &action, 0, there);
	assert_memory_not_equal(here, there, sizeof(here));
}

static void text_cannot_move_from_one_member_to_the_next(void **test)
{
	Fettle__JobPackage moved = curl;
	Fettle__JobPackage *list[] = { &moved };
	Fettle__JobAction one = action_of(both, 1), other = action_of(list, 1);

	(void)test;
	moved.name = (char *)(uintptr_t) "curl:amd647";
	moved.version = (char *)(uintptr_t) ".88.1-10";
	assert_false(is_same(&one, 0, &other, 0));
}

static void what_is_left_out_counts_as_empty(void **test)
{
	Fettle__JobPackage bare = FETTLE__JOB_PACKAGE__INIT;
	Fettle__JobPackage *list[] = { &bare };
	Fettle__JobAction one = action_of(list, 1), other = one;

	(void)test;
	other.manager = NULL;
	assert_true(is_same(&one, 0, &one, 0));
	assert_false(is_same(&one, 0, &other, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_id_is_the_sha256_of_the_layout),
		cmocka_unit_test(the_order_of_packages_makes_no_other_job),
		cmocka_unit_test(another_asset_package_version_or_generation_makes_another_job),
		cmocka_unit_test(text_cannot_move_from_one_member_to_the_next),
		cmocka_unit_test(what_is_left_out_counts_as_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
