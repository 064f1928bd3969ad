/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/log.h"
#include "core/require.h"

/* The kernel fills as much as there is; one turn of the loop takes no more than a few of these. */
enum { READ_SIZE = 16 * 1024, READS_PER_TURN = 4 };

struct watch {
	uv_poll_t poll;
	int fd;
	void (*on_event)(void *data, const struct watch_event *event);
	void (*on_closed)(void *data);
	void *data;
};

static void hand_out(struct watch *watch, const uint8_t *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		const struct inotify_event *raw = (const void *)(data + at);
		struct watch_event event = {
			.directory = raw->wd,
			.name = raw->len > 0 ? raw->name : "",
			.is_directory = (raw->mask & IN_ISDIR) != 0,
			.is_written = (raw->mask & IN_CLOSE_WRITE) != 0,
			.is_lost = (raw->mask & IN_Q_OVERFLOW) != 0,
		};

		at += sizeof(*raw) + raw->len;
		watch->on_event(watch->data, &event);
	}
}

bool watch_drain(struct watch *watch)
{
	_Alignas(struct inotify_event) uint8_t data[READ_SIZE];

	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t got = read(watch->fd, data, sizeof(data));

		if (got <= 0)
			return false;
		hand_out(watch, data, (size_t)got);
	}
	return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	(void)watch_drain(poll->data);
}

struct watch *watch_new(uv_loop_t *loop, void (*on_event)(void *data, const struct watch_event *),
    void *data)
{
	struct watch *watch;
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0) {
		log_warn("watch-unavailable", "no file events, re-reading instead: %s",
		    strerror(errno));
		return NULL;
	}
	watch = memory_new(sizeof(*watch));
	watch->fd = fd;
	watch->on_event = on_event;
	watch->data = data;
	REQUIRE(uv_poll_init(loop, &watch->poll, fd) == 0);
	watch->poll.data = watch;
	watch_resume(watch);
	return watch;
}

enum status watch_add(struct watch *watch, const char *path, uint32_t what, int *directory)
{
	int got = inotify_add_watch(watch->fd, path,
	    what | IN_ONLYDIR | IN_EXCL_UNLINK | IN_MASK_ADD);

	if (got < 0)
		return errno == ENOTDIR ? STATUS_INVALID : status_of_errno(errno);
	*directory = got;
	return STATUS_OK;
}

void watch_remove(struct watch *watch, int directory)
{
	/* Fails where the directory itself has gone, and the watch with it. */
	(void)inotify_rm_watch(watch->fd, directory);
}

void watch_pause(struct watch *watch)
{
	uv_poll_stop(&watch->poll);
}

void watch_resume(struct watch *watch)
{
	REQUIRE(uv_poll_start(&watch->poll, UV_READABLE, on_readable) == 0);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct watch *watch = handle->data;

	close(watch->fd);
	watch->on_closed(watch->data);
	free(watch);
}

void watch_close(struct watch **watch, void (*on_closed)(void *data), void *data)
{
	(*watch)->on_closed = on_closed;
	(*watch)->data = data;
	uv_close((uv_handle_t *)&(*watch)->poll, on_handle_closed);
	*watch = NULL;
}
