/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store whose audit somebody has tampered with: every way of it, value checksums and all, because
 * whoever can write the store can write those.
 */
#include "console/audit_check.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/keys.h"
#include "core/kv.h"
#include "core/record.h"
#include "sinks/store/layout.h"
#include "sinks/store/store.h"
#include "tests/support/scratch.h"

enum { ENTRIES = 8 };

static const char *keys_path(const char *data)
{
	return scratch_path(data, "keys");
}

/* Eight entries, vouched for by a checkpoint with the last. */
static void make(const char *data)
{
	Fettle__AuditVerdict verdict = FETTLE__AUDIT_VERDICT__INIT;
	struct store *store = NULL;
	struct sign_pair signer;
	uint8_t id[HASH_SIZE] = { 0 };

	assert_int_equal(keys_load_signing(keys_path(data), "audit", &signer), STATUS_OK);
	assert_int_equal(store_open(data, &store), STATUS_OK);
	store_sign_with(store, &signer);
	verdict.principal = RECORD_TEXT("anna");
	verdict.action = RECORD_TEXT("intent policy");
	for (uint64_t i = 1; i <= ENTRIES; i++) {
		id[0] = (uint8_t)i;
		RECORD_SET_BYTES(&verdict, id, BYTES_OF(id));
		RECORD_SET(&verdict, at_ms, i);
		assert_int_equal(store_audit(store, &verdict), STATUS_OK);
	}
	assert_int_equal(store_checkpoint(store, ENTRIES, 0), STATUS_OK);
	store_close(store);
}

static struct bytes number(uint64_t sequence)
{
	static uint8_t keys[8][8];
	static unsigned turn;
	uint8_t *key = keys[turn++ % 8];

	for (unsigned i = 0; i < 8; i++)
		key[i] = (uint8_t)(sequence >> (56 - 8 * i));
	return BYTES(key, 8);
}

/* ---- tampering ---- */

struct tampering {
	struct kv *kv;
	struct kv_txn *txn;
};

static struct tampering begin(const char *data)
{
	const struct kv_options options = { .tables = layout_tables, .is_writer = true };
	struct tampering at = { .kv = NULL };
	char *directory = layout_directory(data);

	assert_int_equal(kv_open(directory, &options, &at.kv), STATUS_OK);
	assert_int_equal(kv_write_begin(at.kv, &at.txn), STATUS_OK);
	free(directory);
	return at;
}

static void end(struct tampering *at)
{
	assert_int_equal(kv_commit(&at->txn), STATUS_OK);
	kv_close(at->kv);
}

/* Entry SEQUENCE as it stands; its bytes in ARENA. */
static Fettle__AuditEntry *entry_of(struct tampering *at, uint64_t sequence, struct arena *arena)
{
	Fettle__AuditEntry *entry;
	struct bytes value;

	assert_int_equal(kv_get(at->txn, LAYOUT_AUDIT, number(sequence), &value), STATUS_OK);
	entry = record_unpack(&fettle__audit_entry__descriptor, arena_bytes(arena, value), arena);
	assert_non_null(entry);
	return entry;
}

static void put_entry(struct tampering *at, uint64_t sequence, const Fettle__AuditEntry *entry)
{
	struct buffer packed = { 0 };

	record_pack(&packed, &entry->base);
	assert_int_equal(kv_put(at->txn, LAYOUT_AUDIT, number(sequence), buffer_bytes(&packed)),
	    STATUS_OK);
	buffer_fini(&packed);
}

static void edit(const char *data, uint64_t sequence)
{
	struct tampering at = begin(data);
	struct arena arena = { 0 };
	Fettle__AuditEntry *entry = entry_of(&at, sequence, &arena);

	entry->principal = RECORD_TEXT("bert");
	put_entry(&at, sequence, entry);
	end(&at);
	arena_fini(&arena);
}

static void cut(const char *data, unsigned table, uint64_t sequence)
{
	struct tampering at = begin(data);

	assert_int_equal(kv_delete(at.txn, table, number(sequence)), STATUS_OK);
	end(&at);
}

