/* SPDX-License-Identifier: Apache-2.0 */
#include "core/enrolment_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/support/scratch.h"

static const char server_key[] = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";

static void fill(struct enrolment_file *file)
{
	*file = (struct enrolment_file){ .name = "it's web",
		.endpoints = { "tcp://fettle.example.org:7121", "tcp://[2001:db8::1]:7121" },
		.endpoints_count = 2,
		.gateways = { "tcp://192.0.2.1:7117" },
		.gateways_count = 1,
		.has_secret = true };
	strcpy(file->server_key, server_key);
	memcpy(file->secret, "0123456789abcdef", ENROLMENT_SECRET_SIZE);
}

static char *write_text(bool with_secret)
{
	struct enrolment_file file;
	struct buffer text = { 0 };
	char *copy;

	fill(&file);
	enrolment_file_write(&file, with_secret, &text);
	copy = text_copy(buffer_text(&text));
	buffer_fini(&text);
	return copy;
}

static enum status parse(const char *text, struct enrolment_file *out, char *said, size_t size)
{
	struct yaml_errors errors = { 0 };
	enum status status = enrolment_file_parse("file", bytes_of_text(text), out, &errors);

	if (said != NULL)
		snprintf(said, size, "%s", yaml_errors_text(&errors));
	assert_int_equal(status == STATUS_OK, errors.count == 0);
	yaml_errors_fini(&errors);
	return status;
}

static void what_was_written_is_read(void **test)
{
	struct enrolment_file file;
	char *text = write_text(true);

	(void)test;
	assert_int_equal(parse(text, &file, NULL, 0), STATUS_OK);
	assert_string_equal(file.name, "it's web");
	assert_int_equal(file.endpoints_count, 2);
	assert_string_equal(file.endpoints[1], "tcp://[2001:db8::1]:7121");
	assert_int_equal(file.gateways_count, 1);
	assert_string_equal(file.gateways[0], "tcp://192.0.2.1:7117");
	assert_string_equal(file.server_key, server_key);
	assert_true(file.has_secret);
	assert_memory_equal(file.secret, "0123456789abcdef", ENROLMENT_SECRET_SIZE);
	enrolment_file_fini(&file);
	free(text);
}

static void without_its_secret_it_says_where_the_server_is(void **test)
{
	struct enrolment_file file;
	char *text = write_text(false);

	(void)test;
	assert_null(strstr(text, "secret"));
	assert_int_equal(parse(text, &file, NULL, 0), STATUS_OK);
	assert_false(file.has_secret);
	assert_string_equal(file.gateways[0], "tcp://192.0.2.1:7117");
	enrolment_file_fini(&file);
	free(text);
}

static void a_secret_with_a_wrong_digit_is_damaged_and_never_shown(void **test)
{
	struct enrolment_file file;
	char *text = write_text(true), *secret = strstr(text, "secret: \""), said[1024];

	(void)test;
	assert_non_null(secret);
	secret[9] = secret[9] == '7' ? '8' : '7';
	assert_int_equal(parse(text, &file, said, sizeof(said)), STATUS_INVALID);
	assert_non_null(strstr(said, "the secret is damaged"));
	secret[9 + 40] = '\0';
	assert_null(strstr(said, secret + 9));
	assert_null(strstr(said, secret + 15));
	free(text);
}

/* A message shows the line that it is about. */
static void a_secret_on_a_line_that_is_wrong_is_not_shown(void **test)
{
	static const char *const lines[] = { "secret: S\nsecret: S\n", "secret: @S\n",
		"secret: [S]\n", "secret: {S: S}\n", "secret: 'S\n", "secret: S: S\n",
		"- secret: S\n" };
	static const char secret[] = "30313233343536373839616263646566cafecafe";

	(void)test;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct yaml_errors errors = { 0 };
		struct enrolment_file file;
		struct buffer text = { 0 };

		for (const char *at = lines[i]; *at != '\0'; at++)
			if (*at == 'S')
				buffer_append_text(&text, secret);
			else
				buffer_append_u8(&text, (uint8_t)*at);
		assert_int_equal(enrolment_file_parse("file", buffer_bytes(&text), &file, &errors),
		    STATUS_INVALID);
		assert_null(strstr(yaml_errors_text(&errors), "30313233"));
		assert_null(strstr(yaml_errors_text(&errors), "cafecafe"));
		yaml_errors_fini(&errors);
		buffer_fini(&text);
	}
}

