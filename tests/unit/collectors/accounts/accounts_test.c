/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/accounts/accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/collecting.h"
#include "tests/support/scratch.h"

static const struct accounts_settings rarely = { .reread = 600 * 1000 };

enum { SCOPES = 4 };

#define KEY "AAAAC3NzaC1lZDI1NTE5AAAAIBPat23uQt4HcgPKQCZKG76su3ggMcuZJdPf8MuH1D53"
#define FINGERPRINT "SHA256:4sqYj4SA69Kn9O8X0Pg9BQSrZAmwt9i18OFvWKZ58Fg"
#define OTHER_KEY \
	"AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBJrGhdarKS56BXsksPURt2jr8hszh3+" \
	"ckaVw48KyUt0przTq2PactfWgvyrPQDUXyKlIGpDSbEbARBquVU0UU9I="
#define OTHER_FINGERPRINT "SHA256:YiauEis6RXuAF+OAxU+i843TlhslrfN2ZEgF2lb/7cQ"

static void begin(struct collecting *at)
{
	collecting_start(at, &accounts_collector, &rarely);
	collecting_await_passes(at, SCOPES);
}

/* Passwd and group are there in every tree that has users at all. */
static void write_files(struct collecting *at, const char *passwd, const char *shadow)
{
	scratch_write(at->scratch, "etc/passwd", passwd);
	scratch_write(at->scratch, "etc/group", "root:x:0:\n");
	if (shadow != NULL)
		scratch_write(at->scratch, "etc/shadow", shadow);
}

static const char *text(struct collecting *at, const char *key, const char *field)
{
	return observer_fake_text(at->observer, key, field);
}

static int64_t number(struct collecting *at, const char *key, const char *field)
{
	return observer_fake_number(at->observer, key, field);
}

static void what_changes_of_accounts_is_urgent(void **test)
{
	struct collecting *at = *test;

	write_files(at, "", NULL);
	begin(at);
	assert_int_equal(observer_fake_last_pass(at->observer)->lane, LANE_CRITICAL);
}

/* ---- users and groups ---- */

static void a_user_is_told_with_all_that_the_files_say(void **test)
{
	struct collecting *at = *test;

	write_files(at, "al:x:1000:1001:Al Ice,,,:/home/al:/bin/bash\n",
	    "al:$6$salt$Kc0mYl9d0jM1dG3t8m5Zr2:19000:0:99999:7::20000:\n");
	begin(at);
	assert_int_equal(observer_fake_count(at->observer, "user/"), 1);
	assert_int_equal(number(at, "user/al", "uid"), 1000);
	assert_int_equal(number(at, "user/al", "gid"), 1001);
	assert_string_equal(text(at, "user/al", "gecos"), "Al Ice,,,");
	assert_string_equal(text(at, "user/al", "home"), "/home/al");
	assert_string_equal(text(at, "user/al", "shell"), "/bin/bash");
	assert_string_equal(text(at, "user/al", "password"), "hash:sha512");
	assert_int_equal(number(at, "user/al", "expires"), 20000);
	assert_int_equal(number(at, "user/al", "last_change"), 19000);
	assert_int_equal(observer_fake_status(at->observer, "account/shadow"), FACT_PRESENT);
}

static void of_a_password_only_its_class_is_told(void **test)
{
	static const struct {
		const char *stored, *class;
	} examples[] = {
		{ "", "empty" },
		{ "*", "none" },
		{ "!", "none" },
		{ "!!", "none" },
		{ "!*", "none" },
		{ "*LK*", "none" },
		{ "!$y$j9T$abc$def", "locked" },
		{ "!!$6$abc$def", "locked" },
		{ "!abJnggxhB/yWI", "locked" },
		{ "$y$j9T$abc$def", "hash:yescrypt" },
		{ "$gy$j9T$abc$def", "hash:gost-yescrypt" },
		{ "$7$abc", "hash:scrypt" },
		{ "$5$abc$def", "hash:sha256" },
		{ "$2b$12$abc", "hash:bcrypt" },
		{ "$1$abc$def", "hash:md5" },
		{ "abJnggxhB/yWI", "hash:des" },
		{ "_J9..abc", "hash:bsdi" },
		{ "tr0ub4dor", "hash:unknown" },
		{ "\xff\xfe", "hash:unknown" },
	};
	struct collecting *at = *test;
	struct buffer passwd = { 0 }, shadow = { 0 };

	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		buffer_append_format(&passwd, "u%zu:x:1:1::/:/bin/sh\n", i);
		buffer_append_format(&shadow, "u%zu:%s:1::::::\n", i, examples[i].stored);
	}
	write_files(at, buffer_text(&passwd), buffer_text(&shadow));
	begin(at);
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		char key[32];

		snprintf(key, sizeof(key), "user/u%zu", i);
		assert_string_equal(text(at, key, "password"), examples[i].class);
	}
	buffer_fini(&passwd);
	buffer_fini(&shadow);
}