static void is_bad(const char *data, uint64_t sequence)
{
	struct audit_check check;

	assert_int_equal(audit_check_store(data, NULL, NULL, &check), STATUS_OK);
	assert_non_null(check.wrong);
	assert_int_equal(check.chain.bad, sequence);
}

static void what_nobody_touched_is_whole(void **test)
{
	struct audit_check check;

	make(*test);
	assert_int_equal(audit_check_store(*test, NULL, NULL, &check), STATUS_OK);
	assert_null(check.wrong);
	assert_int_equal(check.chain.entries, ENTRIES);
	assert_int_equal(check.chain.vouched, ENTRIES);
	assert_false(check.is_held_to_log);
}

static void an_edited_entry_is_found(void **test)
{
	make(*test);
	edit(*test, 4);
	is_bad(*test, 4);
}

static void an_edited_last_entry_is_found(void **test)
{
	make(*test);
	edit(*test, ENTRIES);
	is_bad(*test, ENTRIES);
}

static void a_deleted_entry_is_found(void **test)
{
	make(*test);
	cut(*test, LAYOUT_AUDIT, 5);
	is_bad(*test, 5);
}

static void a_cut_end_is_found(void **test)
{
	make(*test);
	cut(*test, LAYOUT_AUDIT, ENTRIES);
	is_bad(*test, ENTRIES);
	cut(*test, LAYOUT_CHECKPOINTS, ENTRIES);
	is_bad(*test, ENTRIES);
}

static void entries_that_changed_places_are_found(void **test)
{
	struct tampering at;
	struct arena arena = { 0 };
	Fettle__AuditEntry *third, *fourth;

	make(*test);
	at = begin(*test);
	third = entry_of(&at, 3, &arena);
	fourth = entry_of(&at, 4, &arena);
	put_entry(&at, 3, fourth);
	put_entry(&at, 4, third);
	end(&at);
	arena_fini(&arena);
	is_bad(*test, 3);
}

/* Chained anew to its end, the store's own note of it included: the signature is what is left. */
static void a_chain_that_was_forged_whole_fails_by_its_checkpoint(void **test)
{
	Fettle__AuditHead head = FETTLE__AUDIT_HEAD__INIT;
	uint8_t hash[HASH_LONG_SIZE] = { 0 };
	struct buffer packed = { 0 };
	struct arena arena = { 0 };
	struct tampering at;

	make(*test);
	at = begin(*test);
	for (uint64_t i = 1; i <= ENTRIES; i++) {
		Fettle__AuditEntry *entry = entry_of(&at, i, &arena);

		entry->principal = RECORD_TEXT("bert");
		entry->previous = record_binary(arena_bytes(&arena, BYTES_OF(hash)));
		chain_hash(entry, hash);
		put_entry(&at, i, entry);
	}
	RECORD_SET(&head, sequence, ENTRIES);
	RECORD_SET_BYTES(&head, chain, BYTES_OF(hash));
	record_pack(&packed, &head.base);
	assert_int_equal(kv_put(at.txn, LAYOUT_META, bytes_of_text("audit"), buffer_bytes(&packed)),
	    STATUS_OK);
	end(&at);
	buffer_fini(&packed);
	arena_fini(&arena);
	is_bad(*test, ENTRIES);
}

static void another_key_than_the_stores_vouches_for_nothing(void **test)
{
	struct audit_check check;
	struct sign_pair other;

	make(*test);
	assert_int_equal(keys_load_signing(scratch_path(*test, "other"), "audit", &other),
	    STATUS_OK);
	assert_int_equal(
	    audit_check_store(*test, scratch_path(*test, "other/audit.pub"), NULL, &check),
	    STATUS_OK);
	assert_non_null(check.wrong);
	assert_int_equal(check.chain.bad, ENTRIES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_nobody_touched_is_whole),
		TEST(an_edited_entry_is_found),
		TEST(an_edited_last_entry_is_found),
		TEST(a_deleted_entry_is_found),
		TEST(a_cut_end_is_found),
		TEST(entries_that_changed_places_are_found),
		TEST(a_chain_that_was_forged_whole_fails_by_its_checkpoint),
		TEST(another_key_than_the_stores_vouches_for_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
