/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/detect/detection.h"

#include "tests/unit/processors/detect/rules.h"

/* ---- what is read ---- */

static void a_rule_says_all_of_itself(void **test)
{
	struct detection *rule = rules_parse(*test,
	    "title: Sudo rule\n"
	    "id: 5e2b7a5f-0c36-4d2f-9df3-7be0f9a1a001\n"
	    "status: test\n"
	    "description: A rule.\n"
	    "author: Anna\n"
	    "references: [https://example.org/1, https://example.org/2]\n"
	    "tags: [attack.privilege-escalation, attack.defense_evasion, attack.t1548.003,\n"
	    "  attack.t1548, attack.g0016, attack.s0154, cve.2021.3156, attack.t15]\n"
	    "attack_version: '18.1'\n"
	    "logsource: {product: fettle, category: change, definition: what it needs}\n"
	    "detection: {selection: {Key: a}, condition: selection}\n"
	    "falsepositives: Unlikely\n"
	    "level: high\n");

	assert_string_equal(rule->title, "Sudo rule");
	assert_string_equal(rule->id, "5e2b7a5f-0c36-4d2f-9df3-7be0f9a1a001");
	assert_string_equal(rule->status, "test");
	assert_string_equal(rule->description, "A rule.");
	assert_string_equal(rule->author, "Anna");
	assert_string_equal(rule->attack_version, "18.1");
	assert_int_equal(rule->level, LEVEL_HIGH);
	assert_int_equal(rule->references.count, 2);
	assert_int_equal(rule->tags.count, 8);
	assert_int_equal(rule->techniques.count, 2);
	assert_string_equal(rule->techniques.items[0], "T1548.003");
	assert_string_equal(rule->techniques.items[1], "T1548");
	assert_int_equal(rule->tactics.count, 2);
	assert_string_equal(rule->tactics.items[0], "privilege-escalation");
	assert_string_equal(rule->tactics.items[1], "defense-evasion");
	assert_int_equal(rule->falsepositives.count, 1);
	assert_string_equal(rule->source->category, "change");
	assert_int_equal(rule->notes_count, 0);
	detection_free(rule);
}

static void what_is_left_out_is_empty_and_the_level_medium(void **test)
{
	struct detection *rule = rules_parse(*test,
	    RULE_CHANGE "detection: {s: {Key: a}, condition: s}\n");

	assert_string_equal(rule->status, "");
	assert_string_equal(rule->attack_version, "");
	assert_int_equal(rule->level, LEVEL_MEDIUM);
	assert_int_equal(rule->techniques.count, 0);
	detection_free(rule);
}

static void selections_are_maps_lists_of_maps_and_keywords(void **test)
{
	struct detection *rule = rules_parse(*test,
	    RULE_CHANGE "detection:\n"
			"  map: {Key: a, Status: [present, absent]}\n"
			"  maps:\n    - Key: a\n      Writer: b\n    - Key: c\n"
			"  words: [one, 'two*']\n"
			"  all_words: {'|all': [one, two]}\n"
			"  mixed:\n    - one\n    - Key: a\n"
			"  condition: 1 of them\n");

	assert_int_equal(rule->selections_count, 5);
	assert_int_equal(rule->selections[0].maps_count, 1);
	assert_int_equal(rule->selections[0].maps[0].items_count, 2);
	assert_int_equal(rule->selections[0].maps[0].items[1].terms_count, 2);
	assert_int_equal(rule->selections[1].maps_count, 2);
	assert_int_equal(rule->selections[2].maps_count, 1);
	assert_null(rule->selections[2].maps[0].items[0].field);
	assert_int_equal(rule->selections[2].maps[0].items[0].terms_count, 2);
	assert_int_equal(rule->selections[3].maps_count, 1);
	assert_true(rule->selections[3].maps[0].items[0].is_all);
	assert_int_equal(rule->selections[4].maps_count, 2);
	detection_free(rule);
}

/* ---- what is noted ---- */

static void a_field_that_is_never_observed_is_noted(void **test)
{
	struct detection *rule = rules_parse(*test,
	    RULE_FILE "detection:\n"
		      "  selection: {TargetFilename: /etc/x, Image: /bin/dd}\n"
		      "  unused: {TargetFilename: /y}\n"
		      "  condition: selection\n");

	assert_int_equal(rule->notes_count, 2);
	assert_string_equal(rule->notes[0].text,
	    "the field \"Image\" is not observed: it never has a value");
	assert_int_equal(rule->notes[0].line, 5);
	assert_string_equal(rule->notes[1].text, "the condition does not use \"unused\"");
	assert_int_equal(rule->notes[1].line, 6);
	detection_free(rule);
}