static void a_shadow_that_is_not_there_leaves_passwords_out(void **test)
{
	struct collecting *at = *test;

	write_files(at, "al:x:1:1::/:/bin/sh\nold:abJnggxhB/yWI:2:2::/:/bin/sh\nopen::3:3::/:\n",
	    NULL);
	begin(at);
	assert_int_equal(observer_fake_status(at->observer, "account/shadow"), FACT_ABSENT);
	assert_int_equal(observer_fake_find(at->observer, "user/al")->fields_count, 5);
	assert_string_equal(text(at, "user/old", "password"), "hash:des");
	assert_string_equal(text(at, "user/open", "password"), "empty");
}

static void broken_lines_are_passed_over_and_the_first_of_a_name_counts(void **test)
{
	struct collecting *at = *test;

	write_files(at,
	    "\n:x:1:1::/:/bin/sh\nx:x:-1:1::/:/bin/sh\ny:x:99999999999999999999:1::/:\n"
	    "short:x:1\n# no:x:a:1::/:\n+::::::\n\xff\xfe:x:7:7::/:/bin/sh\n"
	    "twice:x:1:1::/:/bin/sh\ntwice:x:0:0::/:/bin/sh",
	    "broken\n::\n");
	begin(at);
	assert_int_equal(observer_fake_count(at->observer, "user/"), 2);
	assert_int_equal(number(at, "user/\xff\xfe", "uid"), 7);
	assert_int_equal(number(at, "user/twice", "uid"), 1);
}

static void members_of_a_group_are_sorted(void **test)
{
	struct collecting *at = *test;

	write_files(at, "root:x:0:0::/root:/bin/sh\n", NULL);
	scratch_write(at->scratch, "etc/group", "sudo:x:27:zoe,al,zoe\nempty:x:5:\nbroken:x\n");
	begin(at);
	assert_int_equal(observer_fake_count(at->observer, "group/"), 2);
	assert_string_equal(text(at, "group/sudo", "members"), "al,zoe");
	assert_int_equal(number(at, "group/sudo", "gid"), 27);
	assert_string_equal(text(at, "group/empty", "members"), "");
}

static void a_changed_file_is_told_within_a_second(void **test)
{
	struct collecting *at = *test;

	write_files(at, "root:x:0:0::/root:/bin/sh\n", "root:*:1::::::\n");
	begin(at);
	scratch_write(at->scratch, "etc/shadow.new", "root::2::::::\n");
	assert_int_equal(rename(scratch_path(at->scratch, "etc/shadow.new"),
			     scratch_path(at->scratch, "etc/shadow")),
	    0);
	collecting_await_text(at, "user/root", "password", "empty");
	assert_int_equal(observer_fake_find(at->observer, "group/root")->changes, 1);
}

static void without_passwd_nothing_is_taken_back(void **test)
{
	struct collecting *at = *test;

	write_files(at, "root:x:0:0::/root:/bin/sh\n", NULL);
	begin(at);
	unlink(scratch_path(at->scratch, "etc/passwd"));
	collecting_await_status(at, "user", FACT_FAILED);
	collecting_await_status(at, "authorized_key", FACT_FAILED);
	assert_int_equal(observer_fake_count(at->observer, "user/"), 1);
	write_files(at, "root:x:0:0::/root:/bin/sh\n", NULL);
	collecting_await_status(at, "user", FACT_NONE);
}

/* ---- sudo ---- */

static const struct fake_fact *find_rule(struct collecting *at, const char *rule)
{
	for (size_t i = 0; i < observer_fake_size(at->observer); i++) {
		const struct fake_fact *fact = observer_fake_at(at->observer, i);

		if (fact->status == FACT_PRESENT
		    && bytes_start_with(buffer_bytes(&fact->key), bytes_of_text("sudo/"))
		    && bytes_equal(fact->fields[1].bytes, bytes_of_text(rule)))
			return fact;
	}
	return NULL;
}

