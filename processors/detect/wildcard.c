/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first and last piece have their places; those between are looked for from left to right, and
 * the leftmost place is as good as any.  So nothing is ever tried twice, and time is linear but for
 * pieces with a `?`, which have a budget.
 */
#include "processors/detect/wildcard.h"

static uint8_t fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

struct bytes wildcard_fold(struct arena *arena, struct bytes value)
{
	uint8_t *out = arena_take(arena, value.size);

	for (size_t i = 0; i < value.size; i++)
		out[i] = fold(value.data[i]);
	return BYTES(out, value.size);
}

/* ---- reading ---- */

struct reader {
	struct wildcard *wildcard;
	uint8_t *text; /* of all pieces, one after the other */
	bool *is_any;
	size_t size;
	size_t start; /* of the piece being read */
	bool has_any;
};

static void end_piece(struct reader *reader)
{
	struct wildcard *wildcard = reader->wildcard;

	wildcard->pieces[wildcard->count++] = (struct wildcard_piece){
		.text = BYTES(reader->text + reader->start, reader->size - reader->start),
		.is_any = reader->has_any ? reader->is_any + reader->start : NULL,
	};
	reader->start = reader->size;
	reader->has_any = false;
}

/* Two `*` in a row are one: only the first piece may be empty when another ends. */
static void read_star(struct reader *reader)
{
	if (reader->wildcard->count == 0 || reader->size > reader->start)
		end_piece(reader);
}

static void read_text(struct reader *reader, const char *text)
{
	for (; *text != '\0'; text++) {
		bool is_escaped = text[0] == '\\' && text[1] != '\0'
		               && strchr("*?\\", text[1]) != NULL;

		if (*text == '*') {
			read_star(reader);
			continue;
		}
		text += is_escaped;
		reader->is_any[reader->size] = *text == '?' && !is_escaped;
		reader->has_any |= reader->is_any[reader->size];
		reader->text[reader->size++] = reader->wildcard->is_cased ? (uint8_t)*text
		                                                          : fold((uint8_t)*text);
	}
}

static size_t count_stars(const char *text)
{
	size_t count = 0;

	while ((text = strchr(text, '*')) != NULL) {
		count++;
		text++;
	}
	return count;
}

struct wildcard *wildcard_new(struct arena *arena, const char *text, enum wildcard_place place,
    bool is_cased)
{
	struct wildcard *wildcard = arena_take(arena, sizeof(*wildcard));
	struct reader reader = { .wildcard = wildcard };

	/* One more than there are stars, and two that the place may add. */
	wildcard->pieces = arena_take(arena, (count_stars(text) + 3) * sizeof(*wildcard->pieces));
	wildcard->is_cased = is_cased;
	reader.text = arena_take(arena, strlen(text));
	reader.is_any = arena_take(arena, strlen(text));
	if (place == WILDCARD_AT_END || place == WILDCARD_ANYWHERE)
		read_star(&reader);
	read_text(&reader, text);
	if (place == WILDCARD_AT_START || place == WILDCARD_ANYWHERE)
		read_star(&reader);
	end_piece(&reader);
	return wildcard;
}

struct bytes wildcard_prefix(const struct wildcard *wildcard)
{
	struct bytes prefix = wildcard->pieces[0].text;
	const bool *is_any = wildcard->pieces[0].is_any;

	for (size_t i = 0; is_any != NULL && i < prefix.size; i++)
		if (is_any[i])
			return BYTES(prefix.data, i);
	return prefix;
}

/* ---- matching ---- */

#define NOWHERE ((size_t)-1)

struct search {
	struct bytes value;
	size_t budget; /* bytes that may still be compared with pieces that have a `?` */
	bool is_exhausted;
};

/* Where one character ends; bytes that are no UTF-8 pass for characters of at most four. */
static size_t after_character(struct bytes value, size_t at)
{
	size_t end = at + 1;

	while (end < value.size && end < at + 4 && (value.data[end] & 0xc0) == 0x80)
		end++;
	return end;
}

static size_t end_of_any(struct search *search, const struct wildcard_piece *piece, size_t at)
{
	struct bytes value = search->value;

	for (size_t i = 0; i < piece->text.size; i++) {
		if (search->budget == 0) {
			search->is_exhausted = true;
			return NOWHERE;
		}
		search->budget--;
		if (at >= value.size)
			return NOWHERE;
		if (piece->is_any[i])
			at = after_character(value, at);
		else if (value.data[at] == piece->text.data[i])
			at++;
		else
			return NOWHERE;
	}
	return at;
}

/* Where PIECE, standing at AT, ends. */
static size_t end_at(struct search *search, const struct wildcard_piece *piece, size_t at)
{
	size_t size = piece->text.size;

	if (piece->is_any != NULL)
		return end_of_any(search, piece, at);
	if (size == 0)
		return at;
	return search->value.size - at >= size
	            && memcmp(search->value.data + at, piece->text.data, size) == 0
	         ? at + size
	         : NOWHERE;
}

/* Where the leftmost PIECE from AT on ends. */
static size_t find(struct search *search, const struct wildcard_piece *piece, size_t at)
{
	struct bytes value = search->value;
	const uint8_t *found;

	if (piece->text.size == 0)
		return at;
	if (piece->is_any == NULL) {
		found = at >= value.size ? NULL
		                         : memmem(value.data + at, value.size - at,
					     piece->text.data, piece->text.size);
		return found == NULL ? NOWHERE : (size_t)(found - value.data) + piece->text.size;
	}
	for (; at < value.size && !search->is_exhausted; at++) {
		size_t end = end_at(search, piece, at);

		if (end != NOWHERE)
			return end;
	}
	return NOWHERE;
}

/* Whether PIECE stands at the very end, from AT on. */
static bool ends_with(struct search *search, const struct wildcard_piece *piece, size_t at)
{
	size_t size = search->value.size;

	if (piece->is_any == NULL)
		return size - at >= piece->text.size
		    && end_at(search, piece, size - piece->text.size) == size;
	for (; at < size && !search->is_exhausted; at++)
		if (end_at(search, piece, at) == size)
			return true;
	return false;
}

static bool has_match(struct search *search, const struct wildcard *wildcard)
{
	const struct wildcard_piece *pieces = wildcard->pieces;
	size_t last = wildcard->count - 1;
	size_t at = end_at(search, &pieces[0], 0);

	if (last == 0)
		return at == search->value.size;
	for (size_t i = 1; i < last && at != NOWHERE; i++)
		at = find(search, &pieces[i], at);
	return at != NOWHERE && ends_with(search, &pieces[last], at);
}

bool wildcard_is_open(const struct wildcard *wildcard)
{
	return wildcard->count > 1 && wildcard->pieces[wildcard->count - 1].text.size == 0;
}

enum answer wildcard_match(const struct wildcard *wildcard, struct bytes value, size_t *budget)
{
	struct search search = { .value = value, .budget = *budget };
	bool is_match = has_match(&search, wildcard);

	*budget = search.budget;
	if (is_match)
		return ANSWER_YES;
	return search.is_exhausted ? ANSWER_UNDECIDED : ANSWER_NO;
}
