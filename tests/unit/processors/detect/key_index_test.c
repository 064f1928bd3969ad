/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/detect/key_index.h"

#include "tests/unit/processors/detect/rules.h"

static const struct {
	const char *detection;
	const char *prefixes; /* "a b"; NULL: any key */
} cases[] = {
	{ "{s: {Key: user/Anna}, condition: s}", "user/anna" },
	{ "{s: {Key: user/*}, condition: s}", "user/" },
	{ "{s: {Key|startswith: [b, a]}, condition: s}", "a b" },
	{ "{s: {Key|startswith: [user/, user/anna]}, condition: s}", "user/" },
	{ "{s: {Key|contains: user/}, condition: s}", NULL },
	{ "{s: {Key|endswith: user/}, condition: s}", NULL },
	{ "{s: {Key|re: '^user'}, condition: s}", NULL },
	{ "{s: {Key: [user/a, '*']}, condition: s}", NULL },
	{ "{s: {Key|startswith|all: [us, user/]}, condition: s}", "user/" },
	{ "{s: {Key|startswith: u, Key|endswith: a}, condition: s}", "u" },
	{ "{s: {After.uid: 0}, condition: s}", NULL },
	{ "{s: [word], condition: s}", NULL },
	{ "{s: [{Key: a}, {Key: b}], condition: s}", "a b" },
	{ "{s: [{Key: a}, {Writer: b}], condition: s}", NULL },
	{ "{s: {Key: abc}, t: {Key|startswith: a}, condition: s and t}", "abc" },
	{ "{s: {Key: abc}, t: {Key: d}, condition: s or t}", "abc d" },
	{ "{s: {Key: abc}, t: {Writer: d}, condition: s and not t}", "abc" },
	{ "{s: {Key: abc}, t: {Writer: d}, condition: s or t}", NULL },
	{ "{s: {Key: abc}, condition: not s}", NULL },
	{ "{s1: {Key: a}, s2: {Key: b}, f: {Writer: x}, condition: 1 of s* and not f}", "a b" },
	{ "{s1: {Key: a}, s2: {Writer: b}, condition: all of s*}", "a" },
};

static const char *joined(struct arena *arena, const struct bytes *items, size_t count)
{
	const char *text = "";

	for (size_t i = 0; i < count; i++)
		text = arena_format(arena, "%s%s%.*s", text, i == 0 ? "" : " ", (int)items[i].size,
		    (const char *)items[i].data);
	return text;
}

static void a_rule_needs_what_all_its_matches_begin_with(void **test)
{
	struct rules *rules = *test;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct detection *rule = rules_parse(rules,
		    arena_format(&rules->arena, RULE_CHANGE "detection: %s\n", cases[i].detection));
		struct bytes *items;
		size_t count;
		bool is_limited = key_index_prefixes(rule, &rules->arena, &items, &count);

		if (is_limited != (cases[i].prefixes != NULL)
		    || (is_limited
			&& strcmp(joined(&rules->arena, items, count), cases[i].prefixes) != 0))
			fail_msg("%s: %s", cases[i].detection,
			    is_limited ? joined(&rules->arena, items, count) : "any");
		detection_free(rule);
	}
}

static void a_rule_on_files_needs_a_file(void **test)
{
	struct rules *rules = *test;
	struct bytes *items;
	size_t count;
	struct detection *named = rules_parse(rules,
	    RULE_FILE "detection: {s: {TargetFilename|startswith: /etc/Cron}, condition: s}\n");
	struct detection *any = rules_parse(rules,
	    RULE_FILE "detection: {s: {TargetFilename|endswith: .sh}, condition: s}\n");

	assert_true(key_index_prefixes(named, &rules->arena, &items, &count));
	assert_string_equal(joined(&rules->arena, items, count), "file/etc/cron");
	assert_true(key_index_prefixes(any, &rules->arena, &items, &count));
	assert_string_equal(joined(&rules->arena, items, count), "file/");
	detection_free(named);
	detection_free(any);
}

