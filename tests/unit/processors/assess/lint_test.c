/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/assess/lint.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/scratch.h"

struct lint_case {
	const char *dialect;
	const char *rule;
	const char *why; /* a part of the only finding; NULL: there is none */
};

static const struct lint_case cases[] = {
	{ "wazuh4", "f:/etc/a -> r:^x", NULL },
	{ "wazuh4", "c:auditctl -l -> r:x", NULL },
	{ "wazuh4", "f:/etc/a -> n:x (\\d+) compare >= 5", NULL },
	{ "wazuh5", "f:/etc/a -> !r:x", NULL },
	{ "fettle", "f:/etc/a, /etc/b -> !r:x", NULL },

	{ "wazuh4", "f:/etc/a->r:x", "this arrow is none" },
	{ "wazuh4", "f:/etc/a ->!r:x", "this arrow is none" },
	{ "wazuh4", "f:/etc/a-> r:x", "this arrow is none" },
	{ "wazuh4", "c:ls -l /etc > r:x", "this arrow is none" },
	{ "wazuh4", "d:/etc-> x", "this arrow is none" },
	{ "wazuh4", "f:/etc/a  -> r:x", "at an end of what the rule looks at" },
	{ "wazuh4", "f: /etc/a", "at an end of what the rule looks at" },
	{ "wazuh4", "f:/etc/a -> r:x ", "at an end of the pattern" },
	{ "wazuh4", "f:/etc/a -> r: x", "after r: or n:" },
	{ "wazuh4", "f:/etc/a -> n: x (\\d+) compare > 1", "after r: or n:" },
	{ "wazuh4", "f:/etc/a -> r:x &&  r:y", "before r: or n:" },
	{ "wazuh4", "f:/etc/a -> r:x &&r:y", "this && joins nothing" },
	{ "wazuh4", "f:/etc/a -> !r:x", "a single negated part" },
	{ "wazuh4", "f:/etc/a, /etc/b -> r:x", "after a comma" },
	{ "wazuh5", "f:/etc/a,/etc/b -> r:x", "has no lists" },
	{ "wazuh4", "f:$conf -> r:x", "no variable of that name" },
	{ "wazuh4", "f:etc/a", "by its whole path" },

	{ "wazuh4", "f:/etc/a -> r:a[b]", "stand for themselves" },
	{ "wazuh4", "f:/etc/a -> r:a\\b", "OSRegex does not know" },
	{ "wazuh5", "f:/etc/a -> r:a(b", "does not compile" },
	{ "wazuh4", "f:/etc/a -> n:x (\\d+) compare => 5", "compare for equality" },
	{ "wazuh4", "f:/etc/a -> n:x (\\d+) compare =< 5", "compare for equality" },
	{ "wazuh5", "f:/etc/a -> n:x (\\d+) compare => 5", "is none" },
	{ "wazuh5", "f:/etc/a -> n:x (\\d+) >= 5", "needs \" compare \"" },
	{ "wazuh4", "f:/etc/a -> n:x \\d+ compare > 5", "parentheses" },
	{ "wazuh4", "f:/etc/a -> n:x (\\S+) compare > -5", "minus" },
	{ "wazuh4", "f:/etc/a -> n:x (\\d+) compare < 0", "never holds" },
	{ "fettle", "f:/etc/a -> n:x (\\d+) compare == -1", "never holds" },
	{ "fettle", "f:/etc/a -> n:x (\\S+) compare == -1", NULL },
	{ "fettle", "f:/etc/a -> n:x (\\d+) compare > 9 && n:x (\\d+) compare < 3",
	    "no number meets both" },
	{ "fettle", "f:/etc/a -> n:x (\\d+) compare > 0 && n:x (\\d+) compare < 3", NULL },
	{ "fettle", "f:/etc/a -> n:x (\\d+) compare > 9 && n:y (\\d+) compare < 3", NULL },

	{ "wazuh4", "c:stat -c ''%a'' /etc/a -> r:6", "not a quote" },
	{ "wazuh4", "c:ls /etc | grep x -> r:6", "no shell reads" },
	{ "wazuh4", "c:sh -c \"ls | wc ''x''\" -> r:6", NULL },
	{ "wazuh4", "f:/etc/a -> r:[a] && r:[b]", "stand for themselves" },
	{ "wazuh4", "c:systemctl is-enabled x", "never run" },
	{ "wazuh5", "c:systemctl is-enabled x", NULL },
};

