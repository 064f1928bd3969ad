/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/audit/audit.h"

#include <stdlib.h>

#include "core/host.h"
#include "processors/state/asset.h"
#include "processors/state/tables.h"
#include "tests/support/scratch.h"

static const char *const tables[] = { STATE_TABLE_NAMES };
static const struct stage *const stages[] = { &audit_stage, NULL };

struct fixture {
	void *directory;
	struct kv *kv;
	struct host *host;
	struct arena arena;
	uint64_t notices, now_ms;
};

static int start(void **test)
{
	const struct kv_options options = { .tables = tables, .is_writer = true };
	struct fixture *at = memory_new(sizeof(*at));

	if (scratch_start(&at->directory) != 0
	    || kv_open(at->directory, &options, &at->kv) != STATUS_OK
	    || host_new(at->kv, stages, NULL, &at->host) != STATUS_OK)
		return -1;
	*test = at;
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;
	int result;

	host_free(at->host);
	kv_close(at->kv);
	arena_fini(&at->arena);
	result = scratch_stop(&at->directory);
	free(at);
	return result;
}

static void settle(struct fixture *at)
{
	enum status status = STATUS_OK;

	while (status == STATUS_OK)
		status = host_step(at->host, ++at->now_ms);
	assert_int_equal(status, STATUS_AGAIN);
}

/* The log's next notice, by FLOW. */
static void give(struct fixture *at, uint32_t flow, const Fettle__Notice *notice)
{
	static const uint8_t writer[16] = "the log's uuid.";
	Fettle__Record record = FETTLE__RECORD__INIT;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	Fettle__Stamp stamp = FETTLE__STAMP__INIT;
	struct buffer body = { 0 }, packed = { 0 };
	uint8_t event_id[EVENT_ID_SIZE] = "notice ";
	struct bytes bytes;

	event_id[EVENT_ID_SIZE - 1] = (uint8_t)++at->notices;
	record_pack(&body, &notice->base);
	RECORD_SET_BYTES(&envelope, event_id, BYTES_OF(event_id));
	RECORD_SET(&envelope, kind, FETTLE__KIND__KIND_NOTICE);
	RECORD_SET_BYTES(&stamp, writer, BYTES_OF(writer));
	RECORD_SET(&stamp, offset, at->notices);
	record.envelope = &envelope;
	record.stamp = &stamp;
	RECORD_SET_BYTES(&record, body, buffer_bytes(&body));
	record_pack(&packed, &record.base);
	bytes = buffer_bytes(&packed);
	host_take(at->host, flow, at->notices, &bytes, 1);
	settle(at);
	buffer_fini(&body);
	buffer_fini(&packed);
}

/* What the last verdict says. */
static const Fettle__AuditVerdict *last(struct fixture *at)
{
	struct link_batch batch = { .count = 0 };
	const Fettle__AuditVerdict *audit;
	Fettle__Record *record;

	assert_int_equal(host_read_verdicts(at->host, host_verdict_head(at->host), 1, &batch),
	    STATUS_OK);
	assert_int_equal(
	    record_decode(arena_bytes(&at->arena, batch.records[0]), &at->arena, &record),
	    STATUS_OK);
	host_release(at->host);
	assert_int_equal(record->envelope->kind, FETTLE__KIND__KIND_AUDIT);
	audit = record_unpack(&fettle__audit_verdict__descriptor, record_bytes(record->body),
	    &at->arena);
	assert_non_null(audit);
	return audit;
}

static void a_notice_is_one_entry_with_all_that_it_says(void **test)
{
	struct fixture *at = *test;
	Fettle__Notice notice = FETTLE__NOTICE__INIT;
	const Fettle__AuditVerdict *audit;

	RECORD_SET(&notice, what, FETTLE__NOTICE_WHAT__NOTICE_WHAT_INTENT);
	RECORD_SET(&notice, kind, FETTLE__KIND__KIND_POLICY);
	RECORD_SET(&notice, at_ms, 77);
	RECORD_SET_BYTES(&notice, key, bytes_of_text("policy/base"));
	RECORD_SET_BYTES(&notice, hash, bytes_of_text("a hash"));
	notice.principal = RECORD_TEXT("anna (uid 1000)");
	notice.detail = RECORD_TEXT("why");
	give(at, SUBLOG_NOTICE, &notice);
	audit = last(at);
	assert_string_equal(audit->principal, "anna (uid 1000)");
	assert_string_equal(audit->action, "intent policy");
	assert_string_equal(audit->detail, "why");
	assert_memory_equal(audit->subject.data, "policy/base", audit->subject.len);
	assert_memory_equal(audit->hash.data, "a hash", audit->hash.len);
	assert_int_equal(audit->at_ms, 77);
	assert_int_equal(audit->offset, 1);
	assert_int_equal(audit->id.data[EVENT_ID_SIZE - 1], 1);
	assert_int_equal(audit->asset.len, 0);
}

static void what_was_denied_is_told_apart_from_what_was_done(void **test)
{
	struct fixture *at = *test;
	Fettle__Notice notice = FETTLE__NOTICE__INIT;

	RECORD_SET(&notice, what, FETTLE__NOTICE_WHAT__NOTICE_WHAT_DENIED);
	RECORD_SET(&notice, kind, FETTLE__KIND__KIND_JOB_DECISION);
	give(at, SUBLOG_NOTICE, &notice);
	assert_string_equal(last(at)->action, "denied job decision");
	RECORD_SET(&notice, kind, 0);
	give(at, SUBLOG_NOTICE, &notice);
	assert_string_equal(last(at)->action, "denied order");
	assert_string_equal(last(at)->principal, "log");
}

/* From a log that is newer: it is entered all the same. */
static void a_notice_of_a_kind_that_is_not_known_is_entered_by_its_number(void **test)
{
	struct fixture *at = *test;
	Fettle__Notice notice = FETTLE__NOTICE__INIT;

	RECORD_SET(&notice, what, (Fettle__NoticeWhat)99);
	give(at, SUBLOG_NOTICE, &notice);
	assert_string_equal(last(at)->action, "notice 99");
}

static void a_notice_that_an_endpoint_made_up_is_not_entered(void **test)
{
	struct fixture *at = *test;
	Fettle__Notice notice = FETTLE__NOTICE__INIT;
	struct link_batch batch = { .count = 0 };
	Fettle__Record *record;

	RECORD_SET(&notice, what, FETTLE__NOTICE_WHAT__NOTICE_WHAT_OPERATOR);
	give(at, SUBLOG_FIRST, &notice);
	assert_int_equal(host_verdict_head(at->host), 1);
	assert_int_equal(host_read_verdicts(at->host, 1, 1, &batch), STATUS_OK);
	assert_int_equal(record_decode(batch.records[0], &at->arena, &record), STATUS_OK);
	assert_int_equal(record->envelope->kind, FETTLE__KIND__KIND_QUARANTINED);
	host_release(at->host);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_notice_is_one_entry_with_all_that_it_says),
		TEST(what_was_denied_is_told_apart_from_what_was_done),
		TEST(a_notice_of_a_kind_that_is_not_known_is_entered_by_its_number),
		TEST(a_notice_that_an_endpoint_made_up_is_not_entered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
