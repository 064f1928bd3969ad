/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/assess/policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/processors/assess/world.h"

#define HEAD "policy: {id: p, file: p.yml, name: P, description: D}\n"
#define CHECK(id) "  - {id: " id ", title: T, condition: all, rules: ['f:/etc/a']}\n"

static enum status parse(const char *text, const char *dialect, struct policy **out,
    struct yaml_errors *errors)
{
	return policy_parse("p.yml", bytes_of_text(text), dialect, out, errors);
}

static struct policy *parsed(const char *text)
{
	struct yaml_errors errors = { 0 };
	struct policy *policy = NULL;

	if (parse(text, NULL, &policy, &errors) != STATUS_OK)
		fail_msg("%s", yaml_errors_text(&errors));
	yaml_errors_fini(&errors);
	return policy;
}

static void a_policy_is_all_that_its_file_says(void **test)
{
	static const char text[] = "dialect: fettle\n"
				   "policy:\n"
				   "  id: base\n"
				   "  name: Base\n"
				   "  references: [https://example.org/]\n"
				   "variables:\n"
				   "  $conf: /etc/a,/etc/b\n"
				   "requirements:\n"
				   "  title: R\n"
				   "  condition: any\n"
				   "  rules: ['f:/etc/debian_version']\n"
				   "checks:\n"
				   "  - id: one\n"
				   "    title: First\n"
				   "    severity: high\n"
				   "    rationale: why\n"
				   "    remediation: how\n"
				   "    references: [a, b]\n"
				   "    compliance:\n"
				   "      - cis: ['1.2', '1.3']\n"
				   "      - pci: ['2']\n"
				   "    condition: none\n"
				   "    rules:\n"
				   "      - 'f:$conf -> r:$conf'\n"
				   "      - 'not f:/etc/a'\n"
				   "  - id: two\n"
				   "    name: Second\n"
				   "    compliance: {nist: [AC-1]}\n"
				   "    condition: all\n"
				   "    rules: ['f:/etc/c']\n";
	struct policy *policy = parsed(text);
	const struct check *one = policy_check(policy, "one"), *two = policy_check(policy, "two");
	uint8_t hash[HASH_SIZE];

	(void)test;
	hash_bytes(bytes_of_text(text), hash);
	assert_memory_equal(policy->hash, hash, HASH_SIZE);
	assert_string_equal(policy->id, "base");
	assert_string_equal(policy->name, "Base");
	assert_string_equal(policy->file, "p.yml");
	assert_string_equal(policy->description, "");
	assert_int_equal(policy->dialect->id, DIALECT_FETTLE);
	assert_string_equal(policy->references[0], "https://example.org/");
	assert_int_equal(policy->requirements->condition, CHECK_ANY);
	assert_int_equal(policy->checks_count, 2);
	assert_string_equal(one->title, "First");
	assert_int_equal(one->severity, CHECK_SEVERITY_HIGH);
	assert_string_equal(one->rationale, "why");
	assert_string_equal(one->remediation, "how");
	assert_int_equal(one->references_count, 2);
	assert_int_equal(one->compliance_count, 3);
	assert_string_equal(one->compliance[1].standard, "cis");
	assert_string_equal(one->compliance[1].requirement, "1.3");
	assert_int_equal(one->condition, CHECK_NONE);
	assert_int_equal(one->rules_count, 2);
	assert_string_equal(one->rules[0].text, "f:/etc/a,/etc/b -> r:$conf");
	assert_int_equal(one->rules[0].line, 24);
	assert_int_equal(one->rules[0].column, 9);
	assert_string_equal(two->title, "Second");
	assert_int_equal(two->severity, CHECK_SEVERITY_MEDIUM);
	assert_string_equal(two->compliance[0].standard, "nist");
	assert_null(policy_check(policy, "three"));
	policy_free(policy);
}

