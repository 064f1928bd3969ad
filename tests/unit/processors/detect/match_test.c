/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/detect/match.h"

#include "tests/unit/processors/detect/rules.h"

/* FACT_FIELD_TEXT is no constant. */
#define TEXT(name_, text_) \
	{ \
		.name = (name_), .type = FACT_TEXT, .bytes = { \
			(const uint8_t *)(text_), \
			sizeof(text_) - 1 \
		} \
	}
#define NUMBER(name_, number_) \
	{ \
		.name = (name_), .type = FACT_NUMBER, .number = (number_) \
	}

static const struct fact_field before_fields[] = { NUMBER("uid", 1000), TEXT("shell", "/bin/sh"),
	TEXT("home", "/home/anna") };
static const struct fact_field after_fields[] = { NUMBER("uid", 0), TEXT("shell", "/bin/Bash"),
	TEXT("home", "/home/anna"), TEXT("from", "10.1.2.3"), TEXT("note", "") };

static struct change a_change(void)
{
	return (struct change){
		.key = bytes_of_text("user/anna"),
		.before = { .status = FACT_PRESENT, .fields = before_fields, .fields_count = 3 },
		.after = { .status = FACT_PRESENT, .fields = after_fields, .fields_count = 5 },
		.writer = "usermod",
		.asset_name = "web1",
		.asset_system = "debian 12",
	};
}

/* ---- what each kind of value means ---- */

static const struct {
	const char *selection;
	enum answer answer;
} cases[] = {
	{ "Key: user/anna", ANSWER_YES },
	{ "Key: USER/Anna", ANSWER_YES },
	{ "Key|cased: USER/anna", ANSWER_NO },
	{ "Key|contains|cased: anna", ANSWER_YES },
	{ "Key: user/*", ANSWER_YES },
	{ "Key: user", ANSWER_NO },
	{ "Key: [group/x, user/anna]", ANSWER_YES },
	{ "Key|startswith: user/", ANSWER_YES },
	{ "Key|endswith: anna", ANSWER_YES },
	{ "Key|contains: er/an", ANSWER_YES },
	{ "Key|contains|all: [user, anna]", ANSWER_YES },
	{ "Key|contains|all: [user, root]", ANSWER_NO },
	{ "Key|all|contains: [user, anna]", ANSWER_YES },
	{ "Key|re: '^user/[a-z]+$'", ANSWER_YES },
	{ "Key|re: '^USER'", ANSWER_NO },
	{ "Key|re|i: '^USER'", ANSWER_YES },
	{ "After.shell|re: bash", ANSWER_NO },
	{ "After.shell: /bin/bash", ANSWER_YES },
	/* numbers */
	{ "After.uid: 0", ANSWER_YES },
	{ "After.uid: [5, 0]", ANSWER_YES },
	{ "After.uid: 00", ANSWER_NO },
	{ "Before.uid: 1000", ANSWER_YES },
	{ "Before.uid: 100", ANSWER_NO },
	/* networks */
	{ "After.from|cidr: 10.0.0.0/8", ANSWER_YES },
	{ "After.from|cidr: 10.1.2.3/32", ANSWER_YES },
	{ "After.from|cidr: 10.1.2.2/31", ANSWER_YES },
	{ "After.from|cidr: 10.1.2.4/31", ANSWER_NO },
	{ "After.from|cidr: 0.0.0.0/0", ANSWER_YES },
	{ "After.from|cidr: '::/0'", ANSWER_NO },
	{ "After.home|cidr: 0.0.0.0/0", ANSWER_NO },
	/* null and empty */
	{ "Package: null", ANSWER_YES },
	{ "Package:", ANSWER_YES },
	{ "Package: '*'", ANSWER_NO },
	{ "Writer: null", ANSWER_NO },
	{ "Writer: [null, usermod]", ANSWER_YES },
	{ "After.gecos: null", ANSWER_YES },
	{ "After.note: ''", ANSWER_YES },
	{ "After.note: null", ANSWER_NO },
	{ "After.note: '*'", ANSWER_YES },
	{ "After.gecos: ''", ANSWER_NO },
	/* fields of the change */
	{ "Before: /bin/sh", ANSWER_YES },
	{ "After: /bin/sh", ANSWER_NO },
	{ "After|contains: bash", ANSWER_YES },
	{ "Status: present", ANSWER_YES },
	{ "After.Status: present", ANSWER_YES },
	{ "Before.Status: absent", ANSWER_NO },
	{ "Changed: uid", ANSWER_YES },
	{ "Changed: shell", ANSWER_YES },
	{ "Changed: from", ANSWER_YES },
	{ "Changed: home", ANSWER_NO },
	{ "Changed: status", ANSWER_NO },
	{ "Expected: false", ANSWER_YES },
	{ "Expected: true", ANSWER_NO },
	{ "Asset.Name: web1", ANSWER_YES },
	{ "Asset.System|startswith: debian", ANSWER_YES },
	/* maps and lists */
	{ "{Key: user/anna, After.uid: 0}", ANSWER_YES },
	{ "{Key: user/anna, After.uid: 1}", ANSWER_NO },
	{ "[{Key: x}, {After.uid: 0}]", ANSWER_YES },
	{ "[{Key: x}, {After.uid: 1}]", ANSWER_NO },
	/* keywords are looked for in all fields, anywhere in them */
	{ "[bash]", ANSWER_YES },
	{ "[nothing, usermod]", ANSWER_YES },
	{ "[nothing]", ANSWER_NO },
	{ "['web?']", ANSWER_YES },
	{ "{'|all': [anna, debian]}", ANSWER_YES },
	{ "{'|all': [anna, nothing]}", ANSWER_NO },
	{ "{'|re': '^/bin/Ba'}", ANSWER_YES },
};

