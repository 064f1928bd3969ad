/* SPDX-License-Identifier: Apache-2.0 */
#include "core/txn.h"

#include <stdlib.h>

#include "tests/support/scratch.h"

enum { FRUIT, ROOTS };

static const char *const tables[] = { "fruit", "roots", NULL };

struct fixture {
	void *directory;
	struct kv *kv;
	struct txn *txn;
};

static struct kv *open_kv(const char *directory)
{
	struct kv_options options = { .tables = tables, .is_writer = true };
	struct kv *kv;

	assert_int_equal(kv_open(directory, &options, &kv), STATUS_OK);
	return kv;
}

static void begin(struct fixture *at)
{
	assert_int_equal(txn_begin(at->kv, &at->txn), STATUS_OK);
}

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	if (scratch_start(&at->directory) != 0)
		return -1;
	at->kv = open_kv(at->directory);
	begin(at);
	*test = at;
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;
	int result;

	txn_abort(&at->txn);
	kv_close(at->kv);
	result = scratch_stop(&at->directory);
	free(at);
	return result;
}

static void put(struct fixture *at, const char *key, const char *value)
{
	txn_put(at->txn, FRUIT, bytes_of_text(key), bytes_of_text(value));
}

static void delete (struct fixture *at, const char *key)
{
	txn_delete(at->txn, FRUIT, bytes_of_text(key));
}

/* VALUE NULL: it is not there. */
static void expect(struct fixture *at, const char *key, const char *value)
{
	struct bytes found;
	enum status status = txn_get(at->txn, FRUIT, bytes_of_text(key), &found);

	assert_int_equal(status, value == NULL ? STATUS_NOT_FOUND : STATUS_OK);
	if (value != NULL)
		assert_true(bytes_equal(found, bytes_of_text(value)));
}

static void commit(struct fixture *at)
{
	assert_int_equal(txn_commit(&at->txn), STATUS_OK);
	assert_null(at->txn);
	begin(at);
}

/* The keys that a scan finds, each followed by '='value and a space. */
static const char *scan(struct fixture *at, const char *prefix, const char *from)
{
	static struct buffer out;
	struct txn_scan *open;
	struct bytes key, value;
	enum status status;

	buffer_clear(&out);
	assert_int_equal(
	    txn_scan_open(at->txn, FRUIT, bytes_of_text(prefix), bytes_of_text(from), &open),
	    STATUS_OK);
	while ((status = txn_scan_next(open, &key, &value)) == STATUS_OK) {
		buffer_append(&out, key);
		buffer_append_u8(&out, '=');
		buffer_append(&out, value);
		buffer_append_u8(&out, ' ');
	}
	assert_int_equal(status, STATUS_NOT_FOUND);
	txn_scan_close(open);
	return buffer_text(&out);
}

static void reads_see_the_overlay_first(void **test)
{
	struct fixture *at = *test;

	put(at, "apple", "green");
	put(at, "pear", "yellow");
	commit(at);
	put(at, "apple", "red");
	delete (at, "pear");
	put(at, "plum", "blue");
	expect(at, "apple", "red");
	expect(at, "pear", NULL);
	expect(at, "plum", "blue");
	expect(at, "quince", NULL);
	assert_int_equal(txn_size(at->txn), 3);
	commit(at);
	expect(at, "apple", "red");
	expect(at, "pear", NULL);
	expect(at, "plum", "blue");
	assert_int_equal(txn_size(at->txn), 0);
}

static void what_was_aborted_is_not_there(void **test)
{
	struct fixture *at = *test;

	put(at, "apple", "green");
	txn_abort(&at->txn);
	txn_abort(&at->txn);
	begin(at);
	expect(at, "apple", NULL);
}

static void an_empty_value_is_a_value(void **test)
{
	struct fixture *at = *test;

	txn_put(at->txn, FRUIT, bytes_of_text("apple"), BYTES_NONE);
	expect(at, "apple", "");
	commit(at);
	expect(at, "apple", "");
}

static void tables_are_apart(void **test)
{
	struct fixture *at = *test;
	struct bytes found;

	put(at, "apple", "green");
	assert_int_equal(txn_get(at->txn, ROOTS, bytes_of_text("apple"), &found), STATUS_NOT_FOUND);
}

