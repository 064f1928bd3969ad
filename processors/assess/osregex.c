/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/assess/osregex.h"

#include <ctype.h>

static const struct {
	char letter;
	const char *pcre2;
} classes[] = {
	{ 'w', "[A-Za-z0-9_@\\-]" },
	{ 'W', "[^A-Za-z0-9_@\\-]" },
	{ 'd', "[0-9]" },
	{ 'D', "[^0-9]" },
	{ 's', "[ ]" },
	{ 'S', "[^ ]" },
	{ 't', "\\t" },
	{ 'p', "[()*+,\\-.:;<=>?\\[\\]!\"'#$%&|{}]" },
	{ '.', "(?s:.)" },
};

static const char *class_of(char letter)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (classes[i].letter == letter)
			return classes[i].pcre2;
	return NULL;
}

static void append_literal(struct buffer *out, char c)
{
	if (ispunct((unsigned char)c))
		buffer_append_u8(out, '\\');
	buffer_append_u8(out, (uint8_t)c);
}

/* What follows the backslash at TEXT; returns how many characters of it were used, 0: none. */
static size_t append_escape(struct buffer *out, const char *text)
{
	const char *class = class_of(*text);

	if (class == NULL) {
		if (*text == '\0' || strchr("\\$()|<", *text) == NULL)
			return 0;
		append_literal(out, *text);
		return 1;
	}
	buffer_append_text(out, class);
	if (text[1] != '+' && text[1] != '*')
		return 1;
	buffer_append_u8(out, (uint8_t)text[1]);
	return 2;
}

static bool is_anchor(char c, char next, bool starts_alternative)
{
	if (c == '^')
		return starts_alternative;
	return c == '$' && (next == '\0' || next == '|');
}

/* The parentheses that are open after C: 0 or 1; anything else is an error. */
static int depth_after(int depth, char c)
{
	if (c == '|')
		return depth == 0 ? 0 : -1;
	return c == '(' ? depth + 1 : c == ')' ? depth - 1 : depth;
}

static bool refuse(struct arena *arena, const char *text, const char *at, const char *what,
    const char **problem)
{
	*problem = arena_format(arena, "OSRegex %s, at its character %zu", what,
	    (size_t)(at - text) + 1);
	return false;
}

bool osregex_translate(const char *text, struct buffer *out, struct arena *arena,
    const char **problem)
{
	bool starts_alternative = true;
	int depth = 0;

	for (const char *at = text; *at != '\0'; at++) {
		char c = *at;

		if (c == '\\') {
			size_t used = append_escape(out, at + 1);

			if (used == 0)
				return refuse(arena, text, at, "does not know this escape",
				    problem);
			at += used;
		} else if (strchr("()|", c) != NULL || is_anchor(c, at[1], starts_alternative)) {
			depth = depth_after(depth, c);
			if (depth < 0 || depth > 1)
				return refuse(arena, text, at,
				    "has one level of parentheses and no | within", problem);
			buffer_append_u8(out, (uint8_t)c);
		} else {
			append_literal(out, c);
		}
		starts_alternative = c == '|';
	}
	if (depth != 0)
		return refuse(arena, text, text + strlen(text), "misses a )", problem);
	return true;
}
