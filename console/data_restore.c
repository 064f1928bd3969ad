/* SPDX-License-Identifier: Apache-2.0 */
/*
 * data restore - a backup takes the place of what is in the data directory.
 *
 * The copies are made, verified and made fit in a directory beside; only then what was there moves
 * aside and they take its place.  Nothing is deleted.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "brokers/log/store.h"
#include "console/backup/check.h"
#include "console/backup/environments.h"
#include "console/backup/files.h"
#include "console/backup/manifest.h"
#include "console/backup/positions.h"
#include "console/commands.h"
#include "core/sublog.h"
#include "processors/state/reader.h"
#include "core/record.h"
#include "processors/state/restored.h"
#include "sinks/store/chain.h"
#include "sinks/store/store.h"

enum { TIME_SIZE = 32 };

struct restore {
	const struct console *console;
	const char *data, *from;
	char *stage, *aside;
	struct manifest manifest;
	struct environments present, staged; /* below DATA, without the spool; below STAGE */
	int locks[ENVIRONMENTS_MAX];
	size_t locks_count;
	uint64_t generation; /* of the log from now on; 0: there is none */
};

/* ---- nobody else writes ---- */

/* The writer's lock of DATA/NAME, held until this process ends. */
static bool take_lock(struct restore *restore, const char *name)
{
	char *path = text_format("%s/%s/lock", restore->data, name);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);

	free(path);
	if (fd < 0)
		return false;
	restore->locks[restore->locks_count++] = fd;
	return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static int take_locks(struct restore *restore)
{
	for (size_t i = 0; i < restore->present.count; i++)
		if (!take_lock(restore, restore->present.names[i]))
			return errno == EWOULDBLOCK ? console_fail(STATUS_BUSY,
				   "a server writes to %s/%s: stop it first", restore->data,
				   restore->present.names[i])
			                            : console_fail(status_of_errno(errno),
							"%s/%s cannot be locked: %s", restore->data,
							restore->present.names[i],
							status_text(status_of_errno(errno)));
	return 0;
}

/* ---- the copies ---- */

static int stage_file(const struct restore *restore, const struct manifest_file *file)
{
	char *from = text_format("%s/%s", restore->from, file->path);
	char *to = text_format("%s/%s", restore->stage, file->path);
	mode_t mode = strncmp(file->path, "keys/", strlen("keys/")) == 0 ? 0600 : 0640;
	uint8_t hash[HASH_SIZE];
	uint64_t size;
	enum status status = files_copy(from, to, mode, &size, hash);
	int ended = 0;

	if (status != STATUS_OK)
		ended = console_fail(status, "%s cannot be copied: %s", from, status_text(status));
	else if (size != file->size || memcmp(hash, file->hash, HASH_SIZE) != 0)
		ended = console_fail(STATUS_INVALID,
		    "%s is not what the backup's MANIFEST says: use another backup", from);
	free(from);
	free(to);
	return ended;
}

static void on_fault(void *data, const char *name, const char *table, struct bytes key,
    const char *what)
{
	const struct restore *restore = data;

	(void)key;
	(void)console_fail(STATUS_INVALID, "%s/%s, table %s: %s", restore->from, name,
	    table[0] == '\0' ? "of tables" : table, what);
}

static int check_staged(struct restore *restore)
{
	struct check check = { .fault = on_fault, .data = restore };
	const char *why;
	enum status status = environments_find(restore->stage, &restore->staged);

	for (size_t i = 0; status == STATUS_OK && i < restore->staged.count; i++)
		status = check_environment(&check, restore->stage, restore->staged.names[i]);
	if (status == STATUS_OK)
		status = positions_check(restore->stage, &restore->staged, &why);
	if (status != STATUS_OK)
		return console_fail(check_bad_data(status), "the backup cannot be used: %s",
		    status_text(status));
	if (why != NULL)
		return console_fail(STATUS_INVALID, "the backup's parts are not of one moment: %s",
		    why);
	return 0;
}

static int stage_all(struct restore *restore)
{
	int ended = 0;

	if (mkdir(restore->stage, 0700) != 0)
		return console_fail(status_of_errno(errno), "%s cannot be made: %s", restore->stage,
		    status_text(status_of_errno(errno)));
	for (size_t i = 0; ended == 0 && i < restore->manifest.count; i++)
		ended = stage_file(restore, &restore->manifest.files[i]);
	return ended == 0 ? check_staged(restore) : ended;
}

/* ---- made fit ---- */

