/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of rules and what each line of it means, in the three dialects side by side.
 */
#include "processors/assess/rule.h"

#include <stdlib.h>

#include "tests/unit/processors/assess/world.h"

static const struct world_file files[] = {
	{ .path = "/etc/plain", .content = "PermitRootLogin no\nPort 22\n" },
	{ .path = "/etc/other", .content = "nothing here\n" },
	{ .path = "/etc/empty", .content = "" },
	{ .path = "/etc/blank", .content = "\n" },
	{ .path = "/etc/dos", .content = "alpha\r\nbeta\r\n" },
	{ .path = "/etc/unended", .content = "first\nlast" },
	{ .path = "/etc/zero", .content = "ab\0cd\n", .content_size = 6 },
	{ .path = "/etc/latin", .content = "caf\xe9 no\n" },
	{ .path = "/etc/and", .content = "x && y\n" },
	{ .path = "/etc/arrow", .content = "a -> b\n" },
	{ .path = "/etc/numbers",
	    .content = "max 365\nmin 007\nword x\nneg -5\nbig 3000000000\n"
		       "huge 99999999999999999999\npart 12x\n" },
	{ .path = "/etc/gone", .status = FACT_ABSENT },
	{ .path = "/etc/secret", .status = FACT_UNREADABLE },
	{ .path = "/etc/hidden", .status = FACT_UNREADABLE, .is_bare = true },
	{ .path = "/etc/part", .status = FACT_TRUNCATED, .content = "first\n" },
	{ .path = "/etc/failed", .status = FACT_FAILED, .reason = "it changed while it was read" },
	{ .path = "/etc/dir", .type = "directory" },
	{ .path = "/etc/fifo", .type = "fifo" },
	{ .path = "/etc/dangling", .status = FACT_ABSENT, .link = "/etc/nowhere" },
	{ .path = "/etc/linked", .link = "plain", .content = "Port 22\n" },
	{ .path = "/etc/unread" }, /* its content was not asked for */
	{ .path = "/a,b", .content = "comma\n" },
	{ .path = NULL },
};

