/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/webhook/cloudevents.h"

#include "sinks/webhook/webhook.h"
#include "tests/support/scratch.h"
#include "tests/support/verdict.h"

static struct document document_of(const char *name)
{
	Fettle__AssetVerdict asset = verdict_asset(name);
	struct names *names = names_new("/nonexistent");
	struct document document;
	struct arena arena = { 0 };

	assert_int_equal(document_make(verdict_record(FETTLE__KIND__KIND_ASSET, &asset.base),
			     ~UINT32_C(0), names, &arena, &document),
	    STATUS_OK);
	names_free(names);
	arena_fini(&arena);
	return document;
}

static const char *text_at(const json_t *json, const char *name)
{
	return json_string_value(json_object_get(json, name));
}

static void a_structured_event_is_one_json_object(void **test)
{
	const struct cloudevents_style style = { .source = "/fettle/x", .body_max = 4096 };
	struct document document = document_of("web \"1\"\n");
	const char *headers[CLOUDEVENTS_HEADERS_MAX + 1];
	struct buffer message = { 0 };
	struct arena arena = { 0 };
	struct bytes body;
	json_t *json;

	(void)test;
	cloudevents_append(&style, &document, &message);
	body = cloudevents_split(buffer_bytes(&message), &arena, headers);
	assert_string_equal(headers[0],
	    "Content-Type: application/cloudevents+json; charset=UTF-8");
	assert_null(headers[1]);
	json = json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	assert_string_equal(text_at(json, "specversion"), "1.0");
	assert_string_equal(text_at(json, "type"), "fettle.asset");
	assert_string_equal(text_at(json, "source"), "/fettle/x");
	assert_string_equal(text_at(json, "subject"), "web \"1\"\n");
	assert_string_equal(text_at(json, "id"),
	    text_at(json_object_get(json, "data"), "event_id"));
	assert_string_equal(text_at(json, "assetid"),
	    text_at(json_object_get(json, "data"), "asset_id"));
	json_decref(json);
	document_fini(&document);
	buffer_fini(&message);
	arena_fini(&arena);
}

static void a_binary_event_has_its_attributes_percent_encoded_in_headers(void **test)
{
	const struct cloudevents_style style = { .is_binary = true,
		.source = "/f",
		.body_max = 4096 };
	struct document document = document_of("w \"%\xc3\xa9\r\nEvil: yes");
	const char *headers[CLOUDEVENTS_HEADERS_MAX + 1];
	struct buffer message = { 0 };
	struct arena arena = { 0 };
	bool has_subject = false;
	struct bytes body;

	(void)test;
	cloudevents_append(&style, &document, &message);
	body = cloudevents_split(buffer_bytes(&message), &arena, headers);
	assert_string_equal(headers[0], "Content-Type: application/json");
	for (size_t i = 0; headers[i] != NULL; i++)
		has_subject |= strcmp(headers[i], "ce-subject: w%20%22%25%C3%A9%0D%0AEvil:%20yes")
		            == 0;
	assert_true(has_subject);
	assert_int_equal(body.data[0], '{');
	document_fini(&document);
	buffer_fini(&message);
	arena_fini(&arena);
}

static void an_answer_decides_what_becomes_of_an_event(void **test)
{
	static const struct {
		unsigned code;
		enum webhook_fate fate;
	} rows[] = {
		{ 200, WEBHOOK_DELIVERED },
		{ 202, WEBHOOK_DELIVERED },
		{ 204, WEBHOOK_DELIVERED },
		{ 0, WEBHOOK_TARGET_DOWN },
		{ 301, WEBHOOK_TARGET_DOWN },
		{ 401, WEBHOOK_TARGET_DOWN },
		{ 403, WEBHOOK_TARGET_DOWN },
		{ 429, WEBHOOK_TARGET_DOWN },
		{ 503, WEBHOOK_TARGET_DOWN },
		{ 408, WEBHOOK_LATER },
		{ 500, WEBHOOK_LATER },
		{ 502, WEBHOOK_LATER },
		{ 400, WEBHOOK_DEAD },
		{ 404, WEBHOOK_DEAD },
		{ 413, WEBHOOK_DEAD },
		{ 422, WEBHOOK_DEAD },
	};

	(void)test;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(webhook_fate_of(rows[i].code), rows[i].fate);
}

static void urls_of_other_kinds_and_with_secrets_are_refused(void **test)
{
	struct buffer why = { 0 };

	(void)test;
	assert_true(http_url_is_valid("http://127.0.0.1:8080/hook?a=b", &why));
	assert_true(http_url_is_valid("https://[::1]/", &why));
	assert_int_equal(why.size, 0);
	assert_false(http_url_is_valid("", &why));
	assert_false(http_url_is_valid("file:///etc/passwd", &why));
	assert_false(http_url_is_valid("ftp://x/", &why));
	assert_false(http_url_is_valid("127.0.0.1:80", &why));
	buffer_clear(&why);
	assert_false(http_url_is_valid("http://me:secret@x/", &why));
	assert_null(strstr(buffer_text(&why), "secret@"));
	buffer_fini(&why);
}

static void a_token_is_one_line_that_a_header_can_hold(void **test)
{
	struct buffer why = { 0 };
	char *authorization;

	scratch_write(*test, "good", "abc.DEF-123\n");
	scratch_write(*test, "empty", "\n");
	scratch_write(*test, "spaced", "abc def\n");
	authorization = webhook_authorization(scratch_path(*test, "good"), &why);
	assert_string_equal(authorization, "Authorization: Bearer abc.DEF-123");
	webhook_forget(authorization);
	assert_null(webhook_authorization(scratch_path(*test, "empty"), &why));
	assert_null(webhook_authorization(scratch_path(*test, "spaced"), &why));
	assert_null(webhook_authorization(scratch_path(*test, "missing"), &why));
	assert_null(strstr(buffer_text(&why), "abc def"));
	buffer_fini(&why);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_structured_event_is_one_json_object),
		cmocka_unit_test(a_binary_event_has_its_attributes_percent_encoded_in_headers),
		cmocka_unit_test(an_answer_decides_what_becomes_of_an_event),
		cmocka_unit_test(urls_of_other_kinds_and_with_secrets_are_refused),
		TEST(a_token_is_one_line_that_a_header_can_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
