/* SPDX-License-Identifier: Apache-2.0 */
#include "console/intent.h"

#include <stdio.h>

#include "core/record.h"
#include "proto/intent.pb-c.h"
#include "tests/support/control_fake.h"
#include "tests/support/scratch.h"

enum { SEEN_MAX = 64 };

static struct {
	size_t count;
	char keys[SEEN_MAX][32];
	uint32_t kind;
	bool has_id;
} seen;

static void on_intent(void *host, const Fettle__Record *record)
{
	const Fettle__Envelope *envelope = record->envelope;

	(void)host;
	snprintf(seen.keys[seen.count++ % SEEN_MAX], sizeof(seen.keys[0]), "%.*s",
	    (int)envelope->key.len, (const char *)envelope->key.data);
	seen.kind = envelope->kind;
	seen.has_id = envelope->event_id.len == EVENT_ID_SIZE;
}

static void add(struct intent *intent, const char *key)
{
	Fettle__AlertAck ack = FETTLE__ALERT_ACK__INIT;

	intent_add(intent, FETTLE__KIND__KIND_ALERT_ACK, key, &ack.base);
}

static void what_was_added_is_sent_in_its_order(void **test)
{
	struct control_fake *control = control_fake_new(*test, on_intent, NULL);
	struct intent intent;
	uint64_t written;
	char key[32];

	memset(&seen, 0, sizeof(seen));
	intent_init(&intent);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(key, sizeof(key), "key/%u", i);
		add(&intent, key);
	}
	assert_int_equal(intent_send(&intent, *test, &written), STATUS_OK);
	intent_fini(&intent);
	assert_int_equal(control_fake_free(control), 50);
	assert_int_equal(written, 50);
	assert_string_equal(seen.keys[0], "key/0");
	assert_string_equal(seen.keys[49], "key/49");
	assert_int_equal(seen.kind, FETTLE__KIND__KIND_ALERT_ACK);
	assert_true(seen.has_id);
}

static void nothing_to_say_needs_nobody_to_hear_it(void **test)
{
	struct intent intent;
	uint64_t written = 7;

	intent_init(&intent);
	assert_int_equal(intent_send(&intent, *test, &written), STATUS_OK);
	assert_int_equal(written, 0);
	intent_fini(&intent);
}

static void where_no_log_runs_sending_is_closed(void **test)
{
	struct intent intent;
	uint64_t written;

	intent_init(&intent);
	add(&intent, "key");
	assert_int_equal(intent_send(&intent, *test, &written), STATUS_CLOSED);
	intent_fini(&intent);
}

static bool is_done_at_the_third_look(void *data)
{
	return ++*(unsigned *)data == 3;
}

static bool is_never_done(void *data)
{
	++*(unsigned *)data;
	return false;
}

static void waiting_ends_as_soon_as_it_is_done(void **test)
{
	unsigned looks = 0;

	(void)test;
	assert_true(intent_wait(is_done_at_the_third_look, &looks, 60 * 1000));
	assert_int_equal(looks, 3);
}

static void waiting_ends_when_patience_does(void **test)
{
	unsigned looks = 0;

	(void)test;
	assert_false(intent_wait(is_never_done, &looks, 0));
	assert_int_equal(looks, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_added_is_sent_in_its_order),
		TEST(nothing_to_say_needs_nobody_to_hear_it),
		TEST(where_no_log_runs_sending_is_closed),
		TEST(waiting_ends_as_soon_as_it_is_done),
		TEST(waiting_ends_when_patience_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