static const char *rule_of(struct arena *arena, const char *selection)
{
	bool is_flow = *selection == '[' || *selection == '{';

	return arena_format(arena, RULE_CHANGE "detection:\n  s:%s%s\n  condition: s\n",
	    is_flow ? " " : "\n    ", selection);
}

static void values_match_as_sigma_says(void **test)
{
	struct change change = a_change();
	struct match_result result;
	struct rules *rules = *test;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct detection *rule = rules_parse(rules,
		    rule_of(&rules->arena, cases[i].selection));

		if (rules_match(rules, rule, &change, &result) != cases[i].answer)
			fail_msg("%s is %d", cases[i].selection, (int)result.answer);
		detection_free(rule);
	}
}

static enum answer ask(struct rules *rules, const struct change *change, const char *selection,
    struct match_result *result)
{
	struct detection *rule = rules_parse(rules, rule_of(&rules->arena, selection));
	enum answer answer = rules_match(rules, rule, change, result);

	detection_free(rule);
	return answer;
}

static void regular_expressions_take_lines_or_all(void **test)
{
	struct fact_field content = FACT_FIELD_TEXT("content", "a 1\nb 2\n");
	struct change change = { .key = bytes_of_text("file/x"),
		.after = { .status = FACT_PRESENT, .fields = &content, .fields_count = 1 } };
	struct match_result result;

	assert_int_equal(ask(*test, &change, "After.content|re: '^b'", &result), ANSWER_NO);
	assert_int_equal(ask(*test, &change, "After.content|re|m: '^b 2$'", &result), ANSWER_YES);
	assert_int_equal(ask(*test, &change, "After.content|re: 'a.*2'", &result), ANSWER_NO);
	assert_int_equal(ask(*test, &change, "After.content|re|s: 'a.*2'", &result), ANSWER_YES);
	assert_int_equal(ask(*test, &change, "After.content|re|m|i: '^B'", &result), ANSWER_YES);
}

