/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bundle.h"

#include <stdio.h>

#include "core/record.h"
#include "proto/observation.pb-c.h"
#include "tests/support/scratch.h"

enum { FACTS = 2000, KEY_SIZE = 24 };

static char keys[FACTS][KEY_SIZE];
static struct bundle_fact facts[FACTS];

/* FACTS facts in the order of their keys. */
static int start(void **test)
{
	(void)test;
	for (size_t i = 0; i < FACTS; i++) {
		snprintf(keys[i], KEY_SIZE, "package/dpkg/p%04zu", i);
		facts[i] = (struct bundle_fact){ .key = bytes_of_text(keys[i]),
			.status = FACT_PRESENT };
	}
	return 0;
}

/* The hashes of the bundles of all COUNT facts from AT on, one after the other. */
static void hashes_of(const struct bundle_fact *at, size_t count, struct buffer *out)
{
	struct buffer bundle = { 0 };

	while (count > 0) {
		size_t taken = bundle_cut(at, count);

		buffer_clear(&bundle);
		bundle_encode(&bundle, at, taken);
		bundle_hash(buffer_bytes(&bundle), buffer_extend(out, BUNDLE_HASH_SIZE));
		at += taken;
		count -= taken;
	}
	buffer_fini(&bundle);
}

static size_t in_common(const struct buffer *a, const struct buffer *b)
{
	size_t found = 0;

	for (size_t i = 0; i < a->size; i += BUNDLE_HASH_SIZE)
		for (size_t j = 0; j < b->size; j += BUNDLE_HASH_SIZE)
			found += memcmp(a->data + i, b->data + j, BUNDLE_HASH_SIZE) == 0;
	return found;
}

static void equal_facts_are_equal_bytes_wherever_they_come_from(void **test)
{
	struct buffer a = { 0 }, b = { 0 };
	char copy[KEY_SIZE] = "package/dpkg/p0000", reason[] = "why";
	struct bundle_fact fact = { .key = bytes_of_text(copy),
		.status = FACT_FAILED,
		.reason = reason };

	(void)test;
	bundle_encode(&a, &fact, 1);
	facts[0].status = FACT_FAILED;
	facts[0].reason = "why";
	bundle_encode(&b, facts, 1);
	assert_true(bytes_equal(buffer_bytes(&a), buffer_bytes(&b)));
	buffer_fini(&a);
	buffer_fini(&b);
}

static void bundles_are_of_a_few_facts_and_cover_all(void **test)
{
	size_t bundles = 0;

	(void)test;
	for (size_t at = 0; at < FACTS; bundles++) {
		size_t taken = bundle_cut(facts + at, FACTS - at);

		assert_in_range(taken, 1, BUNDLE_CUT_MAX);
		assert_true(taken >= BUNDLE_CUT_MIN || at + taken == FACTS);
		at += taken;
	}
	assert_in_range(FACTS / bundles, 3, 5);
}

static void another_value_changes_one_bundle(void **test)
{
	struct buffer a = { 0 }, b = { 0 };

	(void)test;
	hashes_of(facts, FACTS, &a);
	facts[FACTS / 2].value = bytes_of_text("other");
	hashes_of(facts, FACTS, &b);
	assert_int_equal(a.size, b.size);
	assert_int_equal(in_common(&a, &b), a.size / BUNDLE_HASH_SIZE - 1);
	buffer_fini(&a);
	buffer_fini(&b);
}

static void a_fact_more_or_less_changes_few(void **test)
{
	struct buffer a = { 0 }, b = { 0 };

	(void)test;
	hashes_of(facts, FACTS, &a);
	for (size_t gone = 0; gone < 20; gone++) {
		b.size = 0;
		hashes_of(facts + gone, FACTS - gone, &b);
		assert_true(in_common(&a, &b) + 25 > a.size / BUNDLE_HASH_SIZE);
	}
	buffer_fini(&a);
	buffer_fini(&b);
}

static void what_is_large_is_alone(void **test)
{
	static const uint8_t large[BUNDLE_ALONE];

	(void)test;
	facts[1].value = BYTES_OF(large);
	assert_int_equal(bundle_cut(facts, FACTS), 1);
	assert_int_equal(bundle_cut(facts + 1, FACTS - 1), 1);
}

/* ---- from others ---- */