static void a_key_finds_the_rules_that_it_may_concern_in_order(void **test)
{
	static const char *const selections[] = { "Key|startswith: file/", "Writer: x",
		"Key: [file/etc/passwd, user/root]", "Key|startswith: unit/",
		"Key|startswith: FILE/ETC/" };
	struct rules *rules = *test;
	const struct detection *list[5];
	struct key_index *index;
	size_t count, *found;

	for (size_t i = 0; i < 5; i++)
		list[i] = rules_parse(rules,
		    arena_format(&rules->arena, RULE_CHANGE "detection: {s: {%s}, condition: s}\n",
			selections[i]));
	index = key_index_new(list, 5);
	found = key_index_find(index, bytes_of_text("file/etc/Passwd"), &rules->arena, &count);
	assert_int_equal(count, 4);
	assert_int_equal(found[0], 0);
	assert_int_equal(found[1], 1);
	assert_int_equal(found[2], 2);
	assert_int_equal(found[3], 4);
	found = key_index_find(index, bytes_of_text("user/root"), &rules->arena, &count);
	assert_int_equal(count, 2);
	assert_int_equal(found[1], 2);
	found = key_index_find(index, bytes_of_text("x"), &rules->arena, &count);
	assert_int_equal(count, 1);
	assert_int_equal(found[0], 1);
	key_index_find(index, BYTES_NONE, &rules->arena, &count);
	assert_int_equal(count, 1);
	key_index_free(index);
	for (size_t i = 0; i < 5; i++)
		detection_free((struct detection *)(uintptr_t)list[i]);
}

static void an_index_without_rules_finds_none(void **test)
{
	struct rules *rules = *test;
	struct key_index *index = key_index_new(NULL, 0);
	size_t count;

	key_index_find(index, bytes_of_text("user/root"), &rules->arena, &count);
	assert_int_equal(count, 0);
	key_index_free(index);
}

/* A shortened key keeps 367 bytes of its beginning: no prefix may ask for more. */
static void a_long_prefix_is_cut_so_that_shortened_keys_are_found(void **test)
{
	struct rules *rules = *test;
	char path[701];
	struct buffer key = { 0 };
	const struct detection *rule;
	struct key_index *index;
	size_t count;

	memset(path, 'x', 700);
	path[700] = '\0';
	rule = rules_parse(rules,
	    arena_format(&rules->arena,
		RULE_CHANGE "detection: {s: {Key: file/%s}, condition: s}\n", path));
	index = key_index_new(&rule, 1);
	fact_key(&key, "file", bytes_of_text(path));
	key_index_find(index, buffer_bytes(&key), &rules->arena, &count);
	assert_int_equal(count, 1);
	key_index_free(index);
	buffer_fini(&key);
	detection_free((struct detection *)(uintptr_t)rule);
}

static void of_five_thousand_rules_only_those_concerned_are_found(void **test)
{
	enum { MANY = 5000 };
	struct rules *rules = *test;
	const struct detection **list = memory_new(MANY * sizeof(const struct detection *));
	struct key_index *index;
	size_t count, *found;

	for (size_t i = 0; i < MANY; i++)
		list[i] = rules_parse(rules,
		    arena_format(&rules->arena,
			RULE_CHANGE "detection: {s: {Key|startswith: file/%zu/}, condition: s}\n",
			i));
	index = key_index_new(list, MANY);
	found = key_index_find(index, bytes_of_text("file/4321/x"), &rules->arena, &count);
	assert_int_equal(count, 1);
	assert_int_equal(found[0], 4321);
	key_index_free(index);
	for (size_t i = 0; i < MANY; i++)
		detection_free((struct detection *)(uintptr_t)list[i]);
	free(list);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rules_start, rules_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_rule_needs_what_all_its_matches_begin_with),
		TEST(a_rule_on_files_needs_a_file),
		TEST(a_key_finds_the_rules_that_it_may_concern_in_order),
		TEST(an_index_without_rules_finds_none),
		TEST(a_long_prefix_is_cut_so_that_shortened_keys_are_found),
		TEST(of_five_thousand_rules_only_those_concerned_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
