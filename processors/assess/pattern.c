/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/assess/pattern.h"

#include <stdio.h>
#include <strings.h>

#include "processors/assess/number.h"
#include "processors/assess/osregex.h"

static const struct {
	const char *text;
	enum compare compare;
} operators[] = {
	{ "<=", COMPARE_AT_MOST },
	{ "==", COMPARE_EQUAL },
	{ "!=", COMPARE_UNEQUAL },
	{ ">=", COMPARE_AT_LEAST },
	{ "<", COMPARE_LESS },
	{ ">", COMPARE_GREATER },
};

enum { OPERATORS = sizeof(operators) / sizeof(operators[0]) };

const char *pattern_compare_text(enum compare compare)
{
	for (size_t i = 0; i < OPERATORS; i++)
		if (operators[i].compare == compare)
			return operators[i].text;
	return "?";
}

/* Reading */

static void compile(const struct pattern_context *context, struct minterm *minterm)
{
	struct arena *arena = context->arena;
	struct buffer translated = { 0 };
	const char *text = minterm->text;
	unsigned flags = context->dialect->regex_flags;

	if (context->is_osregex) {
		if (!osregex_translate(minterm->text, &translated, arena, &minterm->problem)) {
			buffer_fini(&translated);
			return;
		}
		text = buffer_text(&translated);
		flags |= REGEX_CASELESS;
	}
	minterm->regex = regex_compile(context->set, text, flags, arena, &minterm->problem);
	if (minterm->regex == NULL)
		minterm->problem = arena_format(arena,
		    "the regular expression does not compile: %s", minterm->problem);
	buffer_fini(&translated);
}

/*
 * "<=15", "\!= 3", "=> 4": what is not an operator elsewhere is one to wazuh4, which takes "=" at
 * the start for equality and else looks for the others anywhere, in this order.
 */
static bool read_loose_compare(const char *text, struct minterm *minterm)
{
	static const enum compare order[] = { COMPARE_UNEQUAL, COMPARE_AT_MOST, COMPARE_AT_LEAST,
		COMPARE_LESS, COMPARE_GREATER };
	enum { COUNT = sizeof(order) / sizeof(order[0]) };
	struct number operand = number_read(bytes_of_text(text + strcspn(text, "0123456789")));
	size_t i = 0;

	minterm->operand = operand.value;
	if (operand.used == 0 || operand.is_beyond)
		return false;
	while (i < COUNT && strstr(text, pattern_compare_text(order[i])) == NULL)
		i++;
	minterm->compare = *text == '=' || i == COUNT ? COMPARE_EQUAL : order[i];
	return *text == '=' || i < COUNT;
}

static bool read_exact_compare(const char *text, struct minterm *minterm)
{
	struct number operand;
	size_t size = strcspn(text, " "), i = 0;

	while (
	    i < OPERATORS
	    && (strlen(operators[i].text) != size || strncmp(text, operators[i].text, size) != 0))
		i++;
	if (i == OPERATORS || text[size] != ' ')
		return false;
	minterm->compare = operators[i].compare;
	operand = number_read(bytes_of_text(text + size + 1));
	minterm->operand = operand.value;
	return operand.used > 0 && !operand.is_beyond && text[size + 1 + operand.used] == '\0';
}

static void read_number(const struct pattern_context *context, const char *text,
    struct minterm *minterm)
{
	static const char separator[] = " compare ";
	const struct dialect *dialect = context->dialect;
	const char *at = strstr(text, separator), *compare;
	bool is_read;

	minterm->text = text;
	minterm->is_malformed = true;
	minterm->problem = "n: needs \" compare \", an operator and a number";
	if (at == NULL)
		return;
	compare = at + sizeof(separator) - 1;
	minterm->comparison = compare;
	minterm->text = arena_format(context->arena, "%.*s", (int)(at - text), text);
	minterm->problem = NULL;
	compile(context, minterm);
	is_read = dialect->compare_is_loose ? read_loose_compare(compare, minterm)
	                                    : read_exact_compare(compare, minterm);
	minterm->is_malformed = !is_read;
	if (!is_read)
		minterm->problem = arena_format(context->arena,
		    "\"compare %s\" is none: "
		    "an operator (<, <=, ==, !=, >=, >), a space and a number are wanted",
		    compare);
	else if (minterm->regex != NULL && dialect->compare_needs_group
		 && !regex_has_group(minterm->regex))
		minterm->problem = "the regular expression of n: needs parentheses around the "
				   "number";
}

