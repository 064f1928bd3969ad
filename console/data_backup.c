/* SPDX-License-Identifier: Apache-2.0 */
/*
 * data backup - copies of all environments as they were at one moment, while their owners write.
 *
 * Transactions on all of them begin one right after the other, readers of a stream before its
 * writer: so no copy has read more than the one it reads from holds, and what one lacks the other
 * has not deleted yet.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "brokers/log/dump.h"
#include "console/backup/check.h"
#include "console/backup/environments.h"
#include "console/backup/files.h"
#include "console/backup/manifest.h"
#include "console/backup/positions.h"
#include "console/commands.h"
#include "core/clock.h"
#include "core/kv.h"
#include "core/version.h"

struct backup {
	const struct console *console;
	const char *data, *to;
	struct environments found; /* without the spool */
	struct kv *kvs[ENVIRONMENTS_MAX];
	struct kv_txn *seen[ENVIRONMENTS_MAX];
	struct manifest manifest;
	const char *copying; /* the name of what is being copied */
	uint64_t bytes, told;
	bool has_progress;
};

/* ---- one moment ---- */

static enum status open_all(struct backup *backup)
{
	enum status status = environments_find(backup->data, &backup->found);
	size_t last = backup->found.count;

	if (status == STATUS_OK && last > 0 && environments_is_spool(backup->found.names[last - 1]))
		free(backup->found.names[--backup->found.count]);
	for (size_t i = 0; status == STATUS_OK && i < backup->found.count; i++) {
		char *path = text_format("%s/%s", backup->data, backup->found.names[i]);

		status = kv_open_all(path, &backup->kvs[i]);
		free(path);
	}
	return status;
}

static enum status see_all(struct backup *backup)
{
	enum status status = STATUS_OK;

	backup->manifest.at_ms = clock_wall_ms();
	for (size_t i = 0; status == STATUS_OK && i < backup->found.count; i++)
		status = kv_read_begin(backup->kvs[i], &backup->seen[i]);
	return status;
}

/* ---- copies ---- */

static void show_progress(struct backup *backup)
{
	if (backup->has_progress)
		fprintf(stderr, "\r%-24s %6llu MiB", backup->copying,
		    (unsigned long long)(backup->bytes >> 20));
}

static void on_progress(void *data, uint64_t bytes)
{
	struct backup *backup = data;

	backup->bytes += bytes;
	show_progress(backup);
}

/* PATH, below the backup, is there: its size and hash go into the manifest. */
static enum status enter(struct backup *backup, const char *path)
{
	char *whole = text_format("%s/%s", backup->to, path);
	uint8_t hash[HASH_SIZE];
	uint64_t size;
	enum status status = files_copy(whole, NULL, 0, &size, hash);

	free(whole);
	return status == STATUS_OK ? manifest_add(&backup->manifest, path, size, hash) : status;
}

static enum status copy_environment(struct backup *backup, size_t i)
{
	char *directory = text_format("%s/%s", backup->to, backup->found.names[i]);
	char *file = text_format("%s/data.mdb", backup->found.names[i]);
	enum status status;

	backup->copying = backup->found.names[i];
	show_progress(backup);
	status = kv_copy_seen(backup->seen[i], directory, on_progress, backup);
	kv_abort(&backup->seen[i]);
	if (status == STATUS_OK)
		status = enter(backup, file);
	free(directory);
	free(file);
	return status;
}

/* Without the server's key no agent would know a restored server. */
static enum status copy_keys(struct backup *backup)
{
	char *directory = text_format("%s/keys", backup->data);
	DIR *listing = opendir(directory);
	enum status status = listing != NULL || errno == ENOENT ? STATUS_OK
	                                                        : status_of_errno(errno);
	const struct dirent *entry;

