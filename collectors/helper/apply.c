/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child waits at a pipe for one byte.  The end of the pipe without it means that the helper is
 * gone, before its journal said that anything had begun: then nothing is begun.
 */
#include "collectors/helper/apply.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/require.h"

enum { FIRST_FREE_FD = 3, NOT_BEGUN = 125, NOT_RUN = 126 };

/* ---- what is run ---- */

static const char *const apt_get[] = {
	"/usr/bin/apt-get",
	"--quiet",
	"--assume-yes",
	"--only-upgrade",
	"--no-remove",
	/* What the administrator changed stays; what nobody did follows the package. */
	"-oDpkg::Options::=--force-confdef",
	"-oDpkg::Options::=--force-confold",
	"-oDpkg::Use-Pty=0",
	"-oDPkg::Lock::Timeout=300",
	/* A name is a name: never a regular expression. */
	"-oAPT::Cmd::Pattern-Only=true",
	"install",
	"--",
};

/* What an interrupted dpkg left half done is completed first: apt refuses to work before. */
static const char *const dpkg_configure[] = { "/usr/bin/dpkg", "--force-confdef", "--force-confold",
	"--configure", "-a", NULL };

static const char *const environment[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"HOME=/root",
	"LC_ALL=C.UTF-8",
	"DEBIAN_FRONTEND=noninteractive",
	"DEBCONF_NONINTERACTIVE_SEEN=true",
	"APT_LISTCHANGES_FRONTEND=none",
	"NEEDRESTART_MODE=l", /* lists what should be restarted, and restarts nothing */
	"UCF_FORCE_CONFFOLD=1",
	NULL,
};

enum { FIXED = sizeof(apt_get) / sizeof(apt_get[0]) };

const char *const *apply_arguments(const Fettle__JobAction *action, struct arena *arena)
{
	const char **arguments = arena_take(arena,
	    (FIXED + action->n_packages + 1) * sizeof(*arguments));

	memcpy(arguments, apt_get, sizeof(apt_get));
	for (size_t i = 0; i < action->n_packages; i++)
		arguments[FIXED + i] = arena_format(arena, "%s=%s", action->packages[i]->name,
		    action->packages[i]->version);
	return arguments;
}

/* ---- in the child ---- */

static char *const *unconst(const char *const *texts)
{
	return (char *const *)(uintptr_t)texts;
}

static _Noreturn void become(const char *const *arguments)
{
	static const char failed[] = "the program could not be started\n";

	execve(arguments[0], unconst(arguments), unconst(environment));
	(void)!write(STDERR_FILENO, failed, sizeof(failed) - 1);
	_exit(NOT_RUN);
}

static void default_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool was_interrupted(void)
{
	DIR *updates = opendir("/var/lib/dpkg/updates");
	const struct dirent *entry;
	bool is_one = false;

	while (updates != NULL && (entry = readdir(updates)) != NULL)
		is_one |= entry->d_name[0] != '.';
	if (updates != NULL)
		closedir(updates);
	return is_one;
}

/* Whatever comes of it: apt-get says what it finds, and its words are what counts. */
static void complete_earlier(void)
{
	pid_t pid = fork();

	if (pid == 0)
		become(dpkg_configure);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static _Noreturn void be_child(int gate, int output, const char *const *arguments)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	uint8_t go;

	if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0
	    || dup2(output, STDERR_FILENO) < 0 || dup2(gate, FIRST_FREE_FD) < 0)
		_exit(NOT_BEGUN);
	(void)close_range(FIRST_FREE_FD + 1, ~0U, 0);
	if (read(FIRST_FREE_FD, &go, 1) != 1)
		_exit(NOT_BEGUN);
	close(FIRST_FREE_FD);
	umask(022);
	if (chdir("/") != 0)
		_exit(NOT_BEGUN);
	default_signals();
	if (was_interrupted())
		complete_earlier();
	become(arguments);
}

/* ---- processes ---- */