static void rules_are_told_without_comments_and_joined(void **test)
{
	struct collecting *at = *test;
	const struct fake_fact *included;

	write_files(at, "root:x:0:0::/root:/bin/sh\n", NULL);
	scratch_write(at->scratch, "etc/sudoers",
	    "# a comment\n\nDefaults\tenv_reset   # another\n"
	    "User_Alias ADMINS = al, \\\n\tbo\nDefaults badpass_message=\"no  # way\"\n"
	    "#1000 ALL=(#0) ALL\n%sudo\tALL=(ALL:ALL) ALL\n#includedir /etc/sudoers.d\n"
	    "@include sudoers.local\n@include /etc/missing\n");
	scratch_write(at->scratch, "etc/sudoers.local", "al ALL=(ALL) NOPASSWD: /bin/ls\\#1\n");
	scratch_write(at->scratch, "etc/sudoers.d/web", "www ALL=NOPASSWD: /bin/x\r\n");
	scratch_write(at->scratch, "etc/sudoers.d/README.old", "never ALL=ALL\n");
	scratch_write(at->scratch, "etc/sudoers.d/web~", "never ALL=ALL\n");
	begin(at);
	assert_non_null(find_rule(at, "Defaults env_reset"));
	assert_non_null(find_rule(at, "User_Alias ADMINS = al, bo"));
	assert_non_null(find_rule(at, "Defaults badpass_message=\"no  # way\""));
	assert_non_null(find_rule(at, "#1000 ALL=(#0) ALL"));
	assert_non_null(find_rule(at, "%sudo ALL=(ALL:ALL) ALL"));
	assert_non_null(find_rule(at, "al ALL=(ALL) NOPASSWD: /bin/ls\\#1"));
	included = find_rule(at, "www ALL=NOPASSWD: /bin/x");
	assert_non_null(included);
	assert_true(bytes_equal(included->fields[0].bytes, bytes_of_text("/etc/sudoers.d/web")));
	assert_int_equal(observer_fake_status(at->observer, "sudo/etc/missing"), FACT_ABSENT);
	assert_int_equal(observer_fake_count(at->observer, "sudo/"), 8);
}

static void a_new_rule_is_seen_and_the_others_stay_what_they_are(void **test)
{
	struct collecting *at = *test;
	const struct fake_fact *rule;

	write_files(at, "root:x:0:0::/root:/bin/sh\n", NULL);
	scratch_write(at->scratch, "etc/sudoers", "al ALL=ALL\n@includedir /etc/sudoers.d\n");
	begin(at);
	rule = find_rule(at, "al ALL=ALL");
	scratch_write(at->scratch, "etc/sudoers.d/new", "bo ALL=ALL\n");
	while (find_rule(at, "bo ALL=ALL") == NULL)
		collecting_turn(at);
	scratch_write(at->scratch, "etc/sudoers",
	    "\n# x\nal  ALL=ALL\n@includedir /etc/sudoers.d\n"
	    "zoe ALL=ALL");
	while (find_rule(at, "zoe ALL=ALL") == NULL)
		collecting_turn(at);
	assert_ptr_equal(find_rule(at, "al ALL=ALL"), rule);
	assert_int_equal(rule->changes, 1);
}

static void files_that_include_each_other_come_to_an_end(void **test)
{
	struct collecting *at = *test;

	write_files(at, "root:x:0:0::/root:/bin/sh\n", NULL);
	scratch_write(at->scratch, "etc/sudoers",
	    "@include /etc/sudoers\n@include\n@include \"\"\n");
	begin(at);
	assert_int_equal(observer_fake_status(at->observer, "sudo/etc/sudoers"), FACT_FAILED);
}

static void without_sudo_the_pass_is_complete_and_empty(void **test)
{
	struct collecting *at = *test;

	write_files(at, "root:x:0:0::/root:/bin/sh\n", NULL);
	begin(at);
	collecting_await_status(at, "sudo", FACT_ABSENT);
	assert_int_equal(observer_fake_count(at->observer, "sudo/"), 0);
}

/* ---- keys ---- */

static void a_key_is_told_by_its_fingerprint(void **test)
{
	struct collecting *at = *test;

	write_files(at, "al:x:1:1::/home/al:/bin/sh\n", NULL);
	scratch_write(at->scratch, "home/al/.ssh/authorized_keys",
	    "# mine\n\nssh-ed25519 " KEY " al@example 2\n"
	    "command=\"/bin/x \\\"a b\\\"\",no-pty  ecdsa-sha2-nistp256\t" OTHER_KEY "\n");
	begin(at);
	assert_int_equal(observer_fake_count(at->observer, "authorized_key/"), 2);
	assert_string_equal(text(at, "authorized_key/al/" FINGERPRINT, "fingerprint"), FINGERPRINT);
	assert_string_equal(text(at, "authorized_key/al/" FINGERPRINT, "type"), "ssh-ed25519");
	assert_string_equal(text(at, "authorized_key/al/" FINGERPRINT, "comment"), "al@example 2");
	assert_string_equal(text(at, "authorized_key/al/" FINGERPRINT, "options"), "");
	assert_string_equal(text(at, "authorized_key/al/" OTHER_FINGERPRINT, "options"),
	    "command=\"/bin/x \\\"a b\\\"\",no-pty");
}

