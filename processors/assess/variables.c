/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/assess/variables.h"

#include <stdlib.h>

static int compare_names(const void *a, const void *b)
{
	const struct variable *first = a, *second = b;
	size_t first_size = strlen(first->name), second_size = strlen(second->name);

	if (first_size != second_size)
		return first_size > second_size ? -1 : 1;
	return strcmp(first->name, second->name);
}

void variables_sort(struct variables *variables)
{
	if (variables->count > 1)
		qsort(variables->items, variables->count, sizeof(*variables->items), compare_names);
}

static const struct variable *variable_at(const struct variables *variables, const char *text)
{
	for (size_t i = 0; i < variables->count; i++)
		if (strncmp(text, variables->items[i].name, strlen(variables->items[i].name)) == 0)
			return &variables->items[i];
	return NULL;
}

const char *variables_expand(const struct variables *variables, const char *text,
    struct arena *arena)
{
	struct buffer out = { 0 };
	const char *expanded = NULL;

	if (variables->count == 0 || strchr(text, '$') == NULL)
		return text;
	while (*text != '\0' && out.size <= VARIABLES_TEXT_MAX) {
		const struct variable *variable = variable_at(variables, text);

		if (variable == NULL) {
			buffer_append_u8(&out, (uint8_t)*text++);
			continue;
		}
		buffer_append_text(&out, variable->value);
		text += strlen(variable->name);
	}
	if (out.size <= VARIABLES_TEXT_MAX)
		expanded = arena_text(arena, buffer_text(&out));
	buffer_fini(&out);
	return expanded;
}
