/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/units/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/collecting.h"
#include "tests/support/scratch.h"

static struct units_settings chosen;

#define VENDOR "usr/lib/systemd/system/"
#define ADMIN "etc/systemd/system/"

static void start(struct collecting *at)
{
	static char program[4096];

	snprintf(program, sizeof(program), "%s/systemctl", (char *)at->scratch);
	chosen = (struct units_settings){ .reread = 3600 * 1000, .systemctl = program };
	collecting_start(at, &units_collector, &chosen);
}

static void begin(struct collecting *at)
{
	start(at);
	collecting_await_passes(at, 1);
}

static const char *text(struct collecting *at, const char *key, const char *field)
{
	return observer_fake_text(at->observer, key, field);
}

static const char *enabled(struct collecting *at, const char *key)
{
	return text(at, key, "enabled");
}

static void make_link(struct collecting *at, const char *target, const char *name)
{
	char path[512];

	/* Makes the directories on the way. */
	snprintf(path, sizeof(path), "%s.tmp", name);
	scratch_write(at->scratch, path, "");
	unlink(scratch_path(at->scratch, path));
	assert_int_equal(symlink(target, scratch_path(at->scratch, name)), 0);
}

/* A systemctl that prints files: "files" for list-unit-files, "units" for show. */
static void install_systemctl(struct collecting *at, const char *files, const char *units)
{
	mkdir(scratch_path(at->scratch, "run"), 0755);
	mkdir(scratch_path(at->scratch, "run/systemd"), 0755);
	mkdir(scratch_path(at->scratch, "run/systemd/system"), 0755);
	scratch_write(at->scratch, "files", files);
	scratch_write(at->scratch, "units", units);
	scratch_write(at->scratch, "systemctl",
	    "#!/bin/sh\n"
	    "case \"$*\" in *list-unit-files) exec cat \"${0%/*}/files\";;\n"
	    "*show\\ \\*) exec cat \"${0%/*}/units\";; *) exit 9;; esac\n");
	chmod(scratch_path(at->scratch, "systemctl"), 0755);
}

/* ---- from files ---- */

static void states_are_those_that_systemctl_would_say(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, VENDOR "on.service",
	    "[Service]\nExecStart=/bin/on -x\n"
	    "[Install]\nWantedBy=multi-user.target\n");
	scratch_write(at->scratch, VENDOR "off.service", "[Install]\nRequiredBy = a.target\n");
	scratch_write(at->scratch, VENDOR "still.service",
	    "[Service]\nExecStart=/bin/s\n"
	    "[Install]\n# WantedBy=x\nWantedBy=\n[Other]\nWantedBy=x.target\n");
	scratch_write(at->scratch, VENDOR "side.socket", "[Install]\nAlso=on.service\n");
	scratch_write(at->scratch, VENDOR "vendor.service", "[Service]\nExecStart=/bin/v\n");
	make_link(at, "../vendor.service", VENDOR "sysinit.target.wants/vendor.service");
	make_link(at, "/lib/systemd/system/on.service", ADMIN "multi-user.target.wants/on.service");
	make_link(at, "/dev/null", ADMIN "gone.service");
	scratch_write(at->scratch, VENDOR "gone.service", "[Service]\nExecStart=/bin/gone\n");
	scratch_write(at->scratch, ADMIN "empty.timer", "");
	make_link(at, "aliased.service", VENDOR "also-known.service");
	scratch_write(at->scratch, VENDOR "aliased.service", "[Install]\nWantedBy=x.target\n");
	make_link(at, "/lib/systemd/system/real.service", ADMIN "display.service");
	scratch_write(at->scratch, VENDOR "real.service", "[Install]\nAlias=display.service\n");
	begin(at);
	assert_string_equal(enabled(at, "unit/on.service"), "enabled");
	assert_string_equal(text(at, "unit/on.service", "fragment"),
	    "/usr/lib/systemd/system/on.service");
	assert_string_equal(text(at, "unit/on.service", "exec_start"), "/bin/on -x");
	assert_string_equal(text(at, "unit/on.service", "active"), "");
	assert_string_equal(enabled(at, "unit/off.service"), "disabled");
	assert_string_equal(enabled(at, "unit/still.service"), "static");
	assert_string_equal(enabled(at, "unit/side.socket"), "indirect");
	assert_string_equal(enabled(at, "unit/vendor.service"), "static");
	assert_string_equal(enabled(at, "unit/gone.service"), "masked");
	assert_string_equal(text(at, "unit/gone.service", "exec_start"), "");
	assert_string_equal(enabled(at, "unit/empty.timer"), "masked");
	assert_string_equal(enabled(at, "unit/also-known.service"), "alias");
	assert_string_equal(enabled(at, "unit/aliased.service"), "disabled");
	assert_string_equal(enabled(at, "unit/display.service"), "alias");
	assert_string_equal(enabled(at, "unit/real.service"), "enabled");
}

