/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy content/policies/debian-server.yaml on a server in order, and on one with a single
 * thing wrong at a time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "processors/assess/lint.h"
#include "tests/unit/processors/assess/world.h"

/* As Debian 12 installs it, hardened where the policy asks for more. */
static const char sshd_config[] = "# This is the sshd server system-wide configuration file.\n"
				  "Include /etc/ssh/sshd_config.d/*.conf\n"
				  "#PermitRootLogin yes\n"
				  "#MaxAuthTries 60\n"
				  "#PermitEmptyPasswords yes\n"
				  "PasswordAuthentication no\n"
				  "KbdInteractiveAuthentication no\n"
				  "UsePAM yes\n"
				  "X11Forwarding yes\n";
static const char passwd[] = "root:x:0:0:root:/root:/bin/bash\n"
			     "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
			     "anna:x:1000:1000:,,,:/home/anna:/bin/bash\n";
static const char shadow[] = "root:*:19000:0:99999:7:::\n"
			     "daemon:!:19000:0:99999:7:::\n"
			     "anna:$y$:19000:0:99999:7:::\n";
static const char common_auth[] = "# here are the per-package modules\n"
				  "auth\t[success=1 default=ignore]\tpam_unix.so nullok\n"
				  "auth\trequisite\t\t\tpam_deny.so\n"
				  "auth\trequired\t\t\tpam_permit.so\n";
static const char common_password[] =
    "password\t[success=1 default=ignore]\tpam_unix.so obscure yescrypt\n"
    "password\trequisite\t\t\tpam_deny.so\n";
static const char sudoers[] = "Defaults\tenv_reset\n"
			      "Defaults\tuse_pty\n"
			      "Defaults\tlogfile=\"/var/log/sudo.log\"\n"
			      "root\tALL=(ALL:ALL) ALL\n";

static const struct world_file in_order[] = {
	{ .path = "/etc/os-release", .content = "NAME=\"Debian\"\nVERSION_ID=\"12\"\nID=debian\n" },
	{ .path = "/etc/ssh/sshd_config", .content = sshd_config },
	{ .path = "/etc/ssh/sshd_config.d", .type = "directory", .mode = 0755 },
	{ .path = "/etc/passwd", .content = passwd },
	{ .path = "/etc/group" },
	{ .path = "/etc/shadow", .content = shadow, .mode = 0640, .group = "shadow" },
	{ .path = "/etc/gshadow", .mode = 0640, .group = "shadow" },
	{ .path = "/etc/login.defs", .content = "#UMASK 000\nUMASK\t\t022\nUID_MIN 1000\n" },
	{ .path = "/etc/pam.d/common-auth", .content = common_auth },
	{ .path = "/etc/pam.d/common-password", .content = common_password },
	{ .path = "/etc/sysctl.conf", .content = "#kernel.randomize_va_space=0\n" },
	{ .path = "/etc/crontab" },
	{ .path = "/etc/cron.d", .type = "directory", .mode = 0755 },
	{ .path = "/etc/cron.hourly", .type = "directory", .mode = 0755 },
	{ .path = "/etc/cron.daily", .type = "directory", .mode = 0755 },
	{ .path = "/etc/cron.weekly", .type = "directory", .mode = 0755 },
	{ .path = "/etc/cron.monthly", .type = "directory", .mode = 0755 },
	{ .path = "/etc/sudoers", .content = sudoers, .mode = 0440 },
	{ .path = NULL },
};

enum { FILES = sizeof(in_order) / sizeof(in_order[0]) };

#define SSHD(text) \
	{ \
		.path = "/etc/ssh/sshd_config", .content = text \
	}
#define SUDOERS(text) \
	{ \
		.path = "/etc/sudoers", .content = text, .mode = 0440 \
	}
#define MODE(path_, mode_) \
	{ \
		.path = path_, .content = "", .mode = mode_ \
	}

