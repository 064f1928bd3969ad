/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record.h"

#include <stdlib.h>

#include "core/event.h"
#include "core/sublog.h"
#include "proto/link.pb-c.h"
#include "tests/support/scratch.h"

static const uint8_t event_id[EVENT_ID_SIZE] = "0123456789abcdef";
static const uint8_t writer[AGENT_ID_SIZE] = "the writer's id.";

struct fixture {
	struct arena arena;
	struct buffer record, stamped;
};

static int start(void **test)
{
	*test = memory_new(sizeof(struct fixture));
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;

	arena_fini(&at->arena);
	buffer_fini(&at->record);
	buffer_fini(&at->stamped);
	free(at);
	return 0;
}

static void put_record(struct buffer *out, uint32_t kind, struct bytes body)
{
	Fettle__Record record = FETTLE__RECORD__INIT;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;

	RECORD_SET_BYTES(&envelope, event_id, BYTES(event_id, EVENT_ID_SIZE));
	RECORD_SET(&envelope, kind, kind);
	RECORD_SET(&envelope, fact_revision, 1);
	record.envelope = &envelope;
	RECORD_SET_BYTES(&record, body, body);
	record_pack(out, &record.base);
}

static void put_stamp(struct buffer *out, uint64_t offset)
{
	Fettle__Record record = FETTLE__RECORD__INIT;
	Fettle__Stamp stamp = FETTLE__STAMP__INIT;

	RECORD_SET_BYTES(&stamp, writer, BYTES(writer, AGENT_ID_SIZE));
	RECORD_SET(&stamp, offset, offset);
	record.stamp = &stamp;
	record_pack(out, &record.base);
}

/* What a log keeps of BYTES, decoded: it always is a record with the log's own stamp. */
static const Fettle__Record *stamp(struct fixture *at, struct bytes bytes)
{
	Fettle__Stamp log_stamp = FETTLE__STAMP__INIT;
	Fettle__Record *record;

	RECORD_SET_BYTES(&log_stamp, writer, BYTES(writer, AGENT_ID_SIZE));
	RECORD_SET(&log_stamp, offset, 42);
	buffer_clear(&at->stamped);
	record_stamp(&at->stamped, bytes, &log_stamp);
	assert_int_equal(record_decode(buffer_bytes(&at->stamped), &at->arena, &record), STATUS_OK);
	assert_non_null(record->stamp);
	assert_int_equal(record->stamp->offset, 42);
	assert_true(bytes_equal(record_bytes(record->stamp->writer), BYTES(writer, AGENT_ID_SIZE)));
	return record;
}

static void is_malformed(struct fixture *at, struct bytes bytes)
{
	const Fettle__Record *record;

	assert_false(record_is_plain(bytes));
	record = stamp(at, bytes);
	assert_int_equal(record->envelope->kind, FETTLE__KIND__KIND_MALFORMED);
	assert_true(bytes_equal(record_bytes(record->body), bytes));
}

static void a_stamp_is_appended_and_the_bytes_stay(void **test)
{
	struct fixture *at = *test;
	const Fettle__Record *record;

	put_record(&at->record, FETTLE__KIND__KIND_FACT_SET, bytes_of_text("body"));
	assert_true(record_is_plain(buffer_bytes(&at->record)));
	record = stamp(at, buffer_bytes(&at->record));
	assert_int_equal(record->envelope->kind, FETTLE__KIND__KIND_FACT_SET);
	assert_true(bytes_start_with(buffer_bytes(&at->stamped), buffer_bytes(&at->record)));
}

static void a_stamp_of_the_writer_s_own_is_malformed(void **test)
{
	struct fixture *at = *test;

	put_record(&at->record, FETTLE__KIND__KIND_FACT_SET, BYTES_NONE);
	put_stamp(&at->record, 7);
	is_malformed(at, buffer_bytes(&at->record));
}

