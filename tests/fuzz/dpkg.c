/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of dpkg's is a package or not; what is one has a name, and a key that a table takes and
 * that no other part of the line can have got into.
 */
#include "collectors/packages/dpkg.h"

#include "core/fact.h"
#include "tests/fuzz/fuzz.h"

static bool is_within(struct bytes part, struct bytes line)
{
	return part.size == 0
	    || (part.data >= line.data && part.data + part.size <= line.data + line.size
		&& memchr(part.data, '\t', part.size) == NULL);
}

static void take_line(struct bytes line)
{
	struct dpkg_package package;
	struct buffer key = { 0 };

	if (!dpkg_parse(line, &package))
		return;
	FUZZ_HOLDS(package.name.size > 0 && is_within(package.name, line));
	FUZZ_HOLDS(is_within(package.architecture, line) && is_within(package.version, line));
	FUZZ_HOLDS(is_within(package.source, line) && is_within(package.source_version, line));
	FUZZ_HOLDS(is_within(package.state, line));
	(void)dpkg_is_installed(&package);
	dpkg_key(&package, &key);
	FUZZ_HOLDS(
	    key.size <= FACT_KEY_MAX && strncmp(buffer_text(&key), "package/dpkg/", 13) == 0);
	buffer_fini(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes left = BYTES(data, size);

	while (left.size > 0) {
		const uint8_t *end = memchr(left.data, '\n', left.size);
		size_t length = end == NULL ? left.size : (size_t)(end - left.data);

		take_line(BYTES(left.data, length));
		length += end != NULL;
		left = BYTES(left.data + length, left.size - length);
	}
	return 0;
}
