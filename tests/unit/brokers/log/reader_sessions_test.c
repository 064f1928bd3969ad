/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "brokers/log/parts.h"
#include "tests/support/scratch.h"

static const uint8_t first_store[16] = { 1 }, other_store[16] = { 2 };
static const char first_key[] = "processor:aa", other_key[] = "processor:bb";

struct world {
	void *directory;
	struct log_role role;
	struct arena arena;
	Fettle__Welcome welcome;
	const char *reason;
};

static int start(void **test)
{
	struct world *at = memory_new(sizeof(*at));

	if (scratch_start(&at->directory) != 0)
		return -1;
	assert_int_equal(log_store_open(at->directory, &at->role.store), STATUS_OK);
	*test = at;
	return 0;
}

static int stop(void **test)
{
	struct world *at = *test;
	int result;

	log_store_close(at->role.store);
	arena_fini(&at->arena);
	arena_fini(&at->role.arena);
	result = scratch_stop(&at->directory);
	free(at);
	return result;
}

/* NAME says hello with USER's key and asks for every kind of flow. */
static enum status greet(struct world *at, const char *name, const char *user,
    const uint8_t store[16])
{
	static const uint32_t asked[] = { SUBLOG_INTENT, SUBLOG_NOTICE, SUBLOG_MEMBER, SUBLOG_FIRST,
		SUBLOG_END - 1, SUBLOG_OUTBOX, SUBLOG_VERDICT, SUBLOG_END };
	enum { ASKED = sizeof(asked) / sizeof(asked[0]) };
	Fettle__Hello hello = FETTLE__HELLO__INIT;
	Fettle__Flow *flows[ASKED];
	struct session *session = NULL;
	enum status status;

	for (size_t i = 0; i < ASKED; i++)
		flows[i] = link_new_flow(&at->arena, asked[i]);
	RECORD_SET_BYTES(&hello, store, BYTES(store, 16));
	hello.receives = flows;
	hello.n_receives = ASKED;
	fettle__welcome__init(&at->welcome);
	status = reader_sessions_begin(&at->role, bytes_of_text(name), user, &hello, &at->welcome,
	    &at->arena, &session, &at->reason);
	assert_int_equal(status == STATUS_OK, session != NULL);
	free(session);
	return status;
}

static bool is_given(const struct world *at, uint32_t flow)
{
	for (size_t i = 0; i < at->welcome.n_sends; i++)
		if (at->welcome.sends[i]->flow == flow)
			return true;
	return false;
}

static void a_gateway_reads_who_is_admitted_and_nothing_else(void **test)
{
	struct world *at = *test;

	assert_int_equal(greet(at, "gateway/1", "gateway:aa", first_store), STATUS_OK);
	assert_int_equal(at->welcome.n_sends, 1);
	assert_true(is_given(at, SUBLOG_MEMBER));
	assert_int_equal(at->welcome.n_receives, 0);
}

static void a_processor_reads_what_it_judges_and_has_an_outbox(void **test)
{
	struct world *at = *test;

	assert_int_equal(greet(at, "processor", first_key, first_store), STATUS_OK);
	assert_int_equal(at->welcome.n_sends, 4);
	assert_true(is_given(at, SUBLOG_INTENT) && is_given(at, SUBLOG_NOTICE)
		    && is_given(at, SUBLOG_FIRST) && is_given(at, SUBLOG_END - 1));
	assert_int_equal(at->welcome.n_receives, 1);
	assert_int_equal(at->welcome.receives[0]->flow, SUBLOG_OUTBOX);
}

static void who_is_neither_is_refused(void **test)
{
	assert_int_equal(greet(*test, "sink", "sink:aa", first_store), STATUS_REJECT);
	assert_int_equal(greet(*test, "processors", first_key, first_store), STATUS_REJECT);
}

static void a_key_stands_for_the_store_that_it_first_came_with(void **test)
{
	struct world *at = *test;

	assert_int_equal(greet(at, "processor", first_key, first_store), STATUS_OK);
	assert_int_equal(greet(at, "processor", first_key, first_store), STATUS_OK);
	assert_int_equal(greet(at, "processor", first_key, other_store), STATUS_DENIED);
	log_store_close(at->role.store);
	assert_int_equal(log_store_open(at->directory, &at->role.store), STATUS_OK);
	assert_int_equal(greet(at, "processor", first_key, other_store), STATUS_DENIED);
	assert_int_equal(greet(at, "processor", first_key, first_store), STATUS_OK);
}

static void a_key_of_its_own_lets_a_store_in_that_was_made_anew(void **test)
{
	assert_int_equal(greet(*test, "processor", first_key, first_store), STATUS_OK);
	assert_int_equal(greet(*test, "processor", other_key, other_store), STATUS_OK);
}

static void within_one_process_there_is_no_key_to_stand_for_anything(void **test)
{
	assert_int_equal(greet(*test, "processor", "", first_store), STATUS_OK);
	assert_int_equal(greet(*test, "processor", "", other_store), STATUS_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_gateway_reads_who_is_admitted_and_nothing_else),
		TEST(a_processor_reads_what_it_judges_and_has_an_outbox),
		TEST(who_is_neither_is_refused),
		TEST(a_key_stands_for_the_store_that_it_first_came_with),
		TEST(a_key_of_its_own_lets_a_store_in_that_was_made_anew),
		TEST(within_one_process_there_is_no_key_to_stand_for_anything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