static void what_holds_is_named(void **test)
{
	struct rules *rules = *test;
	struct change change = a_change();
	struct match_result result;
	struct detection *rule = rules_parse(rules, RULE_CHANGE
	    "detection:\n  one: {Key: user/anna}\n  two: {Key: x}\n  three: {After.uid: 0}\n"
	    "  condition: one and (two or three)\n");

	assert_int_equal(rules_match(rules, rule, &change, &result), ANSWER_YES);
	assert_int_equal(result.selections_count, 2);
	assert_string_equal(result.selections[0], "one");
	assert_string_equal(result.selections[1], "three");
	assert_null(result.reason);
	detection_free(rule);
}

/* ---- what is not known ---- */

static void a_value_that_was_cut_proves_presence_and_never_absence(void **test)
{
	struct fact_field fields[] = { FACT_FIELD_TEXT("mode", "0644"),
		FACT_FIELD_TEXT("content", "PermitRootLogin yes\n") };
	struct change change = { .key = bytes_of_text("file/x"),
		.after = { .status = FACT_TRUNCATED, .fields = fields, .fields_count = 2 } };
	struct match_result result;

	assert_int_equal(ask(*test, &change, "After.content|contains: Root", &result), ANSWER_YES);
	assert_int_equal(ask(*test, &change, "After.content|contains: Match", &result),
	    ANSWER_UNDECIDED);
	assert_string_equal(result.reason,
	    "After.content|contains: its value is known in part only");
	assert_int_equal(ask(*test, &change, "After.content|re: Match", &result), ANSWER_UNDECIDED);
	assert_int_equal(ask(*test, &change, "After.mode: 0600", &result), ANSWER_NO);
	assert_int_equal(ask(*test, &change, "{After.content: x, Key: y}", &result), ANSWER_NO);
	/* Of a fact without content any text may be what was cut. */
	change.after.fields_count = 1;
	assert_int_equal(ask(*test, &change, "After.mode: 0600", &result), ANSWER_UNDECIDED);
}

/* What follows could be more of the line, of the name, of the address. */
static void a_match_that_the_missing_rest_could_undo_is_none(void **test)
{
	static const struct {
		const char *selection;
		enum answer answer;
	} of_part[] = {
		{ "After.content: \"a\\nnumber 10\"", ANSWER_UNDECIDED },
		{ "After.content: \"a\\nnumber 10*\"", ANSWER_YES },
		{ "After.content|startswith: a", ANSWER_YES },
		{ "After.content|endswith: number 10", ANSWER_UNDECIDED },
		{ "After.content|contains: number 10", ANSWER_YES },
		{ "After.content|re: 'number 10'", ANSWER_YES },
		{ "After.content|re: 'number 10$'", ANSWER_UNDECIDED },
		{ "After.content|re: 'number 1(?!0\\d)'", ANSWER_UNDECIDED },
		{ "After.content|re|m: '^a$'", ANSWER_YES },
		{ "After.content|re|m: '10$'", ANSWER_UNDECIDED },
		{ "After.content|re: '\\z'", ANSWER_UNDECIDED },
		{ "After.from|cidr: 10.0.0.0/8", ANSWER_UNDECIDED },
	};
	struct fact_field fields[] = { FACT_FIELD_TEXT("content", "a\nnumber 10") };
	struct fact_field address[] = { FACT_FIELD_TEXT("from", "10.0.0.1") };
	struct change change = { .key = bytes_of_text("file/x"),
		.after = { .status = FACT_TRUNCATED, .fields = fields, .fields_count = 1 } };
	struct match_result result;

	for (size_t i = 0; i < sizeof(of_part) / sizeof(of_part[0]); i++) {
		if (strstr(of_part[i].selection, "cidr") != NULL)
			change.after.fields = address;
		if (ask(*test, &change, of_part[i].selection, &result) != of_part[i].answer)
			fail_msg("%s", of_part[i].selection);
	}
}