static void what_was_put_is_a_copy(void **test)
{
	struct fixture *at = *test;
	char key[] = "apple", value[] = "green";

	put(at, key, value);
	key[0] = value[0] = '!';
	expect(at, "apple", "green");
}

static void a_rolled_back_savepoint_undoes_all_after_it(void **test)
{
	struct fixture *at = *test;
	txn_savepoint outer, inner;

	put(at, "stored", "1");
	commit(at);
	put(at, "kept", "1");
	outer = txn_save(at->txn);
	put(at, "kept", "2");
	put(at, "stored", "2");
	put(at, "new", "1");
	inner = txn_save(at->txn);
	delete (at, "kept");
	delete (at, "stored");
	put(at, "new", "2");
	put(at, "newer", "1");
	txn_roll_back(at->txn, inner);
	assert_string_equal(scan(at, "", ""), "kept=2 new=1 stored=2 ");
	txn_roll_back(at->txn, outer);
	txn_roll_back(at->txn, outer);
	assert_string_equal(scan(at, "", ""), "kept=1 stored=1 ");
	assert_int_equal(txn_size(at->txn), 1);
	commit(at);
	assert_string_equal(scan(at, "", ""), "kept=1 stored=1 ");
}

static void a_scan_merges_overlay_and_store(void **test)
{
	struct fixture *at = *test;

	put(at, "a", "s");
	put(at, "b1", "s");
	put(at, "b3", "s");
	put(at, "b5", "s");
	put(at, "c", "s");
	commit(at);
	put(at, "b0", "o");
	put(at, "b2", "o");
	put(at, "b3", "o");
	delete (at, "b1");
	put(at, "b6", "o");
	put(at, "b7", "o");
	delete (at, "b7");
	put(at, "d", "o");
	assert_string_equal(scan(at, "b", ""), "b0=o b2=o b3=o b5=s b6=o ");
	assert_string_equal(scan(at, "b", "b3"), "b3=o b5=s b6=o ");
	assert_string_equal(scan(at, "b", "b4"), "b5=s b6=o ");
	assert_string_equal(scan(at, "b", "a"), "b0=o b2=o b3=o b5=s b6=o ");
	assert_string_equal(scan(at, "b", "c"), "");
	assert_string_equal(scan(at, "bb", ""), "");
	assert_string_equal(scan(at, "", "b6"), "b6=o c=s d=o ");
}

/* What the scanning code does at each key, and what it must see. */
static void scans_and_writes(struct fixture *at, void (*write)(struct fixture *, const char *key),
    const char *seen)
{
	struct buffer out = { 0 };
	struct txn_scan *open;
	struct bytes key, value;

	assert_int_equal(txn_scan_open(at->txn, FRUIT, BYTES_NONE, BYTES_NONE, &open), STATUS_OK);
	while (txn_scan_next(open, &key, &value) == STATUS_OK) {
		char *text = text_copy_bytes(key);

		buffer_append(&out, key);
		write(at, text);
		free(text);
	}
	txn_scan_close(open);
	assert_string_equal(buffer_text(&out), seen);
	buffer_fini(&out);
}

static void fill_for_scans(struct fixture *at)
{
	put(at, "b", "s");
	put(at, "d", "s");
	put(at, "f", "s");
	commit(at);
	put(at, "a", "o");
	put(at, "e", "o");
}

static void rewrite(struct fixture *at, const char *key)
{
	put(at, key, "again");
}

static void drop(struct fixture *at, const char *key)
{
	delete (at, key);
}

static void write_behind(struct fixture *at, const char *key)
{
	(void)key;
	put(at, "0", "behind");
	put(at, "00", "behind");
}

static void drop_ahead(struct fixture *at, const char *key)
{
	if (key[0] == 'b') {
		delete (at, "d");
		delete (at, "e");
	}
}

static void roll_back_ahead(struct fixture *at, const char *key)
{
	txn_savepoint here = txn_save(at->txn);

	put(at, key, "rejected");
	put(at, "c", "rejected");
	txn_roll_back(at->txn, here);
}

