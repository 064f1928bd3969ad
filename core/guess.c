/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measure is the optimal string alignment distance: letters put in, left out or replaced, and
 * neighbours exchanged, which is how names are mistyped.
 */
#include "core/guess.h"

/* Nobody mistypes at such length; what is longer is close to nothing. */
enum { LENGTH_MAX = 63, EDITS_MANY = 1000 };

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned edits_between(const char *a, const char *b)
{
	unsigned rows[3][LENGTH_MAX + 1];
	size_t a_length = strlen(a), b_length = strlen(b);

	if (a_length > LENGTH_MAX || b_length > LENGTH_MAX)
		return EDITS_MANY;
	for (unsigned j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= a_length; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];

		row[0] = i;
		for (unsigned j = 1; j <= b_length; j++) {
			row[j] = above[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = least(row[j], least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], two_above[j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}

void guess_fini(struct guess *guess)
{
	buffer_fini(&guess->known);
	*guess = (struct guess){ 0 };
}

void guess_consider(struct guess *guess, const char *name)
{
	unsigned edits = edits_between(guess->wrong, name);

	buffer_append_format(&guess->known, "%s%s", guess->known.size > 0 ? ", " : "", name);
	if (edits <= 1 + strlen(name) / 4
	    && (guess->closest == NULL || edits < guess->closest_edits)) {
		guess->closest = name;
		guess->closest_edits = edits;
	}
}

void guess_write(struct guess *guess, struct buffer *out)
{
	if (guess->closest != NULL)
		buffer_append_format(out, "; did you mean `%s`?", guess->closest);
	buffer_append_format(out, " (known: %s)",
	    guess->known.size == 0 ? "none" : buffer_text(&guess->known));
}
