/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exchange of keys, and what is left where a process dies between any two of its steps.
 * The server is played by hand.
 */
#include "collectors/rotation.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/identity.h"
#include "core/key_proof.h"
#include "core/record.h"
#include "tests/support/scratch.h"

static struct rotation *open_keys(void *directory)
{
	struct rotation *rotation;

	assert_int_equal(rotation_open(scratch_path(directory, "keys"), &rotation), STATUS_OK);
	return rotation;
}

static bool is_there(void *directory, const char *name)
{
	return access(scratch_path(directory, name), F_OK) == 0;
}

static void dial(struct rotation *rotation, char out[SOCKET_KEY_TEXT])
{
	strcpy(out, rotation_dial(rotation)->public_key);
}

/* What the hello offers, in Z85; "" where nothing is. */
static void offered(const struct rotation *rotation, char out[SOCKET_KEY_TEXT])
{
	Fettle__Hello hello = FETTLE__HELLO__INIT;
	struct arena arena = { 0 };

	rotation_hello(rotation, &hello, &arena);
	out[0] = '\0';
	if (hello.has_next_key) {
		assert_int_equal(hello.next_key.len, SOCKET_KEY_SIZE);
		socket_key_encode(hello.next_key.data, out);
	}
	arena_fini(&arena);
}

static bool welcome(struct rotation *rotation, const char *key)
{
	Fettle__Welcome message = FETTLE__WELCOME__INIT;
	uint8_t bytes[SOCKET_KEY_SIZE];

	if (key[0] != '\0') {
		assert_true(socket_key_decode(key, bytes));
		RECORD_SET_BYTES(&message, next_key, BYTES_OF(bytes));
	}
	return rotation_welcome(rotation, &message);
}

static void nothing_is_offered_without_being_asked(void **test)
{
	struct rotation *rotation = open_keys(*test);
	char used[SOCKET_KEY_TEXT], offer[SOCKET_KEY_TEXT];

	dial(rotation, used);
	offered(rotation, offer);
	assert_string_equal(offer, "");
	assert_false(welcome(rotation, used));
	assert_false(rotation_silent(rotation));
	rotation_free(rotation);
}