static enum status decode(struct bytes bytes)
{
	struct arena arena = { 0 };
	struct bundle_fact *out;
	size_t count;
	const char *reason = NULL;
	enum status status = bundle_decode(bytes, &arena, &out, &count, &reason);

	assert_non_null(reason);
	arena_fini(&arena);
	return status;
}

static enum status decode_of(const struct bundle_fact *of, size_t count)
{
	struct buffer bundle = { 0 };
	enum status status;

	bundle_encode(&bundle, of, count);
	status = decode(buffer_bytes(&bundle));
	buffer_fini(&bundle);
	return status;
}

static void what_was_encoded_is_decoded(void **test)
{
	struct arena arena = { 0 };
	struct buffer bundle = { 0 };
	struct bundle_fact *out;
	size_t count;
	const char *reason;

	(void)test;
	facts[1].reason = "why";
	facts[1].status = FACT_UNREADABLE;
	bundle_encode(&bundle, facts, BUNDLE_FACTS_MAX);
	assert_int_equal(bundle_decode(buffer_bytes(&bundle), &arena, &out, &count, &reason),
	    STATUS_OK);
	assert_int_equal(count, BUNDLE_FACTS_MAX);
	assert_int_equal(out[1].status, FACT_UNREADABLE);
	assert_string_equal(out[1].reason, "why");
	assert_true(bytes_equal(out[63].key, facts[63].key));
	buffer_fini(&bundle);
	arena_fini(&arena);
}

static void keys_out_of_order_twice_empty_or_too_long_are_refused(void **test)
{
	static const uint8_t key[FACT_KEY_MAX + 1] = "k";
	struct bundle_fact some[3] = { facts[0], facts[1], facts[2] };

	(void)test;
	assert_int_equal(decode_of(some, 3), STATUS_OK);
	some[2].key = facts[0].key;
	assert_int_equal(decode_of(some, 3), STATUS_REJECT);
	some[2].key = facts[1].key;
	assert_int_equal(decode_of(some, 3), STATUS_REJECT);
	some[0].key = BYTES_NONE;
	assert_int_equal(decode_of(some, 1), STATUS_REJECT);
	some[0].key = BYTES_OF(key);
	assert_int_equal(decode_of(some, 1), STATUS_REJECT);
	some[0].key.size--;
	assert_int_equal(decode_of(some, 1), STATUS_OK);
}

static void a_value_or_status_that_is_none_is_refused(void **test)
{
	(void)test;
	facts[0].status = FACT_NONE;
	assert_int_equal(decode_of(facts, 1), STATUS_REJECT);
	facts[0].status = FACT_FAILED + 1;
	assert_int_equal(decode_of(facts, 1), STATUS_REJECT);
	facts[0].status = FACT_PRESENT;
	facts[0].value = bytes_of_text("\x0a\x01");
	assert_int_equal(decode_of(facts, 1), STATUS_REJECT);
}

static void no_facts_and_too_many_are_refused(void **test)
{
	Fettle__Bundle bundle = FETTLE__BUNDLE__INIT;
	Fettle__BundledFact messages[BUNDLE_FACTS_MAX + 1], *pointers[BUNDLE_FACTS_MAX + 1];
	struct buffer bytes = { 0 };

	(void)test;
	assert_int_equal(decode(BYTES_NONE), STATUS_REJECT);
	for (size_t i = 0; i <= BUNDLE_FACTS_MAX; i++) {
		pointers[i] = &messages[i];
		fettle__bundled_fact__init(&messages[i]);
		RECORD_SET_BYTES(&messages[i], key, facts[i].key);
		RECORD_SET(&messages[i], status, FETTLE__FACT_STATUS__FACT_STATUS_PRESENT);
	}
	bundle.facts = pointers;
	bundle.n_facts = BUNDLE_FACTS_MAX + 1;
	record_pack(&bytes, &bundle.base);
	assert_int_equal(decode(buffer_bytes(&bytes)), STATUS_REJECT);
	buffer_fini(&bytes);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(equal_facts_are_equal_bytes_wherever_they_come_from),
		TEST(bundles_are_of_a_few_facts_and_cover_all),
		TEST(another_value_changes_one_bundle),
		TEST(a_fact_more_or_less_changes_few),
		TEST(what_is_large_is_alone),
		TEST(what_was_encoded_is_decoded),
		TEST(keys_out_of_order_twice_empty_or_too_long_are_refused),
		TEST(a_value_or_status_that_is_none_is_refused),
		TEST(no_facts_and_too_many_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
