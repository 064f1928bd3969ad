/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DIRECTORY holds HEX.NUMBER for each attempt, HEX.NUMBER.output while it runs, and `new` for a
 * moment.  The output is a file and no pipe, so that apt-get goes on writing when the helper dies.
 */
#include "collectors/helper/attempts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/job_id.h"
#include "core/log.h"
#include "core/require.h"

enum { NAME_SIZE = 2 * JOB_ID_SIZE + 32, FILE_MAX = 256 * 1024, HEX_SIZE = 2 * JOB_ID_SIZE };

struct name {
	char text[NAME_SIZE];
};

static struct name name_of(struct bytes job, uint64_t attempt, const char *suffix)
{
	char hex[HEX_SIZE + 1];
	struct name name;

	REQUIRE(job.size == JOB_ID_SIZE);
	bytes_to_hex(job, hex);
	snprintf(name.text, sizeof(name.text), "%s.%" PRIu64 "%s", hex, attempt, suffix);
	return name;
}

/* Whether it is the name of an attempt: hexadecimal, a dot, digits. */
static bool is_attempt(const char *name)
{
	size_t digits;

	if (strspn(name, "0123456789abcdef") != HEX_SIZE || name[HEX_SIZE] != '.')
		return false;
	digits = strspn(name + HEX_SIZE + 1, "0123456789");
	return digits > 0 && name[HEX_SIZE + 1 + digits] == '\0';
}

static enum status fail(const char *what)
{
	int error = errno;

	log_error("helper-journal", "%s: %s", what, strerror(error));
	return status_of_errno(error);
}

/* ---- reading ---- */

static bool read_all(int fd, struct buffer *out)
{
	ssize_t got;

	do {
		uint8_t *room = buffer_extend(out, 16 * 1024);

		got = read(fd, room, 16 * 1024);
		out->size -= 16 * 1024 - (got > 0 ? (size_t)got : 0);
	} while (got > 0 && out->size <= FILE_MAX);
	return got == 0;
}

static enum status read_file(int directory, const char *name, struct arena *arena,
    Fettle__HelperAttempt **out)
{
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct buffer packed = { 0 };
	enum status status = STATUS_OK;

	if (fd < 0)
		return errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
	*out = NULL;
	if (!read_all(fd, &packed))
		status = STATUS_IO;
	else
		*out = record_unpack(&fettle__helper_attempt__descriptor, buffer_bytes(&packed),
		    arena);
	close(fd);
	buffer_fini(&packed);
	if (status == STATUS_OK && (*out == NULL || (*out)->job.len != JOB_ID_SIZE))
		status = STATUS_CORRUPT;
	return status;
}

enum status attempts_read(int directory, struct bytes job, uint64_t attempt, struct arena *arena,
    Fettle__HelperAttempt **out)
{
	return read_file(directory, name_of(job, attempt, "").text, arena, out);
}

static DIR *open_list(int directory)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (list == NULL)
		(void)fail("the journal cannot be read");
	if (list == NULL && fd >= 0)
		close(fd);
	return list;
}

void attempts_visit(int directory, void (*visit)(void *data, const Fettle__HelperAttempt *attempt),
    void *data)
{
	DIR *list = open_list(directory);
	const struct dirent *entry;

	while (list != NULL && (entry = readdir(list)) != NULL) {
		struct arena arena = { 0 };
		Fettle__HelperAttempt *attempt;

		if (is_attempt(entry->d_name)
		    && read_file(directory, entry->d_name, &arena, &attempt) == STATUS_OK)
			visit(data, attempt);
		arena_fini(&arena);
	}
	if (list != NULL)
		closedir(list);
}

/* ---- writing ---- */

static bool write_all(int fd, struct bytes bytes)
{
	while (bytes.size > 0) {
		ssize_t written = write(fd, bytes.data, bytes.size);

		if (written < 0)
			return false;
		bytes = BYTES(bytes.data + written, bytes.size - (size_t)written);
	}
	return true;
}