static void the_new_key_is_used_once_the_server_has_admitted_it(void **test)
{
	struct rotation *rotation = open_keys(*test);
	char old[SOCKET_KEY_TEXT], offer[SOCKET_KEY_TEXT], used[SOCKET_KEY_TEXT];
	struct stat info;

	dial(rotation, old);
	assert_int_equal(rotation_begin(rotation), STATUS_OK);
	offered(rotation, offer);
	assert_string_not_equal(offer, "");
	assert_string_not_equal(offer, old);
	assert_false(welcome(rotation, ""));
	assert_false(welcome(rotation, old));
	assert_true(welcome(rotation, offer));
	rotation_opened(rotation); /* the session that the old key has opened */
	assert_true(is_there(*test, "keys/agent.previous.key"));
	dial(rotation, used);
	assert_string_equal(used, offer);
	offered(rotation, used);
	assert_string_equal(used, "");
	rotation_opened(rotation);
	assert_false(is_there(*test, "keys/agent.previous.key"));
	assert_false(is_there(*test, "keys/agent.previous.pub"));
	assert_false(is_there(*test, "keys/agent.next.key"));
	assert_false(is_there(*test, "keys/agent.next.pub"));
	assert_int_equal(stat(scratch_path(*test, "keys/agent.key"), &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	rotation_free(rotation);
	rotation = open_keys(*test);
	dial(rotation, used);
	assert_string_equal(used, offer);
	rotation_free(rotation);
}

/* What the hello says, by a server's challenge. */
static bool offers_with_proof(const struct rotation *rotation, void *directory,
    const struct key_proof_verifier *server)
{
	Fettle__Hello hello = FETTLE__HELLO__INIT;
	struct arena arena = { 0 };
	uint8_t agent[HASH_SIZE];
	char used[SOCKET_KEY_TEXT];
	struct key_pair pair;
	bool is_proven;

	assert_int_equal(keys_load(scratch_path(directory, "keys"), "agent", &pair), STATUS_OK);
	strcpy(used, pair.public_key);
	assert_int_equal(identity_agent_id(scratch_path(directory, "keys"), used, agent),
	    STATUS_OK);
	rotation_hello(rotation, &hello, &arena);
	assert_int_equal(hello.next_key.len, SOCKET_KEY_SIZE);
	is_proven = key_proof_is_valid(server, hello.next_key.data, agent,
	    record_bytes(hello.next_proof));
	arena_fini(&arena);
	return is_proven;
}

static bool is_challenged(struct rotation *rotation, const struct key_proof_verifier *server)
{
	Fettle__Welcome message = FETTLE__WELCOME__INIT;

	RECORD_SET_BYTES(&message, proof_key, BYTES_OF(server->challenge));
	return rotation_challenged(rotation, &message);
}

static void what_is_offered_is_proven_by_the_challenge_of_the_session(void **test)
{
	struct rotation *rotation = open_keys(*test);
	struct key_proof_verifier server;
	char used[SOCKET_KEY_TEXT];

	key_proof_verifier_init(&server);
	dial(rotation, used);
	assert_false(is_challenged(rotation, &server)); /* nothing is offered yet */
	assert_int_equal(rotation_begin(rotation), STATUS_OK);
	assert_true(offers_with_proof(rotation, *test, &server));
	rotation_free(rotation);
}

static void a_server_that_was_started_again_is_answered_once_by_another_hello(void **test)
{
	struct rotation *rotation = open_keys(*test);
	struct key_proof_verifier server;
	char used[SOCKET_KEY_TEXT];

	dial(rotation, used);
	assert_int_equal(rotation_begin(rotation), STATUS_OK);
	key_proof_verifier_init(&server);
	assert_false(offers_with_proof(rotation, *test, &server));
	assert_true(is_challenged(rotation, &server));
	assert_true(offers_with_proof(rotation, *test, &server));
	assert_false(is_challenged(rotation, &server));
	/* One whose challenge is another each time is not greeted without end. */
	key_proof_verifier_init(&server);
	assert_false(is_challenged(rotation, &server));
	assert_true(offers_with_proof(rotation, *test, &server));
	rotation_free(rotation);
}

static void the_agent_stays_who_it_is(void **test)
{
	struct rotation *rotation = open_keys(*test);
	char used[SOCKET_KEY_TEXT], offer[SOCKET_KEY_TEXT];
	uint8_t before[HASH_SIZE], after[HASH_SIZE];

	dial(rotation, used);
	assert_int_equal(identity_agent_id(scratch_path(*test, "keys"), used, before), STATUS_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rotation_begin(rotation), STATUS_OK);
		offered(rotation, offer);
		assert_true(welcome(rotation, offer));
		dial(rotation, used);
		rotation_opened(rotation);
		assert_int_equal(identity_agent_id(scratch_path(*test, "keys"), used, after),
		    STATUS_OK);
		assert_memory_equal(before, after, HASH_SIZE);
	}
	rotation_free(rotation);
}

static void told_twice_it_makes_one_key(void **test)
{
	struct rotation *rotation = open_keys(*test);
	char used[SOCKET_KEY_TEXT], first[SOCKET_KEY_TEXT], second[SOCKET_KEY_TEXT];

	dial(rotation, used);
	assert_int_equal(rotation_begin(rotation), STATUS_OK);
	offered(rotation, first);
	assert_int_equal(rotation_begin(rotation), STATUS_OK);
	offered(rotation, second);
	assert_string_equal(first, second);
	rotation_free(rotation);
	rotation = open_keys(*test); /* dies before the hello */
	dial(rotation, used);
	offered(rotation, second);
	assert_string_equal(first, second);
	rotation_free(rotation);
}

static void where_the_new_key_is_not_let_in_the_old_one_goes_on(void **test)
{
	struct rotation *rotation = open_keys(*test);
	char old[SOCKET_KEY_TEXT], offer[SOCKET_KEY_TEXT], used[SOCKET_KEY_TEXT];

	dial(rotation, old);
	assert_int_equal(rotation_begin(rotation), STATUS_OK);
	offered(rotation, offer);
	assert_true(welcome(rotation, offer));
	dial(rotation, used);
	rotation_free(rotation);
	rotation = open_keys(*test); /* the server was restored, and this agent started again */
	dial(rotation, used);
	assert_string_equal(used, offer);
	assert_true(rotation_silent(rotation));
	dial(rotation, used);
	assert_string_equal(used, old);
	rotation_opened(rotation);
	assert_true(is_there(*test, "keys/agent.previous.key"));
	offered(rotation, used);
	assert_string_equal(used, offer); /* again, to a server that has forgotten it */
	assert_true(welcome(rotation, offer));
	dial(rotation, used);
	assert_string_equal(used, offer);
	rotation_opened(rotation);
	assert_false(is_there(*test, "keys/agent.previous.key"));
	rotation_free(rotation);
}

/* ---- dying between two steps of the exchange ---- */

static void move_file(void *directory, const char *from, const char *to)
{
	char old[512];

	snprintf(old, sizeof(old), "%s", scratch_path(directory, from));
	assert_int_equal(rename(old, scratch_path(directory, to)), 0);
}

/* Offered, and admitted at the server; the agent has not heard of it. */
static void offer_and_die(void *directory, char old[SOCKET_KEY_TEXT], char next[SOCKET_KEY_TEXT])
{
	struct rotation *rotation = open_keys(directory);

	dial(rotation, old);
	assert_int_equal(rotation_begin(rotation), STATUS_OK);
	offered(rotation, next);
	rotation_free(rotation);
}

static void comes_back_with(void *directory, const char *key)
{
	struct rotation *rotation = open_keys(directory);
	char used[SOCKET_KEY_TEXT];

	dial(rotation, used);
	assert_string_equal(used, key);
	rotation_free(rotation);
}

static void dying_before_the_old_key_has_its_second_name(void **test)
{
	char old[SOCKET_KEY_TEXT], next[SOCKET_KEY_TEXT];

	offer_and_die(*test, old, next);
	comes_back_with(*test, old);
}

static void dying_with_the_old_key_under_two_names(void **test)
{
	char old[SOCKET_KEY_TEXT], next[SOCKET_KEY_TEXT], offer[SOCKET_KEY_TEXT];
	char from[512];
	struct rotation *rotation;

	offer_and_die(*test, old, next);
	snprintf(from, sizeof(from), "%s", scratch_path(*test, "keys/agent.key"));
	assert_int_equal(link(from, scratch_path(*test, "keys/agent.previous.key")), 0);
	rotation = open_keys(*test);
	dial(rotation, offer);
	assert_string_equal(offer, old);
	rotation_opened(rotation);
	offered(rotation, offer);
	assert_string_equal(offer, next);
	assert_true(welcome(rotation, offer));
	dial(rotation, offer);
	assert_string_equal(offer, next);
	rotation_free(rotation);
}

static void dying_without_a_public_key(void **test)
{
	char old[SOCKET_KEY_TEXT], next[SOCKET_KEY_TEXT];

	offer_and_die(*test, old, next);
	assert_int_equal(unlink(scratch_path(*test, "keys/agent.pub")), 0);
	comes_back_with(*test, old);
}

static void dying_with_the_new_key_in_place_and_no_public_one(void **test)
{
	char old[SOCKET_KEY_TEXT], next[SOCKET_KEY_TEXT], offer[SOCKET_KEY_TEXT];
	struct rotation *rotation;

	offer_and_die(*test, old, next);
	assert_int_equal(unlink(scratch_path(*test, "keys/agent.pub")), 0);
	move_file(*test, "keys/agent.key", "keys/agent.previous.key");
	move_file(*test, "keys/agent.next.key", "keys/agent.key");
	comes_back_with(*test, next);
	/* The public half of the exchange before does not spoil the next one. */
	assert_true(is_there(*test, "keys/agent.next.pub"));
	rotation = open_keys(*test);
	dial(rotation, old);
	assert_int_equal(rotation_begin(rotation), STATUS_OK);
	offered(rotation, offer);
	assert_string_not_equal(offer, next);
	assert_true(welcome(rotation, offer));
	rotation_free(rotation);
	comes_back_with(*test, offer);
}

static void what_such_a_death_left_goes_once_a_session_is_open(void **test)
{
	char old[SOCKET_KEY_TEXT], next[SOCKET_KEY_TEXT], used[SOCKET_KEY_TEXT];
	struct rotation *rotation;

	offer_and_die(*test, old, next);
	assert_int_equal(unlink(scratch_path(*test, "keys/agent.pub")), 0);
	move_file(*test, "keys/agent.key", "keys/agent.previous.key");
	move_file(*test, "keys/agent.next.key", "keys/agent.key");
	rotation = open_keys(*test);
	dial(rotation, used);
	rotation_opened(rotation);
	assert_false(is_there(*test, "keys/agent.next.pub"));
	assert_false(is_there(*test, "keys/agent.previous.key"));
	rotation_free(rotation);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_offered_without_being_asked),
		TEST(the_new_key_is_used_once_the_server_has_admitted_it),
		TEST(what_is_offered_is_proven_by_the_challenge_of_the_session),
		TEST(a_server_that_was_started_again_is_answered_once_by_another_hello),
		TEST(the_agent_stays_who_it_is),
		TEST(told_twice_it_makes_one_key),
		TEST(where_the_new_key_is_not_let_in_the_old_one_goes_on),
		TEST(dying_before_the_old_key_has_its_second_name),
		TEST(dying_with_the_old_key_under_two_names),
		TEST(dying_without_a_public_key),
		TEST(dying_with_the_new_key_in_place_and_no_public_one),
		TEST(what_such_a_death_left_goes_once_a_session_is_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
