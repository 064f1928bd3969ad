/* SPDX-License-Identifier: Apache-2.0 */
#include "core/hash.h"

#include "tests/support/scratch.h" /* cmocka, and what it wants before it */

/* RFC 4231, the second test case. */
static void a_keyed_hash_is_hmac_sha_256(void **test)
{
	uint8_t out[HASH_KEYED_SIZE];
	char hex[2 * HASH_KEYED_SIZE + 1];

	(void)test;
	hash_keyed(bytes_of_text("Jefe"), bytes_of_text("what do ya want for nothing?"), out);
	bytes_to_hex(BYTES_OF(out), hex);
	assert_string_equal(hex,
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void parts_are_hashed_with_their_lengths(void **test)
{
	const struct bytes one[] = { bytes_of_text("ab"), bytes_of_text("c") };
	const struct bytes other[] = { bytes_of_text("a"), bytes_of_text("bc") };
	uint8_t a[HASH_SIZE], b[HASH_SIZE];

	(void)test;
	hash_parts(one, 2, a);
	hash_parts(other, 2, b);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void pieces_have_the_hash_of_the_whole(void **test)
{
	struct hash_stream *stream = hash_stream_new();
	uint8_t whole[HASH_SIZE], pieces[HASH_SIZE];

	(void)test;
	hash_bytes(bytes_of_text("in one piece"), whole);
	hash_stream_more(stream, bytes_of_text("in one"));
	hash_stream_more(stream, bytes_of_text(" piece"));
	hash_stream_end(&stream, pieces);
	assert_memory_equal(whole, pieces, sizeof(whole));
}

/* RFC 3720, B.4: 32 bytes of zeroes. */
static void a_crc_goes_on_where_it_was(void **test)
{
	static const uint8_t zeroes[32];
	uint32_t first = hash_crc32c(BYTES(zeroes, 5));

	(void)test;
	assert_int_equal(hash_crc32c(BYTES_OF(zeroes)), 0x8a9136aa);
	assert_int_equal(hash_crc32c_more(first, BYTES(zeroes + 5, 27)), 0x8a9136aa);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_keyed_hash_is_hmac_sha_256),
		cmocka_unit_test(parts_are_hashed_with_their_lengths),
		cmocka_unit_test(pieces_have_the_hash_of_the_whole),
		cmocka_unit_test(a_crc_goes_on_where_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
