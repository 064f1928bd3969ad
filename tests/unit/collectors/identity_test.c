/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/identity.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/keys.h"
#include "tests/support/scratch.h"

/* A data directory below "data", and machines below "root". */
static const char *data_of(void *directory)
{
	return scratch_path(directory, "data");
}

static void be_machine(void *directory, const char *id, const char *product)
{
	scratch_write(directory, "root/etc/machine-id", id);
	scratch_write(directory, "root/sys/class/dmi/id/product_uuid", product);
}

static bool settle(void *directory)
{
	bool was_copied;

	assert_int_equal(
	    identity_settle(data_of(directory), scratch_path(directory, "root"), &was_copied),
	    STATUS_OK);
	return was_copied;
}

static void make_agent(void *directory)
{
	struct key_pair pair;

	assert_int_equal(keys_load(scratch_path(directory, "data/keys"), "agent", &pair),
	    STATUS_OK);
	scratch_write(directory, "data/keys/redaction.secret", "secret\n");
	scratch_write(directory, "data/keys/server.pub", "server\n");
	scratch_write(directory, "data/spool/data.mdb", "records");
}

static bool is_there(void *directory, const char *name)
{
	return access(scratch_path(directory, name), F_OK) == 0;
}

/* The path below the scratch directory of NAME in the one aside-TIME of the data directory. */
static bool is_aside(void *directory, const char *name)
{
	DIR *listing = opendir(data_of(directory));
	struct dirent *entry;
	char path[512] = "";

	assert_non_null(listing);
	while ((entry = readdir(listing)) != NULL)
		if (strncmp(entry->d_name, "aside-", 6) == 0)
			snprintf(path, sizeof(path), "data/%.200s/%s", entry->d_name, name);
	closedir(listing);
	return path[0] != '\0' && is_there(directory, path);
}

static void a_key_stays_on_the_machine_that_it_was_made_on(void **test)
{
	be_machine(*test, "aaaa\n", "1111\n");
	assert_false(settle(*test));
	make_agent(*test);
	assert_false(settle(*test));
	assert_false(settle(*test));
	assert_true(is_there(*test, "data/keys/agent.key"));
	assert_false(identity_awaits(data_of(*test)));
}

static void expect_put_aside(void *test)
{
	assert_true(settle(test));
	assert_false(is_there(test, "data/keys/agent.key"));
	assert_false(is_there(test, "data/keys/redaction.secret"));
	assert_false(is_there(test, "data/spool"));
	assert_true(is_aside(test, "keys/agent.key"));
	assert_true(is_aside(test, "keys/agent.pub"));
	assert_true(is_aside(test, "keys/redaction.secret"));
	assert_true(is_aside(test, "spool/data.mdb"));
	assert_true(is_there(test, "data/keys/server.pub")); /* the server is the same */
	assert_true(identity_awaits(data_of(test)));
	make_agent(test);
	assert_false(settle(test)); /* it is this machine's from now on */
	assert_true(identity_awaits(data_of(test)));
}

static void on_another_machine_id_it_is_put_aside_with_its_spool(void **test)
{
	be_machine(*test, "aaaa\n", "1111\n");
	assert_false(settle(*test));
	make_agent(*test);
	be_machine(*test, "bbbb\n", "1111\n");
	expect_put_aside(*test);
}

static void an_image_that_kept_its_machine_id_is_told_by_its_product(void **test)
{
	be_machine(*test, "aaaa\n", "1111\n");
	assert_false(settle(*test));
	make_agent(*test);
	be_machine(*test, "aaaa\n", "2222\n");
	expect_put_aside(*test);
}

static void what_cannot_be_read_is_not_compared(void **test)
{
	be_machine(*test, "aaaa\n", "1111\n");
	assert_false(settle(*test));
	make_agent(*test);
	be_machine(*test, "uninitialized\n", "");
	assert_false(settle(*test));
	be_machine(*test, "", "1111\n");
	assert_false(settle(*test));
	be_machine(*test, "bbbb\n", "");
	assert_true(settle(*test));
}

static void what_could_not_be_read_at_first_is_noted_later(void **test)
{
	be_machine(*test, "aaaa\n", "");
	assert_false(settle(*test));
	make_agent(*test);
	be_machine(*test, "aaaa\n", "1111\n");
	assert_false(settle(*test));
	be_machine(*test, "aaaa\n", "2222\n");
	assert_true(settle(*test));
}

static void a_key_of_before_belongs_to_where_it_is(void **test)
{
	be_machine(*test, "aaaa\n", "1111\n");
	make_agent(*test);
	assert_false(settle(*test));
	be_machine(*test, "bbbb\n", "1111\n");
	assert_true(settle(*test));
}

static void a_directory_without_a_key_belongs_to_nobody(void **test)
{
	be_machine(*test, "aaaa\n", "1111\n");
	assert_false(settle(*test));
	be_machine(*test, "bbbb\n", "1111\n");
	assert_false(settle(*test));
	assert_false(identity_awaits(data_of(*test)));
	make_agent(*test);
	be_machine(*test, "aaaa\n", "1111\n");
	assert_true(settle(*test));
}

static void a_damaged_note_of_the_machine_is_said_and_nothing_moves(void **test)
{
	bool was_copied;

	be_machine(*test, "aaaa\n", "1111\n");
	make_agent(*test);
	scratch_write(*test, "data/keys/agent.machine", "rubbish\n");
	assert_int_equal(identity_settle(data_of(*test), scratch_path(*test, "root"), &was_copied),
	    STATUS_CORRUPT);
	assert_true(is_there(*test, "data/keys/agent.key"));
}

static void once_enrolled_it_waits_no_more(void **test)
{
	be_machine(*test, "aaaa\n", "1111\n");
	make_agent(*test);
	assert_int_equal(identity_put_aside(data_of(*test), scratch_path(*test, "root")),
	    STATUS_OK);
	assert_true(identity_awaits(data_of(*test)));
	assert_false(identity_is_enrolled(data_of(*test)));
	make_agent(*test);
	assert_int_equal(identity_enrolled(data_of(*test)), STATUS_OK);
	assert_false(identity_awaits(data_of(*test)));
	assert_true(identity_is_enrolled(data_of(*test)));
	/* A copy of it was not. */
	be_machine(*test, "bbbb\n", "1111\n");
	assert_true(settle(*test));
	assert_false(identity_is_enrolled(data_of(*test)));
}

static void copies_differ_in_their_fingerprint(void **test)
{
	struct identity_machine machine;
	uint8_t first[HASH_SIZE], second[HASH_SIZE];

	be_machine(*test, "aaaa\n", "1111\n");
	identity_machine(scratch_path(*test, "root"), &machine);
	identity_fingerprint(&machine, first);
	be_machine(*test, "aaaa\n", "2222\n");
	identity_machine(scratch_path(*test, "root"), &machine);
	identity_fingerprint(&machine, second);
	assert_memory_not_equal(first, second, HASH_SIZE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_stays_on_the_machine_that_it_was_made_on),
		TEST(on_another_machine_id_it_is_put_aside_with_its_spool),
		TEST(an_image_that_kept_its_machine_id_is_told_by_its_product),
		TEST(what_cannot_be_read_is_not_compared),
		TEST(what_could_not_be_read_at_first_is_noted_later),
		TEST(a_key_of_before_belongs_to_where_it_is),
		TEST(a_directory_without_a_key_belongs_to_nobody),
		TEST(a_damaged_note_of_the_machine_is_said_and_nothing_moves),
		TEST(once_enrolled_it_waits_no_more),
		TEST(copies_differ_in_their_fingerprint),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
