/* SPDX-License-Identifier: Apache-2.0 */
#include "core/quantity.h"

#include "tests/support/scratch.h"

static void is(enum quantity quantity, const char *text, uint64_t expected)
{
	uint64_t value = 1;

	if (!quantity_parse(quantity, text, &value) || value != expected)
		fail_msg("`%s` became %llu", text, (unsigned long long)value);
}

static void is_none(enum quantity quantity, const char *text)
{
	uint64_t value;

	if (quantity_parse(quantity, text, &value))
		fail_msg("`%s` was taken for %llu", text, (unsigned long long)value);
}

static void shows(enum quantity quantity, uint64_t value, const char *expected)
{
	struct buffer text = { 0 };

	quantity_format(&text, quantity, value);
	assert_string_equal(buffer_text(&text), expected);
	is(quantity, expected, value);
	buffer_fini(&text);
}

static void a_count_is_digits_within_64_bits(void **test)
{
	(void)test;
	is(QUANTITY_COUNT, "0", 0);
	is(QUANTITY_COUNT, "007", 7);
	is(QUANTITY_COUNT, "18446744073709551615", UINT64_MAX);
	is_none(QUANTITY_COUNT, "18446744073709551616");
	is_none(QUANTITY_COUNT, "");
	is_none(QUANTITY_COUNT, "-1");
	is_none(QUANTITY_COUNT, "+1");
	is_none(QUANTITY_COUNT, " 1");
	is_none(QUANTITY_COUNT, "1 ");
	is_none(QUANTITY_COUNT, "1.5");
	is_none(QUANTITY_COUNT, "0x10");
	is_none(QUANTITY_COUNT, "1k");
}

static void a_size_has_powers_of_1024(void **test)
{
	(void)test;
	is(QUANTITY_SIZE, "4096", 4096);
	is(QUANTITY_SIZE, "12B", 12);
	is(QUANTITY_SIZE, "64 KiB", 65536);
	is(QUANTITY_SIZE, "64KiB", 65536);
	is(QUANTITY_SIZE, "256 MiB", 268435456);
	is(QUANTITY_SIZE, "1G", 1073741824);
	is(QUANTITY_SIZE, "2T", UINT64_C(2199023255552));
	is_none(QUANTITY_SIZE, "1 KB");
	is_none(QUANTITY_SIZE, "1  KiB");
	is_none(QUANTITY_SIZE, "1 ");
	is_none(QUANTITY_SIZE, "KiB");
	is(QUANTITY_SIZE, "16777215 TiB", UINT64_C(16777215) << 40);
	is_none(QUANTITY_SIZE, "16777216 TiB");
}

static void a_duration_needs_its_unit(void **test)
{
	(void)test;
	is(QUANTITY_DURATION, "500ms", 500);
	is(QUANTITY_DURATION, "90s", 90 * 1000);
	is(QUANTITY_DURATION, "15m", 15 * 60 * 1000);
	is(QUANTITY_DURATION, "36h", 36 * 60 * 60 * 1000);
	is(QUANTITY_DURATION, "7d", 7 * 24 * 60 * 60 * 1000);
	is(QUANTITY_DURATION, "0", 0);
	is_none(QUANTITY_DURATION, "90");
	is_none(QUANTITY_DURATION, "90 s");
	is_none(QUANTITY_DURATION, "1h30m");
	is_none(QUANTITY_DURATION, "15M");
	is_none(QUANTITY_DURATION, "1w");
	is_none(QUANTITY_DURATION, "213503982335d");
}

static void a_value_is_shown_in_the_largest_unit_that_keeps_it_whole(void **test)
{
	(void)test;
	shows(QUANTITY_COUNT, 1000, "1000");
	shows(QUANTITY_SIZE, 0, "0");
	shows(QUANTITY_SIZE, 1023, "1023");
	shows(QUANTITY_SIZE, 1024, "1 KiB");
	shows(QUANTITY_SIZE, 1536 * 1024, "1536 KiB");
	shows(QUANTITY_SIZE, UINT64_C(1) << 40, "1 TiB");
	shows(QUANTITY_DURATION, 1500, "1500ms");
	shows(QUANTITY_DURATION, 90 * 1000, "90s");
	shows(QUANTITY_DURATION, 60 * 1000, "1m");
	shows(QUANTITY_DURATION, 7 * 24 * 60 * 60 * 1000, "7d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_count_is_digits_within_64_bits),
		cmocka_unit_test(a_size_has_powers_of_1024),
		cmocka_unit_test(a_duration_needs_its_unit),
		cmocka_unit_test(a_value_is_shown_in_the_largest_unit_that_keeps_it_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
