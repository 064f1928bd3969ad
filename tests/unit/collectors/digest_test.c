/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/digest.h"

#include "tests/support/scratch.h" /* cmocka, and what it wants before it */

static void check(struct digest *digest, const char *first, const char *second, const char *wanted)
{
	uint8_t out[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];

	digest_start(digest);
	digest_add(digest, bytes_of_text(first));
	digest_add(digest, bytes_of_text(second));
	digest_end(digest, out);
	bytes_to_hex(BYTES_OF(out), hex);
	assert_string_equal(hex, wanted);
}

/* FIPS 180-2, appendix B.1, and the empty message. */
static void a_digest_is_sha_256_of_the_pieces_and_can_be_used_again(void **test)
{
	static const char of_abc[] =
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	static const char of_nothing[] =
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	struct digest *digest = digest_new();

	(void)test;
	check(digest, "ab", "c", of_abc);
	check(digest, "", "", of_nothing);
	check(digest, "", "abc", of_abc);
	digest_free(digest);
}

/* RFC 1321, appendix A.5. */
static void an_md5_is_the_first_16_bytes(void **test)
{
	struct digest *digest = digest_new_md5();
	uint8_t out[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];

	(void)test;
	digest_start(digest);
	digest_add(digest, bytes_of_text("message "));
	digest_add(digest, bytes_of_text("digest"));
	digest_end(digest, out);
	bytes_to_hex(BYTES(out, DIGEST_MD5_SIZE), hex);
	assert_string_equal(hex, "f96b697d7cb7938d525a2f31aaf161d0");
	digest_free(digest);
}

static void base64_that_no_encoder_writes_is_refused(void **test)
{
	static const char *const bad[] = { "", "YQ", "YQ=", "YR==", "Y=Q=", "YWI=\n", "YQ==YQ==" };
	struct buffer out = { 0 };

	(void)test;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(digest_base64_decode(bytes_of_text(bad[i]), &out));
	assert_int_equal(out.size, 0);
	assert_true(digest_base64_decode(bytes_of_text("YWI="), &out));
	assert_string_equal(buffer_text(&out), "ab");
	buffer_clear(&out);
	digest_base64_encode(bytes_of_text("ab"), &out);
	assert_string_equal(buffer_text(&out), "YWI");
	buffer_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_digest_is_sha_256_of_the_pieces_and_can_be_used_again),
		cmocka_unit_test(an_md5_is_the_first_16_bytes),
		cmocka_unit_test(base64_that_no_encoder_writes_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