/* F found, N not found, I invalid, R not run, X the rule is refused; wazuh4, wazuh5, fettle. */
static const struct {
	const char *rule;
	char outcomes[4];
} cases[] = {
	/* existence */
	{ "f:/etc/plain", "FFF" },
	{ "not f:/etc/plain", "NNN" },
	{ "NOT f:/etc/plain", "NXX" },
	{ "f:/etc/gone", "NNN" },
	{ "not f:/etc/gone", "FFF" },
	{ "f:/etc/dir", "INI" },
	{ "not f:/etc/dir", "IFI" },
	{ "f:/etc/fifo", "INI" },
	{ "f:/etc/secret", "FFF" },
	{ "f:/etc/hidden", "III" },
	{ "f:/etc/part", "FFF" },
	{ "f:/etc/never", "RRR" },
	{ "not f:/etc/never", "RRR" },
	{ "f:/etc/failed", "RRR" },
	{ "f:/etc/dangling", "NNN" },
	{ "f:/etc/linked", "FFF" },
	{ "f:/etc/linked -> r:^Port", "FFF" },
	{ "f:/etc/unread", "FFF" },

	/* what a rule looks like */
	{ "!f:/etc/plain", "XFX" },
	{ "x:/etc/plain", "XXX" },
	{ "f/etc/plain", "XXX" },
	{ "", "XXX" },
	{ "f:", "XXX" },
	{ "not not f:/etc/plain", "XXX" },
	{ "f:etc/plain", "RRX" },
	{ "f:/etc/plain->r:no", "RRX" },
	{ "f:/etc/plain ->r:no", "RRX" },
	{ "f:/etc/plain-> r:no", "RRX" },
	{ "f:/etc/plain -> ", "NNX" },

	/* content: inputs */
	{ "f:/etc/gone -> r:no", "III" },
	{ "not f:/etc/gone -> r:no", "III" },
	{ "f:/etc/gone -> !r:no", "III" },
	{ "f:/etc/secret -> r:no", "INI" },
	{ "not f:/etc/secret -> r:no", "IFI" },
	{ "f:/etc/secret -> n:(\\d+) compare > 1", "INI" },
	{ "f:/etc/secret -> no", "III" },
	{ "f:/etc/dir -> r:no", "III" },
	{ "f:/etc/never -> r:no", "RRR" },
	{ "f:/etc/failed -> r:no", "RRR" },
	{ "f:/etc/unread -> r:no", "RRR" },
	{ "f:/etc/part -> r:first", "FFF" },
	{ "not f:/etc/part -> r:first", "NNN" },
	{ "f:/etc/part -> r:second", "RRR" },
	{ "not f:/etc/part -> r:second", "RRR" },
	{ "f:/etc/part -> !r:second", "FRR" },
	{ "f:/etc/part -> !r:first", "RNN" },

	/* regular expressions */
	{ "f:/etc/plain -> r:^PermitRootLogin\\s+no", "FFF" },
	{ "f:/etc/plain -> r:^permitrootlogin\\s+NO", "FFN" },
	{ "f:/etc/plain -> r:^PermitRootLogin yes", "NNN" },
	{ "f:/etc/plain -> R:^Port", "FNN" },
	{ "not f:/etc/plain -> r:^PermitRootLogin yes", "FFF" },
	{ "f:/etc/plain -> r:Port.22", "NFF" },
	{ "f:/etc/plain -> r:Port\\.22", "FNN" },
	{ "f:/etc/plain -> r:[P]ort", "NFF" },
	{ "f:/etc/latin -> r:^caf. no", "NFF" },
	{ "f:/etc/latin -> r:^caf\\S no", "FFF" },
	{ "f:/etc/unended -> r:^last$", "FFF" },
	{ "f:/etc/plain -> r:a(b", "NIX" },
	{ "f:/etc/plain -> !r:a(b", "FIX" },
	{ "not f:/etc/plain -> r:a(b", "FIX" },

	/* literals: the whole line */
	{ "f:/etc/plain -> Port 22", "FFF" },
	{ "f:/etc/plain -> port 22", "FNN" },
	{ "f:/etc/plain -> Port", "NNN" },
	{ "f:/etc/and -> x && y", "NFN" },
	{ "f:/etc/and -> r:x && r:y", "FFF" },
	{ "f:/etc/and -> r:x && && r:y", "NNN" },
	{ "f:/etc/and -> r:x && && && r:y", "NNN" },
	{ "f:/etc/plain -> !Port 22", "FNN" },
	{ "f:/etc/plain -> !Port 23", "FFF" },

	/* several on one same line */
	{ "f:/etc/plain -> r:Permit && r:no", "FFF" },
	{ "f:/etc/plain -> r:Permit && r:22", "NNN" },
	{ "f:/etc/plain -> r:Port && !r:no", "FFF" },
	{ "f:/etc/plain -> !r:^# && r:Port && n:(\\d+) compare == 22", "FFF" },
	{ "f:/etc/plain -> r:Permit && PermitRootLogin no", "FFF" },
	{ "f:/etc/plain -> r:Permit&&r:no", "NNN" },
	{ "f:/etc/arrow -> a -> b", "FFF" },

	/* a negation alone: some line does not, or no line does */
	{ "f:/etc/plain -> !r:Port", "FNN" },
	{ "f:/etc/plain -> !r:Nowhere", "FFF" },
	{ "not f:/etc/plain -> !r:Port", "NFF" },
	{ "f:/etc/other -> !r:nothing", "NNN" },
	{ "f:/etc/empty -> !r:x", "NNF" },
	{ "not f:/etc/empty -> !r:x", "FFN" },
	{ "f:/etc/empty -> r:x", "NNN" },
	{ "f:/etc/empty -> r:^$", "NNN" },
	{ "f:/etc/blank -> r:^$", "FFF" },
	{ "f:/etc/blank -> !r:x", "FFF" },

	/* line ends and NUL */
	{ "f:/etc/dos -> r:alpha$", "FNF" },
	{ "f:/etc/dos -> beta", "FNF" },
	{ "f:/etc/zero -> ab", "FNN" },
	{ "f:/etc/zero -> r:cd", "NFF" },

	/* numbers */
	{ "f:/etc/numbers -> n:max (\\d+) compare <= 365", "FFF" },
	{ "f:/etc/numbers -> n:max (\\d+) compare < 365", "NNN" },
	{ "f:/etc/numbers -> n:max (\\d+) compare == 365", "FFF" },
	{ "f:/etc/numbers -> n:max (\\d+) compare != 365", "NNN" },
	{ "f:/etc/numbers -> n:max (\\d+) compare >= 365", "FFF" },
	{ "f:/etc/numbers -> n:max (\\d+) compare > 364", "FFF" },
	{ "f:/etc/numbers -> !n:max (\\d+) compare > 364", "FNN" },
	{ "not f:/etc/numbers -> n:max (\\d+) compare > 364", "NNN" },
	{ "f:/etc/numbers -> n:min (\\d+) compare == 7", "FFF" },
	{ "f:/etc/numbers -> n:none (\\d+) compare == 7", "NNN" },
	{ "f:/etc/numbers -> n:word (\\w) compare == 7", "III" },
	{ "not f:/etc/numbers -> n:word (\\w) compare == 7", "III" },
	{ "f:/etc/numbers -> n:neg (\\S+) compare == -5", "NFF" },
	{ "f:/etc/numbers -> n:neg (\\S+) compare < 0", "FFF" },
	{ "f:/etc/numbers -> n:big (\\d+) compare > 5", "FIF" },
	{ "f:/etc/numbers -> n:huge (\\d+) compare > 5", "III" },
	{ "f:/etc/numbers -> n:part (\\S+) compare == 12", "FFI" },
	{ "f:/etc/numbers -> n:365 compare == 365", "IFX" },
	{ "f:/etc/numbers -> n:max \\d+ compare == 365", "IIX" },
	{ "f:/etc/numbers -> n:max (\\d+) compare <=365", "FIX" },
	{ "f:/etc/numbers -> n:max (\\d+) compare \\!= 1", "FIX" },
	{ "f:/etc/numbers -> n:max (\\d+) compare => 100", "NIX" },
	{ "f:/etc/numbers -> n:max (\\d+) compare =< 365", "FIX" },
	{ "f:/etc/numbers -> n:max (\\d+) compare = 365", "FIX" },
	{ "f:/etc/numbers -> n:max (\\d+)", "IIX" },
	{ "f:/etc/numbers -> n:max (\\d+) compare", "IIX" },
	{ "f:/etc/numbers -> n:max (\\d+) compare ==", "IIX" },
	{ "f:/etc/numbers -> n:max (\\d+) compare == x", "IIX" },
	{ "f:/etc/numbers -> n:max (\\d+) compare 365", "IIX" },
	{ "f:/etc/numbers -> n:m(a compare == 5", "IIX" },
	/* one invalid part spoils the line, two of them or a negated one are 0 to wazuh4 */
	{ "f:/etc/numbers -> r:word && n:word (\\w) compare == 7", "III" },
	{ "f:/etc/numbers -> n:word (\\w) compare > 7 && n:d (\\w) compare < 7", "NII" },
	{ "f:/etc/numbers -> r:word && !n:word (\\w) compare == 7", "NII" },
	{ "f:/etc/numbers -> n:none (\\d+) compare", "IIX" },
	{ "f:/etc/numbers -> n:none (\\d+) compare == x", "NNX" },
	/* a line that is found outweighs one that is invalid, but for wazuh4, which stops there */
	{ "f:/etc/numbers -> n:\\w+ (\\S+) compare == 365", "FFF" },
	{ "f:/etc/numbers -> n:\\w+ (\\S+) compare == 7", "FFF" },
	{ "f:/etc/numbers -> n:\\w+ (\\S+) compare == 12", "IFI" },
	{ "f:/etc/numbers -> n:\\w+ (\\S+) compare == 3000000000", "IIF" },
	{ "f:/etc/numbers -> !n:word (\\w) compare == 7 && r:neg|word", "NFF" },

	/* lists */
	{ "f:/etc/gone,/etc/plain", "FRF" },
	{ "f:/etc/gone,/etc/never,/etc/plain", "FRF" },
	{ "f:/etc/gone,/etc/never", "RRR" },
	{ "f:/etc/gone,/etc/dir", "IRI" },
	{ "f:/etc/dir,/etc/never", "RRR" },
	{ "f:/etc/gone, /etc/plain", "RRF" },
	{ "f:/etc/other,/etc/plain -> r:Port", "FRF" },
	{ "f:/etc/plain,/etc/other -> r:nowhere", "NRN" },
	{ "f:/etc/gone,/etc/other -> r:Port", "IRI" },
	{ "not f:/etc/gone,/etc/other -> r:Port", "IRI" },
	{ "not f:/etc/other,/etc/plain -> r:Port", "NRN" },
	{ "f:/etc/plain,", "FRX" },
	{ "f:/a,b -> comma", "RFX" },

	/* kinds that nobody observes yet */
	{ "d:/etc", "RRR" },
	{ "not d:/etc -> r:\\.conf$ -> r:x", "RRR" },
	{ "p:sshd", "RRR" },
	{ "r:HKLM\\Software -> x", "RRR" },
	{ "c:sshd -T", "FRR" },
	{ "not c:sshd -T", "NRR" },
	{ "c:sshd -T -> r:x", "RRR" },
	{ "not c:sshd -T -> r:x", "RRR" },
	{ "c:sshd -T -> r:a(b", "RRX" },
};