/* One file replaced, and what the check then is. */
static const struct {
	const char *check;
	enum check_result result;
	struct world_file file;
} cases[] = {
	{ "ssh-root-login", CHECK_FAILED, SSHD("PermitRootLogin yes\n") },
	{ "ssh-root-login", CHECK_FAILED, SSHD("  permitrootlogin=\"Yes\"\n") },
	{ "ssh-root-login", CHECK_PASSED, SSHD("PermitRootLogin prohibit-password\n") },
	{ "ssh-root-login", CHECK_PASSED, SSHD("") },
	{ "ssh-empty-passwords", CHECK_FAILED, SSHD("PermitEmptyPasswords yes\n") },
	{ "ssh-empty-passwords", CHECK_PASSED, SSHD("PermitEmptyPasswords no\n") },
	{ "ssh-password-logins", CHECK_FAILED, SSHD("# nothing: the default is yes\n") },
	{ "ssh-password-logins", CHECK_FAILED, SSHD("PasswordAuthentication no\n") },
	{ "ssh-password-logins", CHECK_FAILED,
	    SSHD("PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
		 "Match User git\n  PasswordAuthentication yes\n") },
	{ "ssh-password-logins", CHECK_PASSED,
	    SSHD("PasswordAuthentication no\nChallengeResponseAuthentication no\n") },
	{ "ssh-auth-tries", CHECK_FAILED, SSHD("MaxAuthTries 7\n") },
	{ "ssh-auth-tries", CHECK_PASSED, SSHD("MaxAuthTries 6\n") },
	{ "ssh-config-owner", CHECK_FAILED, MODE("/etc/ssh/sshd_config", 0664) },
	{ "ssh-config-owner", CHECK_FAILED, MODE("/etc/ssh/sshd_config", 0020) },
	{ "ssh-config-owner", CHECK_FAILED, { .path = "/etc/ssh/sshd_config", .owner = "anna" } },
	{ "ssh-config-owner", CHECK_PASSED, MODE("/etc/ssh/sshd_config", 0600) },
	{ "ssh-drop-ins-owner", CHECK_FAILED,
	    { .path = "/etc/ssh/sshd_config.d", .type = "directory", .mode = 0777 } },
	{ "ssh-drop-ins-owner", CHECK_FAILED,
	    { .path = "/etc/ssh/sshd_config.d", .type = "file", .content = "x", .mode = 0755 } },
	{ "accounts-files-owner", CHECK_FAILED, MODE("/etc/passwd", 0646) },
	{ "accounts-files-owner", CHECK_FAILED, { .path = "/etc/group", .group = "anna" } },
	{ "accounts-hashes-private", CHECK_FAILED, MODE("/etc/shadow", 0644) },
	{ "accounts-hashes-private", CHECK_FAILED, MODE("/etc/gshadow", 0660) },
	{ "accounts-hashes-private", CHECK_PASSED, MODE("/etc/shadow", 07000) },
	{ "accounts-one-root", CHECK_FAILED,
	    { .path = "/etc/passwd",
		.content = "root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\n" } },
	{ "accounts-one-root", CHECK_FAILED,
	    { .path = "/etc/passwd", .content = "rooter:x:00:1::/:/bin/sh\n" } },
	{ "accounts-no-empty-passwords", CHECK_FAILED,
	    { .path = "/etc/shadow", .content = "root:*:1::::::\nanna::19000:0:99999:7:::\n" } },
	{ "accounts-no-empty-passwords", CHECK_FAILED,
	    { .path = "/etc/passwd", .content = "anna::1000:1000::/:/bin/sh\n" } },
	{ "login-umask", CHECK_FAILED, { .path = "/etc/login.defs", .content = "UMASK 002\n" } },
	{ "login-umask", CHECK_FAILED, { .path = "/etc/login.defs", .content = "UMASK 0\n" } },
	{ "login-umask", CHECK_PASSED,
	    { .path = "/etc/login.defs", .content = "UMASK 0077 # x\n" } },
	{ "login-umask", CHECK_PASSED, { .path = "/etc/login.defs", .content = "UID_MIN 1\n" } },
	{ "pam-password-hash", CHECK_FAILED,
	    { .path = "/etc/pam.d/common-password",
		.content = "password required pam_unix.so md5\n" } },
	{ "pam-password-hash", CHECK_FAILED,
	    { .path = "/etc/pam.d/common-password",
		.content = "password required pam_unix.so # yescrypt\n" } },
	{ "pam-password-hash", CHECK_PASSED,
	    { .path = "/etc/pam.d/common-password",
		.content = "password required pam_unix.so sha512\n" } },
	{ "pam-no-bypass", CHECK_FAILED,
	    { .path = "/etc/pam.d/common-auth",
		.content = "auth sufficient pam_permit.so\nauth requisite pam_deny.so\n" } },
	{ "pam-no-bypass", CHECK_FAILED,
	    { .path = "/etc/pam.d/common-auth",
		.content = "auth [success=done default=ignore] pam_permit.so\n"
			   "auth requisite pam_deny.so\n" } },
	{ "pam-no-bypass", CHECK_FAILED,
	    { .path = "/etc/pam.d/common-auth", .content = "auth optional pam_unix.so\n" } },
	{ "sysctl-address-randomisation", CHECK_FAILED,
	    { .path = "/etc/sysctl.conf", .content = "kernel.randomize_va_space = 1\n" } },
	{ "sysctl-address-randomisation", CHECK_FAILED,
	    { .path = "/etc/sysctl.conf", .content = "-kernel/randomize_va_space=0\n" } },
	{ "sysctl-address-randomisation", CHECK_PASSED,
	    { .path = "/etc/sysctl.conf", .content = "kernel.randomize_va_space = 2\n" } },
	{ "sysctl-link-protection", CHECK_FAILED,
	    { .path = "/etc/sysctl.conf", .content = "fs.protected_symlinks=0\n" } },
	{ "sysctl-link-protection", CHECK_PASSED,
	    { .path = "/etc/sysctl.conf", .content = "fs.protected_hardlinks=1\n" } },
	{ "cron-table-owner", CHECK_FAILED, MODE("/etc/crontab", 0666) },
	{ "cron-directories-owner", CHECK_FAILED,
	    { .path = "/etc/cron.weekly", .type = "directory", .mode = 0775 } },
	{ "sudo-pty", CHECK_FAILED, SUDOERS("Defaults env_reset\n") },
	{ "sudo-pty", CHECK_FAILED, SUDOERS("Defaults use_pty\nDefaults:anna !use_pty\n") },
	{ "sudo-pty", CHECK_FAILED, SUDOERS("#Defaults use_pty\n") },
	{ "sudo-pty", CHECK_PASSED, SUDOERS("Defaults env_reset, use_pty, insults\n") },
	{ "sudo-log-file", CHECK_FAILED, SUDOERS("Defaults use_pty\n") },
	{ "sudo-log-file", CHECK_PASSED, SUDOERS("Defaults use_pty,logfile=/var/log/sudo\n") },
	{ "sudo-rules-owner", CHECK_FAILED, MODE("/etc/sudoers", 0444) },
	{ "sudo-rules-owner", CHECK_FAILED, MODE("/etc/sudoers", 0460) },
	{ "sudo-rules-owner", CHECK_PASSED, MODE("/etc/sudoers", 0400) },
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static int load(void **test)
{
	const char *source = getenv("FETTLE_SOURCE");
	struct arena arena = { 0 };
	const char *path = arena_format(&arena, "%s/content/policies/debian-server.yaml",
	    source == NULL ? "." : source);
	struct yaml_errors errors = { 0 };
	struct policy *policy = NULL;
	char text[65536];
	FILE *file = fopen(path, "r");
	size_t size = file == NULL ? 0 : fread(text, 1, sizeof(text), file);

	if (file != NULL)
		fclose(file);
	if (policy_parse("debian-server.yaml", BYTES(text, size), NULL, &policy, &errors)
	    != STATUS_OK)
		print_error("%s: %s\n", path, yaml_errors_text(&errors));
	yaml_errors_fini(&errors);
	arena_fini(&arena);
	*test = policy;
	return policy == NULL ? -1 : 0;
}

static int unload(void **test)
{
	policy_free(*test);
	return 0;
}

static enum check_result result_of(const struct policy *policy, const char *id,
    const struct world_file *files)
{
	struct world world = WORLD(files);
	struct lookup lookup = WORLD_LOOKUP(&world);
	struct arena arena = { 0 };
	const struct check *check = policy_check(policy, id);
	struct check_outcome outcome;
	enum check_result result;

	assert_non_null(check);
	assert_int_equal(check_evaluate(check, &lookup, &arena, &outcome), STATUS_OK);
	result = outcome.result;
	arena_fini(&arena);
	return result;
}

static void replace(struct world_file *files, const struct world_file *file)
{
	size_t i = 0;

	memcpy(files, in_order, sizeof(in_order));
	while (files[i].path != NULL && strcmp(files[i].path, file->path) != 0)
		i++;
	assert_non_null(files[i].path);
	files[i] = *file;
}

static void it_has_twenty_checks_and_nothing_to_lint(void **test)
{
	const struct policy *policy = *test;
	struct arena arena = { 0 };
	size_t count;
	struct lint_finding *findings = policy_lint(policy, &arena, &count);

	if (count > 0)
		fail_msg("line %u: %s", findings[0].line, findings[0].why);
	assert_int_equal(policy->checks_count, 20);
	for (size_t i = 0; i < policy->checks_count; i++) {
		assert_true(strlen(policy->checks[i].rationale) > 20);
		assert_true(strlen(policy->checks[i].remediation) > 20);
	}
	arena_fini(&arena);
}

static void a_server_in_order_passes_every_check(void **test)
{
	const struct policy *policy = *test;

	for (size_t i = 0; i < policy->checks_count; i++)
		if (result_of(policy, policy->checks[i].id, in_order) != CHECK_PASSED)
			fail_msg("%s", policy->checks[i].id);
}

static void one_thing_changed_is_one_check_changed(void **test)
{
	struct world_file files[FILES];
	unsigned wrong = 0;

	for (size_t i = 0; i < CASES; i++) {
		replace(files, &cases[i].file);
		if (result_of(*test, cases[i].check, files) == cases[i].result)
			continue;
		print_error("case %zu: %s\n", i, cases[i].check);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void every_check_has_a_case_in_which_it_fails(void **test)
{
	const struct policy *policy = *test;

	for (size_t i = 0; i < policy->checks_count; i++) {
		size_t j = 0;

		while (j < CASES
		       && (cases[j].result != CHECK_FAILED
			   || strcmp(cases[j].check, policy->checks[i].id) != 0))
			j++;
		if (j == CASES)
			fail_msg("%s", policy->checks[i].id);
	}
}

static void what_is_not_installed_is_not_applicable(void **test)
{
	const struct policy *policy = *test;
	struct world_file files[FILES];

	memcpy(files, in_order, sizeof(files));
	for (size_t i = 0; i < FILES - 1; i++)
		files[i] = (struct world_file){ .path = in_order[i].path, .status = FACT_ABSENT };
	for (size_t i = 0; i < policy->checks_count; i++)
		if (result_of(policy, policy->checks[i].id, files) != CHECK_NOT_APPLICABLE)
			fail_msg("%s", policy->checks[i].id);
}

static void what_nobody_observed_is_not_run(void **test)
{
	static const struct world_file nothing[] = { { .path = NULL } };
	const struct policy *policy = *test;

	for (size_t i = 0; i < policy->checks_count; i++)
		if (result_of(policy, policy->checks[i].id, nothing) != CHECK_NOT_RUN)
			fail_msg("%s", policy->checks[i].id);
}

static enum policy_gate gate_on(const struct policy *policy, const char *os_release)
{
	struct world_file file = { .path = "/etc/os-release", .content = os_release };
	struct world_file files[FILES];
	struct world world = WORLD(files);
	struct lookup lookup = WORLD_LOOKUP(&world);
	struct arena arena = { 0 };
	struct check_outcome outcome;
	enum policy_gate gate;

	replace(files, &file);
	assert_int_equal(policy_requirements_evaluate(policy, &lookup, &arena, &outcome, &gate),
	    STATUS_OK);
	arena_fini(&arena);
	return gate;
}

static void it_is_for_debian_12_alone(void **test)
{
	assert_int_equal(gate_on(*test, "ID=debian\nVERSION_ID=\"12\"\n"), POLICY_OPEN);
	assert_int_equal(gate_on(*test, "ID=debian\nVERSION_ID=\"13\"\n"), POLICY_CLOSED);
	assert_int_equal(gate_on(*test, "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"12\"\n"),
	    POLICY_CLOSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_twenty_checks_and_nothing_to_lint),
		cmocka_unit_test(a_server_in_order_passes_every_check),
		cmocka_unit_test(one_thing_changed_is_one_check_changed),
		cmocka_unit_test(every_check_has_a_case_in_which_it_fails),
		cmocka_unit_test(what_is_not_installed_is_not_applicable),
		cmocka_unit_test(what_nobody_observed_is_not_run),
		cmocka_unit_test(it_is_for_debian_12_alone),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
