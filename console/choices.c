/* SPDX-License-Identifier: Apache-2.0 */
#include "console/choices.h"

#include <stdlib.h>
#include <string.h>

bool choices_parse(const struct console *console, const char *name,
    bool (*parse)(const char *text, unsigned *out), const char *expected, uint32_t *bits)
{
	char *copy = text_copy(console_option(console, name)), *rest = copy, *item;
	bool is_fine = true;
	unsigned bit;

	*bits = 0;
	while (is_fine && (item = strsep(&rest, ",")) != NULL) {
		is_fine = parse(item, &bit);
		if (is_fine)
			*bits |= UINT32_C(1) << bit;
		else
			console_usage(console, "--%s takes %s, not `%s`", name, expected, item);
	}
	free(copy);
	return is_fine;
}

static bool parse_rank(const char *text, unsigned *out)
{
	enum rank rank;

	if (!rank_parse(text, &rank))
		return false;
	*out = (unsigned)rank;
	return true;
}

bool choices_ranks(const struct console *console, uint32_t *bits)
{
	return choices_parse(console, "severity", parse_rank,
	    "critical, high, medium, low, info or unknown", bits);
}

enum output_color choices_rank_color(enum rank rank)
{
	static const enum output_color colors[RANKS] = {
		[RANK_CRITICAL] = OUTPUT_BOLD_RED,
		[RANK_HIGH] = OUTPUT_RED,
		[RANK_MEDIUM] = OUTPUT_YELLOW,
		[RANK_LOW] = OUTPUT_CYAN,
		[RANK_INFO] = OUTPUT_DIM,
		[RANK_UNKNOWN] = OUTPUT_DIM,
	};

	return colors[rank];
}