struct fixture {
	struct pattern_context context;
	struct arena arena;
	struct world world;
};

static int start(void **test)
{
	struct fixture *fixture = memory_new(sizeof(*fixture));

	fixture->context.set = regex_set_new();
	fixture->context.arena = &fixture->arena;
	fixture->world = WORLD(files);
	*test = fixture;
	return 0;
}

static int stop(void **test)
{
	struct fixture *fixture = *test;

	regex_set_free(fixture->context.set);
	arena_fini(&fixture->arena);
	free(fixture);
	return 0;
}

static const char *parse(struct fixture *fixture, enum dialect_id dialect, const char *text,
    struct rule *rule)
{
	fixture->context.dialect = dialect_of(dialect);
	fixture->context.is_osregex = dialect == DIALECT_WAZUH4;
	return rule_parse(&fixture->context, NULL, text, rule);
}

static struct outcome evaluate(struct fixture *fixture, enum dialect_id dialect, const char *text)
{
	struct lookup lookup = WORLD_LOOKUP(&fixture->world);
	struct outcome outcome;
	struct rule rule;

	assert_null(parse(fixture, dialect, text, &rule));
	assert_int_equal(rule_evaluate(&rule, &lookup, &fixture->arena, &outcome), STATUS_OK);
	assert_non_null(outcome.reason);
	return outcome;
}