static bool is_staged(const struct restore *restore, const char *name)
{
	for (size_t i = 0; i < restore->staged.count; i++)
		if (strcmp(restore->staged.names[i], name) == 0)
			return true;
	return false;
}

/* Commands that the log took after the state was seen would be taken for duplicates of later ones.
 */
static enum status draw_back_outbox(struct log_store *log, const struct host_heads *state)
{
	struct log_cursor cursor;
	enum status status = log_store_cursor(log, state->uuid, SUBLOG_OUTBOX, &cursor);

	if (status == STATUS_NOT_FOUND || (status == STATUS_OK && cursor.sequence <= state->outbox))
		return STATUS_OK;
	cursor.sequence = state->outbox;
	return status == STATUS_OK ? log_store_set_cursor(log, state->uuid, SUBLOG_OUTBOX, &cursor)
	                           : status;
}

static enum status fit_log(struct restore *restore, const struct host_heads *state)
{
	char *directory = text_format("%s/log", restore->stage);
	struct log_store *log = NULL;
	enum status status = log_store_open(directory, &log);

	free(directory);
	if (status == STATUS_OK)
		status = log_store_begin(log);
	if (status == STATUS_OK)
		status = log_store_restored(log);
	if (status == STATUS_OK && state != NULL)
		status = draw_back_outbox(log, state);
	if (status == STATUS_OK)
		status = log_store_commit(log);
	if (status == STATUS_OK)
		restore->generation = log_store_generation(log);
	log_store_close(log);
	return status;
}

static enum status read_state(const struct restore *restore, struct host_heads *out)
{
	struct state_reader *reader;
	enum status status = state_reader_open(restore->stage, &reader);

	if (status == STATUS_OK) {
		status = state_reader_heads(reader, out);
		state_reader_close(reader);
	}
	return status;
}

/* By whom, for a person. */
static void name_user(char *out, size_t size)
{
	const struct passwd *entry = getpwuid(getuid());

	if (entry != NULL)
		snprintf(out, size, "%.64s (uid %u)", entry->pw_name, (unsigned)getuid());
	else
		snprintf(out, size, "uid %u", (unsigned)getuid());
}

/* The chain goes on from where the backup was, and says so. */
static enum status note_in_audit(const struct restore *restore)
{
	Fettle__AuditVerdict verdict = FETTLE__AUDIT_VERDICT__INIT;
	struct store *store = NULL;
	uint8_t id[HASH_SIZE];
	char who[96], detail[128];
	enum status status = store_open(restore->stage, &store);

	name_user(who, sizeof(who));
	snprintf(detail, sizeof(detail), "to the backup of %llu ms, log generation %llu",
	    (unsigned long long)restore->manifest.at_ms, (unsigned long long)restore->generation);
	hash_random(id, sizeof(id));
	RECORD_SET_BYTES(&verdict, id, BYTES_OF(id));
	RECORD_SET(&verdict, at_ms, restore->console->now_ms);
	verdict.principal = who;
	verdict.action = RECORD_TEXT(CHAIN_RESTORED);
	verdict.detail = detail;
	if (status == STATUS_OK)
		status = store_audit(store, &verdict);
	store_close(store);
	return status;
}

static int make_fit(struct restore *restore)
{
	struct host_heads state;
	bool has_state = is_staged(restore, "state");
	enum status status = has_state ? read_state(restore, &state) : STATUS_NOT_FOUND;
	bool has_heads = status == STATUS_OK;

	if (status == STATUS_NOT_FOUND)
		status = STATUS_OK;
	if (status == STATUS_OK && has_state)
		status = state_restored(restore->stage);
	if (status == STATUS_OK && is_staged(restore, "log"))
		status = fit_log(restore, has_heads ? &state : NULL);
	if (status == STATUS_OK && is_staged(restore, "store"))
		status = note_in_audit(restore);
	if (status == STATUS_OK)
		status = files_give(restore->stage, restore->data);
	return status == STATUS_OK ? 0
	                           : console_fail(status, "the copies could not be made fit: %s",
				       status_text(status));
}

/* ---- taking the place ---- */

static enum status move(const char *from_directory, const char *to_directory, const char *name)
{
	char *from = text_format("%s/%s", from_directory, name);
	char *to = text_format("%s/%s", to_directory, name);
	enum status status = files_move(from, to);

	free(from);
	free(to);
	return status;
}