static struct policy *policy_of(const char *dialect, const char *text)
{
	struct yaml_errors errors = { 0 };
	struct policy *policy = NULL;

	if (policy_parse("p.yml", bytes_of_text(text), dialect, &policy, &errors) != STATUS_OK)
		fail_msg("%s", yaml_errors_text(&errors));
	yaml_errors_fini(&errors);
	return policy;
}

static unsigned lint_one(const struct lint_case *one)
{
	unsigned wrong = 0;
	struct arena arena = { 0 };
	const char *text = arena_format(&arena,
	    "policy: {id: p, file: f, name: n, description: d}\n"
	    "checks:\n"
	    "  - {id: 7, title: t, condition: all,\n"
	    "     rules: ['%s']}\n",
	    one->rule);
	struct policy *policy = policy_of(one->dialect, text);
	size_t count;
	struct lint_finding *findings = policy_lint(policy, &arena, &count);

	if (count != (one->why != NULL)
	    || (one->why != NULL && strstr(findings[0].why, one->why) == NULL)) {
		print_error("%s: %s: %zu findings, the first: %s\n", one->dialect, one->rule, count,
		    count == 0 ? "" : findings[0].why);
		wrong++;
	}
	if (count == 1) {
		assert_int_equal(findings[0].line, 4);
		assert_int_equal(findings[0].column, 14);
		assert_string_equal(findings[0].check, "7");
		assert_non_null(findings[0].rule);
		assert_true(strlen(findings[0].suggestion) > 0);
	}
	policy_free(policy);
	arena_fini(&arena);
	return wrong;
}

static void each_mistake_is_found_once_and_good_rules_have_none(void **test)
{
	unsigned wrong = 0;

	(void)test;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		wrong += lint_one(&cases[i]);
	assert_int_equal(wrong, 0);
}

static void unknown_keys_and_doubled_rules_are_found_in_the_order_of_the_file(void **test)
{
	struct arena arena = { 0 };
	size_t count;
	struct policy *policy = policy_of("fettle", "polcy: x\n"
						    "policy: {id: p, name: n, versoin: 2}\n"
						    "checks:\n"
						    "  - id: one\n"
						    "    titel: no\n"
						    "    title: t\n"
						    "    regex_type: pcre2\n"
						    "    condition: all\n"
						    "    rules: ['f:/a', 'f:/a']\n");
	struct lint_finding *findings = policy_lint(policy, &arena, &count);
	static const struct {
		unsigned line, column;
		const char *why;
	} expected[] = {
		{ 1, 1, "\"polcy\"" },
		{ 2, 26, "\"versoin\"" },
		{ 5, 5, "\"titel\"" },
		{ 7, 17, "regex_type" },
		{ 9, 21, "already" },
	};

	(void)test;
	assert_int_equal(count, 5);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(findings[i].line, expected[i].line);
		assert_int_equal(findings[i].column, expected[i].column);
		assert_non_null(strstr(findings[i].why, expected[i].why));
	}
	policy_free(policy);
	arena_fini(&arena);
}

static void a_severity_outside_fettle_is_not_read_and_says_so(void **test)
{
	struct arena arena = { 0 };
	size_t count;
	struct policy *policy = policy_of("wazuh5",
	    "policy: {id: p, name: n}\n"
	    "checks:\n"
	    "  - {id: 1, title: t, severity: high, condition: all, rules: ['f:/a']}\n");
	struct lint_finding *findings = policy_lint(policy, &arena, &count);

	(void)test;
	assert_int_equal(policy->checks[0].severity, CHECK_SEVERITY_MEDIUM);
	assert_int_equal(count, 1);
	assert_non_null(strstr(findings[0].why, "severity"));
	policy_free(policy);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_is_found_once_and_good_rules_have_none),
		cmocka_unit_test(unknown_keys_and_doubled_rules_are_found_in_the_order_of_the_file),
		cmocka_unit_test(a_severity_outside_fettle_is_not_read_and_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
