/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/audit/audit.h"

#include <stdlib.h>

#include "processors/state/asset.h"
#include "processors/state/tables.h"
#include "tests/support/chain.h"

static const char *const tables[] = { STATE_TABLE_NAMES };
static const struct stage *const stages[] = { &audit_stage, NULL };

struct fixture {
	struct chain chain;
	uint64_t notices;
};

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	*test = at;
	return chain_start(&at->chain, tables, stages);
}

static int stop(void **test)
{
	struct fixture *at = *test;
	int result = chain_stop(&at->chain);

	free(at);
	return result;
}

/* The log's next notice, by FLOW. */
static void give(struct fixture *at, uint32_t flow, const Fettle__Notice *notice)
{
	static const uint8_t writer[16] = "the log's uuid.";

	chain_give(&at->chain, &(struct chain_record){ .writer = writer,
				   .flow = flow,
				   .kind = FETTLE__KIND__KIND_NOTICE,
				   .offset = ++at->notices,
				   .body = chain_body(&at->chain, &notice->base) });
	chain_settle(&at->chain);
}

/* What the last verdict says. */
static const Fettle__AuditVerdict *last(struct fixture *at)
{
	const Fettle__Record *record = chain_verdict(&at->chain, host_verdict_head(at->chain.host));
	const Fettle__AuditVerdict *audit;

	assert_int_equal(record->envelope->kind, FETTLE__KIND__KIND_AUDIT);
	audit = record_unpack(&fettle__audit_verdict__descriptor, record_bytes(record->body),
	    &at->chain.arena);
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
	assert_int_equal(audit->id.data[0], 1);
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

	RECORD_SET(&notice, what, FETTLE__NOTICE_WHAT__NOTICE_WHAT_OPERATOR);
	give(at, SUBLOG_FIRST, &notice);
	assert_int_equal(host_verdict_head(at->chain.host), 1);
	assert_int_equal(chain_verdict(&at->chain, 1)->envelope->kind,
	    FETTLE__KIND__KIND_QUARANTINED);
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