/* Those there may be others, or none. */
static enum status move_keys_aside(const struct restore *restore)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < restore->manifest.count; i++) {
		if (strncmp(restore->manifest.files[i].path, "keys/", strlen("keys/")) != 0)
			continue;
		status = move(restore->data, restore->aside, restore->manifest.files[i].path);
		status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
	}
	return status;
}

static enum status move_keys_in(const struct restore *restore)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < restore->manifest.count; i++)
		if (strncmp(restore->manifest.files[i].path, "keys/", strlen("keys/")) == 0)
			status = move(restore->stage, restore->data,
			    restore->manifest.files[i].path);
	return status;
}

static int change_places(struct restore *restore)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < restore->present.count; i++)
		status = move(restore->data, restore->aside, restore->present.names[i]);
	if (status == STATUS_OK)
		status = move_keys_aside(restore);
	for (size_t i = 0; status == STATUS_OK && i < restore->staged.count; i++)
		status = move(restore->stage, restore->data, restore->staged.names[i]);
	if (status == STATUS_OK)
		status = move_keys_in(restore);
	if (status == STATUS_OK)
		return 0;
	return console_fail(status,
	    "the restore stopped half-way: %s; what was there is in %s, what was to take its "
	    "place in %s: do not start the server, restore again",
	    status_text(status), restore->aside, restore->stage);
}

/* ---- the command ---- */

static int read_manifest(struct restore *restore)
{
	enum status status = manifest_read(&restore->manifest, restore->from);

	if (status == STATUS_NOT_FOUND)
		return console_fail(status, "%s holds no whole backup: it has no MANIFEST",
		    restore->from);
	return status == STATUS_OK
	         ? 0
	         : console_fail(check_bad_data(status), "%s/MANIFEST cannot be used: %s",
		     restore->from, status_text(status));
}

static enum status find_present(struct restore *restore)
{
	enum status status = environments_find(restore->data, &restore->present);
	size_t last = restore->present.count;

	if (status == STATUS_OK && last > 0
	    && environments_is_spool(restore->present.names[last - 1]))
		free(restore->present.names[--restore->present.count]);
	return status;
}

static int prepare(struct restore *restore)
{
	enum status status;
	char *below;
	int ended = read_manifest(restore);

	if (ended != 0)
		return ended;
	below = text_format("%s/.", restore->data);
	status = files_make_way(below);
	free(below);
	if (status == STATUS_OK)
		status = find_present(restore);
	if (status != STATUS_OK)
		return console_fail(status, "%s cannot be used: %s", restore->data,
		    status_text(status));
	ended = take_locks(restore);
	if (ended == 0)
		ended = stage_all(restore);
	return ended == 0 ? make_fit(restore) : ended;
}

static void tell(const struct restore *restore, const char *when)
{
	console_say(restore->console, "%s is as it was at %s", restore->data, when);
	if (restore->present.count > 0)
		console_say(restore->console, "what was there before is in %s", restore->aside);
	if (restore->generation > 0)
		console_say(restore->console,
		    "the log's generation is %llu: every agent will send all of its facts anew",
		    (unsigned long long)restore->generation);
}

static int run(struct restore *restore)
{
	time_t seconds;
	char when[TIME_SIZE];
	struct tm parts;
	int ended = prepare(restore);

	seconds = (time_t)(restore->manifest.at_ms / 1000);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&seconds, &parts));
	if (ended == 0 && restore->console->is_dry_run) {
		console_say(restore->console, "the backup of %s is whole; nothing was changed",
		    when);
	} else if (ended == 0) {
		ended = change_places(restore);
		if (ended != 0)
			return ended;
		tell(restore, when);
	}
	files_remove(restore->stage);
	return ended;
}

int data_restore_run(const struct console *console, int argc, char **argv)
{
	struct restore *restore = memory_new(sizeof(*restore));
	time_t seconds = (time_t)(console->now_ms / 1000);
	char now[TIME_SIZE];
	struct tm parts;
	int ended;

	(void)argc;
	strftime(now, sizeof(now), "%Y%m%dT%H%M%SZ", gmtime_r(&seconds, &parts));
	restore->console = console;
	restore->data = console->paths.data;
	restore->from = argv[1];
	restore->stage = text_format("%s/restoring-%s", restore->data, now);
	restore->aside = text_format("%s/aside-%s", restore->data, now);
	ended = run(restore);
	for (size_t i = 0; i < restore->locks_count; i++)
		close(restore->locks[i]);
	environments_fini(&restore->present);
	environments_fini(&restore->staged);
	free(restore->stage);
	free(restore->aside);
	free(restore);
	return ended;
}
