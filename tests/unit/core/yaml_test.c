/* SPDX-License-Identifier: Apache-2.0 */
#include "core/yaml.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/scratch.h"

enum { NODES_MAX = 100 * 1000, LEVELS_MAX = 64, MEBIBYTE = 1024 * 1024 };

/* A parsed text, and what was wrong with it. */
struct parsed {
	struct yaml *yaml;
	struct yaml_errors errors;
	enum status status;
};

static struct parsed parse_bytes(struct bytes text)
{
	struct parsed parsed = { 0 };

	parsed.status = yaml_parse("test.yaml", text, &parsed.yaml, &parsed.errors);
	return parsed;
}

static struct parsed parse(const char *text)
{
	return parse_bytes(bytes_of_text(text));
}

static void finish(struct parsed *parsed)
{
	yaml_free(parsed->yaml);
	yaml_errors_fini(&parsed->errors);
}

static const struct yaml_node *root_of(const struct parsed *parsed)
{
	assert_int_equal(parsed->status, STATUS_OK);
	return yaml_root(parsed->yaml);
}

static void assert_refused(struct parsed *parsed, const char *message)
{
	const char *text = yaml_errors_text(&parsed->errors);

	assert_int_equal(parsed->status, STATUS_INVALID);
	assert_null(parsed->yaml);
	assert_int_not_equal(parsed->errors.count, 0);
	if (strstr(text, message) == NULL)
		fail_msg("\"%s\" is not in: %s", message, text);
	finish(parsed);
}

static void refuses(const char *text, const char *message)
{
	struct parsed parsed = parse(text);

	assert_refused(&parsed, message);
}

static void accepts(const char *text)
{
	struct parsed parsed = parse(text);

	if (parsed.status != STATUS_OK)
		fail_msg("%s", yaml_errors_text(&parsed.errors));
	finish(&parsed);
}

/* TEXT, COUNT times, behind HEAD; for the caller to free. */
static struct buffer repeated(const char *head, const char *text, size_t count)
{
	struct buffer out = { 0 };

	buffer_append_text(&out, head);
	for (size_t i = 0; i < count; i++)
		buffer_append_text(&out, text);
	return out;
}

/* ---- the tree ---- */

static void a_tree_remembers_types_texts_and_places(void **test)
{
	struct parsed parsed = parse("a: 1\nb:\n  - x\n  - 'y'\nc: {d: \"\\u00e9\"}\n");
	const struct yaml_node *root = root_of(&parsed);
	const struct yaml_node *b = yaml_get(root, "b");

	(void)test;
	assert_string_equal(yaml_name(parsed.yaml), "test.yaml");
	assert_int_equal(root->type, YAML_MAPPING);
	assert_int_equal(root->count, 3);
	assert_string_equal(root->keys[1]->text, "b");
	assert_int_equal(b->type, YAML_SEQUENCE);
	assert_int_equal(b->count, 2);
	assert_null(b->text);
	assert_string_equal(b->values[1]->text, "y");
	assert_int_equal(b->values[1]->mark.line, 4);
	assert_int_equal(b->values[1]->mark.column, 5);
	assert_string_equal(yaml_get(yaml_get(root, "c"), "d")->text, "\xc3\xa9");
	assert_null(yaml_get(root, "d"));
	assert_null(yaml_get(b, "x"));
	assert_null(yaml_get(NULL, "x"));
	finish(&parsed);
}

static void a_scalar_keeps_its_text_and_whether_it_was_plain(void **test)
{
	struct parsed parsed = parse("- no\n- 'no'\n- 0x10\n- ~\n- |-\n  no\n");
	const char *const texts[] = { "no", "no", "0x10", "~" };
	const struct yaml_node *root = root_of(&parsed);

	(void)test;
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(root->values[i]->text, texts[i]);
		assert_int_equal(root->values[i]->is_plain, i != 1);
	}
	assert_string_equal(root->values[4]->text, "no");
	assert_false(root->values[4]->is_plain);
	finish(&parsed);
}

static void an_empty_file_is_an_empty_mapping(void **test)
{
	const char *const texts[] = { "", "\n", "# a comment\n", "---\n", "\xef\xbb\xbf" };

	(void)test;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct parsed parsed = parse(texts[i]);

		assert_int_equal(root_of(&parsed)->type, YAML_MAPPING);
		assert_int_equal(root_of(&parsed)->count, 0);
		finish(&parsed);
	}
}

