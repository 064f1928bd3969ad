/* SPDX-License-Identifier: Apache-2.0 */
#include "core/keys.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/scratch.h"

static enum status load(void *directory, struct key_pair *out)
{
	return keys_load(scratch_path(directory, "keys"), "server", out);
}

static void a_pair_is_made_once_and_read_ever_after(void **test)
{
	struct key_pair first, second;
	struct stat info;

	assert_int_equal(load(*test, &first), STATUS_OK);
	assert_int_equal(load(*test, &second), STATUS_OK);
	assert_string_equal(first.public_key, second.public_key);
	assert_string_equal(first.secret_key, second.secret_key);
	assert_int_equal(stat(scratch_path(*test, "keys/server.key"), &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(access(scratch_path(*test, "keys/server.key.new"), F_OK), -1);
}

static void a_public_key_that_was_lost_is_written_again(void **test)
{
	struct key_pair first, second;
	char public_key[SOCKET_KEY_TEXT];

	assert_int_equal(load(*test, &first), STATUS_OK);
	assert_int_equal(unlink(scratch_path(*test, "keys/server.pub")), 0);
	assert_int_equal(load(*test, &second), STATUS_OK);
	assert_string_equal(first.public_key, second.public_key);
	assert_int_equal(keys_load_public(scratch_path(*test, "keys/server.pub"), public_key),
	    STATUS_OK);
	assert_string_equal(public_key, first.public_key);
}

static void is_corrupt(void *directory, const char *name, const char *text)
{
	struct key_pair pair;
	char kept[128];
	FILE *file;

	scratch_write(directory, name, text);
	assert_int_equal(load(directory, &pair), STATUS_CORRUPT);
	file = fopen(scratch_path(directory, name), "r");
	assert_non_null(file);
	assert_int_equal(fread(kept, 1, sizeof(kept), file), strlen(text)); /* never overwritten */
	fclose(file);
}

static void a_file_that_is_no_key_is_corrupt_and_stays(void **test)
{
	struct key_pair pair;
	char text[128];

	assert_int_equal(load(*test, &pair), STATUS_OK);
	is_corrupt(*test, "keys/server.key", "");
	is_corrupt(*test, "keys/server.key", "not a key\n");
	snprintf(text, sizeof(text), "%sx\n", pair.secret_key);
	is_corrupt(*test, "keys/server.key", text); /* one character too many */
	snprintf(text, sizeof(text), "%.39s\n", pair.secret_key);
	is_corrupt(*test, "keys/server.key", text);
	snprintf(text, sizeof(text), "%.39s~\n", pair.secret_key);
	is_corrupt(*test, "keys/server.key", text);
}

static void two_keys_that_are_no_pair_are_corrupt(void **test)
{
	struct key_pair pair;
	char public_key[SOCKET_KEY_TEXT], secret_key[SOCKET_KEY_TEXT];

	assert_int_equal(load(*test, &pair), STATUS_OK);
	socket_key_pair(public_key, secret_key);
	is_corrupt(*test, "keys/server.pub", public_key);
	is_corrupt(*test, "keys/server.pub", "rubbish");
}

static void a_public_key_that_is_not_there_is_said(void **test)
{
	char public_key[SOCKET_KEY_TEXT];

	assert_int_equal(keys_load_public(scratch_path(*test, "none.pub"), public_key),
	    STATUS_NOT_FOUND);
}

static void a_secret_is_made_once_and_kept(void **test)
{
	uint8_t first[32], second[32];

	assert_int_equal(keys_secret(scratch_path(*test, "keys"), "agent", first), STATUS_OK);
	assert_int_equal(keys_secret(scratch_path(*test, "keys"), "agent", second), STATUS_OK);
	assert_memory_equal(first, second, 32);
	scratch_write(*test, "keys/agent.secret", "00");
	assert_int_equal(keys_secret(scratch_path(*test, "keys"), "agent", second), STATUS_CORRUPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pair_is_made_once_and_read_ever_after),
		TEST(a_public_key_that_was_lost_is_written_again),
		TEST(a_file_that_is_no_key_is_corrupt_and_stays),
		TEST(two_keys_that_are_no_pair_are_corrupt),
		TEST(a_public_key_that_is_not_there_is_said),
		TEST(a_secret_is_made_once_and_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