/* Mistakes in each dialect (wazuh4, wazuh5, fettle): y is taken, n refused; and what is said. */
static const struct {
	const char *text;
	char taken[4];
	const char *said;
} mistakes[] = {
	{ HEAD "checks:\n" CHECK("1") CHECK("2"), "yyy", NULL },
	{ HEAD "checks:\n" CHECK("1") CHECK("1"), "nnn", "p.yml:4:5: " },
	{ HEAD "checks:\n" CHECK("one"), "nyy", "number" },
	{ HEAD "checks:\n" CHECK("'a b'"), "nyn", "p.yml:3:10: " },
	{ HEAD "checks: []\n", "nnn", "checks" },
	{ HEAD "checks: text\n", "nnn", "p.yml:2:" },
	{ HEAD, "nnn", "checks" },
	{ "checks:\n" CHECK("1"), "nnn", "policy" },
	{ "[]", "nnn", "mapping" },
	{ "", "nnn", "policy" },
	{ "a: [", "nnn", "p.yml:" },
	{ "policy: {id: p, name: P}\nchecks:\n" CHECK("1"), "nyy", "description" },
	{ "policy: {name: P, file: f, description: d}\nchecks:\n" CHECK("1"), "nnn", "\"id\"" },
	{ "policy: {id: p, file: f, description: d}\nchecks:\n" CHECK("1"), "nnn", "\"name\"" },
	{ HEAD "checks:\n  - text\n", "nnn", "p.yml:3:5: " },
	{ HEAD "checks:\n  - {id: 1, condition: all, rules: ['f:/a']}\n", "nnn", "\"title\"" },
	{ HEAD "checks:\n  - {id: 1, title: T, rules: ['f:/a']}\n", "nnn", "condition" },
	{ HEAD "checks:\n  - {id: 1, title: T, condition: some, rules: ['f:/a']}\n", "nnn",
	    "p.yml:3:34: " },
	{ HEAD "checks:\n  - {id: 1, title: T, condition: all required, rules: ['f:/a']}\n", "ynn",
	    "all, any or none" },
	{ HEAD "checks:\n  - {id: 1, title: T, condition: all}\n", "nnn", "rules" },
	{ HEAD "checks:\n  - {id: 1, title: T, condition: all, rules: []}\n", "nnn", "1 to 255" },
	{ HEAD "checks:\n  - {id: 1, title: T, condition: all, rules: ['f:/a', 'x:/b']}\n", "nyn",
	    "p.yml:3:55: " },
	{ HEAD "checks:\n  - {id: 1, title: T, condition: all, rules: ['f:/a -> r:(']}\n", "yyn",
	    "does not compile" },
	{ HEAD "checks:\n  - id: 1\n    title: T\n    condition: all\n"
	       "    rules:\n      - f:/a -> r:x: y\n",
	    "nnn", "quotes" },
	{ HEAD "checks:\n  - {id: 1, title: T, condition: all, severity: grave, rules: ['f:/a']}\n",
	    "yyn", "critical" },
	{ HEAD "variables: {conf: /etc/a}\nchecks:\n" CHECK("1"), "nnn", "starts with $" },
	{ HEAD "variables: {$conf: [a]}\nchecks:\n" CHECK("1"), "nnn", "must be a text" },
	{ HEAD "requirements: {condition: all, rules: ['f:/a']}\nchecks:\n" CHECK("1"), "nnn",
	    "title" },
	{ HEAD "requirements: {title: R, condition: all, rules: ['f:/a']}\nchecks:\n" CHECK("1"),
	    "yyy", NULL },
	{ "policy: {id: p, file: f, name: n, description: d, regex_type: perl}\nchecks:\n" CHECK(
	      "1"),
	    "nyy", "osregex or pcre2" },
};

static void mistakes_are_refused_with_their_place(void **test)
{
	(void)test;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++)
		for (int j = 0; j < 3; j++) {
			const char *dialect = dialect_of((enum dialect_id)(j + 1))->name;
			struct yaml_errors errors = { 0 };
			struct policy *policy = NULL;
			enum status status = parse(mistakes[i].text, dialect, &policy, &errors);
			const char *said = yaml_errors_text(&errors);

			if ((status == STATUS_OK) != (mistakes[i].taken[j] == 'y'))
				fail_msg("%s, %s:\n%s", dialect, mistakes[i].text, said);
			if (status != STATUS_OK) {
				assert_int_equal(status, STATUS_INVALID);
				if (strstr(said, mistakes[i].said) == NULL)
					fail_msg("%s: no \"%s\" in %s", dialect, mistakes[i].said,
					    said);
			}
			policy_free(policy);
			yaml_errors_fini(&errors);
		}
}

static void all_mistakes_are_reported_and_not_only_the_first(void **test)
{
	struct yaml_errors errors = { 0 };
	struct policy *policy = NULL;

	(void)test;
	assert_int_equal(parse("dialect: fettle\n" HEAD "checks:\n"
			       "  - {id: a, title: T, condition: all, rules: ['x:/a', 'f:b']}\n"
			       "  - {id: b, title: T, condition: most, rules: ['f:/a -> r:(']}\n",
			     NULL, &policy, &errors),
	    STATUS_INVALID);
	assert_int_equal(errors.count, 4);
	yaml_errors_fini(&errors);
}

