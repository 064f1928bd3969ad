/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision table of docs/delivery.md, row by row.
 */
#include "brokers/log/hello.h"

#include <stddef.h>

#include "tests/support/scratch.h"

/* An agent as it was left: the next run of the same spool, with nothing missing. */
static const struct hello_facts restarted = {
	.is_known = true, .is_same_spool = true, .has_instance = true, .has_later_start = true
};

static void judged(struct hello_facts facts, enum hello_verdict verdict, bool begins_epoch)
{
	assert_int_equal(hello_judge(&facts), verdict);
	assert_int_equal(hello_begins_epoch(verdict), begins_epoch);
}

static void one_that_was_never_seen_is_new(void **test)
{
	(void)test;
	judged((struct hello_facts){ .has_later_start = true }, HELLO_NEW, true);
}

static void the_same_run_goes_on(void **test)
{
	struct hello_facts facts = restarted;

	(void)test;
	facts.is_last_run = true;
	facts.has_later_start = false;
	judged(facts, HELLO_RESUMED, false);
}

static void an_agent_that_names_no_run_is_taken_at_its_word(void **test)
{
	struct hello_facts facts = restarted;

	(void)test;
	facts.has_instance = false;
	facts.is_behind = true;
	judged(facts, HELLO_RESUMED, false);
}

static void a_restart_supersedes(void **test)
{
	(void)test;
	judged(restarted, HELLO_SUPERSEDED, false);
}

static void a_spool_that_was_made_anew_is_no_alarm(void **test)
{
	struct hello_facts facts = restarted;

	(void)test;
	facts.is_same_spool = false;
	facts.is_behind = true;
	facts.has_later_start = false;
	judged(facts, HELLO_OTHER_SPOOL, true);
}

static void a_spool_that_was_opened_less_often_is_rolled_back(void **test)
{
	struct hello_facts facts = restarted;

	(void)test;
	facts.has_later_start = false;
	judged(facts, HELLO_ROLLED_BACK, true);
}

static void a_spool_that_has_sent_less_is_rolled_back(void **test)
{
	struct hello_facts facts = restarted;

	(void)test;
	facts.is_behind = true;
	judged(facts, HELLO_ROLLED_BACK, true);
}

static void a_run_that_forgot_what_it_sent_is_rolled_back(void **test)
{
	struct hello_facts facts = restarted;

	(void)test;
	facts.is_last_run = true;
	facts.is_behind = true;
	judged(facts, HELLO_ROLLED_BACK, true);
}

static void a_run_may_return_once_and_is_a_clone_the_second_time(void **test)
{
	struct hello_facts facts = restarted;

	(void)test;
	facts.is_older_run = true;
	facts.is_behind = true;
	judged(facts, HELLO_RETURNED, false);
	facts.returns = HELLO_RETURNS_MAX;
	judged(facts, HELLO_CLONE, false);
}

static void what_a_run_said_before_the_next_one_spoke_is_no_return(void **test)
{
	struct hello_facts facts = restarted;

	(void)test;
	facts.is_older_run = true;
	facts.was_said_before = true;
	judged(facts, HELLO_OVERTAKEN, false);
	facts.returns = HELLO_RETURNS_MAX;
	judged(facts, HELLO_OVERTAKEN, false);
}

/* Else a thief who says that its clock is ahead would shut the machine out unnoticed. */
static void a_run_that_goes_on_speaking_was_not_overtaken(void **test)
{
	struct hello_facts facts = restarted;

	(void)test;
	facts.is_older_run = true;
	facts.was_said_before = true;
	facts.overtaken = HELLO_OVERTAKEN_MAX;
	judged(facts, HELLO_RETURNED, false);
	facts.returns = HELLO_RETURNS_MAX;
	judged(facts, HELLO_CLONE, false);
}

static void two_spools_with_one_key_in_turn_are_a_clone_too(void **test)
{
	struct hello_facts facts = restarted;

	(void)test;
	facts.is_same_spool = false;
	facts.is_older_run = true;
	facts.returns = HELLO_RETURNS_MAX;
	judged(facts, HELLO_CLONE, false);
}

static void who_has_named_its_run_is_refused_without(void **test)
{
	struct hello_facts facts = restarted;

	(void)test;
	facts.has_instance = false;
	facts.is_nameless = true;
	judged(facts, HELLO_NAMELESS, false);
	facts.is_same_spool = false;
	judged(facts, HELLO_NAMELESS, false);
}

static void a_spool_may_return_once_and_is_a_clone_the_second_time(void **test)
{
	struct hello_facts facts = restarted;

	(void)test;
	facts.is_same_spool = false;
	facts.is_older_spool = true;
	judged(facts, HELLO_RETURNED, false);
	facts.returns = HELLO_RETURNS_MAX;
	judged(facts, HELLO_CLONE, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_was_never_seen_is_new),
		cmocka_unit_test(the_same_run_goes_on),
		cmocka_unit_test(an_agent_that_names_no_run_is_taken_at_its_word),
		cmocka_unit_test(a_restart_supersedes),
		cmocka_unit_test(a_spool_that_was_made_anew_is_no_alarm),
		cmocka_unit_test(a_spool_that_was_opened_less_often_is_rolled_back),
		cmocka_unit_test(a_spool_that_has_sent_less_is_rolled_back),
		cmocka_unit_test(a_run_that_forgot_what_it_sent_is_rolled_back),
		cmocka_unit_test(a_run_may_return_once_and_is_a_clone_the_second_time),
		cmocka_unit_test(what_a_run_said_before_the_next_one_spoke_is_no_return),
		cmocka_unit_test(a_run_that_goes_on_speaking_was_not_overtaken),
		cmocka_unit_test(who_has_named_its_run_is_refused_without),
		cmocka_unit_test(a_spool_may_return_once_and_is_a_clone_the_second_time),
		cmocka_unit_test(two_spools_with_one_key_in_turn_are_a_clone_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