static void what_could_not_be_read_is_not_taken_for_missing(void **test)
{
	struct fact_field fields[] = { FACT_FIELD_TEXT("mode", "0644") };
	struct change change = { .key = bytes_of_text("file/x"),
		.after = { .status = FACT_UNREADABLE, .fields = fields, .fields_count = 1 } };
	struct match_result result;

	assert_int_equal(ask(*test, &change, "After.content|contains: x", &result),
	    ANSWER_UNDECIDED);
	assert_string_equal(result.reason, "After.content|contains: it could not be observed");
	assert_int_equal(ask(*test, &change, "After.content: null", &result), ANSWER_UNDECIDED);
	assert_int_equal(ask(*test, &change, "After.mode: 0644", &result), ANSWER_YES);
	assert_int_equal(ask(*test, &change, "After.mode: 0600", &result), ANSWER_NO);
	assert_int_equal(ask(*test, &change, "After.mode: null", &result), ANSWER_NO);
	assert_int_equal(ask(*test, &change, "[nothing]", &result), ANSWER_UNDECIDED);
	assert_int_equal(ask(*test, &change, "Status: unreadable", &result), ANSWER_YES);
	change.after.status = FACT_ABSENT;
	change.after.fields_count = 0;
	assert_int_equal(ask(*test, &change, "After.content: null", &result), ANSWER_YES);
}

static void a_limit_is_reported_and_no_miss(void **test)
{
	char text[64];
	struct fact_field content = { .name = "content",
		.type = FACT_TEXT,
		.bytes = BYTES(text, sizeof(text)) };
	struct change change = { .key = bytes_of_text("file/x"),
		.after = { .status = FACT_PRESENT, .fields = &content, .fields_count = 1 } };
	struct match_result result;

	memset(text, 'a', sizeof(text));
	text[63] = '!';
	assert_int_equal(ask(*test, &change, "After.content|re: '(a|aa)+$'", &result),
	    ANSWER_UNDECIDED);
	assert_string_equal(result.reason, "After.content|re: looking for it took too many steps");
	assert_int_equal(ask(*test, &change, "{After.content|re: '(a|aa)+$', Key: y}", &result),
	    ANSWER_NO);
	assert_int_equal(
	    ask(*test, &change, "[{After.content|re: '(a|aa)+$'}, {Key: file/x}]", &result),
	    ANSWER_YES);
	assert_null(result.reason);
}

/* Ten thousand keywords that all but match, on as much content as there can be. */
static void a_rule_has_one_budget_for_all_its_strings(void **test)
{
	enum { WORDS = 9999 };
	struct rules *rules = *test;
	uint8_t *value = arena_take(&rules->arena, FACT_CONTENT_MAX);
	struct fact_field content = { .name = "content",
		.type = FACT_TEXT,
		.bytes = BYTES(value, FACT_CONTENT_MAX) };
	struct change change = { .key = bytes_of_text("file/x"),
		.after = { .status = FACT_PRESENT, .fields = &content, .fields_count = 1 } };
	struct buffer text = { 0 };
	struct match_result result;
	struct detection *rule;

	memset(value, 'a', FACT_CONTENT_MAX);
	buffer_append_text(&text, RULE_CHANGE "detection:\n  condition: s\n  s:\n");
	for (unsigned i = 0; i < WORDS; i++)
		buffer_append_text(&text, "  - 'aaaaaaaaaaaaaaaaaaaaaaaa?b'\n");
	rule = rules_parse(rules, buffer_text(&text));
	assert_int_equal(rules_match(rules, rule, &change, &result), ANSWER_UNDECIDED);
	assert_string_equal(result.reason, "keywords: looking for it took too many steps");
	detection_free(rule);
	/* Strings without a `?` are found all the same. */
	buffer_append_text(&text, "  - aaaa\n");
	rule = rules_parse(rules, buffer_text(&text));
	assert_int_equal(rules_match(rules, rule, &change, &result), ANSWER_YES);
	detection_free(rule);
	buffer_fini(&text);
}

