/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories and blocks: what of a store has nothing to do with LMDB.
 */
#include "core/kv/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/require.h"

/* The directory and its parents; 0 or an errno. */
int kv_disk_make_directories(const char *directory)
{
	char *path = text_copy(directory);
	int error = 0;

	REQUIRE(directory[0] != '\0');
	for (char *slash = strchr(path + 1, '/'); error == 0; slash = strchr(slash + 1, '/')) {
		if (slash != NULL)
			*slash = '\0';
		if (mkdir(path, KV_DIRECTORY_MODE) != 0 && errno != EEXIST)
			error = errno;
		if (slash == NULL)
			break;
		*slash = '/';
	}
	free(path);
	return error;
}

static int sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = fd < 0 || fsync(fd) != 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

/* What is in PATH, and that PATH exists, survives a power cut. */
int kv_disk_sync(const char *path)
{
	char *parent = text_format("%s/..", path);
	int error = sync_directory(path);

	if (error == 0)
		error = sync_directory(parent);
	free(parent);
	return error;
}

static uint64_t free_bytes(int fd)
{
	struct statvfs system;

	/* A file system without a size, such as an unlimited tmpfs, shows 0 blocks. */
	if (fstatvfs(fd, &system) != 0 || system.f_blocks == 0)
		return UINT64_MAX;
	return (uint64_t)system.f_frsize * (geteuid() == 0 ? system.f_bfree : system.f_bavail);
}

/* Then the file system can promise no room; the size is set all the same. */
static bool is_unsupported(int error)
{
	return error == EOPNOTSUPP || error == EINVAL || error == ENOSYS;
}

/*
 * Allocates the first SIZE bytes of the file.  fallocate(2) and not posix_fallocate, whose
 * substitute for file systems without it writes to blocks that may be in use.  Looks for room
 * first, as a failed allocation takes all there was until it is given back.  0 or an errno.
 */
int kv_disk_allocate(int fd, uint64_t size)
{
	struct stat before;
	uint64_t allocated;
	int error;

	if (fstat(fd, &before) != 0)
		return errno;
	allocated = (uint64_t)before.st_blocks * 512;
	if (allocated < size && free_bytes(fd) < size - allocated)
		return ENOSPC;
	do
		error = fallocate(fd, 0, 0, (off_t)size) == 0 ? 0 : errno;
	while (error == EINTR);
	if ((uint64_t)before.st_size >= size)
		return is_unsupported(error) ? 0 : error;
	if (is_unsupported(error))
		return ftruncate(fd, (off_t)size) == 0 ? 0 : errno;
	if (error != 0 && ftruncate(fd, before.st_size) != 0)
		return EIO;
	return error;
}

void kv_disk_log_no_space(const struct environment *env, enum log_level level, int fd,
    uint64_t needed, const char *consequence)
{
	struct stat info = { 0 };
	uint64_t allocated;

	(void)fstat(fd, &info);
	allocated = (uint64_t)info.st_blocks * 512;
	log_write(level, "kv-no-space",
	    LOG_FIELDS(LOG_TEXT("path", env->path),
		LOG_NUMBER("needed_bytes", needed > allocated ? needed - allocated : 0),
		LOG_NUMBER("free_bytes", free_bytes(fd))),
	    "the disk is full: %s; free some space on its file system", consequence);
}