static void an_instance_that_is_wanted_has_the_file_of_its_template(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, VENDOR "getty@.service",
	    "[Service]\nExecStart=-/sbin/agetty %I\n"
	    "[Install]\nWantedBy=getty.target\n");
	make_link(at, "/lib/systemd/system/getty@.service",
	    ADMIN "getty.target.wants/getty@tty1.service");
	begin(at);
	assert_int_equal(observer_fake_count(at->observer, "unit/"), 2);
	assert_string_equal(enabled(at, "unit/getty@.service"), "enabled");
	assert_string_equal(enabled(at, "unit/getty@tty1.service"), "enabled");
	assert_string_equal(text(at, "unit/getty@tty1.service", "fragment"),
	    "/usr/lib/systemd/system/getty@.service");
	assert_string_equal(text(at, "unit/getty@tty1.service", "exec_start"), "-/sbin/agetty %I");
}

static void the_administrators_file_and_drop_ins_come_first(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, VENDOR "a.service", "[Service]\nExecStart=/bin/vendor\n");
	scratch_write(at->scratch, ADMIN "a.service",
	    "[Service]\nExecStart=/bin/one\\\n# x\n  two\n"
	    "ExecStart=/bin/three\n");
	scratch_write(at->scratch, VENDOR "b.service", "[Service]\nExecStart=/bin/vendor\n");
	scratch_write(at->scratch, ADMIN "b.service.d/20-x.conf",
	    "[Service]\nExecStart=/bin/last\n");
	scratch_write(at->scratch, ADMIN "b.service.d/10-x.conf", "[Service]\nExecStart=\n");
	scratch_write(at->scratch, VENDOR "b.service.d/20-x.conf",
	    "[Service]\nExecStart=/hidden\n");
	scratch_write(at->scratch, ADMIN "b.service.d/note.txt", "[Service]\nExecStart=/never\n");
	begin(at);
	assert_string_equal(text(at, "unit/a.service", "fragment"),
	    "/etc/systemd/system/a.service");
	assert_string_equal(text(at, "unit/a.service", "exec_start"), "/bin/one two ; /bin/three");
	assert_string_equal(text(at, "unit/b.service", "exec_start"), "/bin/last");
	assert_string_equal(text(at, "unit/a.service", "drop_ins"), "");
	assert_string_equal(text(at, "unit/b.service", "drop_ins"),
	    "/etc/systemd/system/b.service.d/10-x.conf "
	    "/etc/systemd/system/b.service.d/20-x.conf");
}