static void a_body_longer_than_the_record_cannot_swallow_the_stamp(void **test)
{
	struct fixture *at = *test;

	put_record(&at->record, FETTLE__KIND__KIND_FACT_SET, BYTES_NONE);
	buffer_append(&at->record,
	    BYTES("\x12\x20", 2)); /* 32 bytes of body, of which none is there */
	is_malformed(at, buffer_bytes(&at->record));
	buffer_append(&at->record, bytes_of_text("too few of them"));
	is_malformed(at, buffer_bytes(&at->record));
}

static void half_a_field_cannot_swallow_the_stamp(void **test)
{
	struct fixture *at = *test;
	static const char *const ends[] = { "\x12", "\x12\xff", "\x12\x80\x80\x80\x80", "\x7a",
		"\x80", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		buffer_clear(&at->record);
		put_record(&at->record, FETTLE__KIND__KIND_FACT_SET, BYTES_NONE);
		buffer_append_text(&at->record, ends[i]);
		is_malformed(at, buffer_bytes(&at->record));
	}
}

/* protobuf-c reads five bytes of a length and no more: what it refuses must not pass here. */
static void lengths_and_tags_that_no_encoder_writes_are_malformed(void **test)
{
	struct fixture *at = *test;
	static const struct bytes ends[] = {
		{ (const uint8_t *)"\x12\x80\x00", 3 },
		{ (const uint8_t *)"\x12\x80\x80\x80\x80\x80\x00", 7 },
		{ (const uint8_t *)"\x12\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", 11 },
		{ (const uint8_t *)"\x12\x81\x80\x80\x80\x10"
				   "A",
		    7 },
		{ (const uint8_t *)"\x92\x00\x00", 3 },
		{ (const uint8_t *)"\x13", 1 }, /* a group */
		{ (const uint8_t *)"\x08\x01", 2 },
		{ (const uint8_t *)"\x22\x00", 2 }, /* a field that nobody knows */
		{ (const uint8_t *)"\x1a\x00", 2 }, /* an empty stamp */
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		buffer_clear(&at->record);
		put_record(&at->record, FETTLE__KIND__KIND_FACT_SET, BYTES_NONE);
		buffer_append(&at->record, ends[i]);
		is_malformed(at, buffer_bytes(&at->record));
	}
}

static void two_envelopes_or_two_bodies_are_malformed(void **test)
{
	struct fixture *at = *test;
	size_t size;

	put_record(&at->record, FETTLE__KIND__KIND_FACT_SET, BYTES_NONE);
	size = at->record.size;
	buffer_append(&at->record, BYTES("\x0a\x00", 2));
	is_malformed(at, buffer_bytes(&at->record));
	at->record.size = size;
	buffer_append(&at->record, BYTES("\x12\x00", 2));
	is_malformed(at, buffer_bytes(&at->record));
}

static void an_envelope_that_does_not_decode_is_malformed_and_keeps_its_stamp(void **test)
{
	struct fixture *at = *test;

	is_malformed(at, BYTES_NONE);
	is_malformed(at, BYTES("\x0a\x00", 2));
	is_malformed(at, BYTES("\x0a\x03\xff\xff\xff", 5));
	put_record(&at->record, 0, BYTES_NONE);
	is_malformed(at, buffer_bytes(&at->record));
}

/* Whatever is sent: what is kept decodes, and its stamp is the log's. */
static void no_bytes_at_all_can_touch_the_stamp(void **test)
{
	struct fixture *at = *test;
	uint64_t random = 88172645463325252ULL;

	for (int i = 0; i < 20000; i++) {
		buffer_clear(&at->record);
		put_record(&at->record, FETTLE__KIND__KIND_FACT_SET, bytes_of_text("some body"));
		for (int change = 0; change < 4; change++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			at->record.data[random % at->record.size] = (uint8_t)(random >> 32);
			if (random >> 60 == 0)
				at->record.size -= random >> 40 & 7;
		}
		arena_reset(&at->arena);
		(void)stamp(at, buffer_bytes(&at->record));
	}
}