static void a_key_that_was_shortened_is_known_in_part(void **test)
{
	struct buffer key = { 0 };
	char path[600] = "/tmp/";
	struct change change = { .after = { .status = FACT_PRESENT } };
	struct match_result result;

	memset(path + 5, 'x', sizeof(path) - 6);
	fact_key(&key, "file", BYTES(path + 1, sizeof(path) - 2));
	change.key = buffer_bytes(&key);
	assert_int_equal(ask(*test, &change, "Key|startswith: file/tmp/", &result), ANSWER_YES);
	assert_int_equal(ask(*test, &change, "Key|endswith: .sh", &result), ANSWER_UNDECIDED);
	buffer_fini(&key);
}

static void changed_is_not_known_where_a_side_is_not(void **test)
{
	struct change change = a_change();
	struct match_result result;

	change.before = (struct fact){ .status = FACT_UNREADABLE };
	assert_int_equal(ask(*test, &change, "Changed: uid", &result), ANSWER_UNDECIDED);
	assert_int_equal(ask(*test, &change, "Changed: status", &result), ANSWER_YES);
	change.before = (struct fact){ .status = FACT_ABSENT };
	assert_int_equal(ask(*test, &change, "Changed: uid", &result), ANSWER_YES);
	change.after = (struct fact){ .status = FACT_ABSENT };
	assert_int_equal(ask(*test, &change, "Changed: uid", &result), ANSWER_NO);
}

/* ---- file_event ---- */

static enum answer ask_file(struct rules *rules, const struct change *change, const char *selection)
{
	struct match_result result;
	struct detection *rule = rules_parse(rules,
	    arena_format(&rules->arena, RULE_FILE "detection:\n  s: {%s}\n  condition: s\n",
		selection));
	enum answer answer = rules_match(rules, rule, change, &result);

	detection_free(rule);
	return answer;
}

static void a_file_event_is_an_unexpected_change_of_a_file_that_is_there(void **test)
{
	struct change change = { .key = bytes_of_text("file/etc/doas.conf"),
		.after = { .status = FACT_PRESENT } };
	const char *selection = "TargetFilename|endswith: /etc/doas.conf";

	assert_int_equal(ask_file(*test, &change, selection), ANSWER_YES);
	assert_int_equal(ask_file(*test, &change, "TargetFilename: /etc/doas.conf"), ANSWER_YES);
	change.expected_by = "package doas 6.8.2";
	assert_int_equal(ask_file(*test, &change, selection), ANSWER_NO);
	change.expected_by = "";
	assert_int_equal(ask_file(*test, &change, selection), ANSWER_YES);
	change.after.status = FACT_ABSENT;
	assert_int_equal(ask_file(*test, &change, selection), ANSWER_NO);
	change.after.status = FACT_PRESENT;
	change.key = bytes_of_text("unit/etc/doas.conf");
	assert_int_equal(ask_file(*test, &change, selection), ANSWER_NO);
}

static void who_wrote_a_file_is_not_observed_and_never_matches(void **test)
{
	struct change change = { .key = bytes_of_text("file/tmp/x"),
		.after = { .status = FACT_PRESENT },
		.writer = "/usr/bin/wget" };

	assert_int_equal(
	    ask_file(*test, &change, "TargetFilename|startswith: /tmp/, Image|endswith: /wget"),
	    ANSWER_NO);
	assert_int_equal(ask_file(*test, &change, "TargetFilename: /tmp/x, User: null"),
	    ANSWER_YES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rules_start, rules_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(values_match_as_sigma_says),
		TEST(regular_expressions_take_lines_or_all),
		TEST(what_holds_is_named),
		TEST(a_value_that_was_cut_proves_presence_and_never_absence),
		TEST(a_match_that_the_missing_rest_could_undo_is_none),
		TEST(what_could_not_be_read_is_not_taken_for_missing),
		TEST(a_limit_is_reported_and_no_miss),
		TEST(a_rule_has_one_budget_for_all_its_strings),
		TEST(a_key_that_was_shortened_is_known_in_part),
		TEST(changed_is_not_known_where_a_side_is_not),
		TEST(a_file_event_is_an_unexpected_change_of_a_file_that_is_there),
		TEST(who_wrote_a_file_is_not_observed_and_never_matches),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
