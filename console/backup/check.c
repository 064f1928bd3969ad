/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child writes messages into a pipe: four sizes, then table, key and text.  A message without
 * a text is a sign of life, and says how many entries were read since the last.
 */
#include "console/backup/check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "console/backup/environments.h"
#include "core/kv.h"

enum { SILENCE_MS = 60 * 1000, PART_MAX = 1024 };

struct head {
	uint32_t table, key, what, entries;
};

struct child {
	const char *name;
	int fd;
};

/* ---- the child ---- */

static void send_message(const struct child *child, const char *table, struct bytes key,
    const char *what, uint64_t entries)
{
	const struct head head = { (uint32_t)strlen(table), (uint32_t)key.size,
		(uint32_t)strlen(what), (uint32_t)entries };
	struct buffer out = { 0 };
	size_t sent = 0;

	buffer_append(&out, BYTES(&head, sizeof(head)));
	buffer_append_text(&out, table);
	buffer_append(&out, key);
	buffer_append_text(&out, what);
	while (sent < out.size) {
		ssize_t size = write(child->fd, out.data + sent, out.size - sent);

		if (size < 0 && errno != EINTR)
			_exit(STATUS_IO); /* nobody listens any more */
		sent += size > 0 ? (size_t)size : 0;
	}
	buffer_fini(&out);
}

static const char *on_key(void *data, const char *table, struct bytes key)
{
	const struct child *child = data;

	return environments_shape(child->name, table, key);
}

static void on_fault(void *data, const char *table, struct bytes key, const char *what)
{
	send_message(data, table, key, what, 0);
}

static void on_progress(void *data, uint64_t entries)
{
	send_message(data, "", BYTES_NONE, "", entries);
}

/* Nobody writes to it now. */
static bool is_still(const char *directory)
{
	char *path = text_format("%s/lock", directory);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool is_free = fd < 0 ? errno == ENOENT : flock(fd, LOCK_SH | LOCK_NB) == 0;

	free(path);
	if (fd >= 0)
		close(fd);
	return is_free;
}

static enum status verify(struct child *child, const char *directory)
{
	const struct kv_checks checks = { .shape = on_key,
		.fault = on_fault,
		.progress = on_progress,
		.data = child,
		.is_still = is_still(directory) };
	struct kv *kv;
	enum status status = kv_open_all(directory, &kv);

	if (status == STATUS_CORRUPT)
		on_fault(child, "", BYTES_NONE, "it cannot be opened: its structure is damaged");
	if (status != STATUS_OK)
		return status;
	status = kv_verify(kv, &checks);
	kv_close(kv);
	return status;
}

static _Noreturn void run_child(struct child *child, const char *directory)
{
	const struct rlimit no_core = { 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	signal(SIGABRT, SIG_DFL);
	_exit((int)verify(child, directory));
}

/* ---- the parent ---- */

/* SIZE bytes, or false: it has ended, or is silent for too long. */
static bool receive(int fd, void *out, size_t size, bool *is_silent)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	size_t have = 0;

	while (have < size) {
		int ready = poll(&wait, 1, SILENCE_MS);
		ssize_t got;

		if (ready < 0 && errno == EINTR)
			continue;
		*is_silent = ready == 0;
		if (ready <= 0)
			return false;
		got = read(fd, (uint8_t *)out + have, size - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		have += (size_t)got;
	}
	return true;
}

static bool receive_message(struct check *check, const char *name, int fd, bool *is_silent)
{
	struct head head;
	uint8_t parts[3 * PART_MAX];
	char table[PART_MAX + 1] = "", what[PART_MAX + 1] = "";
	struct bytes key;

	if (!receive(fd, &head, sizeof(head), is_silent) || head.table > PART_MAX
	    || head.key > PART_MAX || head.what > PART_MAX
	    || !receive(fd, parts, head.table + head.key + head.what, is_silent))
		return false;
	check->entries += head.entries;
	if (head.what == 0)
		return true;
	memcpy(table, parts, head.table);
	key = BYTES(parts + head.table, head.key);
	memcpy(what, parts + head.table + head.key, head.what);
	check->fault(check->data, name, table, key, what);
	return true;
}

static enum status listen_to(struct check *check, const char *name, int fd, pid_t pid)
{
	bool is_silent = false;
	int ended;

	while (receive_message(check, name, fd, &is_silent))
		;
	if (is_silent)
		kill(pid, SIGKILL);
	while (waitpid(pid, &ended, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(ended))
		return (enum status)WEXITSTATUS(ended);
	check->fault(check->data, name, "", BYTES_NONE,
	    is_silent ? "reading it does not end: its structure is damaged"
		      : "reading it ends the program: its structure is damaged");
	return STATUS_CORRUPT;
}

enum status check_environment(struct check *check, const char *data, const char *name)
{
	char *directory = text_format("%s/%s", data, name);
	enum status status;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0) {
		free(directory);
		return status_of_errno(errno);
	}
	pid = fork();
	if (pid == 0)
		run_child(&(struct child){ .name = name, .fd = ends[1] }, directory);
	status = pid < 0 ? status_of_errno(errno) : STATUS_OK;
	close(ends[1]);
	if (pid > 0)
		status = listen_to(check, name, ends[0], pid);
	close(ends[0]);
	free(directory);
	return status;
}

enum status check_bad_data(enum status status)
{
	return status == STATUS_CORRUPT ? STATUS_INVALID : status;
}
