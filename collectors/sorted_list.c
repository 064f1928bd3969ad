/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/sorted_list.h"

#include <stdlib.h>

#include "collectors/small_file.h"

static int compare(const void *a, const void *b)
{
	return bytes_compare(*(const struct bytes *)a, *(const struct bytes *)b);
}

static size_t split(struct bytes list, char separator, struct bytes **items)
{
	size_t count = 0, room = 0;

	*items = NULL;
	while (list.size > 0) {
		const uint8_t *end = memchr(list.data, separator, list.size);
		size_t size = end == NULL ? list.size : (size_t)(end - list.data);
		struct bytes item = small_file_trim(BYTES(list.data, size));

		if (count == room) {
			room = room == 0 ? 16 : 2 * room;
			*items = memory_grow(*items, room * sizeof(**items));
		}
		if (item.size > 0)
			(*items)[count++] = item;
		size += end != NULL;
		list = BYTES(list.data + size, list.size - size);
	}
	return count;
}

void sorted_list_join(struct bytes list, char separator, const char *glue, struct buffer *out)
{
	struct bytes *items;
	size_t count = split(list, separator, &items);

	if (count > 0)
		qsort(items, count, sizeof(*items), compare);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && bytes_equal(items[i], items[i - 1]))
			continue;
		if (i > 0)
			buffer_append_text(out, glue);
		buffer_append(out, items[i]);
	}
	free(items);
}