static void a_byte_order_mark_moves_no_column(void **test)
{
	struct parsed parsed = parse("\xef\xbb\xbf"
				     "a: b\n");

	(void)test;
	assert_int_equal(yaml_get(root_of(&parsed), "a")->mark.column, 4);
	finish(&parsed);
}

static void an_alias_shares_the_anchored_node(void **test)
{
	struct parsed parsed = parse("a: &x {k: v}\nb: *x\nc: &x 1\nd: *x\n");
	const struct yaml_node *root = root_of(&parsed);

	(void)test;
	assert_ptr_equal(yaml_get(root, "a"), yaml_get(root, "b"));
	assert_string_equal(yaml_get(root, "d")->text, "1");
	finish(&parsed);
}

static void the_text_may_go_once_it_is_parsed(void **test)
{
	char text[] = "key: value";
	struct parsed parsed = parse(text);

	(void)test;
	memset(text, '#', sizeof(text) - 1);
	assert_string_equal(yaml_get(root_of(&parsed), "key")->text, "value");
	yaml_error(&parsed.errors, parsed.yaml, root_of(&parsed)->mark, "here");
	assert_string_equal(yaml_errors_text(&parsed.errors),
	    "test.yaml:1:1: here\n  key: value\n  ^\n");
	finish(&parsed);
}

/* ---- what is refused ---- */

static void a_key_given_twice_is_refused_at_its_second_place(void **test)
{
	struct parsed parsed = parse("a: 1\nb: 2\na: 3\nb: 4\n");

	(void)test;
	assert_int_equal(parsed.errors.count, 2);
	assert_refused(&parsed,
	    "test.yaml:3:1: the key `a` is given twice; it is on line 1 already\n  a: 3\n  ^\n");
	refuses("{x: {y: 1, 'y': 2}}", "test.yaml:1:12: the key `y` is given twice");
	accepts("{x: {y: 1}, z: {y: 1}}");
}

static void many_keys_are_compared_in_little_time(void **test)
{
	struct buffer text = { 0 };
	struct parsed parsed;

	(void)test;
	for (int i = 0; i < 49 * 1000; i++)
		buffer_append_format(&text, "k%d: 1\n", i);
	buffer_append_text(&text, "k7: 1\n");
	parsed = parse_bytes(buffer_bytes(&text));
	assert_refused(&parsed, "test.yaml:49001:1: the key `k7` is given twice; it is on line 8");
	buffer_fini(&text);
}

static void levels_end_at_64(void **test)
{
	char text[2 * LEVELS_MAX + 3];

	(void)test;
	memset(text, '[', LEVELS_MAX);
	memset(text + LEVELS_MAX, ']', LEVELS_MAX);
	text[2 * LEVELS_MAX] = '\0';
	accepts(text);
	memset(text, '[', LEVELS_MAX + 1);
	memset(text + LEVELS_MAX + 1, ']', LEVELS_MAX + 1);
	text[2 * LEVELS_MAX + 2] = '\0';
	refuses(text, "test.yaml:1:65: nested more than 64 levels deep");
}

static void an_alias_cannot_add_levels_beyond_64(void **test)
{
	struct buffer text = repeated("- &a ", "[", 40);

	(void)test;
	for (int i = 0; i < 40; i++)
		buffer_append_u8(&text, ']');
	buffer_append_text(&text, "\n- [[*a]]\n- &b [[*a]]\n");
	accepts(buffer_text(&text));
	buffer_append_text(&text, "- [[[[[[[[[[[[[[[[[[[[[[*b]]]]]]]]]]]]]]]]]]]]]]\n");
	refuses(buffer_text(&text), ":4:25: nested more than 64 levels deep, by this alias");
	buffer_fini(&text);
}

static void nodes_end_at_100_000(void **test)
{
	struct buffer text = repeated("", "- a\n", NODES_MAX - 1);
	struct parsed parsed = parse_bytes(buffer_bytes(&text));

	(void)test;
	assert_int_equal(root_of(&parsed)->count, NODES_MAX - 1);
	finish(&parsed);
	buffer_append_text(&text, "- a\n");
	refuses(buffer_text(&text), "test.yaml:100000:3: more than 100000 values");
	buffer_fini(&text);
}