static void what_is_no_key_is_not_told_of(void **test)
{
	struct collecting *at = *test;

	write_files(at, "al:x:1:1::/home/al:/bin/sh\n", "root:$6$abc$def:1::::::\n");
	mkdir(scratch_path(at->scratch, "home"), 0755);
	mkdir(scratch_path(at->scratch, "home/al"), 0755);
	mkdir(scratch_path(at->scratch, "home/al/.ssh"), 0755);
	assert_int_equal(symlink("../../../etc/shadow",
			     scratch_path(at->scratch, "home/al/.ssh/authorized_keys")),
	    0);
	scratch_write(at->scratch, "home/al/.ssh/authorized_keys2",
	    "ssh-rsa " KEY " type and bytes differ\nssh-ed25519 !!!!\nssh-ed25519\n"
	    "ssh-ed25519 AAAA\nssh-ed25519 " KEY "=\n\"\nssh-\xff AAAA\n");
	begin(at);
	assert_int_equal(observer_fake_count(at->observer, "authorized_key"), 0);
}

static void a_fifo_or_a_huge_file_is_not_waited_for(void **test)
{
	struct collecting *at = *test;

	write_files(at, "al:x:1:1::/home/al:/bin/sh\nbo:x:2:2::/home/bo:/bin/sh\n", NULL);
	scratch_write(at->scratch, "home/al/.ssh/x", "");
	scratch_write(at->scratch, "home/bo/.ssh/authorized_keys", "");
	assert_int_equal(mkfifo(scratch_path(at->scratch, "home/al/.ssh/authorized_keys"), 0600),
	    0);
	assert_int_equal(
	    truncate(scratch_path(at->scratch, "home/bo/.ssh/authorized_keys"), 64 * 1024 * 1024),
	    0);
	begin(at);
	assert_int_equal(observer_fake_status(at->observer, "authorized_key/al"), FACT_FAILED);
	assert_int_equal(observer_fake_status(at->observer, "authorized_key/bo"), FACT_FAILED);
}

static void a_key_that_comes_with_its_directory_is_seen_and_its_end_too(void **test)
{
	struct collecting *at = *test;

	write_files(at, "al:x:1:1::/home/al:/bin/sh\n", NULL);
	begin(at);
	scratch_write(at->scratch, "home/al/.ssh/authorized_keys", "ssh-ed25519 " KEY "\n");
	collecting_await_status(at, "authorized_key/al/" FINGERPRINT, FACT_PRESENT);
	unlink(scratch_path(at->scratch, "home/al/.ssh/authorized_keys"));
	collecting_await_status(at, "authorized_key/al/" FINGERPRINT, FACT_NONE);
}

static void this_machine_has_a_root(void **test)
{
	struct collecting *at = *test;

	at->context.root = "";
	begin(at);
	assert_int_equal(number(at, "user/root", "uid"), 0);
	assert_int_equal(number(at, "group/root", "gid"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, collecting_setup, collecting_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_changes_of_accounts_is_urgent),
		TEST(a_user_is_told_with_all_that_the_files_say),
		TEST(of_a_password_only_its_class_is_told),
		TEST(a_shadow_that_is_not_there_leaves_passwords_out),
		TEST(broken_lines_are_passed_over_and_the_first_of_a_name_counts),
		TEST(members_of_a_group_are_sorted),
		TEST(a_changed_file_is_told_within_a_second),
		TEST(without_passwd_nothing_is_taken_back),
		TEST(rules_are_told_without_comments_and_joined),
		TEST(a_new_rule_is_seen_and_the_others_stay_what_they_are),
		TEST(files_that_include_each_other_come_to_an_end),
		TEST(without_sudo_the_pass_is_complete_and_empty),
		TEST(a_key_is_told_by_its_fingerprint),
		TEST(what_is_no_key_is_not_told_of),
		TEST(a_fifo_or_a_huge_file_is_not_waited_for),
		TEST(a_key_that_comes_with_its_directory_is_seen_and_its_end_too),
		TEST(this_machine_has_a_root),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