static enum status write_new(int directory, struct bytes bytes)
{
	int fd = openat(directory, "new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	enum status status = STATUS_OK;

	if (fd < 0)
		return fail("the journal cannot be written");
	if (!write_all(fd, bytes) || fsync(fd) != 0)
		status = fail("the journal cannot be written");
	close(fd);
	return status;
}

enum status attempts_write(int directory, const Fettle__HelperAttempt *attempt)
{
	struct name name = name_of(record_bytes(attempt->job), attempt->attempt, "");
	struct buffer packed = { 0 };
	enum status status;

	record_pack(&packed, &attempt->base);
	status = write_new(directory, buffer_bytes(&packed));
	buffer_fini(&packed);
	if (status == STATUS_OK && renameat(directory, "new", directory, name.text) != 0)
		status = fail("the journal cannot be changed");
	if (status == STATUS_OK && fsync(directory) != 0)
		status = fail("the journal cannot be synced");
	return status;
}

/* ---- not growing for ever ---- */

struct dated {
	struct name name;
	struct timespec written;
};

static int newest_first(const void *a, const void *b)
{
	const struct timespec *x = &((const struct dated *)a)->written;
	const struct timespec *y = &((const struct dated *)b)->written;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? 1 : -1;
	return x->tv_nsec == y->tv_nsec ? 0 : x->tv_nsec < y->tv_nsec ? 1 : -1;
}

static void list_dated(int directory, struct buffer *out)
{
	DIR *list = open_list(directory);
	const struct dirent *entry;
	struct stat about;

	while (list != NULL && (entry = readdir(list)) != NULL) {
		struct dated dated = { 0 };

		if (!is_attempt(entry->d_name)
		    || fstatat(directory, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		snprintf(dated.name.text, sizeof(dated.name.text), "%.*s", NAME_SIZE - 1,
		    entry->d_name);
		dated.written = about.st_mtim;
		buffer_append(out, BYTES(&dated, sizeof(dated)));
	}
	if (list != NULL)
		closedir(list);
}

void attempts_prune(int directory)
{
	struct buffer found = { 0 };
	struct dated *all;
	size_t count;

	list_dated(directory, &found);
	count = found.size / sizeof(*all);
	all = memory_new(found.size + 1);
	if (count > 0)
		memcpy(all, found.data, found.size);
	qsort(all, count, sizeof(*all), newest_first);
	for (size_t i = ATTEMPTS_KEPT; i < count; i++)
		(void)unlinkat(directory, all[i].name.text, 0);
	free(all);
	buffer_fini(&found);
}

/* ---- output ---- */

static int open_output(int directory, struct bytes job, uint64_t attempt, int flags)
{
	struct name name = name_of(job, attempt, ".output");
	int fd = openat(directory, name.text, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | flags,
	    0600);

	if (fd < 0)
		(void)fail("the file for the output cannot be opened");
	return fd;
}

int attempts_new_output(int directory, struct bytes job, uint64_t attempt)
{
	return open_output(directory, job, attempt, O_CREAT | O_TRUNC);
}

int attempts_open_output(int directory, struct bytes job, uint64_t attempt)
{
	return open_output(directory, job, attempt, 0);
}

void attempts_trim_output(int fd)
{
	struct stat about;

	if (fstat(fd, &about) != 0 || about.st_size <= 2 * ATTEMPTS_OUTPUT_MAX)
		return;
	/* A hole, and no shorter file: whoever appends meanwhile loses nothing.  Where the file
	 * system has no holes, the time limit is what bounds it. */
	(void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
	    about.st_size - ATTEMPTS_OUTPUT_MAX);
}

void attempts_read_output(int directory, struct bytes job, uint64_t attempt, struct buffer *out)
{
	struct name name = name_of(job, attempt, ".output");
	int fd = openat(directory, name.text, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat about;
	size_t size;
	ssize_t got;

	if (fd < 0)
		return;
	if (fstat(fd, &about) == 0 && about.st_size > 0) {
		size = about.st_size < ATTEMPTS_OUTPUT_MAX ? (size_t)about.st_size
		                                           : ATTEMPTS_OUTPUT_MAX;
		got = pread(fd, buffer_extend(out, size), size, about.st_size - (off_t)size);
		out->size -= size - (got > 0 ? (size_t)got : 0);
	}
	close(fd);
}

void attempts_remove_output(int directory, struct bytes job, uint64_t attempt)
{
	(void)unlinkat(directory, name_of(job, attempt, ".output").text, 0);
}
