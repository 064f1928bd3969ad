/* SPDX-License-Identifier: Apache-2.0 */
#include "console/output.h"

#include <assert.h>
#include <locale.h>
#include <stdlib.h>

#include "tests/support/scratch.h"

static const struct output_column columns[] = {
	{ "name", "NAME", OUTPUT_CUT, 0 },
	{ "count", "COUNT", OUTPUT_RIGHT, 0 },
	{ "note", NULL, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

/* Two rows, as FORMAT shows them: one with NAME, one of nothing. */
static void shows(struct output_options options, struct bytes name, const char *expected)
{
	char *text = NULL;
	size_t size = 0;
	struct output *output;

	options.stream = open_memstream(&text, &size);
	assert_non_null(options.stream);
	output = output_new(&options, columns);
	output_bytes(output, name);
	output_number(output, 7);
	output_flag(output, true);
	assert_int_equal(output_row(output), STATUS_OK);
	if (!options.is_single) {
		output_text(output, NULL);
		output_number(output, 12345);
		output_null(output);
		assert_int_equal(output_row(output), STATUS_OK);
	}
	assert_int_equal(output_finish(&output), STATUS_OK);
	assert_null(output);
	fclose(options.stream);
	assert_string_equal(text, expected);
	free(text);
}

static void a_table_is_aligned_and_shows_only_titled_columns(void **test)
{
	(void)test;
	shows((struct output_options){ 0 }, bytes_of_text("web1"),
	    "NAME COUNT\nweb1     7\n     12345\n");
	shows((struct output_options){ .has_no_headers = true }, bytes_of_text("web1"),
	    "web1     7\n     12345\n");
}

static void a_table_is_cut_where_it_must_be_and_nowhere_else(void **test)
{
	(void)test;
	shows((struct output_options){ .width = 14 }, bytes_of_text("a-very-long-name"),
	    "NAME     COUNT\na-very-…     7\n         12345\n");
	shows((struct output_options){ 0 }, bytes_of_text("a-very-long-name"),
	    "NAME             COUNT\na-very-long-name     7\n                 12345\n");
}

static void what_fits_is_shown_whole(void **test)
{
	(void)test;
	shows((struct output_options){ .width = 14 }, bytes_of_text("eight-ch"),
	    "NAME     COUNT\neight-ch     7\n         12345\n");
}

static void shortens(const char *text, size_t width, bool in_middle, const char *expected)
{
	char *shorter = output_shorten(text, width, in_middle);

	assert_string_equal(shorter, expected);
	free(shorter);
}

static void a_key_loses_its_middle_and_keeps_its_end(void **test)
{
	(void)test;
	shortens("file/etc/ssh/sshd_config", 24, true, "file/etc/ssh/sshd_config");
	shortens("file/etc/ssh/sshd_config", 19, true, "file/e…/sshd_config");
	shortens("file/etc/ssh/sshd_config", 19, false, "file/etc/ssh/sshd_…");
	shortens("abcdef", 1, true, "…");
	shortens("abcdef", 1, false, "…");
}

static void characters_are_cut_by_the_columns_that_they_take(void **test)
{
	(void)test;
	shortens("\u4f60\u597d\u4e16\u754c", 5, false, "\u4f60\u597d…");
	shortens("\u4f60\u597d\u4e16\u754c", 4, false, "\u4f60…");
	shortens("fu\u00df-weit", 4, false, "fu\u00df…");
	shortens("\xff\xfe\xfd", 2, false, "\xff…");
}

static void json_is_a_list_of_objects(void **test)
{
	(void)test;
	shows((struct output_options){ .format = OUTPUT_JSON }, bytes_of_text("web1"),
	    "[\n{\"name\":\"web1\",\"count\":7,\"note\":true},\n"
	    "{\"name\":null,\"count\":12345,\"note\":null}\n]\n");
}

static void a_single_row_is_an_object(void **test)
{
	(void)test;
	shows((struct output_options){ .format = OUTPUT_JSON, .is_single = true },
	    bytes_of_text("web1"),
	    "{\n  \"name\": \"web1\",\n  \"count\": 7,\n  \"note\": true\n}\n");
}

static void ndjson_is_an_object_a_line(void **test)
{
	(void)test;
	shows((struct output_options){ .format = OUTPUT_NDJSON }, bytes_of_text("web1"),
	    "{\"name\":\"web1\",\"count\":7,\"note\":true}\n"
	    "{\"name\":null,\"count\":12345,\"note\":null}\n");
}

static void csv_quotes_what_needs_it(void **test)
{
	(void)test;
	shows((struct output_options){ .format = OUTPUT_CSV }, bytes_of_text("say \"a, b\""),
	    "name,count,note\r\n\"say \"\"a, b\"\"\",7,true\r\n,12345,\r\n");
	shows((struct output_options){ .format = OUTPUT_CSV, .has_no_headers = true },
	    bytes_of_text("plain"), "plain,7,true\r\n,12345,\r\n");
}

static void nothing_that_misleads_a_terminal_gets_through(void **test)
{
	static const char evil[] = "\x1b[31m\n\xe2\x80\xae";
	struct bytes name = BYTES(evil, sizeof(evil) - 1);

	(void)test;
	shows((struct output_options){ .has_no_headers = true }, name,
	    "\\u001b[31m\\u000a\\u202e     7\n                       12345\n");
	shows((struct output_options){ .format = OUTPUT_NDJSON }, name,
	    "{\"name\":\"\\u001B[31m\\n\\u202e\",\"count\":7,\"note\":true}\n"
	    "{\"name\":null,\"count\":12345,\"note\":null}\n");
	shows((struct output_options){ .format = OUTPUT_CSV, .has_no_headers = true }, name,
	    "\\u001b[31m\\u000a\\u202e,7,true\r\n,12345,\r\n");
}

static void bytes_that_are_no_text_are_escaped(void **test)
{
	(void)test;
	shows((struct output_options){ .format = OUTPUT_NDJSON }, BYTES("a\xff", 2),
	    "{\"name\":\"a\\\\u00ff\",\"count\":7,\"note\":true}\n"
	    "{\"name\":null,\"count\":12345,\"note\":null}\n");
}

static void empty_bytes_are_an_empty_text(void **test)
{
	(void)test;
	shows((struct output_options){ .format = OUTPUT_NDJSON }, BYTES_NONE,
	    "{\"name\":\"\",\"count\":7,\"note\":true}\n"
	    "{\"name\":null,\"count\":12345,\"note\":null}\n");
}

static void noncharacters_and_nul_do_not_stop_it(void **test)
{
	(void)test;
	shows((struct output_options){ .format = OUTPUT_NDJSON }, BYTES("a\0\xef\xbf\xbf", 5),
	    "{\"name\":\"a\\u0000\xef\xbf\xbf\",\"count\":7,\"note\":true}\n"
	    "{\"name\":null,\"count\":12345,\"note\":null}\n");
}

static void what_json_escapes_a_parser_sees_again(void **test)
{
	static const char evil[] = "\x01\x1b\x7f\xc2\x85\xe2\x80\xae\"\\";
	struct output_options options = { .format = OUTPUT_NDJSON };
	char *text = NULL;
	size_t size = 0;
	struct output *output;
	json_t *parsed;

	(void)test;
	options.stream = open_memstream(&text, &size);
	output = output_new(&options, columns);
	output_text(output, evil);
	output_null(output);
	output_null(output);
	assert_int_equal(output_row(output), STATUS_OK);
	assert_int_equal(output_finish(&output), STATUS_OK);
	fclose(options.stream);
	parsed = json_loads(text, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(parsed, "name")), evil);
	json_decref(parsed);
	free(text);
}

static void an_empty_list_is_valid_too(void **test)
{
	struct output_options options = { .format = OUTPUT_JSON };
	char *text = NULL;
	size_t size = 0;
	struct output *output;

	(void)test;
	options.stream = open_memstream(&text, &size);
	output = output_new(&options, columns);
	assert_int_equal(output_finish(&output), STATUS_OK);
	fclose(options.stream);
	assert_string_equal(text, "[]\n");
	free(text);
}

static void a_disk_that_is_full_is_noticed(void **test)
{
	struct output_options options = { .format = OUTPUT_NDJSON };
	struct output *output;
	enum status status;

	(void)test;
	options.stream = fopen("/dev/full", "w");
	if (options.stream == NULL)
		skip();
	output = output_new(&options, columns);
	output_text(output, "web1");
	output_null(output);
	output_null(output);
	(void)!output_row(output); /* the stream may still hold it */
	status = output_finish(&output);
	fclose(options.stream);
	assert_int_equal(status, STATUS_NO_SPACE);
}

static void colour_is_for_terminals_unless_somebody_says_otherwise(void **test)
{
	struct output_options options = { 0 };

	(void)test;
	unsetenv("NO_COLOR");
	unsetenv("CLICOLOR_FORCE");
	output_options_init(&options, OUTPUT_COLOR_ALWAYS);
	assert_true(options.is_colored);
	setenv("CLICOLOR_FORCE", "1", 1);
	output_options_init(&options, OUTPUT_COLOR_AUTO);
	assert_true(options.is_colored);
	setenv("NO_COLOR", "1", 1);
	output_options_init(&options, OUTPUT_COLOR_AUTO);
	assert_false(options.is_colored);
	output_options_init(&options, OUTPUT_COLOR_NEVER);
	assert_false(options.is_colored);
}

static void the_width_is_that_of_columns(void **test)
{
	struct output_options options = { 0 };

	(void)test;
	setenv("COLUMNS", "123", 1);
	output_options_init(&options, OUTPUT_COLOR_AUTO);
	assert_int_equal(options.width, 123);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_is_aligned_and_shows_only_titled_columns),
		cmocka_unit_test(a_table_is_cut_where_it_must_be_and_nowhere_else),
		cmocka_unit_test(what_fits_is_shown_whole),
		cmocka_unit_test(a_key_loses_its_middle_and_keeps_its_end),
		cmocka_unit_test(characters_are_cut_by_the_columns_that_they_take),
		cmocka_unit_test(json_is_a_list_of_objects),
		cmocka_unit_test(a_single_row_is_an_object),
		cmocka_unit_test(ndjson_is_an_object_a_line),
		cmocka_unit_test(csv_quotes_what_needs_it),
		cmocka_unit_test(nothing_that_misleads_a_terminal_gets_through),
		cmocka_unit_test(bytes_that_are_no_text_are_escaped),
		cmocka_unit_test(empty_bytes_are_an_empty_text),
		cmocka_unit_test(noncharacters_and_nul_do_not_stop_it),
		cmocka_unit_test(what_json_escapes_a_parser_sees_again),
		cmocka_unit_test(an_empty_list_is_valid_too),
		cmocka_unit_test(a_disk_that_is_full_is_noticed),
		cmocka_unit_test(colour_is_for_terminals_unless_somebody_says_otherwise),
		cmocka_unit_test(the_width_is_that_of_columns),
	};
	assert(setlocale(LC_CTYPE, "C.UTF-8") != NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