static void a_scan_stays_valid_while_its_table_is_written(void **test)
{
	struct fixture *at = *test;

	fill_for_scans(at);
	scans_and_writes(at, rewrite, "abdef");
	scans_and_writes(at, roll_back_ahead, "abdef");
	scans_and_writes(at, write_behind, "abdef");
	assert_string_equal(scan(at, "", ""),
	    "0=behind 00=behind a=again b=again d=again e=again f=again ");
	delete (at, "0");
	delete (at, "00");
	scans_and_writes(at, drop_ahead, "abf");
	scans_and_writes(at, drop, "abf");
	assert_string_equal(scan(at, "", ""), "");
	commit(at);
	assert_string_equal(scan(at, "", ""), "");
}

/* ---- at random, against a model ---- */

enum { KEYS = 40, STEPS = 30000, DEPTH = 4 };

/* A value a key; 0: it is not there. */
struct model {
	unsigned values[KEYS];
};

struct trial {
	struct fixture *at;
	uint64_t seed;
	struct model now, committed;
	struct model saved[DEPTH];
	txn_savepoint savepoints[DEPTH];
	unsigned depth, written;
};

static unsigned random_below(struct trial *trial, unsigned bound)
{
	trial->seed = trial->seed * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(trial->seed >> 33) % bound;
}

/* Keys of one to three bytes, of which many begin with another. */
static struct bytes model_key(unsigned number)
{
	static const char *const keys[KEYS] = { "a", "aa", "aaa", "aab", "ab", "aba", "abb", "ac",
		"aca", "acc", "b", "ba", "baa", "bab", "bb", "bba", "bbb", "bc", "bca", "bcc", "c",
		"ca", "caa", "cab", "cb", "cba", "cbb", "cc", "cca", "ccc", "d", "da", "daa", "dab",
		"db", "dba", "dbb", "dc", "dca", "dcc" };

	return bytes_of_text(keys[number]);
}

/* Of lengths from 8 bytes to more than a page. */
static struct bytes model_value(unsigned value, uint8_t out[6000])
{
	size_t size = value % 50 == 0 ? 6000 : 8 + value % 300;

	memset(out, (int)(value % 256), size);
	memcpy(out, &value, sizeof(value));
	return BYTES(out, size);
}

static void check_value(unsigned number, struct bytes value)
{
	uint8_t wanted[6000];

	assert_true(bytes_equal(value, model_value(number, wanted)));
}

static void step_write(struct trial *trial)
{
	unsigned key = random_below(trial, KEYS);
	uint8_t value[6000];

	if (random_below(trial, 3) == 0) {
		txn_delete(trial->at->txn, FRUIT, model_key(key));
		trial->now.values[key] = 0;
		return;
	}
	trial->now.values[key] = ++trial->written;
	txn_put(trial->at->txn, FRUIT, model_key(key), model_value(trial->written, value));
}

static void step_get(struct trial *trial)
{
	unsigned key = random_below(trial, KEYS), wanted = trial->now.values[key];
	struct bytes value;
	enum status status = txn_get(trial->at->txn, FRUIT, model_key(key), &value);

	assert_int_equal(status, wanted == 0 ? STATUS_NOT_FOUND : STATUS_OK);
	if (wanted != 0)
		check_value(wanted, value);
}

/* Writes on the way go to the key just seen or before it, so that what must come is defined. */
static void maybe_write_behind(struct trial *trial, unsigned seen)
{
	unsigned key = random_below(trial, seen + 1);
	uint8_t value[6000];

	if (random_below(trial, 4) != 0)
		return;
	trial->now.values[key] = ++trial->written;
	txn_put(trial->at->txn, FRUIT, model_key(key), model_value(trial->written, value));
}

static unsigned next_in_model(const struct trial *trial, unsigned from, struct bytes prefix)
{
	while (from < KEYS
	       && (trial->now.values[from] == 0 || !bytes_start_with(model_key(from), prefix)))
		from++;
	return from;
}

static void step_scan(struct trial *trial)
{
	struct bytes whole = model_key(random_below(trial, KEYS));
	struct bytes prefix = BYTES(whole.data, random_below(trial, (unsigned)whole.size + 1));
	unsigned from = random_below(trial, KEYS);
	unsigned wanted = next_in_model(trial, from, prefix);
	struct txn_scan *open;
	struct bytes key, value;

	assert_int_equal(txn_scan_open(trial->at->txn, FRUIT, prefix, model_key(from), &open),
	    STATUS_OK);
	while (txn_scan_next(open, &key, &value) == STATUS_OK) {
		assert_true(wanted < KEYS);
		assert_true(bytes_equal(key, model_key(wanted)));
		check_value(trial->now.values[wanted], value);
		maybe_write_behind(trial, wanted);
		wanted = next_in_model(trial, wanted + 1, prefix);
	}
	assert_int_equal(wanted, KEYS);
	txn_scan_close(open);
}

