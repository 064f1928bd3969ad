/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever apt prints, what is found in it lies within it; and an archive's name is fit to be an
 * argument of a package manager.  The input is four outputs.
 */
#include "collectors/updates/apt.h"

#include "tests/fuzz/fuzz.h"

static bool is_fit(struct bytes name)
{
	if (name.size == 0 || name.data[0] == '-')
		return false;
	for (size_t i = 0; i < name.size; i++)
		if (name.data[i] <= ' ' || name.data[i] > '~')
			return false;
	return true;
}

static void look_up(const struct apt_archive *archive, struct bytes outputs[3])
{
	struct apt_table packages = { 0 }, policies = { 0 }, targets = { 0 };
	struct apt_installed installed;
	struct buffer origin = { 0 };

	apt_read_packages(outputs[0], &packages);
	apt_read_policies(outputs[1], &policies);
	apt_read_targets(outputs[2], &targets);
	if (apt_find_installed(&packages, archive, &installed) && installed.version.size > 0)
		FUZZ_HOLDS(installed.version.data >= outputs[0].data
			   && installed.version.data + installed.version.size
				  <= outputs[0].data + outputs[0].size);
	apt_describe_origin(&policies, &targets, archive, &origin);
	buffer_fini(&origin);
	apt_table_fini(&packages);
	apt_table_fini(&policies);
	apt_table_fini(&targets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { .left = BYTES(data, size) };
	struct bytes line = fuzz_piece(&input);
	struct bytes outputs[3] = { fuzz_piece(&input), fuzz_piece(&input), fuzz_piece(&input) };
	struct apt_archive archive = { .name = bytes_of_text("bash"),
		.version = bytes_of_text("5.2-1"),
		.architecture = bytes_of_text("amd64") };
	struct arena arena = { 0 };

	if (apt_archive_parse(line, &arena, &archive))
		FUZZ_HOLDS(is_fit(archive.name));
	look_up(&archive, outputs);
	arena_fini(&arena);
	return 0;
}