/* ---- what is refused ---- */

#define SELECTION(text) RULE_CHANGE "detection:\n  s:\n    " text "\n  condition: s\n"

static const struct {
	const char *text;
	const char *place; /* "line:column" */
	const char *message;
} refused[] = {
	{ "id: x\nlogsource: {product: fettle, category: change}\n"
	  "detection: {s: {Key: a}, condition: s}\n",
	    "1:1", "a rule needs \"title\"" },
	{ "title: x\nlogsource: {product: fettle, category: change}\n"
	  "detection: {s: {Key: a}, condition: s}\n",
	    "1:1", "a rule needs \"id\"" },
	{ "title: T\nid: 'a b'\nlogsource: {product: fettle, category: change}\n"
	  "detection: {s: {Key: a}, condition: s}\n",
	    "2:5", "an id is made of" },
	{ RULE_HEAD "detection: {s: {Key: a}, condition: s}\n", "1:1",
	    "a rule needs \"logsource\"" },
	{ RULE_CHANGE, "1:1", "a rule needs \"detection\"" },
	{ RULE_CHANGE "detection: {s: {Key: a}}\n", "4:12", "a detection needs \"condition\"" },
	{ RULE_CHANGE "detection: {s: {Key: a}, condition: [s, s]}\n", "4:37",
	    "a list of conditions is not supported" },
	{ RULE_CHANGE "detection:\n  s: {Key: a}\n  condition: s and t\n", "6:20",
	    "the condition: no selection is named \"t\"" },
	{ RULE_CHANGE "detection:\n  s: {Key: a}\n  condition: s | count() > 3\n", "6:16",
	    "aggregations (what follows \"|\") are not supported" },
	{ RULE_CHANGE "detection: {s: {Key: a}, timeframe: 5m, condition: s}\n", "4:26",
	    "\"timeframe\" is not supported" },
	{ RULE_HEAD "logsource: {product: linux, service: auditd}\n"
		    "detection: {s: {Key: a}, condition: s}\n",
	    "3:12", "the logsource (product: linux, service: auditd) is not supported" },
	{ RULE_HEAD "logsource: {category: file_event}\n"
		    "detection: {s: {Key: a}, condition: s}\n",
	    "3:12", "the logsource (category: file_event) is not supported" },
	{ RULE_CHANGE "level: worst\ndetection: {s: {Key: a}, condition: s}\n", "4:8",
	    "\"level\" is informational, low, medium, high or critical" },
	{ RULE_CHANGE "status: good\ndetection: {s: {Key: a}, condition: s}\n", "4:9",
	    "\"status\" is stable" },
	{ RULE_CHANGE "tags: {a: b}\ndetection: {s: {Key: a}, condition: s}\n", "4:11",
	    "\"tags\" must be a list of texts" },
	{ "correlation: {type: event_count}\n" RULE_CHANGE
	  "detection: {s: {Key: a}, condition: s}\n",
	    "1:14", "\"correlation\" is not supported" },
	{ "action: global\n" RULE_CHANGE "detection: {s: {Key: a}, condition: s}\n", "1:9",
	    "\"action\" is not supported" },
	{ "filter: {rules: [a]}\n" RULE_CHANGE "detection: {s: {Key: a}, condition: s}\n", "1:9",
	    "\"filter\" is not supported" },
	{ "taxonomy: ours\n" RULE_CHANGE "detection: {s: {Key: a}, condition: s}\n", "1:11",
	    "\"taxonomy\" is not supported" },
	{ "- a\n", "1:1", "a rule is a mapping" },
	{ RULE_CHANGE "detection: {s: {Key: a}, condition: s}\n---\ntitle: second\n", "5:1",
	    "a second document begins here; a file holds one" },
	{ SELECTION("Key|base64: a"), "6:5", "the modifier \"base64\" is not supported" },
	{ SELECTION("Key|contains|windash: a"), "6:5",
	    "the modifier \"windash\" is not supported" },
	{ SELECTION("After.uid|lt: 5"), "6:5", "the modifier \"lt\" is not supported" },
	{ SELECTION("Key|fieldref: Writer"), "6:5", "the modifier \"fieldref\" is not supported" },
	{ SELECTION("Key|exists: true"), "6:5", "the modifier \"exists\" is not supported" },
	{ SELECTION("Key|expand: '%a%'"), "6:5", "the modifier \"expand\" is not supported" },
	{ SELECTION("Key|starts: a"), "6:5", "the modifier \"starts\" is none that Sigma has" },
	{ SELECTION("Key|: a"), "6:5", "the modifier \"\" is none that Sigma has" },
	{ SELECTION("Key|contains|startswith: a"), "6:5",
	    "the modifier \"startswith\" does not go together with the modifier before it" },
	{ SELECTION("Key|contains|re: a"), "6:5", "the modifier \"re\" does not go together" },
	{ SELECTION("Key|cidr|contains: a"), "6:5", "the modifier \"contains\" does not go" },
	{ SELECTION("Key|re|cased: a"), "6:5", "the modifier \"cased\" has no meaning after" },
	{ SELECTION("Key|i: a"), "6:5", "the modifier \"i\" has a meaning only after \"re\"" },
	{ SELECTION("Key|re: 'a(b'"), "6:13", "the expression is not valid: missing closing" },
	{ SELECTION("After.ip|cidr: 10.0.0.0"), "6:20", "\"10.0.0.0\" is no network" },
	{ SELECTION("After.ip|cidr: 10.0.0.0/33"), "6:20", "\"10.0.0.0/33\" is no network" },
	{ SELECTION("After.ip|cidr: fe80::/129"), "6:20", "\"fe80::/129\" is no network" },
	{ SELECTION("After.ip|cidr: host/8"), "6:20", "\"host/8\" is no network" },
	{ SELECTION("Kye: a"), "6:5", "there is no field \"Kye\" in this logsource" },
	{ SELECTION("After.: a"), "6:5", "there is no field \"After.\" in this logsource" },
	{ SELECTION("TargetFilename: a"), "6:5", "there is no field \"TargetFilename\"" },
	{ SELECTION("'': a"), "6:5", "a field needs a name" },
	{ SELECTION("Expected: maybe"), "6:15", "\"Expected\" is never \"maybe\"" },
	{ SELECTION("Status: [present, gone]"), "6:23", "\"Status\" is never \"gone\"" },
	{ SELECTION("Key: []"), "6:10", "there must be a value" },
	{ SELECTION("Key: {a: b}"), "6:10", "lists and maps inside a value are not supported" },
	{ SELECTION("Key: [[a]]"), "6:11", "lists and maps inside a value are not supported" },
	{ SELECTION("Key|contains: null"), "6:19", "null is a value of a field without modifiers" },
	{ SELECTION("- [a]"), "6:7", "a list inside a list is not supported" },
	{ SELECTION("{}"), "6:5", "an empty map would hold always" },
	{ SELECTION("[]"), "6:5", "a selection needs something to look for" },
	{ SELECTION("- null"), "6:7", "null is a value of a field without modifiers" },
};