static void a_policy_that_names_no_dialect_is_wazuh4(void **test)
{
	struct yaml_errors errors = { 0 };
	struct policy *policy = parsed(HEAD "checks:\n" CHECK("1"));

	(void)test;
	assert_int_equal(policy->dialect->id, DIALECT_WAZUH4);
	assert_true(policy->is_osregex);
	policy_free(policy);
	/* What is asked for stands above what the file says. */
	assert_int_equal(
	    parse("dialect: wazuh5\n" HEAD "checks:\n" CHECK("1"), "fettle", &policy, &errors),
	    STATUS_OK);
	assert_int_equal(policy->dialect->id, DIALECT_FETTLE);
	policy_free(policy);
	assert_int_equal(
	    parse("dialect: cobol\n" HEAD "checks:\n" CHECK("1"), NULL, &policy, &errors),
	    STATUS_INVALID);
	assert_non_null(strstr(yaml_errors_text(&errors), "wazuh4, wazuh5, fettle"));
	yaml_errors_fini(&errors);
}

static void a_check_may_have_a_regex_type_of_its_own(void **test)
{
	struct policy *policy = parsed(HEAD
	    "checks:\n"
	    "  - {id: 1, title: T, condition: all, rules: ['f:/a -> r:x']}\n"
	    "  - {id: 2, title: T, condition: all, regex_type: pcre2, rules: ['f:/a -> r:x']}\n");

	(void)test;
	assert_true(policy->checks[0].rules[0].is_osregex);
	assert_false(policy->checks[1].rules[0].is_osregex);
	policy_free(policy);
}

static void wazuh5_replaces_variables_everywhere_and_drops_bad_rules(void **test)
{
	struct policy *policy = parsed("dialect: wazuh5\n" HEAD "variables: {$x: one, $xy: two}\n"
				       "checks:\n"
				       "  - {id: $x, title: 'T $xy', condition: all,\n"
				       "     rules: ['NOT f:/a', 'f:/b -> r:$x$']}\n");
	const struct check *check = policy_check(policy, "one");

	(void)test;
	assert_string_equal(check->title, "T two");
	assert_int_equal(check->rules_count, 1);
	assert_string_equal(check->rules[0].text, "f:/b -> r:one$");
	assert_int_equal(policy->notes_count, 1);
	assert_int_equal(policy->notes[0].line, 6);
	assert_non_null(strstr(policy->notes[0].why, "dropped"));
	policy_free(policy);
}

static void variables_cannot_blow_a_policy_up(void **test)
{
	struct buffer text = { 0 };
	struct yaml_errors errors = { 0 };
	struct policy *policy = NULL;

	(void)test;
	buffer_append_text(&text, "dialect: wazuh5\n" HEAD "variables: {$v: '");
	for (int i = 0; i < 60000; i++)
		buffer_append_u8(&text, 'v');
	buffer_append_text(&text,
	    "'}\nchecks:\n  - {id: 1, condition: all, rules: ['f:/a'], title: '");
	for (int i = 0; i < 60000; i++)
		buffer_append_text(&text, "$v");
	buffer_append_text(&text, "'}\n");
	assert_int_equal(parse(buffer_text(&text), NULL, &policy, &errors), STATUS_INVALID);
	assert_non_null(strstr(yaml_errors_text(&errors), "too long"));
	yaml_errors_fini(&errors);
	buffer_fini(&text);
}

static const struct world_file debian[] = {
	{ .path = "/etc/debian_version", .content = "12.11\n" },
	{ .path = "/etc/gone", .status = FACT_ABSENT },
	{ .path = NULL },
};

static enum policy_gate gate_of(const char *dialect, const char *rule, struct check_outcome *out,
    struct arena *arena)
{
	struct world world = WORLD(debian);
	struct lookup lookup = WORLD_LOOKUP(&world);
	const char *text = arena_format(arena,
	    "dialect: %s\n" HEAD "requirements: {title: R, "
	    "condition: all, rules: ['%s']}\nchecks:\n" CHECK("1"),
	    dialect, rule);
	struct policy *policy = parsed(text);
	enum policy_gate gate;

	assert_int_equal(policy_requirements_evaluate(policy, &lookup, arena, out, &gate),
	    STATUS_OK);
	policy_free(policy);
	return gate;
}