static bool has_prefix(const struct dialect *dialect, const char *text, const char *prefix)
{
	return dialect->prefixes_fold_case ? strncasecmp(text, prefix, 2) == 0
	                                   : strncmp(text, prefix, 2) == 0;
}

static void read_minterm(const struct pattern_context *context, const char *text,
    struct minterm *minterm)
{
	minterm->is_negated = *text == '!';
	text += minterm->is_negated;
	minterm->text = text;
	if (has_prefix(context->dialect, text, "n:")) {
		minterm->kind = MINTERM_NUMBER;
		read_number(context, text + 2, minterm);
	} else if (has_prefix(context->dialect, text, "r:")) {
		minterm->kind = MINTERM_REGEX;
		minterm->text = text + 2;
		compile(context, minterm);
	}
	if (*minterm->text == '\0' && minterm->problem == NULL)
		minterm->problem = "a part of the pattern is empty";
}

static bool starts_with_literal(const struct dialect *dialect, const char *text)
{
	text += *text == '!';
	return !has_prefix(dialect, text, "r:") && !has_prefix(dialect, text, "n:");
}

const struct pattern *pattern_parse(const struct pattern_context *context, const char *text,
    const char **problem)
{
	static const char separator[] = " && ";
	struct pattern *pattern = arena_take(context->arena, sizeof(*pattern));
	bool is_split = context->dialect->splits_after_literal
	             || !starts_with_literal(context->dialect, text);
	const char *end = text;

	pattern->count = 1;
	for (const char *at = text; is_split && (at = strstr(at, separator)) != NULL;
	     at += sizeof(separator) - 1)
		pattern->count++;
	if (pattern->count > PATTERN_MINTERMS_MAX) {
		*problem = arena_format(context->arena, "the pattern has more than %d parts",
		    PATTERN_MINTERMS_MAX);
		return NULL;
	}
	pattern->minterms = arena_take(context->arena, pattern->count * sizeof(struct minterm));
	for (size_t i = 0; i < pattern->count; i++, text = end + sizeof(separator) - 1) {
		end = i + 1 < pattern->count ? strstr(text, separator) : text + strlen(text);
		read_minterm(context, arena_format(context->arena, "%.*s", (int)(end - text), text),
		    &pattern->minterms[i]);
	}
	return pattern;
}

/* Lines */

struct lines {
	const struct dialect *dialect;
	struct bytes rest;
	struct bytes line;
	unsigned number;
	bool was_cut;   /* some line had bytes that were not looked at */
	bool continues; /* the next is the rest of this one */
};

/* LINE as the dialect reads it. */
static struct bytes clean(const struct dialect *dialect, struct bytes line)
{
	if (dialect->ends_line_at_nul)
		line.size = strnlen((const char *)line.data, line.size);
	while (dialect->strips_carriage_return && line.size > 0 && line.data[line.size - 1] == '\r')
		line.size--;
	return line;
}

static bool next_line(struct lines *lines)
{
	const struct dialect *dialect = lines->dialect;
	const uint8_t *data = lines->rest.data, *feed;
	size_t size, used;

	if (lines->rest.size == 0)
		return false;
	feed = memchr(data, '\n', lines->rest.size);
	size = feed == NULL ? lines->rest.size : (size_t)(feed - data);
	used = size + (feed != NULL);
	lines->number += !lines->continues;
	/* The line feed needs room of its own where lines are read into a buffer. */
	lines->continues = dialect->long_lines_go_on && used > dialect->line_max;
	if (lines->continues) {
		size = size < dialect->line_max ? size : dialect->line_max;
		used = size;
	} else if (size > dialect->line_max) {
		size = dialect->line_max;
		lines->was_cut = true;
	}
	lines->line = clean(dialect, BYTES(data, size));
	lines->rest = BYTES(data + used, lines->rest.size - used);
	return true;
}

/*
 * Judging.  BAD is INVALID.  SPOILED is what wazuh4's arithmetic makes of two BAD ones or of a
 * negated one: neither a match nor invalid, and yet the end of the search.
 */
enum verdict { NO, YES, BAD, SPOILED, LIMIT };