static void decoding_wants_an_envelope_with_id_and_kind(void **test)
{
	struct fixture *at = *test;
	Fettle__Record *record;

	assert_int_equal(record_decode(BYTES_NONE, &at->arena, &record), STATUS_REJECT);
	assert_int_equal(record_decode(BYTES("\x12\x00", 2), &at->arena, &record), STATUS_REJECT);
	put_record(&at->record, 9999, BYTES_NONE);
	assert_int_equal(record_decode(buffer_bytes(&at->record), &at->arena, &record), STATUS_OK);
	assert_int_equal(record->body.len, 0);
}

/* ---- bounds ---- */

static void text_that_is_not_utf8_is_refused(void **test)
{
	struct fixture *at = *test;
	Fettle__Reset reset = FETTLE__RESET__INIT;

	reset.reason = RECORD_TEXT("caf\xe9");
	record_pack(&at->record, &reset.base);
	assert_null(
	    record_unpack(&fettle__reset__descriptor, buffer_bytes(&at->record), &at->arena));
}

static void more_than_32_unknown_fields_are_refused(void **test)
{
	struct fixture *at = *test;

	for (int i = 0; i < 32; i++)
		buffer_append(&at->record, BYTES("\xf8\x07\x01", 3));
	assert_non_null(
	    record_unpack(&fettle__ping__descriptor, buffer_bytes(&at->record), &at->arena));
	buffer_append(&at->record, BYTES("\xf8\x07\x01", 3));
	assert_null(
	    record_unpack(&fettle__ping__descriptor, buffer_bytes(&at->record), &at->arena));
}

static void small_wire_does_not_become_a_large_heap(void **test)
{
	struct fixture *at = *test;

	/* 500,000 empty records in one frame. */
	for (int i = 0; i < 500 * 1000; i++)
		buffer_append(&at->record, BYTES("\x1a\x00", 2));
	assert_null(
	    record_unpack(&fettle__data__descriptor, buffer_bytes(&at->record), &at->arena));
	assert_true(at->arena.used <= 3 * 1024 * 1024);
}

static void deep_nesting_is_only_unknown_bytes(void **test)
{
	struct fixture *at = *test;

	for (int i = 0; i < 100 * 1000; i++)
		buffer_append_u8(&at->record, 0x0b); /* groups within groups */
	assert_null(
	    record_unpack(&fettle__record__descriptor, buffer_bytes(&at->record), &at->arena));
}

/* ---- events ---- */

static enum status decode_event(struct fixture *at, uint32_t kind, struct bytes body,
    struct event *event)
{
	const char *reason = NULL;
	enum status status;

	buffer_clear(&at->record);
	put_record(&at->record, kind, body);
	(void)stamp(at, buffer_bytes(&at->record));
	status = event_decode(buffer_bytes(&at->stamped), &at->arena, event, &reason);
	assert_non_null(reason);
	return status;
}

