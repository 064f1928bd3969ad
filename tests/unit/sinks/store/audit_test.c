/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/store/audit.h"

#include <stdio.h>

#include "core/record.h"
#include "sinks/store/audit_reader.h"
#include "sinks/store/store.h"
#include "tests/support/scratch.h"
#include "tests/support/verdict.h"

enum { NOW_MS = 5000, HOUR_MS = 3600 * 1000 };

/* Verdict number OFFSET is the audit's entry ID. */
static void tell(struct store *store, uint64_t offset, const char *id)
{
	Fettle__AuditVerdict verdict = FETTLE__AUDIT_VERDICT__INIT;

	verdict.has_id = 1;
	verdict.id = verdict_id(id);
	verdict.principal = RECORD_TEXT("anna (uid 1000)");
	verdict.action = RECORD_TEXT("intent policy");
	RECORD_SET(&verdict, at_ms, NOW_MS + offset);
	RECORD_SET(&verdict, offset, offset);
	assert_int_equal(store_apply(store, offset,
			     verdict_record(FETTLE__KIND__KIND_AUDIT, &verdict.base), NOW_MS),
	    STATUS_OK);
}

static void tell_many(struct store *store, uint64_t first, uint64_t last)
{
	char id[32];

	for (uint64_t i = first; i <= last; i++) {
		snprintf(id, sizeof(id), "entry %llu", (unsigned long long)i);
		tell(store, i, id);
	}
}

static enum status check_row(void *visitor, const struct audit_row *row)
{
	struct chain *chain = visitor;

	assert_non_null(row->entry);
	assert_null(chain_entry(chain, row->entry));
	if (row->checkpoint != NULL)
		assert_null(chain_checkpoint(chain, row->checkpoint));
	return STATUS_OK;
}

/* The chain of the store in DATA, which is whole. */
static struct chain walk(const char *data, const struct sign_pair *signer)
{
	struct chain chain = { .has_key = signer != NULL };
	struct audit_reader *reader = NULL;
	uint64_t vouched;
	struct audit head;

	if (signer != NULL)
		memcpy(chain.key, signer->public_key, sizeof(chain.key));
	assert_int_equal(audit_reader_open(data, &reader), STATUS_OK);
	assert_int_equal(audit_reader_each(reader, 1, check_row, &chain), STATUS_OK);
	assert_int_equal(audit_reader_head(reader, &head, &vouched), STATUS_OK);
	assert_null(chain_end(&chain, head.sequence, head.chain));
	assert_int_equal(vouched, chain.vouched);
	audit_reader_close(reader);
	return chain;
}

static void each_verdict_is_one_entry_however_often_it_comes(void **test)
{
	struct store *store = NULL;

	assert_int_equal(store_open(*test, &store), STATUS_OK);
	tell(store, 1, "one");
	tell(store, 2, "two");
	tell(store, 3, "one");
	assert_int_equal(store_commit(store), STATUS_OK);
	tell(store, 2, "two");
	tell(store, 4, "two");
	assert_int_equal(store_commit(store), STATUS_OK);
	store_close(store);
	assert_int_equal(walk(*test, NULL).entries, 2);
}

static void what_was_not_committed_is_not_in_the_chain(void **test)
{
	struct store *store = NULL;

	assert_int_equal(store_open(*test, &store), STATUS_OK);
	tell(store, 1, "one");
	assert_int_equal(store_commit(store), STATUS_OK);
	tell(store, 2, "lost");
	store_close(store);
	assert_int_equal(store_open(*test, &store), STATUS_OK);
	tell(store, 2, "two");
	tell(store, 3, "three");
	assert_int_equal(store_commit(store), STATUS_OK);
	store_close(store);
	assert_int_equal(walk(*test, NULL).entries, 3);
}

static void a_checkpoint_comes_with_every_thousandth_entry(void **test)
{
	struct store *store = NULL;
	struct sign_pair signer;
	struct chain chain;

	sign_pair_new(&signer);
	assert_int_equal(store_open(*test, &store), STATUS_OK);
	store_sign_with(store, &signer);
	tell_many(store, 1, AUDIT_CHECKPOINT_ENTRIES - 1);
	assert_int_equal(store_commit(store), STATUS_OK);
	assert_int_equal(walk(*test, &signer).checkpoints, 0);
	tell_many(store, AUDIT_CHECKPOINT_ENTRIES, 2 * AUDIT_CHECKPOINT_ENTRIES + 10);
	assert_int_equal(store_commit(store), STATUS_OK);
	store_close(store);
	chain = walk(*test, &signer);
	assert_int_equal(chain.checkpoints, 2);
	assert_int_equal(chain.vouched, 2 * AUDIT_CHECKPOINT_ENTRIES);
}

static void a_checkpoint_is_made_when_asked_for_where_the_last_is_old_and_something_came(
    void **test)
{
	struct store *store = NULL;
	struct sign_pair signer;

	sign_pair_new(&signer);
	assert_int_equal(store_open(*test, &store), STATUS_OK);
	store_sign_with(store, &signer);
	assert_int_equal(store_checkpoint(store, HOUR_MS, 0), STATUS_OK);
	assert_int_equal(walk(*test, &signer).checkpoints, 0);
	tell(store, 1, "one");
	assert_int_equal(store_commit(store), STATUS_OK);
	assert_int_equal(store_checkpoint(store, HOUR_MS, 0), STATUS_OK);
	assert_int_equal(walk(*test, &signer).vouched, 1);
	tell(store, 2, "two");
	assert_int_equal(store_commit(store), STATUS_OK);
	assert_int_equal(store_checkpoint(store, 2 * HOUR_MS - 1, HOUR_MS), STATUS_OK);
	assert_int_equal(walk(*test, &signer).vouched, 1);
	assert_int_equal(store_checkpoint(store, 2 * HOUR_MS, HOUR_MS), STATUS_OK);
	assert_int_equal(walk(*test, &signer).vouched, 2);
	assert_int_equal(store_checkpoint(store, 9 * HOUR_MS, HOUR_MS), STATUS_OK);
	assert_int_equal(walk(*test, &signer).checkpoints, 2);
	store_close(store);
}

static void what_is_no_audit_verdict_is_counted_and_passed_over(void **test)
{
	Fettle__AuditVerdict verdict = FETTLE__AUDIT_VERDICT__INIT;
	struct store *store = NULL;

	assert_int_equal(store_open(*test, &store), STATUS_OK);
	assert_int_equal(
	    store_apply(store, 1, verdict_record(FETTLE__KIND__KIND_AUDIT, &verdict.base), NOW_MS),
	    STATUS_OK);
	tell(store, 2, "two");
	assert_int_equal(store_commit(store), STATUS_OK);
	store_close(store);
	assert_int_equal(walk(*test, NULL).entries, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_verdict_is_one_entry_however_often_it_comes),
		TEST(what_was_not_committed_is_not_in_the_chain),
		TEST(a_checkpoint_comes_with_every_thousandth_entry),
		TEST(a_checkpoint_is_made_when_asked_for_where_the_last_is_old_and_something_came),
		TEST(what_is_no_audit_verdict_is_counted_and_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