static void is_refused(const char *text, const char *why)
{
	struct enrolment_file file;
	char said[2048];

	assert_int_equal(parse(text, &file, said, sizeof(said)), STATUS_INVALID);
	assert_non_null(strstr(said, why));
}

#define HEAD "fettle_enrolment: 1\n"
#define KEY "server_key: \"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\"\n"
#define ENROL "enrol: [\"tcp://a:1\"]\n"
#define GATEWAYS "gateways: [\"tcp://a:2\"]\n"

static void what_is_no_enrolment_file_is_refused_and_said(void **test)
{
	(void)test;
	is_refused("", "no enrolment file");
	is_refused("[1]", "no enrolment file");
	is_refused("fettle_enrolment: 2\n", "another version");
	is_refused(HEAD KEY ENROL, "`gateways` is missing");
	is_refused(HEAD KEY GATEWAYS, "`enrol` is missing");
	is_refused(HEAD KEY GATEWAYS "enrol: []\n", "needs 1 to 16");
	is_refused(HEAD ENROL GATEWAYS, "public key");
	is_refused(HEAD ENROL GATEWAYS "server_key: short\n", "public key");
	is_refused(HEAD KEY GATEWAYS "enrol: [ipc:///tmp/x]\n", "tcp://HOST:PORT");
	is_refused(HEAD KEY GATEWAYS "enrol: [[a]]\n", "tcp://HOST:PORT");
	is_refused(HEAD KEY ENROL GATEWAYS "secret: 00\n", "damaged");
}

static void an_address_has_a_host_and_a_port_and_nothing_odd(void **test)
{
	(void)test;
	assert_true(enrolment_file_is_address("tcp://host:1"));
	assert_true(enrolment_file_is_address("tcp://[::1]:7121"));
	assert_false(enrolment_file_is_address("tcp://host"));
	assert_false(enrolment_file_is_address("tcp://:1"));
	assert_false(enrolment_file_is_address("tcp://host:"));
	assert_false(enrolment_file_is_address("tcp://host:*"));
	assert_false(enrolment_file_is_address("tcp://ho\"st:1"));
	assert_false(enrolment_file_is_address("inproc://a:1"));
	assert_false(enrolment_file_is_address("tcp"));
}

static enum status read_with_mode(void *directory, const char *text, mode_t mode)
{
	const char *path = scratch_path(directory, "file");
	struct yaml_errors errors = { 0 };
	struct enrolment_file file;
	enum status status;

	scratch_write(directory, "file", text);
	assert_int_equal(chmod(path, mode), 0);
	status = enrolment_file_read(path, &file, &errors);
	assert_int_equal(status == STATUS_OK, errors.count == 0);
	enrolment_file_fini(&file);
	yaml_errors_fini(&errors);
	return status;
}

static void a_secret_that_everybody_may_read_is_refused(void **test)
{
	char *secret = write_text(true), *plain = write_text(false);

	assert_int_equal(read_with_mode(*test, secret, 0600), STATUS_OK);
	assert_int_equal(read_with_mode(*test, secret, 0640), STATUS_OK);
	assert_int_equal(read_with_mode(*test, secret, 0644), STATUS_INVALID);
	assert_int_equal(read_with_mode(*test, secret, 0602), STATUS_INVALID);
	assert_int_equal(read_with_mode(*test, plain, 0644), STATUS_OK);
	free(secret);
	free(plain);
}

static void a_file_that_is_not_there_or_too_long_is_said(void **test)
{
	struct yaml_errors errors = { 0 };
	struct enrolment_file file;
	char *text = memory_new(100 * 1000);

	assert_int_equal(enrolment_file_read(scratch_path(*test, "none"), &file, &errors),
	    STATUS_NOT_FOUND);
	yaml_errors_fini(&errors);
	memset(text, '#', 99 * 1000);
	assert_int_equal(read_with_mode(*test, text, 0600), STATUS_INVALID);
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_is_read),
		TEST(without_its_secret_it_says_where_the_server_is),
		TEST(a_secret_with_a_wrong_digit_is_damaged_and_never_shown),
		TEST(a_secret_on_a_line_that_is_wrong_is_not_shown),
		TEST(what_is_no_enrolment_file_is_refused_and_said),
		TEST(an_address_has_a_host_and_a_port_and_nothing_odd),
		TEST(a_secret_that_everybody_may_read_is_refused),
		TEST(a_file_that_is_not_there_or_too_long_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
