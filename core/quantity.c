/* SPDX-License-Identifier: Apache-2.0 */
#include "core/quantity.h"

#include <ctype.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* Rising, and of two that are equal the one to be shown last; each list ends with a NULL name. */
static const struct unit counts[] = { { "", 1 }, { NULL, 0 } };

static const struct unit sizes[] = {
	{ "B", 1 },
	{ "", 1 },
	{ "K", UINT64_C(1) << 10 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "M", UINT64_C(1) << 20 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "G", UINT64_C(1) << 30 },
	{ "GiB", UINT64_C(1) << 30 },
	{ "T", UINT64_C(1) << 40 },
	{ "TiB", UINT64_C(1) << 40 },
	{ NULL, 0 },
};

static const struct unit durations[] = {
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60 * 1000 },
	{ "h", 60 * 60 * 1000 },
	{ "d", 24 * 60 * 60 * 1000 },
	{ NULL, 0 },
};

static const struct unit *const units_of[] = {
	[QUANTITY_COUNT] = counts,
	[QUANTITY_SIZE] = sizes,
	[QUANTITY_DURATION] = durations,
};

/* Moves *TEXT behind the digits that it begins with. */
static bool parse_digits(const char **text, uint64_t *out)
{
	const char *at = *text;
	uint64_t value = 0;

	if (!isdigit((unsigned char)*at))
		return false;
	for (; isdigit((unsigned char)*at); at++)
		if (__builtin_mul_overflow(value, 10, &value)
		    || __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
			return false;
	*text = at;
	*out = value;
	return true;
}

bool quantity_parse(enum quantity quantity, const char *text, uint64_t *out)
{
	const struct unit *unit = units_of[quantity];
	uint64_t value;

	if (!parse_digits(&text, &value))
		return false;
	if (value == 0 && *text == '\0') {
		*out = 0;
		return true;
	}
	if (quantity == QUANTITY_SIZE && text[0] == ' ' && text[1] != '\0')
		text++;
	for (; unit->name != NULL; unit++)
		if (strcmp(unit->name, text) == 0)
			return !__builtin_mul_overflow(value, unit->factor, out);
	return false;
}

void quantity_format(struct buffer *out, enum quantity quantity, uint64_t value)
{
	const struct unit *best = NULL;
	const char *gap;

	if (value == 0) {
		buffer_append_text(out, "0");
		return;
	}
	for (const struct unit *unit = units_of[quantity]; unit->name != NULL; unit++)
		if (value % unit->factor == 0)
			best = unit;
	gap = quantity == QUANTITY_SIZE && best->factor > 1 ? " " : "";
	buffer_append_format(out, "%llu%s%s", (unsigned long long)(value / best->factor), gap,
	    best->name);
}