static void what_is_not_supported_refuses_the_rule_by_name_and_place(void **test)
{
	struct rules *rules = *test;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct detection *rule = rules_try(rules, refused[i].text);
		const char *said = yaml_errors_text(&rules->errors);
		const char *start = arena_format(&rules->arena, "rule.yaml:%s: ", refused[i].place);

		if (rule != NULL)
			fail_msg("accepted:\n%s", refused[i].text);
		if (strncmp(said, start, strlen(start)) != 0
		    || strstr(said, refused[i].message) == NULL)
			fail_msg("%s\nnot \"%s%s\" but\n%s", refused[i].text, start,
			    refused[i].message, said);
	}
}

static void all_mistakes_of_a_file_are_reported(void **test)
{
	struct rules *rules = *test;

	assert_null(rules_try(rules,
	    RULE_CHANGE "level: worst\ndetection: {s: {Kye|lt: a, Key|re: '('}, condition: t}\n"));
	assert_int_equal(rules->errors.count, 5);
}

/* ---- hostile files ---- */

static const char *many_selections(struct arena *arena, size_t count)
{
	struct buffer text = { 0 };
	const char *kept;

	buffer_append_text(&text, RULE_CHANGE "detection:\n");
	for (size_t i = 0; i < count; i++)
		buffer_append_format(&text, "  s%zu: {Key: a}\n", i);
	buffer_append_text(&text, "  condition: 1 of them\n");
	kept = arena_text(arena, buffer_text(&text));
	buffer_fini(&text);
	return kept;
}

