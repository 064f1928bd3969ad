/* SPDX-License-Identifier: Apache-2.0 */
#include "console/backup/manifest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/scratch.h"

static const uint8_t some_hash[HASH_SIZE] = { 1, 2, 3 };

static struct manifest *example(void)
{
	struct manifest *manifest = memory_new(sizeof(*manifest));

	strcpy(manifest->version, "0.1.0");
	manifest->at_ms = 1795464601567;
	manifest->generation = 3;
	assert_int_equal(manifest_add(manifest, "log/data.mdb", 409600, some_hash), STATUS_OK);
	assert_int_equal(manifest_add(manifest, "keys/server.key", 41, some_hash), STATUS_OK);
	return manifest;
}

static void what_was_written_is_read(void **test)
{
	struct manifest *manifest = example(), *read = memory_new(sizeof(*read));

	assert_int_equal(manifest_write(manifest, *test), STATUS_OK);
	assert_int_equal(manifest_read(read, *test), STATUS_OK);
	assert_memory_equal(read, manifest, sizeof(*read));
	assert_int_equal(manifest_write(manifest, *test), STATUS_EXISTS);
	free(manifest);
	free(read);
}

static void no_manifest_is_no_backup(void **test)
{
	struct manifest *read = memory_new(sizeof(*read));

	assert_int_equal(manifest_read(read, *test), STATUS_NOT_FOUND);
	free(read);
}

/* Each bit of each byte, and each length that is too short. */
static void no_damage_is_taken(void **test)
{
	struct manifest *manifest = example();
	char text[1024];
	size_t size;
	FILE *file;

	assert_int_equal(manifest_write(manifest, *test), STATUS_OK);
	file = fopen(scratch_path(*test, "MANIFEST"), "re");
	assert_non_null(file);
	size = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[size] = '\0';
	for (size_t at = 0; at < 8 * size; at++) {
		text[at / 8] ^= (char)(1 << at % 8);
		scratch_write(*test, "MANIFEST", text);
		text[at / 8] ^= (char)(1 << at % 8);
		assert_int_equal(manifest_read(manifest, *test), STATUS_CORRUPT);
	}
	while (size > 0) {
		text[--size] = '\0';
		scratch_write(*test, "MANIFEST", text);
		assert_int_equal(manifest_read(manifest, *test), STATUS_CORRUPT);
	}
	free(manifest);
}

static void no_path_leads_out_of_the_backup(void **test)
{
	static const char *const paths[] = { "", "/etc/passwd", "../log", "keys/../../x", "a b" };
	struct manifest *manifest = memory_new(sizeof(*manifest));

	(void)test;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_int_equal(manifest_add(manifest, paths[i], 1, some_hash), STATUS_FULL);
	free(manifest);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_is_read),
		TEST(no_manifest_is_no_backup),
		TEST(no_damage_is_taken),
		TEST(no_path_leads_out_of_the_backup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
