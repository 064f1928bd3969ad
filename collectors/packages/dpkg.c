/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dpkg lets third-party packages break its own rules for names and versions, so those are not
 * enforced here: only what would make two readings of a line possible is refused.
 */
#include "collectors/packages/dpkg.h"

#include "core/fact.h"

enum { COLUMNS = 6 };

/* No blanks, no control characters, nothing that a key means something by. */
static bool is_word(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] <= ' ' || text.data[i] == 0x7f)
			return false;
	return bytes_is_utf8(text);
}

static bool is_name(struct bytes text)
{
	return text.size > 0 && is_word(text) && memchr(text.data, '/', text.size) == NULL
	    && memchr(text.data, ':', text.size) == NULL;
}

static bool is_state(struct bytes text)
{
	static const char *const letters[] = { "uihrp", "ncHUFWti", "R" };

	if (text.size < 2 || text.size > 3)
		return false;
	for (size_t i = 0; i < text.size; i++)
		if (memchr(letters[i], text.data[i], strlen(letters[i])) == NULL)
			return false;
	return true;
}

static bool split(struct bytes line, struct bytes columns[COLUMNS])
{
	for (size_t i = 0; i < COLUMNS; i++) {
		const uint8_t *tab = line.size == 0 ? NULL : memchr(line.data, '\t', line.size);

		if ((tab == NULL) != (i == COLUMNS - 1))
			return false;
		if (tab == NULL) {
			columns[i] = line;
			break;
		}
		columns[i] = BYTES(line.data, (size_t)(tab - line.data));
		line = BYTES(tab + 1, line.size - columns[i].size - 1);
	}
	return true;
}

bool dpkg_parse(struct bytes line, struct dpkg_package *out)
{
	struct bytes columns[COLUMNS];

	if (!split(line, columns))
		return false;
	*out = (struct dpkg_package){ columns[0], columns[1], columns[2], columns[3], columns[4],
		columns[5] };
	while (out->state.size > 0 && out->state.data[out->state.size - 1] == ' ')
		out->state.size--;
	return is_name(out->name) && is_state(out->state) && is_word(out->version)
	    && is_word(out->source) && is_word(out->source_version)
	    && (out->architecture.size == 0 || is_name(out->architecture));
}

bool dpkg_is_installed(const struct dpkg_package *package)
{
	return package->state.data[1] != 'n';
}

void dpkg_key(const struct dpkg_package *package, struct buffer *out)
{
	struct buffer rest = { 0 };

	buffer_append_text(&rest, "dpkg/");
	buffer_append(&rest, package->name);
	buffer_append_u8(&rest, ':');
	if (package->architecture.size == 0)
		buffer_append_text(&rest, "none");
	else
		buffer_append(&rest, package->architecture);
	fact_key(out, "package", buffer_bytes(&rest));
	buffer_fini(&rest);
}