static void ten_thousand_selections_are_refused_and_five_hundred_are_not(void **test)
{
	struct rules *rules = *test;

	assert_null(rules_try(rules, many_selections(&rules->arena, 10000)));
	assert_non_null(
	    strstr(yaml_errors_text(&rules->errors), "a rule has at most 500 selections"));
	assert_null(rules_try(rules, many_selections(&rules->arena, 501)));
	detection_free(rules_parse(rules, many_selections(&rules->arena, 500)));
}

static const char *many_values(struct arena *arena, const char *field, size_t count)
{
	struct buffer text = { 0 };
	const char *kept;

	buffer_append_format(&text, RULE_CHANGE "detection:\n  s:\n    %s:\n", field);
	for (size_t i = 0; i < count; i++)
		buffer_append_format(&text, "    - v%zu\n", i);
	buffer_append_text(&text, "  condition: s\n");
	kept = arena_text(arena, buffer_text(&text));
	buffer_fini(&text);
	return kept;
}

static void values_and_expressions_are_counted(void **test)
{
	struct rules *rules = *test;
	struct arena *arena = &rules->arena;

	assert_null(rules_try(rules, many_values(arena, "Key", DETECTION_TERMS_MAX + 2)));
	assert_int_equal(rules->errors.count, 1);
	assert_null(rules_try(rules, many_values(arena, "Key|re", DETECTION_REGEXES_MAX + 2)));
	assert_int_equal(rules->errors.count, 1);
	detection_free(rules_parse(rules, many_values(arena, "Key", DETECTION_TERMS_MAX)));
	detection_free(rules_parse(rules, many_values(arena, "Key|re", DETECTION_REGEXES_MAX)));
}

static void deep_nesting_is_refused(void **test)
{
	struct rules *rules = *test;
	struct buffer text = { 0 };

	buffer_append_text(&text, RULE_CHANGE "detection:\n  condition: s\n  s: ");
	for (unsigned i = 0; i < 100000; i++)
		buffer_append_text(&text, "[");
	assert_null(rules_try(rules, buffer_text(&text)));
	assert_true(rules->errors.count > 0);
	buffer_fini(&text);
}

static void a_value_has_at_most_4096_bytes_and_a_file_a_mebibyte(void **test)
{
	struct rules *rules = *test;
	struct buffer text = { 0 };

	buffer_append_text(&text, RULE_CHANGE "detection:\n  condition: s\n  s: {Key: ");
	memset(buffer_extend(&text, TERM_SIZE_MAX + 1), 'a', TERM_SIZE_MAX + 1);
	buffer_append_text(&text, "}\n");
	assert_null(rules_try(rules, buffer_text(&text)));
	assert_non_null(strstr(yaml_errors_text(&rules->errors), "a value has at most 4096 bytes"));
	memset(buffer_extend(&text, DETECTION_TEXT_MAX), '#', DETECTION_TEXT_MAX);
	assert_null(rules_try(rules, buffer_text(&text)));
	assert_non_null(strstr(yaml_errors_text(&rules->errors), "a rule has at most 1048576"));
	buffer_fini(&text);
}

static void an_expression_that_grows_without_bound_is_refused(void **test)
{
	struct rules *rules = *test;

	assert_null(rules_try(rules, SELECTION("Key|re: '((((a{1,999}){1,999}){1,999}){1,999})'")));
	assert_non_null(strstr(yaml_errors_text(&rules->errors), "the expression is not valid"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rules_start, rules_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_rule_says_all_of_itself),
		TEST(what_is_left_out_is_empty_and_the_level_medium),
		TEST(selections_are_maps_lists_of_maps_and_keywords),
		TEST(a_field_that_is_never_observed_is_noted),
		TEST(what_is_not_supported_refuses_the_rule_by_name_and_place),
		TEST(all_mistakes_of_a_file_are_reported),
		TEST(ten_thousand_selections_are_refused_and_five_hundred_are_not),
		TEST(values_and_expressions_are_counted),
		TEST(deep_nesting_is_refused),
		TEST(a_value_has_at_most_4096_bytes_and_a_file_a_mebibyte),
		TEST(an_expression_that_grows_without_bound_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