static void odd_files_and_names_do_no_harm(void **test)
{
	struct collecting *at = *test;
	char *long_line = memory_new(200 * 1000 + 64);

	memset(long_line, 'y', 200 * 1000);
	memcpy(long_line, "[Service]\nExecStart=", 20);
	scratch_write(at->scratch, VENDOR "long.service", long_line);
	free(long_line);
	scratch_write(at->scratch, VENDOR "bytes-\xff.service",
	    "[Service]\nExecStart=/x \xff\xfe\n=\n[\n");
	scratch_write(at->scratch, VENDOR "broken.service",
	    "[Service\nExecStart=/no\n]\n[]\n\\\n\\");
	scratch_write(at->scratch, VENDOR "README", "x\n");
	scratch_write(at->scratch, VENDOR ".service", "x\n");
	scratch_write(at->scratch, VENDOR "dir.service/x", "x\n");
	make_link(at, "loop.service", VENDOR "loop.service");
	begin(at);
	assert_int_equal(observer_fake_status(at->observer, "unit/long.service"), FACT_TRUNCATED);
	assert_string_equal(text(at, "unit/broken.service", "exec_start"), "");
	assert_string_equal(text(at, "unit/bytes-\xff.service", "exec_start"), "/x \xff\xfe");
	assert_string_equal(enabled(at, "unit/loop.service"), "static");
	assert_int_equal(observer_fake_count(at->observer, "unit/"), 5);
}

static void a_unit_that_is_enabled_masked_or_new_is_seen(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, VENDOR "a.service", "[Install]\nWantedBy=x.target\n");
	begin(at);
	assert_string_equal(enabled(at, "unit/a.service"), "disabled");
	make_link(at, "/x/a.service", ADMIN "x.target.wants/a.service");
	collecting_await_text(at, "unit/a.service", "enabled", "enabled");
	make_link(at, "/dev/null", ADMIN "a.service");
	collecting_await_text(at, "unit/a.service", "enabled", "masked");
}

static void a_secret_in_a_command_stays_here(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, VENDOR "a.service",
	    "[Service]\nExecStart=/bin/a --user=me --password=tr0ub4dor\n");
	begin(at);
	assert_null(strstr(text(at, "unit/a.service", "exec_start"), "tr0ub4dor"));
	assert_non_null(strstr(text(at, "unit/a.service", "exec_start"), "--user=me"));
}

/* ---- from systemd ---- */

static void what_runs_is_asked_of_systemd(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, VENDOR "ssh.service", "[Service]\nExecStart=/bin/disk\n");
	scratch_write(at->scratch, VENDOR "idle.service", "[Service]\nExecStart=/bin/idle\n");
	scratch_write(at->scratch, VENDOR "t@.service", "[Service]\nExecStart=/bin/t\n");
	install_systemctl(at,
	    "ssh.service enabled enabled\ncron.service generated -\nt@.service static -\n"
	    "run-x.service transient -\nbroken\n\n\xff\xfe x\n",
	    "Id=ssh.service\nActiveState=reloading\nUnitFileState=enabled\n"
	    "FragmentPath=/lib/systemd/system/ssh.service\n"
	    "ExecStart={ path=/usr/sbin/sshd ; argv[]=/usr/sbin/sshd -D $OPTS ; ignore_errors=no ; "
	    "start_time=[Mon 2026-11-23 10:00:00 UTC] ; stop_time=[n/a] ; pid=12 ; code=(null) "
	    "}\n\n"
	    "Id=session-1.scope\nActiveState=active\n\n"
	    "Id=proc.mount\nActiveState=active\nFragmentPath=\n\n"
	    "Id=t@7.service\nActiveState=active\nFragmentPath=/lib/systemd/system/t@.service\n\n"
	    "Id=tmp.service\nActiveState=active\nFragmentPath=/run/systemd/transient/"
	    "tmp.service\n\n"
	    "ActiveState=active\n=\nnonsense\n\n"
	    "Id=fresh.service\nActiveState=failed\nFragmentPath=/etc/systemd/system/fresh.service");
	begin(at);
	assert_string_equal(enabled(at, "unit/ssh.service"), "enabled");
	assert_string_equal(text(at, "unit/ssh.service", "active"), "active");
	assert_string_equal(text(at, "unit/ssh.service", "fragment"),
	    "/lib/systemd/system/ssh.service");
	assert_string_equal(text(at, "unit/ssh.service", "exec_start"), "/usr/sbin/sshd -D $OPTS");
	assert_string_equal(text(at, "unit/idle.service", "active"), "inactive");
	assert_string_equal(text(at, "unit/idle.service", "exec_start"), "/bin/idle");
	assert_string_equal(text(at, "unit/t@.service", "active"), "");
	assert_string_equal(text(at, "unit/fresh.service", "active"), "failed");
	assert_string_equal(enabled(at, "unit/cron.service"), "generated");
	assert_int_equal(observer_fake_count(at->observer, "unit/"), 5);
}

