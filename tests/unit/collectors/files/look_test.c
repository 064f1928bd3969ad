/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/files/look.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/collector.h"
#include "tests/support/scratch.h"

static const uint8_t secret[COLLECTOR_SECRET_SIZE] = { 1, 2, 3 };
static struct digest *digest;

static int start_group(void **test)
{
	(void)test;
	digest = digest_new();
	return 0;
}

static int stop_group(void **test)
{
	(void)test;
	digest_free(digest);
	return 0;
}

static void look_in(const char *root, const char *path, uint64_t limit, struct look *look)
{
	struct look_request request = { .root = root,
		.path = path,
		.content_limit = limit,
		.secret = secret,
		.digest = digest };

	*look = (struct look){ 0 };
	look_at(&request, look);
}

static const struct fact_field *field(const struct look *look, const char *name)
{
	return fact_find(look->fields, look->fields_count, name);
}

static void assert_text(const struct look *look, const char *name, const char *text)
{
	assert_non_null(field(look, name));
	assert_int_equal(field(look, name)->type, FACT_TEXT);
	assert_true(bytes_equal(field(look, name)->bytes, bytes_of_text(text)));
}

static void a_file_is_told_with_owner_mode_digest_and_content(void **test)
{
	static const char *const names[] = { "type", "mode", "uid", "gid", "size", "sha256",
		"content" };
	struct look look;
	size_t at = 0;

	scratch_write(*test, "etc/a", "hello\n");
	chmod(scratch_path(*test, "etc/a"), 0640);
	look_in(*test, "/etc/a", 100, &look);
	assert_int_equal(look.status, FACT_PRESENT);
	assert_null(look.reason);
	assert_text(&look, "type", "file");
	assert_text(&look, "mode", "0640");
	assert_int_equal(field(&look, "uid")->number, geteuid());
	assert_int_equal(field(&look, "size")->number, 6);
	assert_text(&look, "content", "hello\n");
	assert_text(&look, "sha256",
	    "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
	/* In the order that the header gives, whatever is left out. */
	for (size_t i = 0; i < look.fields_count; i++)
		if (at < 7 && strcmp(look.fields[i].name, names[at]) == 0)
			at++;
	assert_int_equal(at, 7);
	look_fini(&look);
}

static void without_a_limit_there_is_a_digest_and_no_content(void **test)
{
	struct look look;

	scratch_write(*test, "a", "hello\n");
	look_in(*test, "/a", 0, &look);
	assert_int_equal(look.status, FACT_PRESENT);
	assert_non_null(field(&look, "sha256"));
	assert_null(field(&look, "content"));
	look_fini(&look);
}

static void an_empty_file_has_empty_content(void **test)
{
	struct buffer value = { 0 };
	struct look look;

	scratch_write(*test, "a", "");
	look_in(*test, "/a", 10, &look);
	assert_int_equal(look.status, FACT_PRESENT);
	assert_text(&look, "content", "");
	fact_value_encode(&value, look.fields, look.fields_count);
	buffer_fini(&value);
	look_fini(&look);
}

static void what_is_not_there_is_absent(void **test)
{
	struct look look;

	scratch_write(*test, "file", "");
	look_in(*test, "/none", 10, &look);
	assert_int_equal(look.status, FACT_ABSENT);
	assert_int_equal(look.fields_count, 0);
	look_fini(&look);
	look_in(*test, "/file/below", 10, &look);
	assert_int_equal(look.status, FACT_ABSENT);
	look_fini(&look);
}

static void a_link_is_followed_and_told(void **test)
{
	struct look look;

	scratch_write(*test, "etc/target", "x\n");
	assert_int_equal(symlink("target", scratch_path(*test, "etc/link")), 0);
	look_in(*test, "/etc/link", 10, &look);
	assert_int_equal(look.status, FACT_PRESENT);
	assert_text(&look, "type", "file");
	assert_text(&look, "content", "x\n");
	assert_text(&look, "link", "target");
	look_fini(&look);
}

static void a_link_to_nothing_is_absent_and_still_told(void **test)
{
	struct look look;

	assert_int_equal(symlink("nowhere", scratch_path(*test, "link")), 0);
	look_in(*test, "/link", 10, &look);
	assert_int_equal(look.status, FACT_ABSENT);
	assert_text(&look, "link", "nowhere");
	assert_non_null(look.reason);
	look_fini(&look);
}

static void links_in_a_circle_fail_with_a_reason(void **test)
{
	struct look look;

	assert_int_equal(symlink("b", scratch_path(*test, "a")), 0);
	assert_int_equal(symlink("a", scratch_path(*test, "b")), 0);
	look_in(*test, "/a", 10, &look);
	assert_int_equal(look.status, FACT_FAILED);
	assert_non_null(strstr(look.reason, "symbolic links"));
	look_fini(&look);
	look_in(*test, "/a/below", 10, &look);
	assert_int_equal(look.status, FACT_FAILED);
	look_fini(&look);
}

static void be_told_by_type(const char *root, const char *path, const char *type)
{
	struct look look;

	look_in(root, path, 100, &look);
	assert_int_equal(look.status, FACT_PRESENT);
	assert_text(&look, "type", type);
	assert_null(field(&look, "content"));
	assert_null(field(&look, "sha256"));
	assert_null(field(&look, "size"));
	look_fini(&look);
}

/* Opening a FIFO that nobody writes to would hang: the test's own time limit says so. */
static void what_is_no_file_is_told_by_its_type_and_never_read(void **test)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(mkfifo(scratch_path(*test, "fifo"), 0600), 0);
	assert_int_equal(mkdir(scratch_path(*test, "dir"), 0700), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", (char *)*test);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	be_told_by_type(*test, "/fifo", "fifo");
	be_told_by_type(*test, "/dir", "directory");
	be_told_by_type(*test, "/socket", "socket");
	be_told_by_type("", "/dev/null", "character");
	close(fd);
}

static void write_lines(const char *directory, const char *name, size_t size)
{
	FILE *file = fopen(scratch_path(directory, name), "w");

	assert_non_null(file);
	for (size_t i = 0; i < size; i += 10)
		fputs("123456789\n", file);
	assert_int_equal(fclose(file), 0);
}

static void a_large_file_is_cut_to_whole_lines_and_says_so(void **test)
{
	struct look look;

	write_lines(*test, "large", 10 * 1024 * 1024);
	look_in(*test, "/large", 1024, &look);
	assert_int_equal(look.status, FACT_TRUNCATED);
	assert_int_equal(field(&look, "content")->bytes.size, 1020);
	assert_int_equal(field(&look, "size")->number, 10485760);
	assert_non_null(strstr(look.reason, "10485760"));
	assert_non_null(field(&look, "sha256"));
	look_fini(&look);
	/* However much is asked for. */
	look_in(*test, "/large", UINT64_MAX, &look);
	assert_int_equal(look.status, FACT_TRUNCATED);
	assert_int_equal(field(&look, "content")->bytes.size, 65530);
	look_fini(&look);
}

static void at_the_limit_nothing_is_cut(void **test)
{
	struct look look;

	scratch_write(*test, "a", "one\ntwo\n");
	look_in(*test, "/a", 8, &look);
	assert_int_equal(look.status, FACT_PRESENT);
	look_fini(&look);
	look_in(*test, "/a", 7, &look);
	assert_int_equal(look.status, FACT_TRUNCATED);
	assert_text(&look, "content", "one\n");
	look_fini(&look);
	look_in(*test, "/a", 3, &look);
	assert_int_equal(look.status, FACT_TRUNCATED);
	assert_text(&look, "content", "");
	look_fini(&look);
}

static void what_is_too_large_has_no_digest(void **test)
{
	const char *path = scratch_path(*test, "sparse");
	struct look look;

	scratch_write(*test, "sparse", "start\n");
	assert_int_equal(truncate(path, (off_t)LOOK_DIGEST_MAX + 1), 0);
	look_in(*test, "/sparse", 0, &look);
	assert_int_equal(look.status, FACT_PRESENT);
	assert_null(field(&look, "sha256"));
	assert_int_equal(field(&look, "size")->number, LOOK_DIGEST_MAX + 1);
	assert_non_null(strstr(look.reason, "too large"));
	look_fini(&look);
	look_in(*test, "/sparse", 100, &look);
	assert_int_equal(look.status, FACT_TRUNCATED);
	assert_text(&look, "content", "start\n");
	look_fini(&look);
}

static void a_redacted_file_has_a_keyed_digest_and_says_by_which_version(void **test)
{
	static const uint8_t other[COLLECTOR_SECRET_SIZE] = { 9 };
	struct look_request request = { .root = *test,
		.path = "/etc/app.conf",
		.secret = other,
		.digest = digest };
	struct look look, second = { 0 };

	scratch_write(*test, "etc/app.conf", "password = hunter2\nuser = al\n");
	look_in(*test, "/etc/app.conf", 1000, &look);
	assert_text(&look, "content", "password = <redacted>\nuser = al\n");
	assert_null(field(&look, "sha256"));
	assert_int_equal(field(&look, "sha256_keyed")->bytes.size, 64);
	assert_int_equal(field(&look, "redactor")->number, 1);
	/* Another agent, another digest; and none that can be guessed where only it is sent. */
	look_at(&request, &second);
	assert_null(field(&second, "sha256"));
	assert_null(field(&second, "content"));
	assert_false(bytes_equal(field(&look, "sha256_keyed")->bytes,
	    field(&second, "sha256_keyed")->bytes));
	look_fini(&look);
	look_fini(&second);
}

static void a_secret_beyond_the_limit_keys_the_digest_too(void **test)
{
	struct look look;

	scratch_write(*test, "a", "user = al\npassword = hunter2\n");
	look_in(*test, "/a", 12, &look);
	assert_text(&look, "content", "user = al\n");
	assert_null(field(&look, "sha256"));
	look_fini(&look);
}

static void the_digest_of_a_program_can_be_compared(void **test)
{
	FILE *file = fopen(scratch_path(*test, "program"), "w");
	struct look look;

	fwrite("\177ELF\0\0password=abc\n", 1, 19, file);
	fclose(file);
	look_in(*test, "/program", 0, &look);
	assert_non_null(field(&look, "sha256"));
	look_fini(&look);
}

static void redacting_never_makes_content_exceed_its_limit(void **test)
{
	FILE *file = fopen(scratch_path(*test, "grows"), "w");
	struct look look;

	for (int i = 0; i < 5000; i++)
		fputs("password=x\n", file);
	fclose(file);
	look_in(*test, "/grows", FACT_CONTENT_MAX, &look);
	assert_int_equal(look.status, FACT_TRUNCATED);
	assert_true(field(&look, "content")->bytes.size <= FACT_CONTENT_MAX);
	look_fini(&look);
}

static void content_that_is_not_text_goes_as_it_is(void **test)
{
	struct look look;

	scratch_write(*test, "latin1", "caf\xe9\n");
	look_in(*test, "/latin1", 100, &look);
	assert_int_equal(look.status, FACT_PRESENT);
	assert_text(&look, "content", "caf\xe9\n");
	look_fini(&look);
}

static void a_file_of_the_kernel_is_read_to_its_end(void **test)
{
	struct look look;

	(void)test;
	look_in("", "/proc/sys/kernel/ostype", 100, &look);
	assert_int_equal(look.status, FACT_PRESENT);
	assert_text(&look, "content", "Linux\n");
	assert_int_equal(field(&look, "size")->number, 6);
	look_fini(&look);
}

static void a_failing_read_is_a_failed_fact_with_its_reason(void **test)
{
	struct look look;

	(void)test;
	look_in("", "/proc/self/mem", 100, &look);
	assert_int_equal(look.status, FACT_FAILED);
	assert_non_null(strstr(look.reason, "Input/output error"));
	assert_text(&look, "type", "file");
	look_fini(&look);
}

static int check_unreadable(const char *root)
{
	struct look look;
	bool holds;

	if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0))
		return 2;
	look_in(root, "/etc/shadowed", 100, &look);
	holds = look.status == FACT_UNREADABLE && field(&look, "mode") != NULL
	     && field(&look, "size")->number == 7 && field(&look, "content") == NULL
	     && strstr(look.reason, "Permission denied") != NULL;
	look_fini(&look);
	look_in(root, "/closed/file", 100, &look);
	holds = holds && look.status == FACT_UNREADABLE && look.fields_count == 0;
	look_fini(&look);
	return holds ? 0 : 1;
}

