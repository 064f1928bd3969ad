/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/os_release.h"

/* Within double quotes a backslash takes the meaning off these only. */
static bool is_escapable(uint8_t c, uint8_t quote)
{
	return quote == 0 || (quote == '"' && memchr("\"$`\\", c, 4) != NULL);
}

/* False where a quote stays open. */
static bool unquote(struct bytes text, struct buffer *out)
{
	uint8_t quote = 0;

	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i];

		if (c == '\\' && quote != '\'' && i + 1 < text.size
		    && is_escapable(text.data[i + 1], quote))
			buffer_append_u8(out, text.data[++i]);
		else if (c == quote)
			quote = 0;
		else if (quote == 0 && (c == '"' || c == '\''))
			quote = c;
		else if (quote == 0 && (c == ' ' || c == '\t' || c == '\r'))
			break;
		else
			buffer_append_u8(out, c);
	}
	return quote == 0;
}

/* The value in LINE, if it assigns to NAME. */
static bool take_assignment(struct bytes line, struct bytes name, struct buffer *out)
{
	struct buffer value = { 0 };
	bool is_found;

	while (line.size > 0 && (line.data[0] == ' ' || line.data[0] == '\t'))
		line = BYTES(line.data + 1, line.size - 1);
	if (line.size <= name.size || !bytes_start_with(line, name) || line.data[name.size] != '=')
		return false;
	is_found = unquote(BYTES(line.data + name.size + 1, line.size - name.size - 1), &value);
	if (is_found) {
		buffer_clear(out);
		buffer_append(out, buffer_bytes(&value));
	}
	buffer_fini(&value);
	return is_found;
}

bool os_release_find(struct bytes file, const char *name, struct buffer *out)
{
	struct buffer value = { 0 };
	bool is_found = false;

	while (file.size > 0) {
		const uint8_t *end = memchr(file.data, '\n', file.size);
		size_t size = end == NULL ? file.size : (size_t)(end - file.data);

		is_found |= take_assignment(BYTES(file.data, size), bytes_of_text(name), &value);
		size += end != NULL;
		file = BYTES(file.data + size, file.size - size);
	}
	buffer_append(out, buffer_bytes(&value));
	buffer_fini(&value);
	return is_found;
}
