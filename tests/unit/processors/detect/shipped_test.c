/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The detections that are shipped: each fires where it should, and is quiet where it should not.
 */
#include <dirent.h>

#include "processors/detect/key_index.h"
#include "tests/unit/processors/detect/rules.h"

enum { SIDE_FIELDS = 3, RULES_MAX = 64 };

struct field {
	const char *name;
	const char *text; /* NULL: number */
	int64_t number;
};

struct side {
	enum fact_status status;
	struct field fields[SIDE_FIELDS];
};

#define PRESENT FACT_PRESENT
#define CONTENT(text) \
	{ \
		PRESENT, \
		{ \
			{ \
				"content", (text), 0 \
			} \
		} \
	}
#define UNIT(program, state) \
	{ \
		PRESENT, \
		{ \
			{ "fragment", "/etc/systemd/system/x.service", 0 }, \
			    { "exec_start", (program), 0 }, \
			{ \
				"active_state", (state), 0 \
			} \
		} \
	}
#define SUDO(rule) \
	{ \
		PRESENT, \
		{ \
			{ \
				"rule", (rule), 0 \
			} \
		} \
	}
#define MEMBERS(names) \
	{ \
		PRESENT, \
		{ \
			{ \
				"members", (names), 0 \
			} \
		} \
	}
#define UID(uid) \
	{ \
		PRESENT, \
		{ \
			{ "uid", NULL, (uid) }, \
			{ \
				"shell", "/bin/sh", 0 \
			} \
		} \
	}
#define OTHER_SHELL(uid) \
	{ \
		PRESENT, \
		{ \
			{ "uid", NULL, (uid) }, \
			{ \
				"shell", "/bin/zsh", 0 \
			} \
		} \
	}
#define ABSENT_SIDE \
	{ \
		FACT_ABSENT, \
		{ \
			{ \
				0 \
			} \
		} \
	}
#define BARE \
	{ \
		PRESENT, \
		{ \
			{ \
				"mode", "0644", 0 \
			} \
		} \
	}

#define UNITS "file/etc/systemd/system/x.service"
#define SSHD "file/etc/ssh/sshd_config"

