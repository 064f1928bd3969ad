/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/siem/syslog.h"

#include <stdlib.h>

#include "sinks/verdict_json.h"
#include "tests/support/scratch.h"
#include "tests/support/verdict.h"

static const struct syslog_style plain = { .facility = 16, .host = "fettle1", .message_max = 8192 };

/* A document of an open finding. */
static struct document document_of(const char *name, const char *severity, const char *title)
{
	Fettle__FindingVerdict finding = verdict_finding(name, "p/c", severity);
	document_kinds kinds = ~UINT32_C(0);
	struct document document;
	struct arena arena = { 0 };
	struct names *names = names_new("/nonexistent");

	finding.title = RECORD_TEXT(title);
	names_learn(names, record_bytes(finding.asset), name);
	assert_int_equal(document_make(verdict_record(FETTLE__KIND__KIND_FINDING, &finding.base),
			     kinds, names, &arena, &document),
	    STATUS_OK);
	names_free(names);
	arena_fini(&arena);
	return document;
}

static void header_is(const struct syslog_style *style, struct document document,
    const char *expected)
{
	struct buffer message = { 0 };

	syslog_append(style, &document, &message);
	assert_memory_equal(buffer_text(&message), expected, strlen(expected));
	buffer_fini(&message);
	document_fini(&document);
}

static void the_header_has_priority_time_host_and_kind(void **test)
{
	(void)test;
	header_is(&plain, document_of("web1", "critical", "t"),
	    "<130>1 1970-01-01T00:00:00.000Z fettle1 fettle - finding - {\"event_id\":");
	header_is(&plain, document_of("web1", "low", "t"), "<133>1 ");
}

static void a_host_without_a_fit_name_is_nil(void **test)
{
	struct syslog_style style = plain;

	(void)test;
	style.host = "\x1b \n";
	header_is(&style, document_of("web1", "low", "t"),
	    "<133>1 1970-01-01T00:00:00.000Z - fettle - ");
}

static void structured_data_escapes_quote_backslash_and_bracket(void **test)
{
	struct syslog_style style = plain;
	struct document document = document_of("a\"b\\c]d\n", "high", "t");
	struct buffer message = { 0 };

	(void)test;
	style.sd_id = "fettle@32473";
	syslog_append(&style, &document, &message);
	assert_non_null(strstr(buffer_text(&message), " [fettle@32473 event_id=\""));
	assert_non_null(strstr(buffer_text(&message), " asset=\"a\\\"b\\\\c\\]d\\\\u000a\" "));
	assert_non_null(strstr(buffer_text(&message), " severity=\"high\"] {"));
	buffer_fini(&message);
	document_fini(&document);
}

static void facilities_have_names_and_numbers(void **test)
{
	unsigned facility;

	(void)test;
	assert_true(syslog_facility_parse("local0", &facility));
	assert_int_equal(facility, 16);
	assert_true(syslog_facility_parse("23", &facility));
	assert_int_equal(facility, 23);
	assert_false(syslog_facility_parse("24", &facility));
	assert_false(syslog_facility_parse("", &facility));
}

static void structured_data_is_named_with_an_enterprise(void **test)
{
	(void)test;
	assert_true(syslog_sd_id_is_valid("fettle@32473"));
	assert_false(syslog_sd_id_is_valid("fettle"));
	assert_false(syslog_sd_id_is_valid("@1"));
	assert_false(syslog_sd_id_is_valid("fettle@"));
	assert_false(syslog_sd_id_is_valid("fet]tle@1"));
	assert_false(syslog_sd_id_is_valid("f e@1"));
}

static void a_message_that_is_too_long_names_what_it_lacks(void **test)
{
	struct syslog_style style = plain;
	char title[3000];
	struct document document;
	struct buffer message = { 0 };

	(void)test;
	memset(title, 't', sizeof(title) - 1);
	title[sizeof(title) - 1] = '\0';
	document = document_of("web1", "high", title);
	style.message_max = 1500;
	syslog_append(&style, &document, &message);
	assert_true(message.size <= 1500);
	assert_non_null(strstr(buffer_text(&message), "\"left_out\":[\"title\"]"));
	assert_non_null(strstr(buffer_text(&message), "\"asset\":\"web1\""));
	buffer_fini(&message);
	document_fini(&document);
}

/* ---- what a receiver sees ---- */

/* A receiver of octet-counted messages, fed in whatever pieces. */
struct receiver {
	struct buffer waiting;
	size_t messages;
	const char *const *titles;
};

static void check_message(struct receiver *receiver, struct bytes message)
{
	const uint8_t *body = memchr(message.data, '{', message.size);
	json_t *json;

	assert_non_null(body);
	for (size_t i = 0; i < message.size; i++)
		assert_true(message.data[i] >= ' ' && message.data[i] != 0x7f);
	json = json_loadb((const char *)body, message.size - (size_t)(body - message.data),
	    JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "title")),
	    receiver->titles[receiver->messages]);
	receiver->messages++;
	json_decref(json);
}

static void feed(struct receiver *receiver, struct bytes piece)
{
	buffer_append(&receiver->waiting, piece);
	for (;;) {
		char *end;
		unsigned long size = strtoul(buffer_text(&receiver->waiting), &end, 10);
		size_t head = (size_t)(end - (char *)receiver->waiting.data) + 1;

		if (*end != ' ' || receiver->waiting.size < head + size)
			return;
		check_message(receiver, BYTES(receiver->waiting.data + head, size));
		receiver->waiting.size -= head + size;
		memmove(receiver->waiting.data, receiver->waiting.data + head + size,
		    receiver->waiting.size);
	}
}

static void as_many_events_come_out_as_went_in_however_the_stream_is_cut(void **test)
{
	static const char *const titles[] = { "plain", "quote \" and \\ back", "7 {\"a\":1}",
		"new\nline",
		("\xe2\x80\xae"
		 "bidi"),
		"\x1b[31m", "é → ü", "[x] <34>1 " };
	enum { TITLES = sizeof(titles) / sizeof(titles[0]) };
	struct buffer stream = { 0 };

	(void)test;
	for (size_t i = 0; i < TITLES; i++) {
		struct document document = document_of("web1", "high", titles[i]);
		struct buffer message = { 0 };

		syslog_append(&plain, &document, &message);
		syslog_append_counted(buffer_bytes(&message), &stream);
		buffer_fini(&message);
		document_fini(&document);
	}
	for (size_t cut = 0; cut <= stream.size; cut++) {
		struct receiver receiver = { .titles = titles };

		feed(&receiver, BYTES(stream.data, cut));
		feed(&receiver, BYTES(stream.data + cut, stream.size - cut));
		assert_int_equal(receiver.messages, TITLES);
		assert_int_equal(receiver.waiting.size, 0);
		buffer_fini(&receiver.waiting);
	}
	buffer_fini(&stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_has_priority_time_host_and_kind),
		cmocka_unit_test(a_host_without_a_fit_name_is_nil),
		cmocka_unit_test(structured_data_escapes_quote_backslash_and_bracket),
		cmocka_unit_test(facilities_have_names_and_numbers),
		cmocka_unit_test(structured_data_is_named_with_an_enterprise),
		cmocka_unit_test(a_message_that_is_too_long_names_what_it_lacks),
		cmocka_unit_test(as_many_events_come_out_as_went_in_however_the_stream_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