	while (listing != NULL && status == STATUS_OK && (entry = readdir(listing)) != NULL) {
		char *name = text_format("keys/%s", entry->d_name);
		char *from = text_format("%s/%s", backup->data, name);
		char *to = text_format("%s/%s", backup->to, name);
		uint8_t hash[HASH_SIZE];
		uint64_t size;

		if (entry->d_name[0] != '.') {
			status = files_copy(from, to, 0600, &size, hash);
			if (status == STATUS_OK)
				status = manifest_add(&backup->manifest, name, size, hash);
		}
		free(name);
		free(from);
		free(to);
	}
	if (listing != NULL)
		closedir(listing);
	free(directory);
	return status;
}

/* What reading the copies has left beside them. */
static void tidy(const struct backup *backup)
{
	for (size_t i = 0; i < backup->found.count; i++) {
		char *path = text_format("%s/%s/lock.mdb", backup->to, backup->found.names[i]);

		unlink(path);
		free(path);
	}
}

static enum status check_copies(struct backup *backup, const char **why)
{
	enum status status = positions_check(backup->to, &backup->found, why);

	if (status == STATUS_OK)
		status = log_dump_generation(backup->to, &backup->manifest.generation);
	tidy(backup);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status copy_all(struct backup *backup)
{
	enum status status = see_all(backup);

	for (size_t i = 0; status == STATUS_OK && i < backup->found.count; i++)
		status = copy_environment(backup, i);
	if (status == STATUS_OK)
		status = copy_keys(backup);
	if (backup->has_progress)
		fprintf(stderr, "\r%40s\r", "");
	return status;
}

/* ---- the command ---- */

/* OK: it is there, empty, and nobody else's to look into. */
static enum status make_directory(const char *path)
{
	struct dirent *entry;
	DIR *listing;
	enum status status = files_make_way(path);

	if (status != STATUS_OK)
		return status;
	if (mkdir(path, 0700) == 0)
		return STATUS_OK;
	listing = opendir(path);
	if (listing == NULL)
		return status_of_errno(errno);
	while (status == STATUS_OK && (entry = readdir(listing)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			status = STATUS_EXISTS;
	closedir(listing);
	return status == STATUS_OK && chmod(path, 0700) != 0 ? status_of_errno(errno) : status;
}

static void close_all(struct backup *backup)
{
	for (size_t i = 0; i < backup->found.count; i++) {
		kv_abort(&backup->seen[i]);
		kv_close(backup->kvs[i]);
	}
	environments_fini(&backup->found);
}

static int run(struct backup *backup)
{
	const char *why = NULL;
	enum status status = open_all(backup);

	if (status != STATUS_OK)
		return console_fail(status, "%s cannot be read: %s", backup->data,
		    status_text(status));
	if (backup->found.count == 0)
		return console_fail(STATUS_NOT_FOUND, "nothing has run in %s yet", backup->data);
	status = make_directory(backup->to);
	if (status == STATUS_EXISTS)
		return console_usage(backup->console, "%s is not empty: name a new directory",
		    backup->to);
	if (status == STATUS_OK)
		status = copy_all(backup);
	if (status == STATUS_OK)
		status = check_copies(backup, &why);
	if (status == STATUS_OK && why != NULL)
		return console_fail(STATUS_AGAIN,
		    "%s: the server was too quick; remove %s and try again", why, backup->to);
	if (status == STATUS_OK)
		status = manifest_write(&backup->manifest, backup->to);
	if (status != STATUS_OK)
		return console_fail(check_bad_data(status),
		    "the backup is not whole: %s%s; remove %s", status_text(status),
		    status == STATUS_CORRUPT ? ", which `fettle data verify` looks for" : "",
		    backup->to);
	console_say(backup->console, "%s: %zu files, %llu MiB; it holds secret keys", backup->to,
	    backup->manifest.count, (unsigned long long)(backup->bytes >> 20));
	return 0;
}

int data_backup_run(const struct console *console, int argc, char **argv)
{
	struct backup *backup = memory_new(sizeof(*backup));
	int ended;

	(void)argc;
	backup->console = console;
	backup->data = console->paths.data;
	backup->to = argv[1];
	backup->has_progress = isatty(STDERR_FILENO) == 1 && !console->is_quiet;
	strcpy(backup->manifest.version, FETTLE_VERSION);
	ended = run(backup);
	close_all(backup);
	free(backup);
	return ended;
}