/* The 22nd field of /proc/PID/stat; the second is in parentheses and may hold anything.  0: gone.
 */
static uint64_t start_of(pid_t pid)
{
	char path[64], text[1024];
	const char *at;
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[size > 0 ? size : 0] = '\0';
	at = strrchr(text, ')');
	for (unsigned field = 2; at != NULL && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at == NULL ? 0 : strtoull(at, NULL, 10);
}

static enum status fail(const char *what)
{
	log_error("helper-process", "%s: %s", what, strerror(errno));
	return STATUS_IO;
}

/* A session of its own before it is known to anybody, so that a signal to it finds all of it. */
static enum status fork_behind(int gate, int output, const char *const *arguments,
    struct apply *out)
{
	out->pid = fork();
	if (out->pid == 0) {
		(void)setsid();
		be_child(gate, output, arguments);
	}
	if (out->pid < 0)
		return fail("no process can be started");
	out->is_child = true;
	out->started = start_of(out->pid);
	out->process = pidfd_open(out->pid, 0);
	return out->process < 0 ? fail("the process cannot be watched") : STATUS_OK;
}

enum status apply_prepare(const Fettle__JobAction *action, int output, struct apply *out)
{
	struct arena arena = { 0 };
	int gate[2];
	enum status status;

	*out = (struct apply){ .process = -1, .gate = -1 };
	if (pipe2(gate, O_CLOEXEC) != 0)
		return fail("no pipe can be made");
	status = fork_behind(gate[0], output, apply_arguments(action, &arena), out);
	close(gate[0]);
	out->gate = gate[1];
	out->deadline_ms = clock_monotonic_ms() + APPLY_TIMEOUT_MS;
	arena_fini(&arena);
	if (status != STATUS_OK)
		apply_drop(out);
	return status;
}

void apply_open_gate(struct apply *apply)
{
	REQUIRE(apply->gate >= 0);
	(void)!write(apply->gate, "", 1);
	close(apply->gate);
	apply->gate = -1;
}

void apply_drop(struct apply *apply)
{
	int exit_code;

	if (apply->gate >= 0)
		close(apply->gate);
	apply->gate = -1;
	if (apply->pid > 0)
		(void)apply_end(apply, &exit_code);
}

enum status apply_find(pid_t pid, uint64_t started, struct apply *out)
{
	*out = (struct apply){ .pid = pid, .started = started, .process = -1, .gate = -1 };
	/* 1 leads no session of ours, and 0 and less are no process. */
	if (pid <= 1 || started == 0)
		return STATUS_NOT_FOUND;
	out->process = pidfd_open(pid, 0);
	if (out->process < 0)
		return STATUS_NOT_FOUND;
	/* Only now: the descriptor is of whoever had the number when it was opened. */
	if (start_of(pid) == started) {
		out->deadline_ms = clock_monotonic_ms() + APPLY_TIMEOUT_MS;
		return STATUS_OK;
	}
	close(out->process);
	out->process = -1;
	return STATUS_NOT_FOUND;
}

void apply_check_deadline(struct apply *apply, uint64_t now_ms)
{
	if (now_ms < apply->deadline_ms)
		return;
	log_warn("helper-timeout", "the package manager did not end in time; it is %s",
	    apply->is_told_to_end ? "killed" : "told to end");
	(void)kill(-apply->pid, apply->is_told_to_end ? SIGKILL : SIGTERM);
	apply->is_told_to_end = true;
	apply->deadline_ms = now_ms + APPLY_GRACE_MS;
}

bool apply_end(struct apply *apply, int *exit_code)
{
	int how = 0;
	pid_t got = -1;

	if (apply->process >= 0)
		close(apply->process);
	apply->process = -1;
	if (apply->is_child)
		do
			got = waitpid(apply->pid, &how, 0);
		while (got < 0 && errno == EINTR);
	if (got != apply->pid)
		return false;
	*exit_code = WIFSIGNALED(how) ? -WTERMSIG(how) : WEXITSTATUS(how);
	return true;
}