static void step_save(struct trial *trial)
{
	if (trial->depth == DEPTH)
		return;
	trial->saved[trial->depth] = trial->now;
	trial->savepoints[trial->depth++] = txn_save(trial->at->txn);
}

static void step_roll_back(struct trial *trial)
{
	if (trial->depth == 0)
		return;
	trial->depth = random_below(trial, trial->depth);
	txn_roll_back(trial->at->txn, trial->savepoints[trial->depth]);
	trial->now = trial->saved[trial->depth];
}

static void step_end(struct trial *trial)
{
	struct fixture *at = trial->at;

	trial->depth = 0;
	if (random_below(trial, 3) > 0) {
		assert_int_equal(txn_commit(&at->txn), STATUS_OK);
		trial->committed = trial->now;
	} else {
		txn_abort(&at->txn);
		trial->now = trial->committed;
	}
	if (random_below(trial, 4) == 0) {
		kv_close(at->kv);
		at->kv = open_kv(at->directory);
	}
	begin(at);
}

static void step(struct trial *trial)
{
	unsigned dice = random_below(trial, 100);

	if (dice < 50)
		step_write(trial);
	else if (dice < 80)
		step_get(trial);
	else if (dice < 88)
		step_scan(trial);
	else if (dice < 94)
		step_save(trial);
	else if (dice < 99)
		step_roll_back(trial);
	else
		step_end(trial);
}

static void it_behaves_as_a_plain_map_does(void **test)
{
	struct trial trial = { .at = *test, .seed = 20261123 };

	for (unsigned i = 0; i < STEPS; i++)
		step(&trial);
}

/* ---- many ---- */

static void many_keys_in_any_order_arrive(void **test)
{
	enum { COUNT = 20000 };
	struct fixture *at = *test;
	struct kv_txn *read;
	uint64_t count;

	for (unsigned i = 0; i < COUNT; i++) {
		unsigned key = i * 2654435761U;

		txn_put(at->txn, ROOTS, BYTES(&key, sizeof(key)), BYTES(&i, sizeof(i)));
	}
	assert_int_equal(txn_size(at->txn), COUNT);
	commit(at);
	assert_int_equal(kv_read_begin(at->kv, &read), STATUS_OK);
	assert_int_equal(kv_count(read, ROOTS, &count), STATUS_OK);
	assert_int_equal(count, COUNT);
	for (unsigned i = 0; i < COUNT; i++) {
		unsigned key = i * 2654435761U;
		struct bytes value;

		assert_int_equal(kv_get(read, ROOTS, BYTES(&key, sizeof(key)), &value), STATUS_OK);
		assert_true(bytes_equal(value, BYTES(&i, sizeof(i))));
	}
	kv_abort(&read);
}

static void a_batch_that_does_not_fit_is_not_kept_and_fits_when_repeated(void **test)
{
	struct fixture *at = *test;
	static uint8_t value[64 * 1024];
	enum status status;
	unsigned tries = 0;

	do {
		expect(at, "apple", NULL);
		put(at, "apple", "green");
		for (unsigned i = 0; i < 400; i++)
			txn_put(at->txn, ROOTS, BYTES(&i, sizeof(i)), BYTES_OF(value));
		status = txn_commit(&at->txn);
		begin(at);
	} while (status == STATUS_FULL && ++tries < 4);
	assert_int_equal(status, STATUS_OK);
	assert_true(tries > 0);
	expect(at, "apple", "green");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_see_the_overlay_first),
		TEST(what_was_aborted_is_not_there),
		TEST(an_empty_value_is_a_value),
		TEST(tables_are_apart),
		TEST(what_was_put_is_a_copy),
		TEST(a_rolled_back_savepoint_undoes_all_after_it),
		TEST(a_scan_merges_overlay_and_store),
		TEST(a_scan_stays_valid_while_its_table_is_written),
		TEST(it_behaves_as_a_plain_map_does),
		TEST(many_keys_in_any_order_arrive),
		TEST(a_batch_that_does_not_fit_is_not_kept_and_fits_when_repeated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