static char letter(struct fixture *fixture, enum dialect_id dialect, const char *text)
{
	struct rule rule;

	if (parse(fixture, dialect, text, &rule) != NULL)
		return 'X';
	return "?FNIR"[evaluate(fixture, dialect, text).kind];
}

static void every_rule_means_in_its_dialect_what_the_format_says(void **test)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int j = 0; j < 3; j++) {
			enum dialect_id dialect = (enum dialect_id)(DIALECT_WAZUH4 + j);
			char is = letter(*test, dialect, cases[i].rule);

			if (is != cases[i].outcomes[j]) {
				print_error("%s: %s is %c and should be %c\n", cases[i].rule,
				    dialect_of(dialect)->name, is, cases[i].outcomes[j]);
				wrong++;
			}
		}
	assert_int_equal(wrong, 0);
}

static void pcre2_in_wazuh4_minds_case(void **test)
{
	struct fixture *fixture = *test;
	struct lookup lookup = WORLD_LOOKUP(&fixture->world);
	struct outcome outcome;
	struct rule rule;

	fixture->context.dialect = dialect_of(DIALECT_WAZUH4);
	assert_null(rule_parse(&fixture->context, NULL, "f:/etc/plain -> r:^[p]ort", &rule));
	assert_int_equal(rule_evaluate(&rule, &lookup, &fixture->arena, &outcome), STATUS_OK);
	assert_int_equal(outcome.kind, OUTCOME_NOT_FOUND);
	assert_null(rule_parse(&fixture->context, NULL, "f:/etc/plain -> r:^[P]ort", &rule));
	assert_int_equal(rule_evaluate(&rule, &lookup, &fixture->arena, &outcome), STATUS_OK);
	assert_int_equal(outcome.kind, OUTCOME_FOUND);
}

