/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/assess/command.h"

/* One argument into OUT, which has room for it; returns where the next may start. */
static const char *read_argument(const char *text, char *out)
{
	bool is_quoted = false;

	for (; *text != '\0' && (is_quoted || *text != ' '); text++) {
		if (*text == '"') {
			is_quoted = !is_quoted;
			continue;
		}
		if (*text == '\\' && text[1] != '\0')
			text++;
		*out++ = *text;
	}
	*out = '\0';
	return text + strspn(text, " ");
}

const char **command_split(const char *text, struct arena *arena, size_t *count)
{
	const char **arguments = arena_take(arena,
	    (COMMAND_ARGUMENTS_MAX + 1) * sizeof(*arguments));

	*count = 0;
	text += strspn(text, " ");
	while (*text != '\0') {
		char *argument = arena_take(arena, strlen(text) + 1);

		if (*count == COMMAND_ARGUMENTS_MAX)
			return NULL;
		text = read_argument(text, argument);
		arguments[(*count)++] = argument;
	}
	return *count == 0 ? NULL : arguments;
}