static void each_kind_becomes_an_event_with_its_body_alone(void **test)
{
	struct fixture *at = *test;
	struct event event;

	assert_int_equal(decode_event(at, FETTLE__KIND__KIND_FACT_SET, BYTES_NONE, &event),
	    STATUS_OK);
	assert_non_null(event_fact(&event));
	assert_null(event_pass(&event));
	assert_true(event_may_come_by(&event, sublog_flow(3, LANE_BULK)));
	assert_false(event_may_come_by(&event, SUBLOG_INTENT));
	assert_false(event_may_come_by(&event, SUBLOG_NOTICE));
	assert_int_equal(decode_event(at, FETTLE__KIND__KIND_HEARTBEAT, BYTES_NONE, &event),
	    STATUS_OK);
	assert_non_null(event_heartbeat(&event));
	assert_null(event_fact(&event));
	assert_int_equal(decode_event(at, FETTLE__KIND__KIND_POLICY_REMOVED, BYTES_NONE, &event),
	    STATUS_OK);
	assert_non_null(event_document(&event));
	assert_true(event_may_come_by(&event, SUBLOG_INTENT));
	assert_false(event_may_come_by(&event, sublog_flow(3, LANE_BULK)));
	assert_int_equal(event.stamp->offset, 42);
	assert_int_equal(decode_event(at, FETTLE__KIND__KIND_NOTICE, BYTES_NONE, &event),
	    STATUS_OK);
	assert_non_null(event_notice(&event));
	assert_true(event_may_come_by(&event, SUBLOG_NOTICE));
	assert_false(event_may_come_by(&event, SUBLOG_INTENT));
	assert_false(event_may_come_by(&event, sublog_flow(3, LANE_CRITICAL)));
}

static void a_kind_that_is_not_known_or_malformed_is_rejected(void **test)
{
	struct fixture *at = *test;
	struct event event;

	assert_int_equal(decode_event(at, 9999, BYTES_NONE, &event), STATUS_REJECT);
	assert_int_equal(event.envelope->kind, 9999); /* so that it can be said who sent what */
	assert_int_equal(decode_event(at, FETTLE__KIND__KIND_MALFORMED, BYTES_NONE, &event),
	    STATUS_REJECT);
	assert_int_equal(
	    decode_event(at, FETTLE__KIND__KIND_FACT_SET, bytes_of_text("\xff"), &event),
	    STATUS_REJECT);
}

static void a_record_without_a_stamp_is_rejected(void **test)
{
	struct fixture *at = *test;
	struct event event;
	const char *reason;

	put_record(&at->record, FETTLE__KIND__KIND_FACT_SET, BYTES_NONE);
	assert_int_equal(event_decode(buffer_bytes(&at->record), &at->arena, &event, &reason),
	    STATUS_REJECT);
}

/* ---- sub-logs ---- */

static void a_flow_is_one_slot_and_one_lane_and_critical_ones_come_first(void **test)
{
	uint32_t last = SUBLOG_FIRST - 1;

	(void)test;
	for (unsigned lane = LANE_CRITICAL; lane < LANE_END; lane++)
		for (unsigned slot = 0; slot < SUBLOG_SLOTS; slot++) {
			uint32_t flow = sublog_flow(slot, (enum lane)lane);

			assert_int_equal(flow, last + 1);
			assert_int_equal(sublog_slot(flow), slot);
			assert_int_equal(sublog_lane(flow), lane);
			last = flow;
		}
	assert_int_equal(last + 1, SUBLOG_END);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_stamp_is_appended_and_the_bytes_stay),
		TEST(a_stamp_of_the_writer_s_own_is_malformed),
		TEST(a_body_longer_than_the_record_cannot_swallow_the_stamp),
		TEST(half_a_field_cannot_swallow_the_stamp),
		TEST(lengths_and_tags_that_no_encoder_writes_are_malformed),
		TEST(two_envelopes_or_two_bodies_are_malformed),
		TEST(an_envelope_that_does_not_decode_is_malformed_and_keeps_its_stamp),
		TEST(no_bytes_at_all_can_touch_the_stamp),
		TEST(decoding_wants_an_envelope_with_id_and_kind),
		TEST(text_that_is_not_utf8_is_refused),
		TEST(more_than_32_unknown_fields_are_refused),
		TEST(small_wire_does_not_become_a_large_heap),
		TEST(deep_nesting_is_only_unknown_bytes),
		TEST(each_kind_becomes_an_event_with_its_body_alone),
		TEST(a_kind_that_is_not_known_or_malformed_is_rejected),
		TEST(a_record_without_a_stamp_is_rejected),
		cmocka_unit_test(a_flow_is_one_slot_and_one_lane_and_critical_ones_come_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