static void requirements_decide_what_becomes_of_the_checks(void **test)
{
	struct arena arena = { 0 };
	struct check_outcome out;

	(void)test;
	assert_int_equal(gate_of("fettle", "f:/etc/debian_version -> r:^12", &out, &arena),
	    POLICY_OPEN);
	assert_int_equal(out.result, CHECK_PASSED);
	assert_int_equal(gate_of("wazuh4", "f:/etc/debian_version -> r:^13", &out, &arena),
	    POLICY_CLOSED_SILENTLY);
	assert_int_equal(gate_of("wazuh5", "f:/etc/debian_version -> r:^13", &out, &arena),
	    POLICY_CLOSED);
	assert_int_equal(out.result, CHECK_NOT_APPLICABLE);
	assert_int_equal(gate_of("fettle", "f:/etc/gone -> r:^13", &out, &arena), POLICY_CLOSED);
	assert_int_equal(out.result, CHECK_NOT_APPLICABLE);
	assert_non_null(strstr(out.reason, "requirements are not met"));
	/* Nobody looked yet: never silence, in any dialect. */
	assert_int_equal(gate_of("wazuh4", "f:/etc/never -> r:^13", &out, &arena), POLICY_CLOSED);
	assert_int_equal(out.result, CHECK_NOT_RUN);
	arena_fini(&arena);
}

static void keys_are_named_once_and_in_order(void **test)
{
	struct policy *policy = parsed(
	    "dialect: fettle\n" HEAD
	    "requirements: {title: R, condition: all, rules: ['f:/etc/os-release -> r:x']}\n"
	    "checks:\n"
	    "  - {id: a, title: T, condition: all,\n"
	    "     rules: ['f:/etc/b', 'c:stat -c %a /etc/b -> r:6']}\n"
	    "  - {id: b, title: T, condition: all, rules: ['f:/etc/a,/etc/b -> r:x', 'p:x']}\n");
	struct arena arena = { 0 };
	size_t count;
	struct policy_key *keys = policy_keys(policy, &arena, &count);

	(void)test;
	assert_int_equal(count, 3);
	assert_string_equal(keys[0].path, "/etc/a");
	assert_string_equal(keys[1].path, "/etc/b");
	assert_true(keys[1].wants_content);
	assert_true(bytes_equal(keys[2].key, bytes_of_text("file/etc/os-release")));
	arena_fini(&arena);
	policy_free(policy);
}

static void a_score_is_of_what_was_answered(void **test)
{
	(void)test;
	assert_int_equal(policy_score(0, 0), 0);
	assert_int_equal(policy_score(2, 1), 66);
	assert_int_equal(policy_score(5, 0), 100);
}

/* Real policies of others, where they are at hand. */
static void stock_policies_load(void **test)
{
	static const char *const stock[] = { "cis_debian12.yml", "cis_rhel9_linux.yml",
		"cis_ubuntu22-04.yml", "sca_distro_independent_linux.yml" };
	const char *data = getenv("FETTLE_SHARED_DATA"), *source = getenv("FETTLE_SOURCE");
	struct arena arena = { 0 };
	size_t loaded = 0;

	(void)test;
	if (data == NULL)
		data = arena_format(&arena, "%s/../shared/data", source == NULL ? "." : source);
	for (size_t i = 0; i < sizeof(stock) / sizeof(stock[0]); i++)
		for (int dialect = 1; dialect <= 2; dialect++) {
			char *path = arena_format(&arena, "%s/policy/wazuh-sca/%s", data, stock[i]);
			FILE *file = fopen(path, "r");
			struct buffer text = { 0 };
			struct yaml_errors errors = { 0 };
			struct policy *policy = NULL;
			size_t got;

			if (file == NULL)
				continue;
			while ((got = fread(buffer_extend(&text, 65536), 1, 65536, file)) == 65536)
				;
			text.size -= 65536 - got;
			fclose(file);
			if (policy_parse(stock[i], buffer_bytes(&text),
				dialect_of((enum dialect_id)dialect)->name, &policy, &errors)
			    != STATUS_OK)
				fail_msg("%s", yaml_errors_text(&errors));
			assert_true(policy->checks_count > 100);
			loaded++;
			policy_free(policy);
			yaml_errors_fini(&errors);
			buffer_fini(&text);
		}
	if (loaded == 0) {
		print_message("skipped: no policies under %s\n", data);
		arena_fini(&arena);
		skip();
	}
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_is_all_that_its_file_says),
		cmocka_unit_test(mistakes_are_refused_with_their_place),
		cmocka_unit_test(all_mistakes_are_reported_and_not_only_the_first),
		cmocka_unit_test(a_policy_that_names_no_dialect_is_wazuh4),
		cmocka_unit_test(a_check_may_have_a_regex_type_of_its_own),
		cmocka_unit_test(wazuh5_replaces_variables_everywhere_and_drops_bad_rules),
		cmocka_unit_test(variables_cannot_blow_a_policy_up),
		cmocka_unit_test(requirements_decide_what_becomes_of_the_checks),
		cmocka_unit_test(keys_are_named_once_and_in_order),
		cmocka_unit_test(a_score_is_of_what_was_answered),
		cmocka_unit_test(stock_policies_load),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