static void aliases_count_for_all_that_they_stand_for(void **test)
{
	struct buffer text = { 0 };

	(void)test;
	buffer_append_text(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i <= 10; i++)
		buffer_append_format(&text,
		    "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i,
		    i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	refuses(buffer_text(&text), "more than 100000 values, counting what aliases stand for");
	buffer_fini(&text);
}

static void aliases_end_at_100(void **test)
{
	struct buffer text = repeated("- &a x\n", "- *a\n", 100);

	(void)test;
	accepts(buffer_text(&text));
	buffer_append_text(&text, "- *a\n");
	refuses(buffer_text(&text), "test.yaml:102:3: more than 100 aliases");
	buffer_fini(&text);
}

static void an_alias_needs_a_finished_anchor_before_it(void **test)
{
	(void)test;
	refuses("a: *none\n", "test.yaml:1:4: no anchor `&none` stands before this alias");
	refuses("a: *later\nb: &later x\n", "no anchor `&later`");
	refuses("a: &self [*self]\n", "test.yaml:1:11: the alias `*self` stands inside its own");
	refuses("&self {k: {k: *self}}\n", "inside its own anchor");
}

static void sixteen_mebibytes_are_the_most(void **test)
{
	struct buffer text = repeated("a: b\n", "", 0);
	struct parsed parsed;

	(void)test;
	memset(buffer_extend(&text, 16 * MEBIBYTE - text.size), '#', 16 * MEBIBYTE - 5);
	parsed = parse_bytes(buffer_bytes(&text));
	assert_string_equal(yaml_get(root_of(&parsed), "a")->text, "b");
	finish(&parsed);
	buffer_append_u8(&text, '#');
	parsed = parse_bytes(buffer_bytes(&text));
	assert_refused(&parsed, "test.yaml: larger than 16 MiB\n");
	buffer_fini(&text);
}

static void a_second_document_is_refused(void **test)
{
	(void)test;
	refuses("a: 1\n---\nb: 2\n", "test.yaml:2:1: a second document begins here");
	accepts("%YAML 1.1\n---\na: 1\n...\n");
}

static void a_key_that_is_no_scalar_is_refused(void **test)
{
	(void)test;
	refuses("? [a, b]\n: c\n", "test.yaml:1:3: a key must be a single value");
	refuses("{{a: b}: c}", "test.yaml:1:2: a key must be a single value");
	refuses("a: &x [1]\n*x : 2\n", "test.yaml:2:1: a key must be a single value");
	accepts("a: &x k\n*x : 2\n");
}

static void a_nul_is_refused_written_or_escaped(void **test)
{
	struct parsed parsed = parse_bytes(BYTES("a: b\nc: d\0e\n", 12));

	(void)test;
	assert_refused(&parsed, "test.yaml:2:5: control characters are not allowed");
	refuses("a: \"x\\0y\"\n", "test.yaml:1:4: text cannot hold a NUL character");
	refuses("\"\\0\": x\n", "test.yaml:1:1: text cannot hold a NUL character");
}

static void what_is_not_utf8_is_refused_at_its_place(void **test)
{
	struct parsed parsed = parse("a: b\nc: \xc3\xa9\xff\n");

	(void)test;
	assert_refused(&parsed,
	    "test.yaml:2:5: invalid leading UTF-8 octet\n  c: \xc3\xa9\\u00ff\n      ^\n");
	refuses("a: \xed\xa0\x80\n", "test.yaml:1:4: ");
	parsed = parse_bytes(BYTES("\xff\xfe"
				   "a\0:\0 \0b\0",
	    10));
	assert_refused(&parsed, "test.yaml:1:1: ");
}

static void many_tag_directives_cost_no_more_than_their_refusal(void **test)
{
	struct buffer text = { 0 };

	(void)test;
	for (int i = 0; i < 500 * 1000; i++)
		buffer_append_format(&text, "%%TAG !t%d! x\n", i);
	refuses(buffer_text(&text), "%TAG is written more than 100 times");
	buffer_fini(&text);
	accepts("%TAG !e! tag:example.com,2026:\n---\na: !e!b c\n");
}

/* ---- messages ---- */

static void a_syntax_error_shows_line_and_caret(void **test)
{
	struct parsed parsed = parse("a:\n  - b\n c: d\n");

	(void)test;
	assert_int_equal(parsed.status, STATUS_INVALID);
	assert_string_equal(yaml_errors_text(&parsed.errors),
	    "test.yaml:3:2: did not find expected key, while parsing a block mapping that begins "
	    "on line 1\n   c: d\n   ^\n");
	finish(&parsed);
}

static void a_hostile_line_is_shown_escaped_and_the_caret_still_fits(void **test)
{
	struct parsed parsed = parse("\"\xe2\x80\xae\": [x\xe2\x80\x8b]\n");

	(void)test;
	yaml_error(&parsed.errors, parsed.yaml, root_of(&parsed)->values[0]->values[0]->mark,
	    "a\nb\x1b");
	assert_string_equal(yaml_errors_text(&parsed.errors), "test.yaml:1:7: a\\u000ab\\u001b\n"
							      "  \"\\u202e\": [x\\u200b]\n"
							      "             ^\n");
	finish(&parsed);
}

static void a_long_line_is_cut_around_the_place(void **test)
{
	struct buffer text = repeated("{", "abcdefgh: [], ", 1), expected = { 0 };
	struct parsed parsed;

	(void)test;
	buffer_append_text(&text, "'");
	memset(buffer_extend(&text, 500), 'k', 500);
	buffer_append_text(&text, "': v, last: {} }");
	for (size_t i = 0; i < 500; i++)
		buffer_append_text(&text, " ");
	buffer_append_text(&text, "# end");
	parsed = parse_bytes(buffer_bytes(&text));
	yaml_error(&parsed.errors, parsed.yaml, yaml_get(root_of(&parsed), "last")->mark, "here");
	buffer_append_text(&expected, "test.yaml:1:529: here\n  ...");
	memset(buffer_extend(&expected, 68), 'k', 68);
	buffer_append_format(&expected, "': v, last: {} }%36s...\n%85s^\n", "", "");
	assert_string_equal(yaml_errors_text(&parsed.errors), buffer_text(&expected));
	buffer_fini(&expected);
	buffer_fini(&text);
	finish(&parsed);
}

static void every_kind_of_line_break_counts_as_libyaml_counts_it(void **test)
{
	struct parsed parsed = parse("a: 1\r\nb: 2\rc: 3\xc2\x85"
				     "d: 4\xe2\x80\xa8"
				     "e: [x]\n");

	(void)test;
	yaml_error(&parsed.errors, parsed.yaml, yaml_get(root_of(&parsed), "e")->mark, "here");
	assert_string_equal(yaml_errors_text(&parsed.errors),
	    "test.yaml:5:4: here\n  e: [x]\n     ^\n");
	finish(&parsed);
}

static void the_first_fifty_errors_are_kept_and_the_rest_is_counted(void **test)
{
	struct yaml_errors errors = { 0 };
	const char *text;

	(void)test;
	assert_string_equal(yaml_errors_text(&errors), "");
	for (unsigned i = 1; i <= 50; i++)
		yaml_error(&errors, NULL, (struct yaml_mark){ 0 }, "mistake %u", i);
	assert_null(strstr(yaml_errors_text(&errors), "more"));
	for (unsigned i = 51; i <= 53; i++)
		yaml_error(&errors, NULL, (struct yaml_mark){ 0 }, "mistake %u", i);
	assert_non_null(strstr(yaml_errors_text(&errors), "mistake 50\nand 3 more\n"));
	yaml_error(&errors, NULL, (struct yaml_mark){ 0 }, "mistake 54");
	text = yaml_errors_text(&errors);
	assert_non_null(strstr(text, "mistake 50\nand 4 more\n"));
	assert_null(strstr(text, "and 3 more"));
	assert_int_equal(errors.count, 54);
	yaml_errors_fini(&errors);
}

static void an_expected_type_is_given_or_told(void **test)
{
	struct parsed parsed = parse("a: [x]\nb: y\n");
	const struct yaml_node *root = root_of(&parsed);

	(void)test;
	assert_non_null(yaml_expect(parsed.yaml, root, "a", YAML_SEQUENCE, &parsed.errors));
	assert_string_equal(yaml_text(parsed.yaml, root, "b", &parsed.errors), "y");
	assert_null(yaml_text(parsed.yaml, root, "none", &parsed.errors));
	assert_int_equal(parsed.errors.count, 0);
	assert_null(yaml_text(parsed.yaml, root, "a", &parsed.errors));
	assert_null(yaml_expect(parsed.yaml, root, "b", YAML_MAPPING, &parsed.errors));
	assert_string_equal(yaml_errors_text(&parsed.errors),
	    "test.yaml:1:4: `a` must be a single value, and is a list\n  a: [x]\n     ^\n"
	    "test.yaml:2:4: `b` must be a mapping, and is a single value\n  b: y\n     ^\n");
	finish(&parsed);
}

/* ---- files ---- */

static struct parsed read_file(const char *path)
{
	struct parsed parsed = { 0 };

	parsed.status = yaml_read(path, &parsed.yaml, &parsed.errors);
	return parsed;
}

static void a_file_is_read(void **test)
{
	struct parsed parsed;

	scratch_write(*test, "a.yaml", "k: v\n");
	parsed = read_file(scratch_path(*test, "a.yaml"));
	assert_string_equal(yaml_get(root_of(&parsed), "k")->text, "v");
	assert_string_equal(yaml_name(parsed.yaml), scratch_path(*test, "a.yaml"));
	finish(&parsed);
}

static void a_missing_file_is_not_found(void **test)
{
	struct parsed parsed = read_file(scratch_path(*test, "none.yaml"));

	assert_int_equal(parsed.status, STATUS_NOT_FOUND);
	assert_null(parsed.yaml);
	assert_non_null(
	    strstr(yaml_errors_text(&parsed.errors), "none.yaml: No such file or directory\n"));
	finish(&parsed);
}

static void only_a_regular_file_is_read(void **test)
{
	struct parsed parsed = read_file(*test);

	assert_refused(&parsed, ": not a regular file\n");
	assert_int_equal(mkfifo(scratch_path(*test, "fifo.yaml"), 0600), 0);
	parsed = read_file(scratch_path(*test, "fifo.yaml"));
	assert_refused(&parsed, "fifo.yaml: not a regular file\n");
}

static void a_file_beyond_sixteen_mebibytes_is_not_read(void **test)
{
	struct parsed parsed;

	scratch_write(*test, "large.yaml", "# ");
	assert_int_equal(truncate(scratch_path(*test, "large.yaml"), 16 * MEBIBYTE + 1), 0);
	parsed = read_file(scratch_path(*test, "large.yaml"));
	assert_refused(&parsed, "large.yaml: larger than 16 MiB\n");
}

/* ---- mutations ---- */

static const char sample[] =
    "%YAML 1.1\n---\n# a sample\ngateway:\n  listen: tcp://0.0.0.0:7070\n  idle: 15m\n"
    "  peers: [a, 'b', \"c\\u00e9\\x41\"]\npolicy: &p\n  id: \"x\"\n  rules:\n"
    "    - 'f:/etc/passwd -> !r:^root'\n    - ? key\n      : value\n  text: |\n    line one\n"
    "    line two\n  folded: >-\n    some\n    words\nagain: *p\ntagged: !!str 5\nempty:\n";

static const char *const tokens[] = {
	"&p ",
	"*p",
	"[",
	"]",
	"{",
	"}",
	"? ",
	": ",
	"- ",
	"---\n",
	"...\n",
	"|\n",
	">2\n",
	"\"",
	"'",
	"\\0",
	"\\U0010ffff",
	"%TAG ! x\n",
	"!!binary ",
	"\t",
	"\r",
	"\xc2\x85",
	"\xff",
	"\xef\xbb\xbf",
	"#",
	"<<: *p\n",
	"\n\n    ",
};

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static size_t below(uint64_t *state, size_t bound)
{
	return bound == 0 ? 0 : next_random(state) % bound;
}

/* Makes one change to TEXT: other bytes, a token put in, a part taken out, or a part copied. */
static void mutate(struct buffer *text, uint64_t *state)
{
	size_t from = below(state, text->size), length = below(state, text->size - from) % 40;
	struct buffer changed = { 0 };

	buffer_append(&changed, BYTES(text->data, from));
	switch (below(state, 4)) {
	case 0:
		for (size_t i = 0; i < length % 4; i++)
			buffer_append_u8(&changed, (uint8_t)next_random(state));
		break;
	case 1:
		buffer_append_text(&changed,
		    tokens[below(state, sizeof(tokens) / sizeof(tokens[0]))]);
		length = 0;
		break;
	case 2:
		break;
	default:
		buffer_append(&changed, BYTES(text->data + below(state, from), length));
		length = 0;
		break;
	}
	buffer_append(&changed, BYTES(text->data + from + length, text->size - from - length));
	buffer_fini(text);
	*text = changed;
}

/* Walks all that is below NODE, aliases written out, and counts it. */
static size_t assert_sound(const struct yaml_node *node, unsigned levels)
{
	size_t nodes = 1;

	assert_true(node->mark.line >= 1 && node->mark.column >= 1);
	if (node->type == YAML_SCALAR) {
		assert_true(bytes_is_utf8(bytes_of_text(node->text)));
		return nodes;
	}
	assert_true(levels < LEVELS_MAX);
	assert_null(node->text);
	for (size_t i = 0; i < node->count; i++) {
		if (node->type == YAML_MAPPING) {
			assert_int_equal(node->keys[i]->type, YAML_SCALAR);
			assert_ptr_equal(yaml_get(node, node->keys[i]->text), node->values[i]);
			nodes++;
		}
		nodes += assert_sound(node->values[i], levels + 1);
	}
	return nodes;
}

static void a_mutated_file_is_a_sound_tree_or_a_told_mistake(void **test)
{
	uint64_t state = 0x5eed;
	unsigned accepted = 0, refused = 0;

	(void)test;
	for (int i = 0; i < 6000; i++) {
		struct buffer text = { 0 };
		struct parsed parsed;

		buffer_append_text(&text, sample);
		for (size_t j = below(&state, 6); j < 6; j++)
			mutate(&text, &state);
		parsed = parse_bytes(buffer_bytes(&text));
		if (parsed.status == STATUS_OK) {
			assert_true(assert_sound(yaml_root(parsed.yaml), 0) <= NODES_MAX);
			assert_int_equal(parsed.errors.count, 0);
			accepted++;
		} else {
			assert_int_equal(parsed.status, STATUS_INVALID);
			assert_non_null(strstr(yaml_errors_text(&parsed.errors), "^\n"));
			refused++;
		}
		finish(&parsed);
		buffer_fini(&text);
	}
	/* Neither path may go untried, or this would test nothing. */
	assert_true(accepted > 300);
	assert_true(refused > 300);
}

#define IN_SCRATCH(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_remembers_types_texts_and_places),
		cmocka_unit_test(a_scalar_keeps_its_text_and_whether_it_was_plain),
		cmocka_unit_test(an_empty_file_is_an_empty_mapping),
		cmocka_unit_test(a_byte_order_mark_moves_no_column),
		cmocka_unit_test(an_alias_shares_the_anchored_node),
		cmocka_unit_test(the_text_may_go_once_it_is_parsed),
		cmocka_unit_test(a_key_given_twice_is_refused_at_its_second_place),
		cmocka_unit_test(many_keys_are_compared_in_little_time),
		cmocka_unit_test(levels_end_at_64),
		cmocka_unit_test(an_alias_cannot_add_levels_beyond_64),
		cmocka_unit_test(nodes_end_at_100_000),
		cmocka_unit_test(aliases_count_for_all_that_they_stand_for),
		cmocka_unit_test(aliases_end_at_100),
		cmocka_unit_test(an_alias_needs_a_finished_anchor_before_it),
		cmocka_unit_test(sixteen_mebibytes_are_the_most),
		cmocka_unit_test(a_second_document_is_refused),
		cmocka_unit_test(a_key_that_is_no_scalar_is_refused),
		cmocka_unit_test(a_nul_is_refused_written_or_escaped),
		cmocka_unit_test(what_is_not_utf8_is_refused_at_its_place),
		cmocka_unit_test(many_tag_directives_cost_no_more_than_their_refusal),
		cmocka_unit_test(a_syntax_error_shows_line_and_caret),
		cmocka_unit_test(a_hostile_line_is_shown_escaped_and_the_caret_still_fits),
		cmocka_unit_test(a_long_line_is_cut_around_the_place),
		cmocka_unit_test(every_kind_of_line_break_counts_as_libyaml_counts_it),
		cmocka_unit_test(the_first_fifty_errors_are_kept_and_the_rest_is_counted),
		cmocka_unit_test(an_expected_type_is_given_or_told),
		IN_SCRATCH(a_file_is_read),
		IN_SCRATCH(a_missing_file_is_not_found),
		IN_SCRATCH(only_a_regular_file_is_read),
		IN_SCRATCH(a_file_beyond_sixteen_mebibytes_is_not_read),
		cmocka_unit_test(a_mutated_file_is_a_sound_tree_or_a_told_mistake),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