static void a_systemctl_that_fails_takes_nothing_back(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, VENDOR "a.service", "[Service]\nExecStart=/bin/a\n");
	install_systemctl(at, "a.service static -\n", "Id=a.service\nActiveState=active\n");
	begin(at);
	scratch_write(at->scratch, "systemctl", "#!/bin/sh\necho no bus >&2\nexit 1\n");
	units_collector.refresh(at->self);
	collecting_await_status(at, "unit", FACT_FAILED);
	assert_string_equal(observer_fake_find(at->observer, "unit")->reason,
	    "systemctl exited with 1: no bus");
	assert_string_equal(text(at, "unit/a.service", "active"), "active");
	assert_int_equal(observer_fake_passes(at->observer), 1);
}

static void a_service_that_starts_is_noticed_by_its_processes(void **test)
{
	struct collecting *at = *test;

	scratch_write(at->scratch, VENDOR "a.service", "[Service]\nExecStart=/bin/a\n");
	scratch_write(at->scratch, "sys/fs/cgroup/system.slice/x", "");
	install_systemctl(at, "", "");
	begin(at);
	assert_string_equal(text(at, "unit/a.service", "active"), "inactive");
	scratch_write(at->scratch, "units", "Id=a.service\nActiveState=active\n");
	mkdir(scratch_path(at->scratch, "sys/fs/cgroup/system.slice/a.service"), 0755);
	collecting_await_text(at, "unit/a.service", "active", "active");
}

/* ---- this machine ---- */

/* systemctl reads the same files, in its own way, also where systemd does not run. */
static void this_machine_has_the_states_that_systemctl_says(void **test)
{
	struct collecting *at = *test;
	FILE *pipe = popen("systemctl list-unit-files --no-legend --no-pager 2>/dev/null", "r");
	char line[512], name[256], state[64], key[300];
	size_t compared = 0;

	at->context.root = "";
	chosen = (struct units_settings){ .reread = 3600 * 1000,
		.systemctl = (char[]){ "systemctl" } };
	collecting_start(at, &units_collector, &chosen);
	collecting_await_passes(at, 1);
	while (pipe != NULL && fgets(line, sizeof(line), pipe) != NULL) {
		if (sscanf(line, "%255s %63s", name, state) != 2)
			continue;
		snprintf(key, sizeof(key), "unit/%s", name);
		if (observer_fake_find(at->observer, key) == NULL)
			continue;
		assert_string_equal(enabled(at, key), state);
		compared++;
	}
	if (pipe != NULL)
		pclose(pipe);
	if (compared == 0) {
		print_message("there is no systemctl here to compare with\n");
		skip();
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, collecting_setup, collecting_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(states_are_those_that_systemctl_would_say),
		TEST(an_instance_that_is_wanted_has_the_file_of_its_template),
		TEST(the_administrators_file_and_drop_ins_come_first),
		TEST(odd_files_and_names_do_no_harm),
		TEST(a_unit_that_is_enabled_masked_or_new_is_seen),
		TEST(a_secret_in_a_command_stays_here),
		TEST(what_runs_is_asked_of_systemd),
		TEST(a_systemctl_that_fails_takes_nothing_back),
		TEST(a_service_that_starts_is_noticed_by_its_processes),
		TEST(this_machine_has_the_states_that_systemctl_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