static void what_may_not_be_read_says_so_with_what_is_known(void **test)
{
	int status = -1;
	pid_t child;

	scratch_write(*test, "etc/shadowed", "secret\n");
	scratch_write(*test, "closed/file", "secret\n");
	chmod(*test, 0755);
	chmod(scratch_path(*test, "etc/shadowed"), 0);
	chmod(scratch_path(*test, "closed"), 0);
	child = fork();
	if (child == 0)
		_exit(check_unreadable(*test));
	assert_int_equal(waitpid(child, &status, 0), child);
	chmod(scratch_path(*test, "closed"), 0700);
	assert_int_equal(status, 0);
}

/* Large enough that somebody else comes to write while it is read. */
enum { BUSY_SIZE = 16 * 1024 * 1024, BUSY_TRIES = 100 };

/* Writes without end; the parent looks meanwhile. */
_Noreturn static void scribble(const char *path, int ready)
{
	int fd = open(path, O_WRONLY | O_APPEND);

	for (bool is_told = false;; is_told = true) {
		if (write(fd, "x\n", 2) != 2 || ftruncate(fd, BUSY_SIZE + 100) != 0
		    || ftruncate(fd, BUSY_SIZE) != 0)
			_exit(1);
		if (!is_told && write(ready, "", 1) != 1)
			_exit(1);
	}
}

