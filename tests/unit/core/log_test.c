/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/scratch.h"

/* What WRITE wrote to standard error, in a buffer of this function. */
static const char *captured(void (*write)(const char *text), const char *text)
{
	static char line[8192];
	FILE *file = tmpfile();
	int kept = dup(STDERR_FILENO);
	size_t size;

	assert_non_null(file);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	write(text);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	close(kept);
	rewind(file);
	size = fread(line, 1, sizeof(line) - 1, file);
	line[size] = '\0';
	fclose(file);
	return line;
}

static void escapes(const char *text, const char *expected)
{
	struct buffer out = { 0 };

	log_escape(&out, bytes_of_text(text));
	assert_string_equal(buffer_text(&out), expected);
	buffer_fini(&out);
}

static void control_characters_become_escapes(void **test)
{
	(void)test;
	escapes("a\nb\r\tc\x7f", "a\\u000ab\\u000d\\u0009c\\u007f");
	escapes("\x1b[2J", "\\u001b[2J");
	escapes("\xc2\x9b"
		"2J",
	    "\\u009b2J"); /* the same in one character */
}

static void characters_that_deceive_become_escapes(void **test)
{
	(void)test;
	escapes("\xe2\x80\xae"
		"txt.exe",
	    "\\u202etxt.exe");
	escapes("a\xe2\x80\x8b"
		"b",
	    "a\\u200bb");
	escapes("\xe2\x80\xa8", "\\u2028");
	escapes("\xef\xbb\xbf", "\\ufeff");
}

static void what_is_not_utf8_becomes_escapes_and_the_rest_stays(void **test)
{
	(void)test;
	escapes("caf\xe9", "caf\\u00e9");
	escapes("caf\xc3\xa9 \xf0\x9f\x98\x80", "caf\xc3\xa9 \xf0\x9f\x98\x80");
	escapes("\xe2\x82", "\\u00e2\\u0082");
}

static void write_field(const char *text)
{
	log_write(LOG_WARN, "test-line",
	    LOG_FIELDS(LOG_TEXT("field", text), LOG_NUMBER("count", 3)), "%s", text);
}

static void a_logfmt_line_is_one_line_whatever_the_endpoint_sent(void **test)
{
	const char *line;

	(void)test;
	log_configure(LOG_INFO, LOG_LOGFMT);
	line = captured(write_field, "x\nlevel=error id=forged \"quoted\"");
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	assert_non_null(
	    strstr(line, " level=warn role=fettle id=test-line "
			 "field=\"x\\u000alevel=error id=forged \\\"quoted\\\"\" count=3 msg="));
	line = captured(write_field, "plain");
	assert_non_null(strstr(line, " field=plain "));
}

/* A reader of the line sees the text; only what misleads is escaped, visibly. */
static void is_json_of(const char *text, const char *expected)
{
	const char *line = captured(write_field, text);
	json_error_t error;
	json_t *root = json_loads(line, JSON_DISABLE_EOF_CHECK, &error);

	if (root == NULL)
		fail_msg("%s in %s", error.text, line);
	assert_string_equal(json_string_value(json_object_get(root, "field")), expected);
	json_decref(root);
}

static void a_json_line_is_json_whatever_the_endpoint_sent(void **test)
{
	(void)test;
	log_configure(LOG_INFO, LOG_JSON);
	is_json_of("plain", "plain");
	is_json_of("a \"b\" \\ c", "a \"b\" \\ c");
	is_json_of("C:\\users\\upgrade", "C:\\users\\upgrade");
	is_json_of("\\u", "\\u");
	is_json_of("\\u0041", "\\u0041");
	is_json_of("\\\\\"", "\\\\\"");
	is_json_of("line\nbreak", "line\nbreak");
	is_json_of("caf\xe9", "caf\xc3\xa9"); /* Latin-1, by chance */
	log_configure(LOG_INFO, LOG_LOGFMT);
}

static void write_debug(const char *text)
{
	log_debug("test-debug", "%s", text);
}

static void lines_below_the_level_are_not_written(void **test)
{
	(void)test;
	log_configure(LOG_INFO, LOG_LOGFMT);
	assert_string_equal(captured(write_debug, "x"), "");
	log_configure(LOG_DEBUG, LOG_LOGFMT);
	assert_non_null(strstr(captured(write_debug, "x"), "level=debug"));
	log_configure(LOG_INFO, LOG_LOGFMT);
}

static void write_many(const char *text)
{
	for (int i = 0; i < 10000; i++)
		log_warn("test-flood", "%s", text);
}

static void a_flood_of_one_id_is_held_back(void **test)
{
	const char *lines;
	unsigned count = 0;

	(void)test;
	lines = captured(write_many, "x");
	for (; *lines != '\0'; lines++)
		count += *lines == '\n';
	assert_in_range(count, 1, 100);
}

static void names_are_parsed_exactly(void **test)
{
	enum log_level level;
	enum log_format format;

	(void)test;
	assert_true(log_level_parse("warn", &level));
	assert_int_equal(level, LOG_WARN);
	assert_false(log_level_parse("WARN", &level));
	assert_false(log_level_parse("", &level));
	assert_true(log_format_parse("journal", &format));
	assert_int_equal(format, LOG_JOURNAL);
	assert_false(log_format_parse("xml", &format));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_characters_become_escapes),
		cmocka_unit_test(characters_that_deceive_become_escapes),
		cmocka_unit_test(what_is_not_utf8_becomes_escapes_and_the_rest_stays),
		cmocka_unit_test(a_logfmt_line_is_one_line_whatever_the_endpoint_sent),
		cmocka_unit_test(a_json_line_is_json_whatever_the_endpoint_sent),
		cmocka_unit_test(lines_below_the_level_are_not_written),
		cmocka_unit_test(a_flood_of_one_id_is_held_back),
		cmocka_unit_test(names_are_parsed_exactly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
