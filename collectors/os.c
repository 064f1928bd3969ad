/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four small facts from the kernel and from files of a few hundred bytes, read on the loop itself.
 */
#include "collectors/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "collectors/os_release.h"
#include "collectors/pace.h"
#include "collectors/watch.h"
#include "core/log.h"

enum { QUIET_MS = 50, MOST_MS = 500, FILE_MAX = 64 * 1024, MACHINE_ID_BYTES = 16 };

struct os {
	const struct collector_context *context;
	struct pace pace;
	struct watch *watch;
	struct observer_pass *pass;
	enum status status; /* of the pass: the first that was not OK */
	unsigned open_handles;
	void (*on_stopped)(void *data);
	void *data;
};

static void set(struct os *os, const char *key, enum fact_status status, const char *reason,
    const struct fact_field *fields, size_t count)
{
	struct fact fact = { .key = bytes_of_text(key),
		.status = status,
		.reason = reason,
		.fields = fields,
		.fields_count = count };

	if (os->status == STATUS_OK)
		os->status = observer_pass_set(os->pass, &fact);
}

/* A file that could not be read, as a fact. */
static void set_unread(struct os *os, const char *key, int error)
{
	enum fact_status status = FACT_FAILED;

	if (error == ENOENT || error == ENOTDIR)
		status = FACT_ABSENT;
	else if (error == EACCES || error == EPERM)
		status = FACT_UNREADABLE;
	set(os, key, status, status == FACT_ABSENT ? NULL : strerror(error), NULL, 0);
}

/* 0, or an errno.  What is no plain file is not waited for. */
static int read_file(const struct os *os, const char *path, struct buffer *out)
{
	char *full_path = text_format("%s%s", os->context->root, path);
	int fd = open(full_path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), error = 0;
	ssize_t got = 1;

	free(full_path);
	if (fd < 0)
		return errno;
	while (got > 0 && out->size < FILE_MAX) {
		uint8_t *at = buffer_extend(out, 4096);

		got = read(fd, at, 4096);
		error = got < 0 ? errno : 0;
		out->size -= 4096 - (size_t)(got > 0 ? got : 0);
	}
	close(fd);
	return error;
}

static void look_at_host(struct os *os)
{
	char name[256] = "";
	const char *dot;
	struct fact_field fields[2];

	if (gethostname(name, sizeof(name) - 1) != 0) {
		set(os, "os/host", FACT_FAILED, strerror(errno), NULL, 0);
		return;
	}
	dot = strchr(name, '.');
	fields[0] = FACT_FIELD_TEXT("name", name);
	if (dot != NULL)
		fields[1] = FACT_FIELD_TEXT("domain", dot + 1);
	set(os, "os/host", FACT_PRESENT, NULL, fields, dot == NULL ? 1 : 2);
}

static void look_at_kernel(struct os *os)
{
	struct utsname names;
	struct fact_field fields[2];

	if (uname(&names) != 0) {
		set(os, "os/kernel", FACT_FAILED, strerror(errno), NULL, 0);
		return;
	}
	fields[0] = FACT_FIELD_TEXT("release", names.release);
	fields[1] = FACT_FIELD_TEXT("machine", names.machine);
	set(os, "os/kernel", FACT_PRESENT, NULL, fields, 2);
}

static void set_release(struct os *os, struct bytes file)
{
	static const struct {
		const char *field, *variable;
	} wanted[] = {
		{ "id", "ID" },
		{ "version_id", "VERSION_ID" },
		{ "version_codename", "VERSION_CODENAME" },
		{ "pretty_name", "PRETTY_NAME" },
	};
	enum { WANTED = sizeof(wanted) / sizeof(wanted[0]) };
	struct buffer values[WANTED] = { 0 };
	struct fact_field fields[WANTED];
	size_t count = 0;

	for (size_t i = 0; i < WANTED; i++)
		if (os_release_find(file, wanted[i].variable, &values[i]))
			fields[count++] = (struct fact_field){ .name = wanted[i].field,
				.type = FACT_TEXT,
				.bytes = buffer_bytes(&values[i]) };
	set(os, "os/release", FACT_PRESENT, NULL, fields, count);
	for (size_t i = 0; i < WANTED; i++)
		buffer_fini(&values[i]);
}

static void look_at_release(struct os *os)
{
	struct buffer file = { 0 };
	int error = read_file(os, "/etc/os-release", &file);

	if (error == ENOENT)
		error = read_file(os, "/usr/lib/os-release", &file);
	if (error != 0)
		set_unread(os, "os/release", error);
	else
		set_release(os, buffer_bytes(&file));
	buffer_fini(&file);
}

