/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/version/deb.h"

#include <limits.h>

struct version {
	uint32_t epoch;
	struct bytes upstream, revision;
};

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

static bool is_letter(uint8_t byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool is_space(uint8_t byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static struct bytes trim(struct bytes text)
{
	while (text.size > 0 && is_space(text.data[0]))
		text = BYTES(text.data + 1, text.size - 1);
	while (text.size > 0 && is_space(text.data[text.size - 1]))
		text.size--;
	return text;
}

/* Takes "EPOCH:" off TEXT, where it is there. */
static bool take_epoch(struct bytes *text, uint32_t *epoch)
{
	const uint8_t *colon = text->size == 0 ? NULL : memchr(text->data, ':', text->size);
	uint64_t value = 0;

	*epoch = 0;
	if (colon == NULL)
		return true;
	if (colon == text->data)
		return false;
	for (const uint8_t *at = text->data; at < colon; at++) {
		if (!is_digit(*at))
			return false;
		value = value * 10 + (uint64_t)(*at - '0');
		if (value > INT_MAX)
			return false;
	}
	*epoch = (uint32_t)value;
	text->size -= (size_t)(colon + 1 - text->data);
	text->data = colon + 1;
	return true;
}

static bool consists_of(struct bytes text, const char *others)
{
	for (size_t i = 0; i < text.size; i++)
		if (!is_digit(text.data[i]) && !is_letter(text.data[i])
		    && (text.data[i] == '\0' || strchr(others, text.data[i]) == NULL))
			return false;
	return true;
}

static bool parse(struct bytes text, struct version *out)
{
	const uint8_t *dash;

	text = trim(text);
	if (!take_epoch(&text, &out->epoch) || text.size == 0 || !is_digit(text.data[0]))
		return false;
	dash = memrchr(text.data, '-', text.size);
	out->upstream = out->revision = text;
	out->upstream.size = dash == NULL ? text.size : (size_t)(dash - text.data);
	out->revision.size = dash == NULL ? 0 : text.size - out->upstream.size - 1;
	out->revision.data = dash == NULL ? text.data : dash + 1;
	if (dash != NULL && out->revision.size == 0)
		return false;
	return consists_of(out->upstream, ".+-~:") && consists_of(out->revision, ".+~");
}

/* Where the character stands; at the end of a part, or at a digit, between '~' and the letters. */
static int rank(struct bytes text, size_t at)
{
	if (at >= text.size || is_digit(text.data[at]))
		return 0;
	if (text.data[at] == '~')
		return -1;
	return is_letter(text.data[at]) ? text.data[at] : text.data[at] + 256;
}

static struct bytes take_digits(struct bytes text, size_t *at)
{
	size_t first;

	while (*at < text.size && text.data[*at] == '0')
		++*at;
	first = *at;
	while (*at < text.size && is_digit(text.data[*at]))
		++*at;
	return BYTES(text.data + first, *at - first);
}

static int compare_numbers(struct bytes a, struct bytes b)
{
	if (a.size != b.size)
		return a.size < b.size ? -1 : 1;
	return bytes_compare(a, b);
}

static int compare_parts(struct bytes a, struct bytes b)
{
	size_t i = 0, j = 0;

	while (i < a.size || j < b.size) {
		int order;

		while (
		    (i < a.size && !is_digit(a.data[i])) || (j < b.size && !is_digit(b.data[j]))) {
			order = rank(a, i) - rank(b, j);
			if (order != 0)
				return order;
			i++;
			j++;
		}
		order = compare_numbers(take_digits(a, &i), take_digits(b, &j));
		if (order != 0)
			return order;
	}
	return 0;
}

enum status version_deb_compare(struct bytes a, struct bytes b, int *order)
{
	struct version left, right;

	if (!parse(a, &left) || !parse(b, &right))
		return STATUS_INVALID;
	if (left.epoch != right.epoch)
		*order = left.epoch < right.epoch ? -1 : 1;
	else
		*order = compare_parts(left.upstream, right.upstream);
	if (left.epoch == right.epoch && *order == 0)
		*order = compare_parts(left.revision, right.revision);
	return STATUS_OK;
}
