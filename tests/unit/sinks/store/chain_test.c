/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/store/chain.h"

#include <stdio.h>

#include "core/record.h"
#include "tests/support/scratch.h"

enum { ENTRIES = 6, CHECKPOINT_AT = 4 };

/* Six entries, of which a checkpoint vouches for the first four. */
struct fixture {
	Fettle__AuditEntry entries[ENTRIES];
	Fettle__AuditCheckpoint checkpoint;
	uint8_t previous[ENTRIES + 1][HASH_LONG_SIZE];
	char principals[ENTRIES][32];
	struct chain_seal seal;
	struct sign_pair pair;
	struct chain chain;
};

static struct fixture *make(struct fixture *at)
{
	memset(at, 0, sizeof(*at));
	for (unsigned i = 0; i < ENTRIES; i++) {
		Fettle__AuditEntry *entry = &at->entries[i];

		fettle__audit_entry__init(entry);
		snprintf(at->principals[i], sizeof(at->principals[i]), "person %u", i);
		entry->principal = at->principals[i];
		entry->action = RECORD_TEXT("intent policy");
		RECORD_SET(entry, sequence, i + 1);
		RECORD_SET(entry, at_ms, 1000 + i);
		RECORD_SET(entry, offset, i + 1);
		RECORD_SET_BYTES(entry, previous, BYTES_OF(at->previous[i]));
		chain_hash(entry, at->previous[i + 1]);
	}
	sign_pair_new(&at->pair);
	fettle__audit_checkpoint__init(&at->checkpoint);
	RECORD_SET(&at->checkpoint, sequence, CHECKPOINT_AT);
	RECORD_SET(&at->checkpoint, at_ms, 2000);
	RECORD_SET_BYTES(&at->checkpoint, chain, BYTES_OF(at->previous[CHECKPOINT_AT]));
	chain_sign(&at->pair, &at->checkpoint, &at->seal);
	memcpy(at->chain.key, at->pair.public_key, sizeof(at->chain.key));
	at->chain.has_key = true;
	return at;
}

/* What is wrong, walking along the first COUNT entries, the checkpoint in its place. */
static const char *walk(struct fixture *at, unsigned count)
{
	const char *wrong = NULL;

	for (unsigned i = 0; wrong == NULL && i < count; i++) {
		if (at->entries[i].sequence == 0)
			continue; /* a test took it out */
		wrong = chain_entry(&at->chain, &at->entries[i]);
		if (wrong == NULL && i + 1 == CHECKPOINT_AT)
			wrong = chain_checkpoint(&at->chain, &at->checkpoint);
	}
	return wrong;
}

static void is_bad(struct fixture *at, unsigned count, uint64_t sequence, const char *words)
{
	const char *wrong = walk(at, count);

	assert_non_null(wrong);
	assert_non_null(strstr(wrong, words));
	assert_int_equal(at->chain.bad, sequence);
}

static void what_nobody_touched_is_whole(void **test)
{
	struct fixture at;

	(void)test;
	make(&at);
	assert_null(walk(&at, ENTRIES));
	assert_null(chain_end(&at.chain, ENTRIES, at.previous[ENTRIES]));
	assert_int_equal(at.chain.vouched, CHECKPOINT_AT);
	assert_int_equal(at.chain.entries, ENTRIES);
	assert_int_equal(at.chain.notice, ENTRIES);
}

/* Every field of an entry, each edited alone. */
static void an_edited_entry_is_found_and_named(void **test)
{
	static uint8_t bytes[16] = "other bytes";

	(void)test;
	for (unsigned field = 0; field < 9; field++) {
		struct fixture at;
		Fettle__AuditEntry *entry = &make(&at)->entries[1];

		switch (field) {
		case 0:
			entry->principal = RECORD_TEXT("somebody else");
			break;
		case 1:
			entry->action = RECORD_TEXT("intent watch list");
			break;
		case 2:
			entry->detail = RECORD_TEXT("x");
			break;
		case 3:
			entry->at_ms++;
			break;
		case 4:
			entry->offset = 0;
			break;
		case 5:
			RECORD_SET_BYTES(entry, subject, BYTES_OF(bytes));
			break;
		case 6:
			RECORD_SET_BYTES(entry, asset, BYTES_OF(bytes));
			break;
		case 7:
			RECORD_SET_BYTES(entry, hash, BYTES_OF(bytes));
			break;
		default:
			RECORD_SET_BYTES(entry, id, BYTES_OF(bytes));
			break;
		}
		is_bad(&at, ENTRIES, 2, "not what it was");
	}
}

