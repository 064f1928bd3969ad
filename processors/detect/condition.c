/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recursive descent whose only recursion are parentheses, which are counted: no condition is too
 * deep to be evaluated.
 */
#include "processors/detect/condition.h"

#include <ctype.h>

#include "core/path_glob.h"

struct token {
	struct bytes text; /* size 0: the end */
	size_t offset;
};

struct parser {
	const char *text;
	size_t at;
	struct token token; /* the next one */
	const char *const *names;
	size_t names_count;
	struct condition *selections; /* one node for each, however often it is named */
	unsigned depth;
	struct arena *arena;
	struct condition_problem *problem;
};

/* ---- saying ---- */

static const struct condition *fail(struct parser *parser, size_t offset, const char *message)
{
	if (parser->problem->message == NULL)
		*parser->problem = (struct condition_problem){ offset, message };
	return NULL;
}

static const char *shown(const struct parser *parser)
{
	return arena_format(parser->arena, "\"%.*s\"", (int)parser->token.text.size,
	    (const char *)parser->token.text.data);
}

/* ---- tokens ---- */

static bool is_name_character(char c)
{
	return isalnum((unsigned char)c) || (c != '\0' && strchr("_-.*", c) != NULL);
}

static void next(struct parser *parser)
{
	const char *start = parser->text + parser->at;
	size_t size = 0;

	start += strspn(start, " \t\r\n");
	while (is_name_character(start[size]))
		size++;
	if (size == 0 && *start != '\0')
		size = 1;
	parser->token = (struct token){ BYTES(start, size), (size_t)(start - parser->text) };
	parser->at = parser->token.offset + size;
}

static bool is_token(const struct parser *parser, const char *text)
{
	return bytes_equal(parser->token.text, bytes_of_text(text));
}

static bool take(struct parser *parser, const char *text)
{
	if (!is_token(parser, text))
		return false;
	next(parser);
	return true;
}

/* ---- nodes ---- */

/* Takes the buffer of pointers; one operand alone is itself. */
static const struct condition *join(struct parser *parser, enum condition_kind kind,
    struct buffer *operands)
{
	struct bytes kept = arena_bytes(parser->arena, buffer_bytes(operands));
	struct condition *node = arena_take(parser->arena, sizeof(*node));

	buffer_fini(operands);
	*node = (struct condition){ .kind = kind,
		.operands = (const struct condition **)(uintptr_t)kept.data,
		.count = kept.size / sizeof(node) };
	return node->count == 1 && kind != CONDITION_NOT ? node->operands[0] : node;
}

static void add(struct buffer *operands, const struct condition *node)
{
	buffer_append(operands, BYTES(&node, sizeof(node)));
}

/* ---- the grammar ---- */

static const struct condition *parse_or(struct parser *parser);

static bool is_meant(struct bytes pattern, const char *name)
{
	if (bytes_equal(pattern, bytes_of_text("them")))
		return name[0] != '_';
	return path_glob_match_name(pattern, bytes_of_text(name));
}

/* After "1" or "all". */
static const struct condition *parse_of(struct parser *parser, enum condition_kind kind)
{
	struct buffer operands = { 0 };

	if (!take(parser, "of"))
		return fail(parser, parser->token.offset, "\"of\" must follow here");
	for (size_t i = 0; i < parser->names_count; i++)
		if (is_meant(parser->token.text, parser->names[i]))
			add(&operands, &parser->selections[i]);
	if (operands.size == 0)
		return fail(parser, parser->token.offset,
		    arena_format(parser->arena, "no selection is meant by %s", shown(parser)));
	next(parser);
	return join(parser, kind, &operands);
}

static const char *why_unsupported(const struct parser *parser)
{
	static const char *const numbers = "0123456789";
	struct bytes text = parser->token.text;
	struct arena *arena = parser->arena;

	if (text.size == 0)
		return "it ends where a selection should follow";
	if (is_token(parser, "any"))
		return "\"any of\" is not supported: write \"1 of\"";
	if (is_token(parser, "AND") || is_token(parser, "OR") || is_token(parser, "NOT"))
		return arena_format(arena, "%s must be written in small letters", shown(parser));
	if (strspn((const char *)text.data, numbers) >= text.size)
		return arena_format(arena,
		    "%s is not supported as a number of selections: only "
		    "\"1 of\" and \"all of\" are",
		    shown(parser));
	return arena_format(arena, "no selection is named %s", shown(parser));
}

static const struct condition *parse_name(struct parser *parser)
{
	for (size_t i = 0; i < parser->names_count; i++)
		if (is_token(parser, parser->names[i])) {
			next(parser);
			return &parser->selections[i];
		}
	return fail(parser, parser->token.offset, why_unsupported(parser));
}