static void an_outcome_shows_the_line_that_decided(void **test)
{
	struct outcome outcome = evaluate(*test, DIALECT_FETTLE,
	    "f:/etc/other,/etc/plain -> r:^Port");

	assert_int_equal(outcome.line, 2);
	assert_string_equal(outcome.target, "/etc/plain");
	assert_true(bytes_equal(outcome.evidence, bytes_of_text("Port 22")));
	outcome = evaluate(*test, DIALECT_FETTLE, "f:/etc/plain -> !r:^Port");
	assert_int_equal(outcome.kind, OUTCOME_NOT_FOUND);
	assert_true(bytes_equal(outcome.evidence, bytes_of_text("Port 22")));
	outcome = evaluate(*test, DIALECT_FETTLE, "f:/etc/plain -> r:^Nowhere");
	assert_int_equal(outcome.line, 0);
	assert_int_equal(outcome.evidence.size, 0);
	assert_string_equal(outcome.reason, "no line of /etc/plain matches");
}

static void an_outcome_shows_the_only_line_there_is(void **test)
{
	static const struct world_file switches[] = { { .path = "/proc/sys/one", .content = "1\n" },
		{ .path = "/etc/empty", .content = "" }, { .path = NULL } };
	struct fixture *fixture = *test;
	struct outcome outcome;

	fixture->world = WORLD(switches);
	outcome = evaluate(fixture, DIALECT_FETTLE, "f:/proc/sys/one -> n:^(\\d+)$ compare == 0");
	assert_int_equal(outcome.kind, OUTCOME_NOT_FOUND);
	assert_int_equal(outcome.line, 1);
	assert_true(bytes_equal(outcome.evidence, bytes_of_text("1")));
	outcome = evaluate(fixture, DIALECT_FETTLE, "c:stat -c %a /proc/sys/one -> r:^600$");
	assert_true(bytes_equal(outcome.evidence, bytes_of_text("644")));
	outcome = evaluate(fixture, DIALECT_FETTLE, "f:/etc/empty -> r:x");
	assert_int_equal(outcome.line, 0);
	assert_int_equal(outcome.evidence.size, 0);
}

static void evidence_is_cut_between_characters(void **test)
{
	struct fixture *fixture = *test;
	struct world_file long_line[] = { { .path = "/etc/long" }, { .path = NULL } };
	char content[512];
	struct outcome outcome;

	memset(content, 'x', sizeof(content));
	memcpy(content + 198, "\xe2\x82\xac", 3); /* of three bytes, the limit lies within */
	content[511] = '\0';
	long_line[0].content = content;
	fixture->world = WORLD(long_line);
	outcome = evaluate(fixture, DIALECT_FETTLE, "f:/etc/long -> r:^x");
	assert_int_equal(outcome.evidence.size, 198);
}

static void what_failed_keeps_its_reason_and_is_not_memoised(void **test)
{
	struct outcome outcome = evaluate(*test, DIALECT_FETTLE, "f:/etc/failed -> r:x");

	assert_non_null(strstr(outcome.reason, "it changed while it was read"));
	assert_false(outcome.may_memoise);
	outcome = evaluate(*test, DIALECT_FETTLE, "f:/etc/never -> r:x");
	assert_string_equal(outcome.reason, "not run: /etc/never is not observed yet");
	assert_true(outcome.may_memoise);
}