static bool compare_holds(int64_t a, enum compare compare, int64_t b)
{
	switch (compare) {
	case COMPARE_LESS:
		return a < b;
	case COMPARE_AT_MOST:
		return a <= b;
	case COMPARE_EQUAL:
		return a == b;
	case COMPARE_UNEQUAL:
		return a != b;
	case COMPARE_AT_LEAST:
		return a >= b;
	case COMPARE_GREATER:
		return a > b;
	}
	return false;
}

static enum verdict judge_number(const struct minterm *minterm, const struct dialect *dialect,
    struct bytes match, struct bytes group)
{
	struct bytes text = group.data != NULL || dialect->compare_needs_group ? group : match;
	struct number number = number_read(text);

	if (number.used == 0 || number.is_beyond
	    || (dialect->numbers_are_exact && number.used != text.size))
		return BAD;
	if (dialect->numbers_are_32_bits && (number.value > INT32_MAX || number.value < INT32_MIN))
		return BAD;
	return compare_holds(number.value, minterm->compare, minterm->operand) ? YES : NO;
}

static enum verdict judge_literal(const struct minterm *minterm, const struct dialect *dialect,
    struct bytes line)
{
	struct bytes literal = bytes_of_text(minterm->text);

	if (!dialect->literals_fold_case)
		return bytes_equal(literal, line) ? YES : NO;
	return literal.size == line.size
	            && (line.size == 0
			|| strncasecmp((const char *)literal.data, (const char *)line.data,
			       line.size)
			       == 0)
	         ? YES
	         : NO;
}

/* Without its negation. */
static enum verdict judge_minterm(const struct minterm *minterm, const struct dialect *dialect,
    struct bytes line)
{
	struct bytes match, group;

	if (minterm->kind == MINTERM_LITERAL)
		return judge_literal(minterm, dialect, line);
	if (minterm->regex == NULL)
		return dialect->bad_regex_is_false && minterm->kind == MINTERM_REGEX ? NO : BAD;
	switch (regex_match(minterm->regex, line, &match, &group)) {
	case REGEX_NO_MATCH:
		return NO;
	case REGEX_LIMIT:
		return LIMIT;
	case REGEX_MATCH:
		break;
	}
	if (minterm->kind == MINTERM_REGEX)
		return YES;
	return minterm->is_malformed ? BAD : judge_number(minterm, dialect, match, group);
}

static enum verdict negate(enum verdict verdict, const struct dialect *dialect)
{
	if (verdict == YES)
		return NO;
	if (verdict == NO)
		return YES;
	return verdict == BAD && dialect->multiplies_invalid ? SPOILED : verdict;
}

static enum verdict judge_line(const struct pattern *pattern, const struct dialect *dialect,
    struct bytes line)
{
	enum verdict whole = YES;

	for (size_t i = 0; i < pattern->count; i++) {
		const struct minterm *minterm = &pattern->minterms[i];
		enum verdict verdict = judge_minterm(minterm, dialect, line);

		if (minterm->is_negated)
			verdict = negate(verdict, dialect);
		if (verdict == NO || verdict == LIMIT)
			return verdict;
		if (verdict == BAD && whole == BAD && dialect->multiplies_invalid)
			whole = SPOILED;
		else if (verdict > whole)
			whole = verdict;
	}
	return whole;
}

/* Where a character of UTF-8 would be cut through, the cut comes before it. */
static struct bytes evidence_of(struct bytes line, struct arena *arena)
{
	size_t size = line.size;

	if (size > OUTCOME_EVIDENCE_MAX) {
		size = OUTCOME_EVIDENCE_MAX;
		for (int i = 0; i < 3 && (line.data[size] & 0xc0) == 0x80; i++)
			size--;
	}
	return arena_bytes(arena, BYTES(line.data, size));
}

static void decide(struct outcome *out, enum outcome_kind kind, const struct lines *lines,
    struct arena *arena)
{
	out->kind = kind;
	out->evidence = evidence_of(lines->line, arena);
	out->line = lines->number;
}