static const struct condition *parse_parentheses(struct parser *parser)
{
	size_t offset = parser->token.offset;
	const struct condition *node;

	if (parser->depth == CONDITION_DEPTH_MAX)
		return fail(parser, offset,
		    arena_format(parser->arena, "parentheses nest more than %d deep",
			CONDITION_DEPTH_MAX));
	next(parser);
	parser->depth++;
	node = parse_or(parser);
	parser->depth--;
	if (node != NULL && !take(parser, ")"))
		return fail(parser, offset, "this parenthesis is not closed");
	return node;
}

/* "1" and "all" may be names of selections, too: only "of" makes them words of the language. */
static bool is_quantity(const struct parser *parser)
{
	struct parser ahead = *parser;

	if (!is_token(parser, "1") && !is_token(parser, "all"))
		return false;
	next(&ahead);
	return is_token(&ahead, "of");
}

static const struct condition *parse_primary(struct parser *parser)
{
	if (is_token(parser, "("))
		return parse_parentheses(parser);
	if (!is_quantity(parser))
		return parse_name(parser);
	if (take(parser, "1"))
		return parse_of(parser, CONDITION_OR);
	next(parser);
	return parse_of(parser, CONDITION_AND);
}

static const struct condition *parse_not(struct parser *parser)
{
	const struct condition *node;
	struct buffer operands = { 0 };
	bool is_negated = false;

	while (take(parser, "not"))
		is_negated = !is_negated;
	node = parse_primary(parser);
	if (node == NULL || !is_negated)
		return node;
	add(&operands, node);
	return join(parser, CONDITION_NOT, &operands);
}

static const struct condition *parse_chain(struct parser *parser, enum condition_kind kind,
    const char *word, const struct condition *(*parse)(struct parser *parser))
{
	struct buffer operands = { 0 };

	do {
		const struct condition *node = parse(parser);

		if (node == NULL) {
			buffer_fini(&operands);
			return NULL;
		}
		add(&operands, node);
	} while (take(parser, word));
	return join(parser, kind, &operands);
}

static const struct condition *parse_and(struct parser *parser)
{
	return parse_chain(parser, CONDITION_AND, "and", parse_not);
}

static const struct condition *parse_or(struct parser *parser)
{
	return parse_chain(parser, CONDITION_OR, "or", parse_and);
}

static const char *why_left_over(const struct parser *parser)
{
	if (is_token(parser, "|"))
		return "aggregations (what follows \"|\") are not supported";
	if (is_token(parser, "near"))
		return "\"near\" is not supported";
	if (is_token(parser, "AND") || is_token(parser, "OR"))
		return why_unsupported(parser);
	return arena_format(parser->arena, "\"and\" or \"or\" must stand before %s", shown(parser));
}

const struct condition *condition_parse(const char *text, const char *const *names, size_t count,
    struct arena *arena, struct condition_problem *problem)
{
	struct parser parser = { .text = text,
		.names = names,
		.names_count = count,
		.arena = arena,
		.problem = problem };
	const struct condition *node;

	*problem = (struct condition_problem){ 0 };
	if (strlen(text) > CONDITION_SIZE_MAX)
		return fail(&parser, 0,
		    arena_format(arena, "a condition has at most %d bytes", CONDITION_SIZE_MAX));
	parser.selections = arena_take(arena, count * sizeof(*parser.selections));
	for (size_t i = 0; i < count; i++)
		parser.selections[i] = (struct condition){ CONDITION_SELECTION, i, NULL, 0 };
	next(&parser);
	node = parse_or(&parser);
	if (node != NULL && parser.token.text.size > 0)
		return fail(&parser, parser.token.offset, why_left_over(&parser));
	return node;
}

/* ---- evaluation ---- */

enum answer condition_evaluate(const struct condition *condition,
    enum answer (*holds)(void *self, size_t selection), void *self)
{
	enum answer answer = condition->kind == CONDITION_AND ? ANSWER_YES : ANSWER_NO;

	if (condition->kind == CONDITION_SELECTION)
		return holds(self, condition->selection);
	if (condition->kind == CONDITION_NOT)
		return answer_not(condition_evaluate(condition->operands[0], holds, self));
	for (size_t i = 0; i < condition->count; i++) {
		enum answer one = condition_evaluate(condition->operands[i], holds, self);

		answer = condition->kind == CONDITION_AND ? answer_and(answer, one)
		                                          : answer_or(answer, one);
		if (answer == (condition->kind == CONDITION_AND ? ANSWER_NO : ANSWER_YES))
			break;
	}
	return answer;
}
