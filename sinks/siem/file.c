/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way into a file: appended and synced by the loop's pool, one piece of work at a time, because
 * a file may stand on something slow.  Bytes have arrived once they are synced.  A piece that could
 * not be written whole is taken back, so that the file holds whole lines only.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sinks/siem/carrier.h"

enum { ROOM = 1024 * 1024, LINE_END_LOOK = 4096 };

struct file {
	struct carrier_options options;
	uv_work_t work;
	uv_async_t wake; /* to say so from the loop that there is room */
	struct buffer waiting, writing;
	uint64_t written, arrived;
	int fd; /* -1: not open */
	int error;
	const char *doing;
	bool is_working, is_closing, is_broken, was_told;
};

/* ---- in the pool ---- */

/* Whatever a killed process left of a line is taken back. */
static int drop_half_line(int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);
	char bytes[LINE_END_LOOK];

	while (end > 0) {
		off_t from = end > LINE_END_LOOK ? end - LINE_END_LOOK : 0;
		ssize_t size = pread(fd, bytes, (size_t)(end - from), from);
		const char *newline;

		if (size != end - from)
			return size < 0 ? errno : EIO;
		newline = memrchr(bytes, '\n', (size_t)size);
		if (newline != NULL) {
			end = from + (newline - bytes) + 1;
			break;
		}
		end = from;
	}
	return ftruncate(fd, end) == 0 ? 0 : errno;
}

/* It was moved away (rotated) or deleted since. */
static bool is_another(const struct file *file)
{
	struct stat here, there;

	return fstat(file->fd, &here) != 0 || stat(file->options.place->path, &there) != 0
	    || here.st_ino != there.st_ino || here.st_dev != there.st_dev;
}

static int ensure_open(struct file *file)
{
	struct stat info;

	file->doing = "opening the file";
	if (file->fd >= 0 && !is_another(file))
		return 0;
	if (file->fd >= 0)
		close(file->fd);
	file->fd = open(file->options.place->path,
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	if (file->fd < 0 || fstat(file->fd, &info) != 0)
		return errno;
	if (!S_ISREG(info.st_mode))
		return EINVAL;
	return drop_half_line(file->fd);
}

static int append(int fd, struct bytes bytes)
{
	off_t start = lseek(fd, 0, SEEK_END);
	int error = 0;

	while (bytes.size > 0 && error == 0) {
		ssize_t size = write(fd, bytes.data, bytes.size);

		if (size > 0)
			bytes = BYTES(bytes.data + size, bytes.size - (size_t)size);
		else if (errno != EINTR)
			error = errno;
	}
	if (error == 0 && fdatasync(fd) != 0)
		error = errno;
	if (error != 0)
		(void)!ftruncate(fd, start);
	return error;
}

static void work(uv_work_t *work_)
{
	struct file *file = work_->data;

	file->error = ensure_open(file);
	if (file->error == 0) {
		file->doing = "writing the file";
		file->error = append(file->fd, buffer_bytes(&file->writing));
	}
}

/* ---- on the loop ---- */

static void free_if_done(struct file *file)
{
	if (!file->is_closing || file->is_working)
		return;
	if (file->fd >= 0)
		close(file->fd);
	buffer_fini(&file->waiting);
	buffer_fini(&file->writing);
	free(file);
}

static void on_wake_closed(uv_handle_t *handle)
{
	struct file *file = handle->data;

	file->is_closing = true;
	free_if_done(file);
}

static void on_worked(uv_work_t *work_, int status);

static void begin_work(struct file *file)
{
	struct buffer empty = file->writing;

	if (file->is_working || file->waiting.size == 0 || file->is_broken)
		return;
	file->writing = file->waiting;
	file->waiting = empty;
	buffer_clear(&file->waiting);
	file->is_working = uv_queue_work(file->options.loop, &file->work, work, on_worked) == 0;
}

static void on_worked(uv_work_t *work_, int status)
{
	struct file *file = work_->data;

	file->is_working = false;
	if (uv_is_closing((uv_handle_t *)&file->wake)) {
		free_if_done(file);
		return;
	}
	if (status != 0 || file->error != 0) {
		file->is_broken = true;
		uv_async_send(&file->wake);
		return;
	}
	file->arrived += file->writing.size;
	begin_work(file);
	file->options.on_arrived(file->options.self, file->arrived);
	uv_async_send(&file->wake);
}

static void on_wake(uv_async_t *wake)
{
	struct file *file = wake->data;
	char reason[160];

	if (!file->is_broken) {
		file->options.on_room(file->options.self);
	} else if (!file->was_told) {
		file->was_told = true;
		snprintf(reason, sizeof(reason), "%s: %s", file->doing,
		    file->error == EINVAL ? "it is no regular file" : strerror(file->error));
		file->options.on_broken(file->options.self, reason);
	}
}

static void *file_open(const struct carrier_options *options)
{
	struct file *file = memory_new(sizeof(*file));

	file->options = *options;
	file->fd = -1;
	uv_async_init(options->loop, &file->wake, on_wake);
	file->wake.data = file->work.data = file;
	uv_async_send(&file->wake);
	return file;
}

static bool file_has_room(const void *self)
{
	const struct file *file = self;

	return !file->is_broken && file->waiting.size < ROOM;
}

static uint64_t file_write(void *self, struct bytes bytes)
{
	struct file *file = self;

	buffer_append(&file->waiting, bytes);
	file->written += bytes.size;
	begin_work(file);
	return file->written;
}

static void file_close(void *self)
{
	struct file *file = self;

	uv_close((uv_handle_t *)&file->wake, on_wake_closed);
}

const struct carrier_way file_carrier = {
	.open = file_open,
	.has_room = file_has_room,
	.write = file_write,
	.close = file_close,
};
