/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/kv.h"
#include "tests/support/scratch.h"

static const char *const tables[] = { "fruit", NULL };
static const char *const more_tables[] = { "fruit", "roots", NULL };
static const char *const none[] = { NULL };

static enum status open_as(const char *directory, const char *const *names, bool is_writer,
    uint32_t format, struct kv **out)
{
	const struct kv_options how = { .tables = names,
		.is_writer = is_writer,
		.format = format,
		.map_initial = 1024 * 1024 };

	return kv_open(directory, &how, out);
}

static void make(const char *directory, const char *const *names, uint32_t format)
{
	struct kv *kv;

	assert_int_equal(open_as(directory, names, true, format, &kv), STATUS_OK);
	kv_close(kv);
}

/* What kv_open returns; it is closed again. */
static enum status try(const char *directory, bool is_writer, uint32_t format)
{
	struct kv *kv = NULL;
	enum status status = open_as(directory, tables, is_writer, format, &kv);

	kv_close(kv);
	return status;
}

static bool has_table(const char *directory, const char *name)
{
	struct kv *kv;
	bool is_there = false;

	assert_int_equal(kv_open_all(directory, &kv), STATUS_OK);
	for (unsigned i = 0; i < kv_tables(kv); i++)
		is_there |= strcmp(kv_table_name(kv, i), name) == 0;
	kv_close(kv);
	return is_there;
}

static void an_environment_is_opened_again_by_its_own_format(void **test)
{
	make(*test, tables, 7);
	assert_int_equal(try(*test, true, 7), STATUS_OK);
	assert_int_equal(try(*test, false, 7), STATUS_OK);
}

static void one_of_another_format_is_opened_neither_to_write_nor_to_read(void **test)
{
	make(*test, tables, 7);
	assert_int_equal(try(*test, true, 8), STATUS_INVALID);
	assert_int_equal(try(*test, true, 6), STATUS_INVALID);
	assert_int_equal(try(*test, false, 8), STATUS_INVALID);
	assert_int_equal(try(*test, true, 7), STATUS_OK);
}

static void one_of_a_time_before_there_were_formats_is_refused_and_left_as_it_is(void **test)
{
	struct kv *kv;

	make(*test, tables, 0);
	assert_int_equal(open_as(*test, more_tables, true, 1, &kv), STATUS_INVALID);
	assert_int_equal(try(*test, false, 1), STATUS_INVALID);
	assert_false(has_table(*test, "roots"));
	assert_false(has_table(*test, "format"));
}

static void one_that_was_being_made_when_the_machine_went_down_is_made(void **test)
{
	make(*test, none, 0);
	assert_int_equal(try(*test, false, 3), STATUS_NOT_FOUND);
	assert_int_equal(try(*test, true, 3), STATUS_OK);
	assert_int_equal(try(*test, false, 3), STATUS_OK);
	assert_int_equal(try(*test, true, 4), STATUS_INVALID);
}

static void several_openers_in_one_process_meet_in_one_format(void **test)
{
	struct kv *writer, *reader;

	assert_int_equal(open_as(*test, tables, true, 7, &writer), STATUS_OK);
	assert_int_equal(open_as(*test, tables, false, 7, &reader), STATUS_OK);
	assert_int_equal(try(*test, false, 8), STATUS_INVALID);
	kv_close(reader);
	kv_close(writer);
}

static void a_copy_bears_the_format_of_what_it_was_made_from(void **test)
{
	const char *from = scratch_path(*test, "from"), *to = scratch_path(*test, "to");
	struct kv *kv;
	struct kv_txn *txn;

	make(from, tables, 7);
	assert_int_equal(kv_open_all(from, &kv), STATUS_OK);
	assert_int_equal(kv_read_begin(kv, &txn), STATUS_OK);
	assert_int_equal(kv_copy_seen(txn, to, NULL, NULL), STATUS_OK);
	kv_abort(&txn);
	kv_close(kv);
	assert_int_equal(try(to, true, 7), STATUS_OK);
	assert_int_equal(try(to, true, 8), STATUS_INVALID);
}

/* Standard error while KV is opened by another format. */
static char *complaint_of(const char *directory, uint32_t format)
{
	const char *path = scratch_path(directory, "complaint");
	int saved = dup(STDERR_FILENO);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	char *text = memory_new(4096);

	assert_true(saved >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	assert_int_equal(try(directory, true, format), STATUS_INVALID);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	assert_true(pread(fd, text, 4095, 0) > 0);
	close(saved);
	close(fd);
	return text;
}

static void the_refusal_names_the_directory_and_both_formats(void **test)
{
	char *text;

	make(*test, tables, 41);
	text = complaint_of(*test, 57);
	assert_non_null(strstr(text, "id=kv-format"));
	assert_non_null(strstr(text, *test));
	assert_non_null(strstr(text, "41"));
	assert_non_null(strstr(text, "57"));
	assert_null(strstr(text, "damaged"));
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests_[] = {
		TEST(an_environment_is_opened_again_by_its_own_format),
		TEST(one_of_another_format_is_opened_neither_to_write_nor_to_read),
		TEST(one_of_a_time_before_there_were_formats_is_refused_and_left_as_it_is),
		TEST(one_that_was_being_made_when_the_machine_went_down_is_made),
		TEST(several_openers_in_one_process_meet_in_one_format),
		TEST(a_copy_bears_the_format_of_what_it_was_made_from),
		TEST(the_refusal_names_the_directory_and_both_formats),
	};
	return cmocka_run_group_tests(tests_, NULL, NULL);
}