static void too_many_steps_is_not_run_and_says_so(void **test)
{
	struct fixture *fixture = *test;
	static const struct world_file evil[] = {
		{ .path = "/etc/evil",
		    .content = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\n" },
		{ .path = NULL },
	};
	static const char *const rules[] = { "f:/etc/evil -> r:(a+)+$",
		"not f:/etc/evil -> r:(a+)+$", "f:/etc/evil -> !r:(a+)+$" };

	fixture->world = WORLD(evil);
	for (size_t i = 0; i < 3; i++) {
		struct outcome outcome = evaluate(fixture, DIALECT_FETTLE, rules[i]);

		assert_int_equal(outcome.kind, OUTCOME_NOT_RUN);
		assert_string_equal(outcome.reason,
		    "not run: the regular expression needed too many steps");
	}
}

/* A line of 10 MB: its start counts, and what lies behind is unknown rather than absent. */
static void the_end_of_an_endless_line_is_unknown(void **test)
{
	enum { SIZE = 10 * 1024 * 1024 };
	struct fixture *fixture = *test;
	struct world_file endless[] = { { .path = "/etc/endless", .content_size = SIZE },
		{ .path = NULL } };
	char *content = memory_new(SIZE + 1);

	memset(content, 'x', SIZE);
	memcpy(content, "start", 5);
	memcpy(content + SIZE - 5, "end\nz", 5);
	endless[0].content = content;
	fixture->world = WORLD(endless);
	assert_int_equal(letter(fixture, DIALECT_FETTLE, "f:/etc/endless -> r:^start"), 'F');
	assert_int_equal(letter(fixture, DIALECT_FETTLE, "f:/etc/endless -> r:end$"), 'R');
	assert_int_equal(letter(fixture, DIALECT_FETTLE, "f:/etc/endless -> !r:end$"), 'R');
	assert_int_equal(letter(fixture, DIALECT_FETTLE, "f:/etc/endless -> r:^z$"), 'F');
	assert_int_equal(letter(fixture, DIALECT_WAZUH5, "f:/etc/endless -> r:end$"), 'R');
	/* wazuh4 goes on with the rest as if it were the next line. */
	assert_int_equal(letter(fixture, DIALECT_WAZUH4, "f:/etc/endless -> r:end$"), 'F');
	assert_int_equal(evaluate(fixture, DIALECT_WAZUH4, "f:/etc/endless -> z").line, 2);
	free(content);
}

/* Its buffer has 2,048 bytes, of which one is for the NUL and one for the line feed. */
static void wazuh4_reads_long_lines_in_pieces_of_2047_bytes(void **test)
{
	struct fixture *fixture = *test;
	struct world_file wide[] = { { .path = "/etc/wide" }, { .path = NULL } };
	char content[2047 + 8];

	memset(content, 'x', 2047);
	strcpy(content + 2047, "yz\nend");
	wide[0].content = content;
	fixture->world = WORLD(wide);
	assert_int_equal(letter(fixture, DIALECT_WAZUH4, "f:/etc/wide -> r:xyz"), 'N');
	assert_int_equal(letter(fixture, DIALECT_WAZUH4, "f:/etc/wide -> yz"), 'F');
	assert_int_equal(evaluate(fixture, DIALECT_WAZUH4, "f:/etc/wide -> end").line, 2);
	assert_int_equal(letter(fixture, DIALECT_WAZUH5, "f:/etc/wide -> r:xyz"), 'F');
	/* Of a line that just fills the buffer, the line feed is a line of its own. */
	strcpy(content + 2047, "\n");
	assert_int_equal(letter(fixture, DIALECT_WAZUH4, "f:/etc/wide -> r:^$"), 'F');
	strcpy(content + 2046, "\n");
	assert_int_equal(letter(fixture, DIALECT_WAZUH4, "f:/etc/wide -> r:^$"), 'N');
}

static void a_rule_names_the_facts_that_it_reads(void **test)
{
	struct rule rule;

	assert_null(parse(*test, DIALECT_FETTLE, "f:/etc/a, /etc/b -> r:x", &rule));
	assert_int_equal(rule.keys_count, 2);
	assert_true(bytes_equal(rule.keys[0].key, bytes_of_text("file/etc/a")));
	assert_true(bytes_equal(rule.keys[1].key, bytes_of_text("file/etc/b")));
	assert_string_equal(rule.keys[1].path, "/etc/b");
	assert_true(rule.keys[1].wants_content);
	assert_null(parse(*test, DIALECT_FETTLE, "not f:/etc/a", &rule));
	assert_false(rule.keys[0].wants_content);
	assert_null(parse(*test, DIALECT_FETTLE, "c:stat -c %a /etc/a -> r:6", &rule));
	assert_true(bytes_equal(rule.keys[0].key, bytes_of_text("file/etc/a")));
	assert_false(rule.keys[0].wants_content);
	assert_null(parse(*test, DIALECT_FETTLE, "c:sshd -T -> r:x", &rule));
	assert_int_equal(rule.keys_count, 0);
}

static void hash_of(struct fixture *fixture, enum dialect_id dialect, bool is_osregex,
    const char *text, uint8_t out[HASH_SIZE])
{
	struct rule rule;

	fixture->context.dialect = dialect_of(dialect);
	fixture->context.is_osregex = is_osregex;
	assert_null(rule_parse(&fixture->context, NULL, text, &rule));
	memcpy(out, rule.hash, HASH_SIZE);
}

static void a_hash_covers_all_that_an_outcome_depends_on(void **test)
{
	static const struct {
		enum dialect_id dialect;
		bool is_osregex;
		const char *text;
	} rules[] = {
		{ DIALECT_WAZUH4, true, "f:/a -> r:b" },
		{ DIALECT_WAZUH4, false, "f:/a -> r:b" },
		{ DIALECT_WAZUH5, false, "f:/a -> r:b" },
		{ DIALECT_FETTLE, false, "f:/a -> r:b" },
		{ DIALECT_FETTLE, false, "not f:/a -> r:b" },
		{ DIALECT_FETTLE, false, "f:/a -> b" },
		{ DIALECT_FETTLE, false, "f:/a" },
		{ DIALECT_WAZUH4, true, "f:/a" },
		{ DIALECT_WAZUH4, true, "f:/a -> " },
	};
	enum { COUNT = sizeof(rules) / sizeof(rules[0]) };
	uint8_t hashes[COUNT][HASH_SIZE], again[HASH_SIZE];

	for (size_t i = 0; i < COUNT; i++) {
		hash_of(*test, rules[i].dialect, rules[i].is_osregex, rules[i].text, hashes[i]);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(hashes[i], hashes[j], HASH_SIZE);
	}
	hash_of(*test, rules[0].dialect, rules[0].is_osregex, rules[0].text, again);
	assert_memory_equal(again, hashes[0], HASH_SIZE);
}

static void variables_stand_in_targets_and_nowhere_else(void **test)
{
	struct variable items[] = { { "$a", "/etc/short" }, { "$ab", "/etc/other,/etc/plain" } };
	struct variables variables = { items, 2 };
	struct fixture *fixture = *test;
	struct rule rule;

	variables_sort(&variables);
	fixture->context.dialect = dialect_of(DIALECT_FETTLE);
	assert_null(rule_parse(&fixture->context, &variables, "f:$ab -> r:22$ab|22$", &rule));
	assert_string_equal(rule.text, "f:/etc/other,/etc/plain -> r:22$ab|22$");
	assert_int_equal(rule.keys_count, 2);
	assert_null(rule_parse(&fixture->context, &variables, "p:$ab", &rule));
	assert_string_equal(rule.target, "$ab");
}

static void a_broken_store_is_not_an_outcome(void **test)
{
	struct fixture *fixture = *test;
	struct lookup lookup = WORLD_LOOKUP(&fixture->world);
	struct outcome outcome;
	struct rule rule;

	fixture->world.broken = STATUS_CORRUPT;
	assert_null(parse(fixture, DIALECT_FETTLE, "f:/etc/plain", &rule));
	assert_int_equal(rule_evaluate(&rule, &lookup, &fixture->arena, &outcome), STATUS_CORRUPT);
	assert_null(parse(fixture, DIALECT_FETTLE, "c:stat -c %a /etc/plain", &rule));
	assert_int_equal(rule_evaluate(&rule, &lookup, &fixture->arena, &outcome), STATUS_CORRUPT);
}

static void a_rule_has_bounds(void **test)
{
	char *text = memory_new(RULE_TEXT_MAX + 2);
	struct rule rule;

	memset(text, ',', RULE_TEXT_MAX);
	memcpy(text, "f:/a", 4);
	assert_non_null(parse(*test, DIALECT_WAZUH4, text, &rule));
	memset(text, 'x', RULE_TEXT_MAX + 1);
	memcpy(text, "f:/a", 4);
	assert_non_null(parse(*test, DIALECT_FETTLE, text, &rule));
	text[0] = '\0';
	strcpy(text, "f:/a -> r:x");
	for (int i = 0; i < PATTERN_MINTERMS_MAX; i++)
		strcat(text, " && r:x");
	assert_non_null(parse(*test, DIALECT_WAZUH4, text, &rule));
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_rule_means_in_its_dialect_what_the_format_says),
		TEST(pcre2_in_wazuh4_minds_case),
		TEST(an_outcome_shows_the_line_that_decided),
		TEST(an_outcome_shows_the_only_line_there_is),
		TEST(evidence_is_cut_between_characters),
		TEST(what_failed_keeps_its_reason_and_is_not_memoised),
		TEST(too_many_steps_is_not_run_and_says_so),
		TEST(the_end_of_an_endless_line_is_unknown),
		TEST(wazuh4_reads_long_lines_in_pieces_of_2047_bytes),
		TEST(a_rule_names_the_facts_that_it_reads),
		TEST(a_hash_covers_all_that_an_outcome_depends_on),
		TEST(variables_stand_in_targets_and_nowhere_else),
		TEST(a_broken_store_is_not_an_outcome),
		TEST(a_rule_has_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