/* What fires for an unexpected change; every rule that is not named is quiet. */
static const struct {
	const char *key;
	const char *fires; /* titles' file names, by a space; "" none */
	struct side before, after;
} cases[] = {
	{ "user/toor", "second-root-account", ABSENT_SIDE, UID(0) },
	{ "user/anna", "second-root-account", UID(1000), UID(0) },
	{ "user/ROOT", "second-root-account", ABSENT_SIDE, UID(0) },
	{ "user/anna", "account-added", ABSENT_SIDE, UID(1000) },
	{ "user/anna", "", UID(1000), ABSENT_SIDE },
	{ "user/anna", "account-changed", UID(1000), OTHER_SHELL(1000) },
	{ "user/anna", "account-changed", UID(1000), UID(1001) },
	{ "user/anna", "account-changed", UID(0), UID(1000) },
	{ "user/root", "account-changed", UID(0), OTHER_SHELL(0) },
	{ "user/toor", "account-changed", UID(0), OTHER_SHELL(0) },
	{ "user/anna", "", UID(1000), UID(1000) },

	{ "group/sudo", "privileged-group", MEMBERS(""), MEMBERS("anna") },
	{ "group/docker", "privileged-group", MEMBERS("anna"), MEMBERS("anna,bert") },
	{ "group/docker", "privileged-group", ABSENT_SIDE, MEMBERS("anna") },
	{ "group/docker", "", ABSENT_SIDE, MEMBERS("") },
	{ "group/sudo", "", MEMBERS("anna"), MEMBERS("") },
	{ "group/users", "", MEMBERS("anna"), MEMBERS("anna,bert") },

	{ "authorized_key/root/SHA256:abc", "ssh-authorized-key", ABSENT_SIDE, BARE },
	{ "authorized_key/root/SHA256:abc", "", BARE, ABSENT_SIDE },

	{ "cron/etc/cron.d/x/1", "scheduled-job", ABSENT_SIDE, BARE },
	{ "cron/etc/cron.d/x/1", "", BARE, ABSENT_SIDE },
	{ "file/etc/cron.daily/x", "scheduled-job", BARE, CONTENT("#!/bin/sh\n") },
	{ "file/etc/cron.daily/x.dpkg-new", "", ABSENT_SIDE, BARE },
	{ "unit/x.timer", "scheduled-job", ABSENT_SIDE, BARE },
	{ "unit/x.timer", "", { PRESENT, { { "active_state", "active", 0 } } },
	    { PRESENT, { { "active_state", "inactive", 0 } } } },

	{ "unit/x.service", "unit-changed", ABSENT_SIDE, UNIT("/usr/bin/x", "active") },
	{ "unit/x.service", "unit-changed", UNIT("/usr/bin/x", "active"),
	    UNIT("/usr/bin/y", "active") },
	{ "unit/x.service", "", UNIT("/usr/bin/x", "active"), UNIT("/usr/bin/x", "failed") },
	{ "unit/x.service", "", UNIT("/usr/bin/x", "active"), ABSENT_SIDE },
	{ "unit/x.service", "unit-from-temporary-directory", UNIT("/usr/bin/x", "active"),
	    UNIT("/dev/shm/x", "active") },
	{ "unit/x.service", "unit-from-temporary-directory", ABSENT_SIDE,
	    UNIT("/bin/sh -c '/var/tmp/x'", "active") },
	{ "unit/x.service", "", UNIT("/tmp/x", "active"), UNIT("/tmp/x", "failed") },
	{ "unit/x.service", "unit-changed", ABSENT_SIDE, UNIT("/opt/tmp/x", "active") },
	{ UNITS, "unit-from-temporary-directory", ABSENT_SIDE,
	    CONTENT("[Service]\nExecStart=-/tmp/.x\n") },
	{ UNITS, "", CONTENT("ExecStart=/tmp/x\n"), CONTENT("ExecStart=/tmp/x\nNice=5\n") },
	{ UNITS, "", ABSENT_SIDE, CONTENT("ExecStart=/usr/bin/x\nPIDFile=/tmp/x\n") },

	{ "sudo/etc/sudoers/1", "sudo-rule", ABSENT_SIDE, SUDO("anna ALL=(ALL) ALL") },
	{ "sudo/etc/sudoers/1", "sudo-without-password", ABSENT_SIDE,
	    SUDO("anna ALL=(ALL) NOPASSWD: ALL") },
	{ "sudo/etc/sudoers/1", "sudo-without-password", SUDO("Defaults env_reset"),
	    SUDO("Defaults !authenticate") },
	{ "sudo/etc/sudoers/1", "", SUDO("anna ALL=(ALL) ALL"), ABSENT_SIDE },

	{ "file/etc/ld.so.preload", "ld-so-preload", ABSENT_SIDE, CONTENT("/usr/lib/x.so\n") },
	{ "file/etc/ld.so.preload", "ld-so-preload", ABSENT_SIDE, { FACT_UNREADABLE, { { 0 } } } },
	{ "file/etc/ld.so.preload", "", CONTENT("/usr/lib/x.so\n"), ABSENT_SIDE },

	{ "file/etc/pam.d/common-auth", "pam-changed", BARE, CONTENT("auth sufficient x.so\n") },
	{ "file/etc/pam.d/new", "pam-changed", ABSENT_SIDE, BARE },
	{ "file/usr/lib/x86_64-linux-gnu/security/pam_x.so", "pam-changed", ABSENT_SIDE, BARE },
	{ "file/etc/pam.d/login.dpkg-new", "", ABSENT_SIDE, BARE },

	{ SSHD, "sshd-weakened", CONTENT("PermitRootLogin no\n"),
	    CONTENT("PermitRootLogin yes\n") },
	{ SSHD, "sshd-weakened", CONTENT("\n"), CONTENT("permitrootlogin=yes\n") },
	{ SSHD, "sshd-weakened", CONTENT("\n"), CONTENT("  PasswordAuthentication \"yes\"\n") },
	{ SSHD, "sshd-weakened", CONTENT("PasswordAuthentication no\n"), CONTENT("UsePAM yes\n") },
	{ SSHD, "sshd-weakened", CONTENT("PasswordAuthentication no\n"), ABSENT_SIDE },
	{ SSHD, "sshd-weakened", CONTENT("\n"), CONTENT("AuthorizedKeysCommand /usr/bin/x\n") },
	{ "file/etc/ssh/sshd_config.d/9.conf", "sshd-weakened", ABSENT_SIDE,
	    CONTENT("PermitRootLogin yes\n") },
	{ SSHD, "", CONTENT("PermitRootLogin yes\n"),
	    CONTENT("PermitRootLogin yes\nUsePAM yes\n") },
	{ SSHD, "", CONTENT("\n"), CONTENT("#PermitRootLogin yes\n") },
	{ SSHD, "", CONTENT("PermitRootLogin yes\n"), CONTENT("PermitRootLogin no\n") },
	{ SSHD, "", CONTENT("\n"), CONTENT("AuthorizedKeysCommandUser nobody\n") },

	{ "file/usr/bin/ls", "system-file-replaced", BARE, CONTENT("x") },
	{ "file/usr/lib/x86_64-linux-gnu/libc.so.6", "system-file-replaced", BARE, CONTENT("x") },
	{ "file/usr/bin/x.dpkg-new", "", ABSENT_SIDE, BARE },
	{ "file/usr/local/bin/x", "", ABSENT_SIDE, BARE },
	{ "file/usr/bin/ls", "", BARE, ABSENT_SIDE },

	{ "file/etc/profile", "shell-start-up", BARE, CONTENT("x") },
	{ "file/etc/profile.d/x.sh", "shell-start-up", ABSENT_SIDE, BARE },
	{ "file/etc/bash.bashrc", "shell-start-up", BARE, CONTENT("x") },
	{ "file/etc/profile.d/x.sh", "", BARE, ABSENT_SIDE },
	{ "file/home/anna/.bashrc", "", BARE, CONTENT("x") },

	{ "file/etc/modprobe.d/x.conf", "kernel-module-loading", ABSENT_SIDE, BARE },
	{ "file/etc/modules", "kernel-module-loading", BARE, CONTENT("x\n") },
	{ "file/usr/lib/modules/6.1/kernel/x.ko.xz", "kernel-module-loading", ABSENT_SIDE, BARE },
	{ "file/etc/modprobe.d/x.conf", "", BARE, ABSENT_SIDE },
	{ "file/usr/lib/modules/6.1/modules.dep", "", BARE, CONTENT("x") },

	{ "file/etc/hostname", "", BARE, CONTENT("x") },
	{ "package/dpkg/openssl:amd64", "", BARE, ABSENT_SIDE },
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

struct shipped {
	struct rules *rules;
	const struct detection *list[RULES_MAX];
	const char *names[RULES_MAX]; /* of their files, without ".yaml" */
	size_t count;
	struct key_index *index;
};

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_rule(const struct dirent *entry)
{
	return strstr(entry->d_name, ".yaml") != NULL;
}

static void load_rule(struct shipped *shipped, const char *directory, const char *name)
{
	struct rules *rules = shipped->rules;
	struct bytes text = rules_read(&rules->arena,
	    arena_format(&rules->arena, "%s/%s", directory, name));
	struct detection *rule;

	assert_true(shipped->count < RULES_MAX);
	if (detection_parse(name, text, rules->regexes, &rule, &rules->errors) != STATUS_OK)
		fail_msg("%s", yaml_errors_text(&rules->errors));
	shipped->names[shipped->count] = arena_format(&rules->arena, "%.*s",
	    (int)strcspn(name, "."), name);
	shipped->list[shipped->count++] = rule;
}

static int start(void **test)
{
	struct shipped *shipped = memory_new(sizeof(*shipped));
	const char *source = getenv("FETTLE_SOURCE"), *directory;
	struct dirent **entries;
	int count;

	rules_start((void **)&shipped->rules);
	directory = arena_format(&shipped->rules->arena, "%s/content/detections",
	    source == NULL ? "." : source);
	count = scandir(directory, &entries, is_rule, by_name);
	assert_true(count > 0);
	for (int i = 0; i < count; i++) {
		load_rule(shipped, directory, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	shipped->index = key_index_new(shipped->list, shipped->count);
	*test = shipped;
	return 0;
}

static int stop(void **test)
{
	struct shipped *shipped = *test;

	key_index_free(shipped->index);
	for (size_t i = 0; i < shipped->count; i++)
		detection_free((struct detection *)(uintptr_t)shipped->list[i]);
	rules_stop((void **)&shipped->rules);
	free(shipped);
	return 0;
}

static struct fact fact_of(struct arena *arena, const struct side *side)
{
	struct fact_field *fields = arena_take(arena, SIDE_FIELDS * sizeof(*fields));
	struct fact fact = { .status = side->status, .fields = fields };

	for (size_t i = 0; i < SIDE_FIELDS && side->fields[i].name != NULL; i++)
		fields[fact.fields_count++] =
		    side->fields[i].text != NULL
			? FACT_FIELD_TEXT(side->fields[i].name, side->fields[i].text)
			: FACT_FIELD_NUMBER(side->fields[i].name, side->fields[i].number);
	return fact;
}

/* The names of the rules that fire, by a space. */
static const char *firing(struct shipped *shipped, const struct change *change)
{
	struct arena *arena = &shipped->rules->arena;
	size_t count, *found = key_index_find(shipped->index, change->key, arena, &count);
	const char *text = "";

	for (size_t i = 0; i < count; i++) {
		struct match_result result;

		if (rules_match(shipped->rules, shipped->list[found[i]], change, &result)
		    == ANSWER_YES)
			text = arena_format(arena, "%s%s%s", text, *text == '\0' ? "" : " ",
			    shipped->names[found[i]]);
		else if (result.answer == ANSWER_UNDECIDED)
			fail_msg("%s: %s", shipped->names[found[i]], result.reason);
	}
	return text;
}

static struct change change_of(struct shipped *shipped, size_t i)
{
	struct arena *arena = &shipped->rules->arena;

	return (struct change){ .key = bytes_of_text(cases[i].key),
		.before = fact_of(arena, &cases[i].before),
		.after = fact_of(arena, &cases[i].after) };
}

static void each_detection_fires_where_it_should_and_no_other_does(void **test)
{
	for (size_t i = 0; i < CASES; i++) {
		struct change change = change_of(*test, i);
		const char *fired = firing(*test, &change);

		if (strcmp(fired, cases[i].fires) != 0)
			fail_msg("case %zu, %s: \"%s\" and not \"%s\"", i, cases[i].key, fired,
			    cases[i].fires);
	}
}

static void an_expected_change_is_quiet(void **test)
{
	for (size_t i = 0; i < CASES; i++) {
		struct change change = change_of(*test, i);

		change.expected_by = "package x 1.2-3";
		assert_string_equal(firing(*test, &change), "");
	}
}

static void each_detection_has_a_case_that_fires(void **test)
{
	struct shipped *shipped = *test;

	for (size_t i = 0; i < shipped->count; i++) {
		bool has_case = false;

		for (size_t j = 0; j < CASES; j++)
			has_case |= strcmp(cases[j].fires, shipped->names[i]) == 0;
		if (!has_case)
			fail_msg("%s", shipped->names[i]);
	}
}

static void each_detection_says_what_it_is_and_by_which_technique(void **test)
{
	struct shipped *shipped = *test;

	for (size_t i = 0; i < shipped->count; i++) {
		const struct detection *rule = shipped->list[i];

		assert_int_equal(strlen(rule->id), 36);
		assert_string_equal(rule->status, "stable");
		assert_string_equal(rule->attack_version, "18.1");
		assert_true(*rule->description != '\0');
		assert_true(rule->techniques.count > 0 && rule->tactics.count > 0);
		assert_true(rule->falsepositives.count > 0 && rule->references.count > 0);
		assert_int_equal(rule->notes_count, 0);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(rule->id, shipped->list[j]->id);
	}
}

static void no_detection_is_asked_about_every_change(void **test)
{
	struct shipped *shipped = *test;
	size_t count;

	key_index_find(shipped->index, bytes_of_text("package/dpkg/openssl:amd64"),
	    &shipped->rules->arena, &count);
	assert_int_equal(count, 0);
}

/* What was padded so that its end is out of reach is not quiet but undecided. */
static void a_configuration_that_was_cut_is_undecided(void **test)
{
	struct shipped *shipped = *test;
	struct arena *arena = &shipped->rules->arena;
	struct side before = CONTENT("PermitRootLogin no\n"), after = CONTENT("# padding\n");
	struct change change = { .key = bytes_of_text(SSHD),
		.before = fact_of(arena, &before),
		.after = fact_of(arena, &after) };
	struct match_result result = { 0 };
	bool is_found = false;

	change.after.status = FACT_TRUNCATED;
	for (size_t i = 0; i < shipped->count; i++)
		if (strcmp(shipped->names[i], "sshd-weakened") == 0) {
			rules_match(shipped->rules, shipped->list[i], &change, &result);
			is_found = true;
		}
	assert_true(is_found);
	assert_int_equal(result.answer, ANSWER_UNDECIDED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_detection_fires_where_it_should_and_no_other_does),
		TEST(an_expected_change_is_quiet),
		TEST(each_detection_has_a_case_that_fires),
		TEST(each_detection_says_what_it_is_and_by_which_technique),
		TEST(no_detection_is_asked_about_every_change),
		TEST(a_configuration_that_was_cut_is_undecided),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