static void what_changes_all_the_time_is_failed_and_not_half_believed(void **test)
{
	const char *path = scratch_path(*test, "busy");
	int ready[2];
	char byte;
	struct look look = { 0 };
	pid_t child;

	scratch_write(*test, "busy", "start\n");
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0)
		scribble(path, ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	for (int i = 0; i < BUSY_TRIES && look.status != FACT_FAILED; i++) {
		look_fini(&look);
		look_in(*test, "/busy", 100, &look);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(look.status, FACT_FAILED);
	assert_string_equal(look.reason, "changed while it was read");
	assert_null(field(&look, "content"));
	look_fini(&look);
	look_in(*test, "/busy", 0, &look);
	assert_int_equal(look.status, FACT_PRESENT);
	look_fini(&look);
	close(ready[0]);
	close(ready[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

static void content_outside_the_roots_is_not_read_not_even_through_a_link(void **test)
{
	char *items[] = { (char[]){ "/etc" } };
	struct setting_list roots = { .items = items, .count = 1 };
	struct look_request request = { .root = *test,
		.path = "/etc/link",
		.content_limit = 100,
		.secret = secret,
		.digest = digest,
		.roots = &roots };
	struct look look = { 0 };

	scratch_write(*test, "etc/in", "inside\n");
	scratch_write(*test, "secret/out", "outside\n");
	assert_int_equal(symlink("../secret/out", scratch_path(*test, "etc/link")), 0);
	look_at(&request, &look);
	assert_int_equal(look.status, FACT_UNREADABLE);
	assert_non_null(strstr(look.reason, "files.roots"));
	assert_null(fact_find(look.fields, look.fields_count, "content"));
	look_fini(&look);
	request.path = "/etc/in";
	look_at(&request, &look);
	assert_int_equal(look.status, FACT_PRESENT);
	look_fini(&look);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_told_with_owner_mode_digest_and_content),
		TEST(without_a_limit_there_is_a_digest_and_no_content),
		TEST(an_empty_file_has_empty_content),
		TEST(what_is_not_there_is_absent),
		TEST(a_link_is_followed_and_told),
		TEST(a_link_to_nothing_is_absent_and_still_told),
		TEST(links_in_a_circle_fail_with_a_reason),
		TEST(what_is_no_file_is_told_by_its_type_and_never_read),
		TEST(a_large_file_is_cut_to_whole_lines_and_says_so),
		TEST(at_the_limit_nothing_is_cut),
		TEST(what_is_too_large_has_no_digest),
		TEST(a_redacted_file_has_a_keyed_digest_and_says_by_which_version),
		TEST(a_secret_beyond_the_limit_keys_the_digest_too),
		TEST(the_digest_of_a_program_can_be_compared),
		TEST(redacting_never_makes_content_exceed_its_limit),
		TEST(content_that_is_not_text_goes_as_it_is),
		TEST(a_file_of_the_kernel_is_read_to_its_end),
		TEST(a_failing_read_is_a_failed_fact_with_its_reason),
		TEST(what_may_not_be_read_says_so_with_what_is_known),
		TEST(what_changes_all_the_time_is_failed_and_not_half_believed),
		TEST(content_outside_the_roots_is_not_read_not_even_through_a_link),
	};
	return cmocka_run_group_tests(tests, start_group, stop_group);
}
