/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/outside/journal.h"

#include "core/record.h"
#include "tests/support/scratch.h"

static struct journal *open_journal(const char *data)
{
	struct journal *journal = NULL;

	assert_int_equal(journal_open(data, "soc", "siem", "tcp://x:1", &journal), STATUS_OK);
	return journal;
}

static void bury(struct journal *journal, uint64_t offset)
{
	Fettle__SinkDeadLetter letter = FETTLE__SINK_DEAD_LETTER__INIT;

	RECORD_SET(&letter, offset, offset);
	RECORD_SET(&letter, answer, 400);
	RECORD_SET_BYTES(&letter, event_id, bytes_of_text("0123456789abcdef"));
	journal_bury(journal, &letter);
}

static enum status count_dead(void *visitor, const Fettle__SinkDeadLetter *letter)
{
	uint64_t *seen = visitor;

	assert_true(letter->offset > seen[1]); /* the oldest first */
	seen[0]++;
	seen[1] = letter->offset;
	return STATUS_OK;
}

static enum status sum_gaps(void *visitor, const Fettle__SinkGap *gap)
{
	uint64_t *seen = visitor;

	seen[gap->is_told ? 1 : 0] += gap->last - gap->first + 1;
	return STATUS_OK;
}

static void what_is_committed_is_there_after_a_restart(void **test)
{
	struct journal *journal = open_journal(*test);
	const Fettle__SinkState *state;

	assert_int_equal(journal_state(journal)->position, 0);
	journal_advance(journal, 7, (const uint64_t[]){ 9, 12 }, 2);
	journal_count(journal, 3, 1, 1000);
	journal_error(journal, "no way", 2000);
	assert_int_equal(journal_commit(journal), STATUS_OK);
	assert_false(journal_is_changed(journal));
	journal_advance(journal, 8, NULL, 0);
	journal_close(journal);

	journal = open_journal(*test);
	state = journal_state(journal);
	assert_int_equal(state->position, 7);
	assert_int_equal(state->n_beyond, 2);
	assert_int_equal(state->beyond[1], 12);
	assert_int_equal(state->delivered, 3);
	assert_int_equal(state->retried, 1);
	assert_string_equal(state->error, "no way");
	assert_int_equal(state->error_ms, 2000);
	journal_close(journal);
}

static void an_error_is_as_old_as_the_first_of_its_row(void **test)
{
	struct journal *journal = open_journal(*test);

	journal_error(journal, "no way", 1000);
	journal_error(journal, "no way", 2000);
	journal_error(journal, "still none", 3000);
	assert_int_equal(journal_state(journal)->error_ms, 1000);
	assert_string_equal(journal_state(journal)->error, "still none");
	journal_error(journal, NULL, 4000);
	assert_int_equal(journal_state(journal)->error_ms, 0);
	assert_null(journal_state(journal)->error);
	journal_close(journal);
}

static void dead_letters_are_kept_in_order_and_bounded(void **test)
{
	struct journal *journal = open_journal(*test);
	uint64_t seen[2] = { 0 };

	for (uint64_t i = 1; i <= JOURNAL_DEAD_MAX + 5; i++)
		bury(journal, i);
	assert_int_equal(journal_commit(journal), STATUS_OK);
	assert_int_equal(journal_state(journal)->refused, JOURNAL_DEAD_MAX + 5);
	assert_int_equal(journal_state(journal)->dropped, 5);
	assert_int_equal(journal_visit_dead(*test, "soc", count_dead, seen), STATUS_OK);
	assert_int_equal(seen[0], JOURNAL_DEAD_MAX);
	assert_int_equal(seen[1], JOURNAL_DEAD_MAX + 5);
	journal_close(journal);
}

static void a_gap_is_remembered_until_and_after_it_is_told(void **test)
{
	struct journal *journal = open_journal(*test);
	uint64_t seen[2] = { 0 };

	journal_skip(journal, 11, 20, 1000);
	journal_skip(journal, 31, 31, 1000);
	journal_told(journal, 11);
	assert_int_equal(journal_commit(journal), STATUS_OK);
	journal_close(journal);
	assert_int_equal(journal_visit_gaps(*test, "soc", sum_gaps, seen), STATUS_OK);
	assert_int_equal(seen[0], 1);
	assert_int_equal(seen[1], 10);
}

static void one_that_never_ran_is_not_found(void **test)
{
	const Fettle__SinkState *state = NULL;
	struct arena arena = { 0 };
	uint64_t seen[2] = { 0 };

	assert_int_equal(journal_peek(*test, "soc", &arena, &state), STATUS_NOT_FOUND);
	assert_int_equal(journal_visit_dead(*test, "soc", count_dead, seen), STATUS_NOT_FOUND);
	arena_fini(&arena);
}

static void it_can_be_read_while_it_is_written(void **test)
{
	struct journal *journal = open_journal(*test);
	const Fettle__SinkState *state = NULL;
	struct arena arena = { 0 };

	journal_advance(journal, 5, NULL, 0);
	assert_int_equal(journal_commit(journal), STATUS_OK);
	journal_skip(journal, 6, 7, 1);
	assert_int_equal(journal_peek(*test, "soc", &arena, &state), STATUS_OK);
	assert_int_equal(state->position, 5);
	assert_string_equal(state->target, "tcp://x:1");
	arena_fini(&arena);
	journal_close(journal);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_committed_is_there_after_a_restart),
		TEST(an_error_is_as_old_as_the_first_of_its_row),
		TEST(dead_letters_are_kept_in_order_and_bounded),
		TEST(a_gap_is_remembered_until_and_after_it_is_told),
		TEST(one_that_never_ran_is_not_found),
		TEST(it_can_be_read_while_it_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
