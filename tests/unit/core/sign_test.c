/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sign.h"

#include <stdlib.h>

#include "tests/support/scratch.h"

static const struct bytes message = { .data = (const uint8_t *)"a message", .size = 9 };

static void what_a_pair_signed_its_public_key_attests(void **test)
{
	struct sign_pair pair, other;
	uint8_t signature[SIGN_SIZE];

	(void)test;
	sign_pair_new(&pair);
	sign_pair_new(&other);
	sign_message(&pair, "test", message, signature);
	assert_true(sign_is_valid(pair.public_key, "test", message, BYTES_OF(signature)));
	assert_false(sign_is_valid(other.public_key, "test", message, BYTES_OF(signature)));
	assert_false(
	    sign_is_valid(pair.public_key, "test", BYTES("a massage", 9), BYTES_OF(signature)));
	signature[3] ^= 1;
	assert_false(sign_is_valid(pair.public_key, "test", message, BYTES_OF(signature)));
	assert_false(sign_is_valid(pair.public_key, "test", message, BYTES(signature, 63)));
	assert_false(sign_is_valid(pair.public_key, "test", message, BYTES_NONE));
}

static void a_signature_for_one_purpose_is_worth_nothing_for_another(void **test)
{
	struct sign_pair pair;
	uint8_t signature[SIGN_SIZE];

	(void)test;
	sign_pair_new(&pair);
	sign_message(&pair, "one", message, signature);
	assert_false(sign_is_valid(pair.public_key, "other", message, BYTES_OF(signature)));
	sign_message(&pair, "one", BYTES("\0x", 2), signature);
	assert_false(sign_is_valid(pair.public_key, "one\0", BYTES("x", 1), BYTES_OF(signature)));
}

/* RFC 8032, 7.1, test 1: the key pair of that seed. */
static void a_pair_follows_from_its_seed(void **test)
{
	static const char seed_hex[] =
	    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
	static const char public_hex[] =
	    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
	uint8_t seed[SIGN_SEED_SIZE], back[SIGN_SEED_SIZE], public_key[SIGN_PUBLIC_SIZE];
	struct sign_pair pair;

	(void)test;
	assert_true(bytes_from_hex(seed_hex, seed, sizeof(seed)));
	assert_true(bytes_from_hex(public_hex, public_key, sizeof(public_key)));
	sign_pair_of_seed(seed, &pair);
	assert_memory_equal(pair.public_key, public_key, sizeof(public_key));
	sign_seed_of(&pair, back);
	assert_memory_equal(back, seed, sizeof(seed));
}

static void a_locked_pair_opens_with_its_passphrase_alone(void **test)
{
	struct sign_pair pair, back;
	struct buffer text = { 0 };
	char *broken;

	(void)test;
	sign_pair_new(&pair);
	assert_int_equal(sign_lock(&pair, BYTES("open sesame", 11), &text), STATUS_OK);
	assert_int_equal(sign_unlock(buffer_text(&text), BYTES("open sesame", 11), &back),
	    STATUS_OK);
	assert_memory_equal(&back, &pair, sizeof(pair));
	assert_int_equal(sign_unlock(buffer_text(&text), BYTES("open barley", 11), &back),
	    STATUS_DENIED);
	assert_int_equal(sign_unlock("fettle-key 2\n", BYTES_NONE, &back), STATUS_INVALID);
	assert_int_equal(sign_unlock("", BYTES_NONE, &back), STATUS_INVALID);
	broken = text_copy(buffer_text(&text));
	broken[strlen("fettle-key 1\npublic ")] ^= 1; /* another public key than the secret's */
	assert_int_not_equal(sign_unlock(broken, BYTES("open sesame", 11), &back), STATUS_OK);
	free(broken);
	buffer_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_pair_signed_its_public_key_attests),
		cmocka_unit_test(a_signature_for_one_purpose_is_worth_nothing_for_another),
		cmocka_unit_test(a_pair_follows_from_its_seed),
		cmocka_unit_test(a_locked_pair_opens_with_its_passphrase_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
