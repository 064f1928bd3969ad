/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dpkg-query answers for a database that is not there as it does for an empty one: with nothing and
 * success.  So "no packages" is believed only where nothing else speaks of packages; otherwise a
 * database that was deleted would look like a machine without software.
 */
#include "collectors/packages/packages.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "collectors/child.h"
#include "collectors/packages/dpkg.h"
#include "collectors/pace.h"
#include "collectors/watch.h"
#include "core/log.h"
#include "core/require.h"

#define OUTPUT_MAX (64UL * 1024 * 1024)

enum {
	QUIET_MS = 150,
	MOST_MS = 700,
	TIMEOUT_MS = 120 * 1000,
	LINES_PER_TURN = 256, /* of the loop, which has other things to do as well */
	HANDLES = 2,
};

struct packages {
	const struct collector_context *context;
	const struct packages_settings *settings;
	char *database; /* the directory */
	struct pace pace;
	uv_idle_t idle; /* runs while lines are left */
	struct watch *watch;
	struct child *child; /* while it runs */
	bool look_again;     /* something moved meanwhile */
	bool is_stopping;

	struct buffer listing;
	size_t at;   /* the first byte of the listing that is still to be read */
	size_t line; /* its number, from 1 */
	struct observer_pass *pass;
	struct buffer manager_version;

	unsigned open_handles;
	void (*on_stopped)(void *data);
	void *data;
};

static void set_manager(struct packages *packages, enum fact_status status, const char *reason)
{
	struct fact_field fields[] = {
		FACT_FIELD_TEXT("manager", "dpkg"),
		{ .name = "version",
		    .type = FACT_TEXT,
		    .bytes = buffer_bytes(&packages->manager_version) },
	};
	struct fact fact = {
		.key = bytes_of_text("package/dpkg"),
		.status = status,
		.reason = reason,
		.fields = fields,
		.fields_count = packages->manager_version.size > 0 ? 2 : 1,
	};

	if (status != FACT_PRESENT)
		fact.fields_count = 0;
	/* Where there is no room the observer asks again. */
	(void)!observer_set(packages->context->observer, packages_collector.name, LANE_DELTA,
	    &fact);
}

static void end_reading(struct packages *packages)
{
	uv_idle_stop(&packages->idle);
	buffer_fini(&packages->listing);
	if (packages->look_again)
		pace_now(&packages->pace);
	packages->look_again = false;
}

/* What was known stays: not to be able to look is not to find nothing. */
static void fail(struct packages *packages, const char *reason)
{
	if (packages->pass != NULL)
		observer_pass_abandon(&packages->pass);
	log_warn("packages-unreadable", "the package database could not be read: %s", reason);
	set_manager(packages, FACT_FAILED, reason);
	end_reading(packages);
}

static void begin_pass(struct packages *packages)
{
	buffer_clear(&packages->manager_version);
	packages->pass = observer_pass_begin(packages->context->observer, packages_collector.name,
	    LANE_DELTA, bytes_of_text("package/dpkg/"), BYTES_NONE);
}

static void end_pass(struct packages *packages, enum fact_status status, const char *reason)
{
	if (observer_pass_end(&packages->pass) == STATUS_OK)
		set_manager(packages, status, reason);
	end_reading(packages);
}

static struct fact_field text_field(const char *name, struct bytes text)
{
	return (struct fact_field){ .name = name, .type = FACT_TEXT, .bytes = text };
}

static enum status report(struct packages *packages, const struct dpkg_package *package)
{
	struct fact_field fields[] = {
		text_field("name", package->name),
		text_field("architecture", package->architecture),
		text_field("version", package->version),
		text_field("source", package->source),
		text_field("source_version", package->source_version),
		text_field("state", package->state),
	};
	struct fact fact = { .status = FACT_PRESENT,
		.fields = fields,
		.fields_count = sizeof(fields) / sizeof(fields[0]) };
	struct buffer key = { 0 };
	enum status status;

	dpkg_key(package, &key);
	fact.key = buffer_bytes(&key);
	status = observer_pass_set(packages->pass, &fact);
	buffer_fini(&key);
	return status;
}

