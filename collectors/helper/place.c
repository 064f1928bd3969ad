/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/helper/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/log.h"

/* The owner of the data directory has to get through to the socket, and sees nothing on the way. */
enum { DIRECTORY_MODE = 0711, BACKLOG = 16 };

static enum status fail(const char *what)
{
	int error = errno;

	log_error("helper-place", "%s: %s", what, strerror(error));
	return status_of_errno(error);
}

static enum status check_owner(int directory)
{
	struct stat about;

	if (fstat(directory, &about) != 0)
		return fail("the directory `helper` cannot be looked at");
	if (about.st_uid == geteuid() && (about.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return STATUS_OK;
	log_error("helper-place",
	    "the directory `helper` in the data directory belongs to somebody else, or others may "
	    "write there; move it away, and it is made anew");
	return STATUS_DENIED;
}

static enum status open_directory(int data, struct place *out)
{
	if (mkdirat(data, "helper", DIRECTORY_MODE) != 0 && errno != EEXIST)
		return fail("the directory `helper` cannot be made in the data directory");
	out->directory = openat(data, "helper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out->directory < 0)
		return fail("the directory `helper` cannot be opened");
	/* A journal in a directory that a power cut takes away would be none. */
	return fsync(data) == 0 ? check_owner(out->directory)
	                        : fail("the data directory cannot be synced");
}

static enum status take_lock(struct place *out)
{
	out->lock = openat(out->directory, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out->lock < 0)
		return fail("the file helper/lock cannot be opened");
	if (flock(out->lock, LOCK_EX | LOCK_NB) == 0)
		return STATUS_OK;
	return errno == EWOULDBLOCK ? STATUS_BUSY : fail("the file helper/lock cannot be locked");
}

/*
 * Of the directory's own end nobody is told as long as it is held open here; but a directory is
 * empty before it goes.
 */
static void watch(struct place *out)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", out->directory);
	out->changes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (out->changes >= 0)
		(void)inotify_add_watch(out->changes, path, IN_DELETE);
}

enum status place_open(const char *data, struct place *out)
{
	int fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat about;
	enum status status;

	*out = (struct place){ .directory = -1, .lock = -1, .socket = -1, .changes = -1 };
	if (fd < 0 || fstat(fd, &about) != 0) {
		status = fail(data);
		if (fd >= 0)
			close(fd);
		return status;
	}
	out->owner = about.st_uid;
	status = open_directory(fd, out);
	close(fd);
	if (status == STATUS_OK)
		status = take_lock(out);
	if (status == STATUS_OK)
		watch(out);
	else
		place_close(out);
	return status;
}

/* By the descriptor: a socket's path has at most 107 characters, and a data directory's has not. */
static struct sockaddr_un address_of(const struct place *place)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/socket",
	    place->directory);
	return address;
}

/* Nobody can connect before it listens, so its owner is right from the first moment on. */
static bool bind_and_listen(struct place *place)
{
	struct sockaddr_un address = address_of(place);
	mode_t before = umask(0177);
	bool is_bound = bind(place->socket, (const struct sockaddr *)&address, sizeof(address))
	             == 0;

	umask(before);
	return is_bound
	    && (place->owner == geteuid()
		|| fchownat(place->directory, "socket", place->owner, (gid_t)-1,
		       AT_SYMLINK_NOFOLLOW)
		       == 0)
	    && listen(place->socket, BACKLOG) == 0;
}

enum status place_listen(struct place *place)
{
	place->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (place->socket < 0)
		return fail("no socket can be made");
	if (unlinkat(place->directory, "socket", 0) != 0 && errno != ENOENT)
		return fail("the socket of an earlier helper cannot be removed");
	return bind_and_listen(place) ? STATUS_OK : fail("helper/socket cannot be listened on");
}

bool place_exists(const struct place *place)
{
	struct stat about;

	return fstat(place->directory, &about) == 0 && about.st_nlink > 0
	    && fstat(place->lock, &about) == 0 && about.st_nlink > 0;
}

void place_drain(const struct place *place)
{
	char events[4096];

	while (read(place->changes, events, sizeof(events)) > 0)
		;
}

void place_close(struct place *place)
{
	if (place->socket >= 0) {
		(void)unlinkat(place->directory, "socket", 0);
		close(place->socket);
	}
	if (place->changes >= 0)
		close(place->changes);
	if (place->lock >= 0)
		close(place->lock);
	if (place->directory >= 0)
		close(place->directory);
	*place = (struct place){ .directory = -1, .lock = -1, .socket = -1, .changes = -1 };
}