static void text_cannot_be_moved_from_one_field_to_the_next(void **test)
{
	struct fixture one, two;
	uint8_t a[HASH_LONG_SIZE], b[HASH_LONG_SIZE];

	(void)test;
	make(&one)->entries[0].principal = RECORD_TEXT("ab");
	one.entries[0].action = RECORD_TEXT("c");
	make(&two)->entries[0].principal = RECORD_TEXT("a");
	two.entries[0].action = RECORD_TEXT("bc");
	chain_hash(&one.entries[0], a);
	chain_hash(&two.entries[0], b);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void a_deleted_entry_is_missed(void **test)
{
	struct fixture at;

	(void)test;
	make(&at)->entries[2].sequence = 0;
	is_bad(&at, ENTRIES, 3, "missing");
}

static void entries_that_changed_places_are_found(void **test)
{
	struct fixture at;
	Fettle__AuditEntry kept = make(&at)->entries[1];

	(void)test;
	at.entries[1] = at.entries[2];
	at.entries[2] = kept;
	is_bad(&at, ENTRIES, 2, "missing");
	make(&at)->entries[3] = at.entries[1];
	is_bad(&at, ENTRIES, 2, "not in its place");
}

/* Whoever renumbers and chains anew what is left cannot sign it. */
static void a_chain_that_was_made_anew_is_not_what_its_checkpoint_vouches_for(void **test)
{
	struct fixture at;

	(void)test;
	make(&at)->entries[1].principal = RECORD_TEXT("somebody else");
	for (unsigned i = 1; i < ENTRIES; i++)
		chain_hash(&at.entries[i], at.previous[i + 1]);
	RECORD_SET_BYTES(&at.checkpoint, chain, BYTES_OF(at.previous[CHECKPOINT_AT]));
	is_bad(&at, ENTRIES, CHECKPOINT_AT, "signature");
}

static void a_checkpoint_by_another_key_is_none(void **test)
{
	struct fixture at;
	struct sign_pair other;

	(void)test;
	make(&at);
	sign_pair_new(&other);
	chain_sign(&other, &at.checkpoint, &at.seal);
	is_bad(&at, ENTRIES, CHECKPOINT_AT, "another key");
}

static void what_was_cut_off_before_a_checkpoint_is_missed(void **test)
{
	struct fixture at;

	(void)test;
	make(&at);
	assert_null(walk(&at, 2));
	assert_non_null(chain_checkpoint(&at.chain, &at.checkpoint));
	assert_int_equal(at.chain.bad, 3);
}

static void what_was_cut_off_after_it_is_missed_where_the_end_was_told(void **test)
{
	struct fixture at;

	(void)test;
	make(&at);
	assert_null(walk(&at, 5));
	assert_non_null(chain_end(&at.chain, ENTRIES, NULL));
	assert_int_equal(at.chain.bad, 6);
	assert_non_null(chain_end(&at.chain, 5, at.previous[1]));
	assert_int_equal(at.chain.bad, 5);
}

static void a_notice_of_the_log_that_was_never_entered_is_missed(void **test)
{
	struct fixture at;

	(void)test;
	make(&at);
	RECORD_SET(&at.entries[ENTRIES - 1], offset, ENTRIES + 1);
	is_bad(&at, ENTRIES, ENTRIES, "never entered");
}

static void after_a_restore_the_logs_notices_may_be_numbered_anew(void **test)
{
	struct fixture at;

	(void)test;
	make(&at)->entries[4].action = RECORD_TEXT("restored");
	RECORD_SET(&at.entries[4], offset, 0);
	chain_hash(&at.entries[4], at.previous[5]);
	RECORD_SET(&at.entries[5], offset, 2);
	assert_null(walk(&at, ENTRIES));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_touched_is_whole),
		cmocka_unit_test(an_edited_entry_is_found_and_named),
		cmocka_unit_test(text_cannot_be_moved_from_one_field_to_the_next),
		cmocka_unit_test(a_deleted_entry_is_missed),
		cmocka_unit_test(entries_that_changed_places_are_found),
		cmocka_unit_test(a_chain_that_was_made_anew_is_not_what_its_checkpoint_vouches_for),
		cmocka_unit_test(a_checkpoint_by_another_key_is_none),
		cmocka_unit_test(what_was_cut_off_before_a_checkpoint_is_missed),
		cmocka_unit_test(what_was_cut_off_after_it_is_missed_where_the_end_was_told),
		cmocka_unit_test(a_notice_of_the_log_that_was_never_entered_is_missed),
		cmocka_unit_test(after_a_restore_the_logs_notices_may_be_numbered_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