static void take_package(struct packages *packages, const struct dpkg_package *package)
{
	if (!dpkg_is_installed(package))
		return;
	if (bytes_equal(package->name, bytes_of_text("dpkg"))) {
		buffer_clear(&packages->manager_version);
		buffer_append(&packages->manager_version, package->version);
	}
	if (report(packages, package) != STATUS_OK) {
		/* No room: the observer asks again. */
		observer_pass_abandon(&packages->pass);
		end_reading(packages);
	}
}

static void take_line(struct packages *packages)
{
	struct bytes rest = BYTES(packages->listing.data + packages->at,
	    packages->listing.size - packages->at);
	const uint8_t *end = memchr(rest.data, '\n', rest.size);
	struct bytes line = end == NULL ? rest : BYTES(rest.data, (size_t)(end - rest.data));
	struct dpkg_package package;

	packages->line++;
	if (end == NULL || !dpkg_parse(line, &package)) {
		char *reason = text_format("line %zu of dpkg-query's output is not understood",
		    packages->line);

		fail(packages, reason);
		free(reason);
		return;
	}
	packages->at += line.size + 1;
	take_package(packages, &package);
}

static void on_idle(uv_idle_t *idle)
{
	struct packages *packages = idle->data;

	for (int i = 0; i < LINES_PER_TURN && packages->pass != NULL; i++) {
		if (packages->at == packages->listing.size) {
			end_pass(packages, FACT_PRESENT, NULL);
			return;
		}
		take_line(packages);
	}
}

/* Files lists of packages, "NAME.list", are left where a database was lost. */
static bool has_traces(const struct packages *packages)
{
	char *path = text_format("%s/info", packages->database);
	DIR *directory = opendir(path);
	bool has_found = false;
	struct dirent *entry;

	free(path);
	while (directory != NULL && !has_found && (entry = readdir(directory)) != NULL) {
		size_t size = strlen(entry->d_name);

		has_found = size > 5 && strcmp(entry->d_name + size - 5, ".list") == 0;
	}
	if (directory != NULL)
		closedir(directory);
	return has_found;
}

static bool has_database(const struct packages *packages)
{
	char *path = text_format("%s/status", packages->database);
	bool has_found = access(path, F_OK) == 0;

	free(path);
	return has_found;
}

static void be_absent(struct packages *packages, const char *reason)
{
	begin_pass(packages);
	end_pass(packages, FACT_ABSENT, reason);
}

static void take_listing(struct packages *packages, struct bytes output)
{
	if (output.size == 0 && has_traces(packages)) {
		fail(packages, "dpkg-query knows no package, yet packages have been installed");
		return;
	}
	if (output.size == 0) {
		be_absent(packages, "dpkg has installed nothing here");
		return;
	}
	buffer_append(&packages->listing, output);
	packages->at = packages->line = 0;
	begin_pass(packages);
	REQUIRE(uv_idle_start(&packages->idle, on_idle) == 0);
}

/* "dpkg-query exited with 2: " and the first line of what it complained of. */
static void fail_of_child(struct packages *packages, const struct child_result *result)
{
	const uint8_t *end = result->errors.size == 0
	                       ? NULL
	                       : memchr(result->errors.data, '\n', result->errors.size);
	struct buffer reason = { 0 };

	buffer_append_text(&reason, "dpkg-query ");
	child_describe(result, &reason);
	if (result->errors.size > 0) {
		buffer_append_text(&reason, ": ");
		log_escape(&reason,
		    BYTES(result->errors.data,
			end == NULL ? result->errors.size : (size_t)(end - result->errors.data)));
	}
	fail(packages, buffer_text(&reason));
	buffer_fini(&reason);
}

static void finish_stop(struct packages *packages);

static void on_child_end(void *data, const struct child_result *result)
{
	struct packages *packages = data;

	packages->child = NULL;
	if (packages->is_stopping)
		finish_stop(packages);
	else if (result->end == CHILD_NOT_FOUND && !has_database(packages))
		be_absent(packages, "dpkg-query is not installed");
	else if (result->end != CHILD_EXITED || result->code != 0)
		fail_of_child(packages, result);
	else
		take_listing(packages, result->output);
}

