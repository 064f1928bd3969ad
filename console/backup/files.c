/* SPDX-License-Identifier: Apache-2.0 */
#include "console/backup/files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_SIZE = 64 * 1024, NAMES_OPEN = 16 };

static int write_whole(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, data, size);

		if (written < 0 && errno != EINTR)
			return errno;
		data += written > 0 ? written : 0;
		size -= written > 0 ? (size_t)written : 0;
	}
	return 0;
}

static int copy_blocks(int from, int to, uint64_t *size, struct hash_stream *stream)
{
	uint8_t block[BLOCK_SIZE];
	ssize_t got;

	while ((got = read(from, block, sizeof(block))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		hash_stream_more(stream, BYTES(block, (size_t)got));
		*size += (uint64_t)got;
		if (to >= 0 && write_whole(to, block, (size_t)got) != 0)
			return errno;
	}
	return to >= 0 && fsync(to) != 0 ? errno : 0;
}

static int sync_directory_of(const char *path)
{
	char *directory = text_format("%.*s", (int)(strrchr(path, '/') - path), path);
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = fd < 0 || fsync(fd) != 0 ? errno : 0;

	free(directory);
	if (fd >= 0)
		close(fd);
	return error;
}

enum status files_copy(const char *from, const char *to, mode_t mode, uint64_t *size,
    uint8_t hash[HASH_SIZE])
{
	struct hash_stream *stream = hash_stream_new();
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), out = -1;
	int error = in < 0 ? errno : 0;

	*size = 0;
	if (error == 0 && to != NULL) {
		if (files_make_way(to) == STATUS_OK)
			out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
		error = out < 0 ? errno : 0;
	}
	if (error == 0)
		error = copy_blocks(in, out, size, stream);
	if (in >= 0)
		close(in);
	if (out >= 0 && close(out) != 0 && error == 0)
		error = errno;
	if (error == 0 && to != NULL)
		error = sync_directory_of(to);
	hash_stream_end(&stream, hash);
	return error == 0 ? STATUS_OK : status_of_errno(error);
}

enum status files_make_way(const char *path)
{
	char *copy = text_copy(path);
	int error = 0;

	for (char *slash = strchr(copy + (copy[0] == '/'), '/'); error == 0 && slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0700) != 0 && errno != EEXIST)
			error = errno;
		*slash = '/';
	}
	free(copy);
	return error == 0 ? STATUS_OK : status_of_errno(error);
}

enum status files_move(const char *from, const char *to)
{
	enum status status = files_make_way(to);
	int error = 0;

	if (status != STATUS_OK)
		return status;
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) != 0)
		error = errno;
	if (error == 0)
		error = sync_directory_of(to);
	if (error == 0)
		error = sync_directory_of(from);
	return error == 0 ? STATUS_OK : status_of_errno(error);
}

static int on_remove(const char *path, const struct stat *info, int type, struct FTW *place)
{
	(void)info;
	(void)type;
	(void)place;
	return remove(path) != 0 && errno != ENOENT ? -1 : 0;
}

void files_remove(const char *directory)
{
	(void)nftw(directory, on_remove, NAMES_OPEN, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* nftw hands nothing on to what it calls; one command runs in a process. */
static struct stat owner;

static int on_give(const char *path, const struct stat *info, int type, struct FTW *place)
{
	(void)info;
	(void)type;
	(void)place;
	return lchown(path, owner.st_uid, owner.st_gid);
}

enum status files_give(const char *directory, const char *like)
{
	if (geteuid() != 0)
		return STATUS_OK;
	if (stat(like, &owner) != 0
	    || nftw(directory, on_give, NAMES_OPEN, FTW_PHYS | FTW_MOUNT) != 0)
		return status_of_errno(errno);
	return STATUS_OK;
}