static void set_machine(struct os *os, struct buffer *file)
{
	uint8_t id[MACHINE_ID_BYTES], hash[HASH_SIZE];
	char hex[2 * HASH_SIZE + 1];
	struct bytes parts[] = { bytes_of_text("fettle machine id"), BYTES_OF(id) };
	char *text = text_copy(buffer_text(file));
	struct fact_field field;

	text[strcspn(text, "\r\n")] = '\0';
	if (text[0] == '\0' || strcmp(text, "uninitialized") == 0) {
		set(os, "os/machine", FACT_ABSENT, "it has not been set yet", NULL, 0);
	} else if (!bytes_from_hex(text, id, sizeof(id))) {
		set(os, "os/machine", FACT_FAILED, "it is no machine id", NULL, 0);
	} else {
		hash_parts(parts, 2, hash);
		bytes_to_hex(BYTES_OF(hash), hex);
		field = FACT_FIELD_TEXT("id", hex);
		set(os, "os/machine", FACT_PRESENT, NULL, &field, 1);
	}
	free(text);
}

static void look_at_machine(struct os *os)
{
	struct buffer file = { 0 };
	int error = read_file(os, "/etc/machine-id", &file);

	if (error != 0)
		set_unread(os, "os/machine", error);
	else
		set_machine(os, &file);
	buffer_fini(&file);
}

/* What they are in, as they are renamed into place; /etc/os-release is mostly a link. */
static void watch_files(struct os *os)
{
	static const char *const directories[] = { "/etc", "/usr/lib" };

	for (size_t i = 0; os->watch != NULL && i < 2; i++) {
		char *path = text_format("%s%s", os->context->root, directories[i]);
		int directory;

		if (watch_add(os->watch, path, WATCH_NAMES | IN_CLOSE_WRITE, &directory)
		    != STATUS_OK)
			log_debug("os-unwatched", "%s is not watched", path);
		free(path);
	}
}

static void look(void *data)
{
	struct os *os = data;

	watch_files(os);
	os->status = STATUS_OK;
	os->pass = observer_pass_begin(os->context->observer, os_collector.name, LANE_DELTA,
	    bytes_of_text("os/"), BYTES_NONE);
	look_at_host(os);
	look_at_kernel(os);
	look_at_release(os);
	look_at_machine(os);
	/* Where there is no room the observer asks again. */
	if (os->status == STATUS_OK)
		(void)!observer_pass_end(&os->pass);
	else
		observer_pass_abandon(&os->pass);
}

static void on_event(void *data, const struct watch_event *event)
{
	struct os *os = data;

	if (event->is_lost || strcmp(event->name, "os-release") == 0
	    || strcmp(event->name, "hostname") == 0 || strcmp(event->name, "machine-id") == 0)
		pace_poke(&os->pace);
}

static void refresh(void *self)
{
	pace_now(&((struct os *)self)->pace);
}

static enum status start(const struct collector_context *context, const void *settings, void **self)
{
	const struct os_settings *chosen = settings;
	struct os *os = memory_new(sizeof(*os));
	struct pace pace = { .quiet_ms = QUIET_MS,
		.most_ms = MOST_MS,
		.reread_ms = chosen->reread,
		.on_due = look,
		.data = os };

	os->context = context;
	os->watch = watch_new(context->loop, on_event, os);
	pace_init(&os->pace, context->loop, &pace);
	pace_now(&os->pace);
	*self = os;
	return STATUS_OK;
}

static void on_closed(void *data)
{
	struct os *os = data;
	void (*on_stopped)(void *data) = os->on_stopped;
	void *stopped_data = os->data;

	if (--os->open_handles > 0)
		return;
	free(os);
	on_stopped(stopped_data);
}

static void stop(void *self, void (*on_stopped)(void *data), void *data)
{
	struct os *os = self;

	os->on_stopped = on_stopped;
	os->data = data;
	os->open_handles = 1 + (os->watch != NULL);
	if (os->watch != NULL)
		watch_close(&os->watch, on_closed, os);
	pace_close(&os->pace, on_closed);
}

static const struct setting settings[] = { SETTING_DURATION(struct os_settings, reread,
					       10 * 60 * 1000, 1000, 7 * 86400 * 1000,
					       "how often to look again, whatever was told"),
	SETTING_END };

const struct collector os_collector = {
	.name = "os",
	.summary = "host name, release of the system, kernel, and which machine it is",
	.settings = settings,
	.settings_size = sizeof(struct os_settings),
	.scopes = (const char *const[]){ "os/", NULL },
	.start = start,
	.refresh = refresh,
	.stop = stop,
};