/* dpkg renames "status" into place whenever it has finished something. */
static void on_event(void *data, const struct watch_event *event)
{
	struct packages *packages = data;

	if (event->is_lost || strcmp(event->name, "status") == 0)
		pace_poke(&packages->pace);
}

/* Again each time, as the directory may have come, or come anew, since. */
static void watch_database(struct packages *packages)
{
	int directory;

	if (packages->watch == NULL)
		return;
	if (watch_add(packages->watch, packages->database, WATCH_NAMES | WATCH_CONTENT, &directory)
	    != STATUS_OK)
		log_debug("packages-unwatched", "%s is not watched", packages->database);
}

static void ask(void *data)
{
	struct packages *packages = data;
	char *admindir = text_format("--admindir=%s", packages->database);
	const char *arguments[] = { packages->settings->dpkg_query, admindir, "--show",
		"--showformat=" DPKG_FORMAT, NULL };
	struct child_request request = { .arguments = arguments,
		.output_limit = OUTPUT_MAX,
		.timeout_ms = TIMEOUT_MS };

	if (packages->child != NULL || packages->pass != NULL) {
		packages->look_again = true;
	} else if (!packages->is_stopping) {
		watch_database(packages);
		packages->child = child_run(packages->context->loop, &request, on_child_end,
		    packages);
	}
	free(admindir);
}

static void refresh(void *self)
{
	pace_now(&((struct packages *)self)->pace);
}

static enum status start(const struct collector_context *context, const void *settings, void **self)
{
	struct packages *packages = memory_new(sizeof(*packages));
	struct pace pace = { .quiet_ms = QUIET_MS,
		.most_ms = MOST_MS,
		.on_due = ask,
		.data = packages };

	packages->context = context;
	packages->settings = settings;
	packages->database = text_format("%s/var/lib/dpkg", context->root);
	packages->watch = watch_new(context->loop, on_event, packages);
	pace.reread_ms = packages->settings->reread;
	pace_init(&packages->pace, context->loop, &pace);
	REQUIRE(uv_idle_init(context->loop, &packages->idle) == 0);
	packages->idle.data = packages;
	pace_now(&packages->pace);
	*self = packages;
	return STATUS_OK;
}

static void on_closed(void *data)
{
	struct packages *packages = data;
	void (*on_stopped)(void *data) = packages->on_stopped;
	void *stopped_data = packages->data;

	if (--packages->open_handles > 0)
		return;
	buffer_fini(&packages->listing);
	buffer_fini(&packages->manager_version);
	free(packages->database);
	free(packages);
	on_stopped(stopped_data);
}

static void on_idle_closed(uv_handle_t *handle)
{
	on_closed(handle->data);
}

static void finish_stop(struct packages *packages)
{
	packages->open_handles = HANDLES + (packages->watch != NULL);
	if (packages->watch != NULL)
		watch_close(&packages->watch, on_closed, packages);
	pace_close(&packages->pace, on_closed);
	uv_close((uv_handle_t *)&packages->idle, on_idle_closed);
}

static void stop(void *self, void (*on_stopped)(void *data), void *data)
{
	struct packages *packages = self;

	packages->on_stopped = on_stopped;
	packages->data = data;
	packages->is_stopping = true;
	if (packages->pass != NULL)
		observer_pass_abandon(&packages->pass);
	if (packages->child != NULL)
		child_stop(packages->child);
	else
		finish_stop(packages);
}

static const struct setting settings[] = {
	SETTING_DURATION(struct packages_settings, reread, 3600 * 1000, 1000, 7 * 86400 * 1000,
	    "how often to list the packages again, whatever was told"),
	SETTING_TEXT(struct packages_settings, dpkg_query, "dpkg-query",
	    "the program that lists dpkg's packages: a name in /usr/bin, or a path"),
	SETTING_END
};

const struct collector packages_collector = {
	.name = "packages",
	.summary = "what the package manager has installed, and in which state",
	.settings = settings,
	.settings_size = sizeof(struct packages_settings),
	.scopes = (const char *const[]){ "package/dpkg/", NULL },
	.start = start,
	.refresh = refresh,
	.stop = stop,
};
