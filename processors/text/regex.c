/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/require.h"

enum { JIT_STACK_FIRST = 32 * 1024, JIT_STACK_MAX = 512 * 1024, OVECTOR_PAIRS = 2 };

struct regex {
	struct regex *next;
	struct regex_set *set;
	pcre2_code *code;
	uint32_t groups;
};

struct regex_set {
	struct regex *first;
	pcre2_compile_context *compile;
	pcre2_match_context *match;
	pcre2_match_data *data;
	pcre2_jit_stack *stack;
};

struct regex_set *regex_set_new(void)
{
	struct regex_set *set = memory_new(sizeof(*set));

	set->compile = pcre2_compile_context_create(NULL);
	set->match = pcre2_match_context_create(NULL);
	set->data = pcre2_match_data_create(OVECTOR_PAIRS, NULL);
	REQUIRE(set->compile != NULL && set->match != NULL && set->data != NULL);
	pcre2_set_max_pattern_length(set->compile, REGEX_PATTERN_MAX);
	/* A line holds no line feed; whatever else PCRE2 was built for must not end one. */
	pcre2_set_newline(set->compile, PCRE2_NEWLINE_LF);
	pcre2_set_match_limit(set->match, REGEX_MATCH_LIMIT);
	pcre2_set_depth_limit(set->match, REGEX_DEPTH_LIMIT);
	pcre2_set_heap_limit(set->match, REGEX_HEAP_LIMIT_KIB);
	/* NULL where there is no JIT: PCRE2 then interprets, and regex_version() says so. */
	set->stack = pcre2_jit_stack_create(JIT_STACK_FIRST, JIT_STACK_MAX, NULL);
	if (set->stack != NULL)
		pcre2_jit_stack_assign(set->match, NULL, set->stack);
	return set;
}

void regex_set_free(struct regex_set *set)
{
	if (set == NULL)
		return;
	while (set->first != NULL) {
		struct regex *regex = set->first;

		set->first = regex->next;
		pcre2_code_free(regex->code);
		free(regex);
	}
	pcre2_jit_stack_free(set->stack);
	pcre2_match_data_free(set->data);
	pcre2_match_context_free(set->match);
	pcre2_compile_context_free(set->compile);
	free(set);
}

static uint32_t options_of(unsigned flags)
{
	uint32_t options = PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;

	if (flags & REGEX_CASELESS)
		options |= PCRE2_CASELESS;
	if (flags & REGEX_MULTILINE)
		options |= PCRE2_MULTILINE;
	return options;
}

static const char *describe(int error, size_t offset, struct arena *arena)
{
	PCRE2_UCHAR text[128];

	if (pcre2_get_error_message(error, text, sizeof(text)) < 0)
		return arena_format(arena, "error %d at its character %zu", error, offset + 1);
	return arena_format(arena, "%s, at its character %zu", (const char *)text, offset + 1);
}

const struct regex *regex_compile(struct regex_set *set, const char *pattern, unsigned flags,
    struct arena *arena, const char **problem)
{
	struct regex *regex;
	pcre2_code *code;
	size_t offset;
	int error;

	code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options_of(flags), &error,
	    &offset, set->compile);
	if (code == NULL) {
		*problem = describe(error, offset, arena);
		return NULL;
	}
	/* Where it cannot, the interpreter gives the same answers. */
	(void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	regex = memory_new(sizeof(*regex));
	regex->code = code;
	regex->set = set;
	regex->next = set->first;
	set->first = regex;
	pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &regex->groups);
	return regex;
}

static struct bytes part(struct bytes subject, const size_t *pair)
{
	/* \K in a lookahead can put the end before the start. */
	if (pair[0] == PCRE2_UNSET || pair[1] < pair[0])
		return BYTES_NONE;
	return BYTES(subject.data + pair[0], pair[1] - pair[0]);
}

enum regex_result regex_match(const struct regex *regex, struct bytes subject, struct bytes *match,
    struct bytes *group)
{
	pcre2_match_data *data = regex->set->data;
	const size_t *pairs = pcre2_get_ovector_pointer(data);
	int result;

	if (subject.data == NULL)
		subject = bytes_of_text("");
	result = pcre2_match(regex->code, subject.data, subject.size, 0, 0, data,
	    regex->set->match);
	if (result == PCRE2_ERROR_NOMATCH)
		return REGEX_NO_MATCH;
	/* Any other error is a limit of some kind: it must never read as "no match". */
	if (result < 0)
		return REGEX_LIMIT;
	if (match != NULL)
		*match = part(subject, pairs);
	if (group != NULL)
		*group = regex->groups > 0 ? part(subject, pairs + 2) : BYTES_NONE;
	return REGEX_MATCH;
}

enum regex_result regex_match_beginning(const struct regex *regex, struct bytes beginning)
{
	pcre2_match_data *data = regex->set->data;
	const size_t *pairs = pcre2_get_ovector_pointer(data);
	int result;

	if (beginning.data == NULL)
		beginning = bytes_of_text("");
	/* A match for which the end was looked at is a partial one then. */
	result = pcre2_match(regex->code, beginning.data, beginning.size, 0, PCRE2_PARTIAL_HARD,
	    data, regex->set->match);
	if (result == PCRE2_ERROR_NOMATCH || result == PCRE2_ERROR_PARTIAL)
		return REGEX_NO_MATCH;
	if (result < 0)
		return REGEX_LIMIT;
	/* But not one of nothing at the end: "^$". */
	return pairs[0] == beginning.size ? REGEX_NO_MATCH : REGEX_MATCH;
}

bool regex_has_group(const struct regex *regex)
{
	return regex->groups > 0;
}

/* PCRE2 may be built for JIT and the system still forbid memory that is written and executed. */
static bool has_jit(void)
{
	int error;
	size_t offset;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR) "a+b", PCRE2_ZERO_TERMINATED, 0, &error,
	    &offset, NULL);
	bool works = code != NULL && pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;

	pcre2_code_free(code);
	return works;
}

const char *regex_version(void)
{
	static _Thread_local char text[128];
	char library[64] = "";

	if (text[0] != '\0')
		return text;
	pcre2_config(PCRE2_CONFIG_VERSION, library);
	snprintf(text, sizeof(text), "%s %s %d %d %d", library, has_jit() ? "jit" : "interpreter",
	    REGEX_MATCH_LIMIT, REGEX_DEPTH_LIMIT, REGEX_HEAP_LIMIT_KIB);
	return text;
}
