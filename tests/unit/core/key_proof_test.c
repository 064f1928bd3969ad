/* SPDX-License-Identifier: Apache-2.0 */
#include "core/key_proof.h"

#include "tests/support/scratch.h"

static const uint8_t agent[HASH_SIZE] = "an agent's id .";
static const uint8_t other_agent[HASH_SIZE] = "another's id ..";

struct pair {
	uint8_t public_key[SOCKET_KEY_SIZE], secret_key[SOCKET_KEY_SIZE];
};

static struct key_proof_verifier verifier;
static struct pair next, other;

static void make_pair(struct pair *out)
{
	char public_key[SOCKET_KEY_TEXT], secret_key[SOCKET_KEY_TEXT];

	socket_key_pair(public_key, secret_key);
	assert_true(socket_key_decode(public_key, out->public_key));
	assert_true(socket_key_decode(secret_key, out->secret_key));
}

static int start(void **test)
{
	(void)test;
	key_proof_verifier_init(&verifier);
	make_pair(&next);
	make_pair(&other);
	return 0;
}

static bool is_valid(const uint8_t *key, const uint8_t *of, const uint8_t proof[KEY_PROOF_SIZE])
{
	return key_proof_is_valid(&verifier, key, of, BYTES(proof, KEY_PROOF_SIZE));
}

static void who_has_the_secret_proves_it(void **test)
{
	uint8_t proof[KEY_PROOF_SIZE];

	(void)test;
	assert_true(key_proof_make(verifier.challenge, next.secret_key, agent, proof));
	assert_true(is_valid(next.public_key, agent, proof));
	proof[31] ^= 1;
	assert_false(is_valid(next.public_key, agent, proof));
}

static void another_secret_proves_nothing(void **test)
{
	uint8_t proof[KEY_PROOF_SIZE];

	(void)test;
	assert_true(key_proof_make(verifier.challenge, other.secret_key, agent, proof));
	assert_false(is_valid(next.public_key, agent, proof));
}

static void a_proof_is_good_for_one_agent_and_one_challenge(void **test)
{
	struct key_proof_verifier later;
	uint8_t proof[KEY_PROOF_SIZE];

	(void)test;
	assert_true(key_proof_make(verifier.challenge, next.secret_key, agent, proof));
	assert_false(is_valid(next.public_key, other_agent, proof));
	key_proof_verifier_init(&later);
	assert_false(key_proof_is_valid(&later, next.public_key, agent, BYTES_OF(proof)));
	key_proof_verifier_fini(&later);
}

static void a_proof_of_another_length_is_none(void **test)
{
	uint8_t proof[KEY_PROOF_SIZE];

	(void)test;
	assert_true(key_proof_make(verifier.challenge, next.secret_key, agent, proof));
	assert_false(key_proof_is_valid(&verifier, next.public_key, agent, BYTES_NONE));
	assert_false(key_proof_is_valid(&verifier, next.public_key, agent, BYTES(proof, 31)));
}

/* With such a key everybody would know what is in common. */
static void a_key_of_no_order_proves_and_challenges_nothing(void **test)
{
	static const uint8_t zeroes[SOCKET_KEY_SIZE];
	uint8_t proof[KEY_PROOF_SIZE] = { 0 };

	(void)test;
	assert_false(key_proof_make(zeroes, next.secret_key, agent, proof));
	assert_false(is_valid(zeroes, agent, proof));
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_has_the_secret_proves_it),
		TEST(another_secret_proves_nothing),
		TEST(a_proof_is_good_for_one_agent_and_one_challenge),
		TEST(a_proof_of_another_length_is_none),
		TEST(a_key_of_no_order_proves_and_challenges_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