/* No line decided. */
static void conclude(const struct lines *lines, const struct pattern_input *input, bool is_none,
    struct arena *arena, struct outcome *out)
{
	if (input->is_truncated || lines->was_cut) {
		out->kind = OUTCOME_NOT_RUN;
		out->evidence = BYTES_NONE;
		out->line = 0;
		out->reason = arena_format(arena,
		    "not run: only a part of %s is known, and no "
		    "line of that part decides",
		    input->name);
	} else if (out->kind != OUTCOME_INVALID) {
		if (is_none)
			out->kind = lines->number == 0 ? lines->dialect->lone_negation_of_nothing
			                               : OUTCOME_FOUND;
		/* Where there is one line only, what it says instead is what everybody asks next.
		 */
		if (lines->number == 1)
			decide(out, out->kind, lines, arena);
		out->reason = lines->number == 0
		                ? arena_format(arena, "%s is empty", input->name)
		                : arena_format(arena, "no line of %s matches", input->name);
	}
}

static struct bytes trim(struct bytes text)
{
	while (text.size > 0 && strchr(" \t\r\n\v\f", text.data[text.size - 1]) != NULL
	       && text.data[text.size - 1] != '\0')
		text.size--;
	while (text.size > 0 && text.data[0] != '\0' && strchr(" \t\r\n\v\f", text.data[0]) != NULL)
		text = BYTES(text.data + 1, text.size - 1);
	return text;
}

/* A literal against all of a command's output. */
static void evaluate_whole(const struct pattern *pattern, const struct dialect *dialect,
    const struct pattern_input *input, struct arena *arena, struct outcome *out)
{
	struct lines lines = { .dialect = dialect, .line = trim(input->text), .number = 1 };

	if (input->is_truncated) {
		conclude(&lines, input, false, arena, out);
		return;
	}
	decide(out,
	    judge_line(pattern, dialect, lines.line) == YES ? OUTCOME_FOUND : OUTCOME_NOT_FOUND,
	    &lines, arena);
	out->reason = arena_format(arena, "all of %s was compared", input->name);
}

/* True: the search ends with what OUT says. */
static bool act_on(enum verdict verdict, bool is_none, const struct lines *lines,
    const struct pattern_input *input, struct arena *arena, struct outcome *out)
{
	bool is_decided = lines->dialect->invalid_line_decides && !input->is_command;

	switch (verdict) {
	case NO:
		break;
	case YES:
		decide(out, is_none ? OUTCOME_NOT_FOUND : OUTCOME_FOUND, lines, arena);
		out->reason = arena_format(arena, "line %u of %s matches", lines->number,
		    input->name);
		return true;
	case LIMIT:
		decide(out, OUTCOME_NOT_RUN, lines, arena);
		out->reason = "not run: the regular expression needed too many steps";
		return true;
	case BAD:
		if (out->kind != OUTCOME_INVALID)
			decide(out, OUTCOME_INVALID, lines, arena);
		out->reason = arena_format(arena,
		    "line %u of %s holds no number to compare, or "
		    "the pattern is not valid",
		    out->line, input->name);
		return is_decided;
	case SPOILED:
		decide(out, OUTCOME_NOT_FOUND, lines, arena);
		out->reason = arena_format(arena, "line %u of %s holds no number to compare",
		    lines->number, input->name);
		return is_decided;
	}
	/* Of a command's output, wazuh4 remembers the last line alone. */
	if (lines->dialect->invalid_line_decides)
		*out = (struct outcome){ .kind = OUTCOME_NOT_FOUND, .may_memoise = true };
	return false;
}

void pattern_evaluate(const struct pattern *pattern, const struct dialect *dialect,
    const struct pattern_input *input, struct arena *arena, struct outcome *out)
{
	struct lines lines = { .dialect = dialect, .rest = input->text };
	bool is_lone = pattern->count == 1;
	bool is_none = is_lone && pattern->minterms[0].is_negated && dialect->lone_negation_is_none;

	*out = (struct outcome){ .kind = OUTCOME_NOT_FOUND, .may_memoise = true };
	if (is_lone && input->is_command && dialect->literal_is_whole_output
	    && pattern->minterms[0].kind == MINTERM_LITERAL) {
		evaluate_whole(pattern, dialect, input, arena, out);
		return;
	}
	while (next_line(&lines)) {
		enum verdict verdict = is_none
		                         ? judge_minterm(pattern->minterms, dialect, lines.line)
		                         : judge_line(pattern, dialect, lines.line);

		if (act_on(verdict, is_none, &lines, input, arena, out))
			return;
	}
	conclude(&lines, input, is_none, arena, out);
}
