/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/detect/explain.h"

#include "processors/detect/suspects.h"
#include "processors/state/facts.h"
#include "processors/state/job.h"

enum {
	/* What a transaction did may be seen a little before the transaction itself. */
	EARLY_MS = 2000,
	FIRST_USER_ID = 1000,
};

/* ---- facts that are not files ---- */

static const struct fact_field *field_of(const struct fact *fact, const char *name)
{
	return fact_find(fact->fields, fact->fields_count, name);
}

static bool is_gone(const struct fact *fact)
{
	return fact->status == FACT_NONE || fact->status == FACT_ABSENT;
}

static bool is_same(const struct suspect *suspect, const char *name)
{
	return fact_field_equal(field_of(&suspect->before, name), field_of(&suspect->after, name));
}

static bool is_system_id(const struct fact *fact, const char *name)
{
	const struct fact_field *id = field_of(fact, name);

	return id != NULL && id->type == FACT_NUMBER && id->number > 0
	    && id->number < FIRST_USER_ID;
}

static bool has_no_password(const struct fact *fact)
{
	const struct fact_field *password = field_of(fact, "password");

	return password == NULL || bytes_equal(password->bytes, bytes_of_text("none"))
	    || bytes_equal(password->bytes, bytes_of_text("locked"));
}

/* Accounts that services run under: nobody logs in to them. */
static bool is_of_scripts_user(const struct suspect *suspect)
{
	if (!is_gone(&suspect->before) && !is_system_id(&suspect->before, "uid"))
		return false;
	return is_gone(&suspect->after)
	    || (is_system_id(&suspect->after, "uid") && has_no_password(&suspect->after));
}

/* That somebody joins an existing group may give rights: packages' scripts hardly do that. */
static bool is_of_scripts_group(const struct suspect *suspect)
{
	if (!is_gone(&suspect->before) && !is_gone(&suspect->after) && !is_same(suspect, "members"))
		return false;
	return is_system_id(is_gone(&suspect->after) ? &suspect->before : &suspect->after, "gid");
}

/* Enabled, started or gone; what it runs is its file's matter. */
static bool is_of_scripts_unit(const struct suspect *suspect)
{
	if (is_gone(&suspect->after))
		return true;
	if (is_gone(&suspect->before))
		return field_of(&suspect->after, "fragment") == NULL;
	return is_same(suspect, "fragment") && is_same(suspect, "exec_start");
}

static const struct namespace
{
	const char *prefix;
	const char *path_field; /* NULL: it names no file */
	bool is_never;          /* nothing of packages explains it */
	bool is_whole;          /* such facts say all that their file does */
	bool (*is_of_scripts)(const struct suspect *suspect);
}
namespaces[] = {
	{ "user/", NULL, false, false, is_of_scripts_user },
	{ "group/", NULL, false, true, is_of_scripts_group },
	{ "unit/", "fragment", false, false, is_of_scripts_unit },
	{ "cron/", "file", false, false, NULL },
	{ "sudo/", "file", false, true, NULL },
	{ "authorized_key/", NULL, true, true, NULL },
};

static const struct namespace *namespace_of(struct bytes key)
{
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++)
		if (bytes_start_with(key, bytes_of_text(namespaces[i].prefix)))
			return &namespaces[i];
	return NULL;
}

static bool is_file(struct bytes key)
{
	return bytes_start_with(key, bytes_of_text("file/"));
}

static bool is_unit(struct bytes key)
{
	return bytes_start_with(key, bytes_of_text("unit/"));
}

struct bytes explain_path(struct bytes key, const struct fact *fact)
{
	const struct namespace *space = namespace_of(key);
	const struct fact_field *field;

	if (is_file(key))
		return BYTES(key.data + strlen("file"), key.size - strlen("file"));
	if (space == NULL || space->path_field == NULL)
		return BYTES_NONE;
	field = field_of(fact, space->path_field);
	return field == NULL || field->type == FACT_NUMBER ? BYTES_NONE : field->bytes;
}

struct bytes explain_drop_ins(struct bytes key, const struct fact *fact)
{
	const struct fact_field *field = is_unit(key) ? field_of(fact, "drop_ins") : NULL;

	return field == NULL || field->type == FACT_NUMBER ? BYTES_NONE : field->bytes;
}

bool explain_next_drop_in(struct bytes *rest, struct bytes *path)
{
	const uint8_t *blank = rest->size == 0 ? NULL : memchr(rest->data, ' ', rest->size);
	size_t size = blank == NULL ? rest->size : (size_t)(blank - rest->data);
	size_t taken = size + (blank != NULL);

	if (rest->size == 0)
		return false;
	*path = BYTES(rest->data, size);
	*rest = BYTES(rest->data + taken, rest->size - taken);
	return true;
}

/*
 * A unit says nothing of most of its file, an account nothing of what its password is: where no
 * rule speaks of what they show, the file has to be spoken of.
 */
bool explain_stands_for_file(const struct suspect *suspect, bool is_spoken)
{
	const struct namespace *space = namespace_of(suspect->key);
	const struct fact *fact = is_gone(&suspect->after) ? &suspect->before : &suspect->after;

	if (space == NULL)
		return is_spoken;
	if (space->path_field != NULL && explain_path(suspect->key, fact).size == 0)
		return false;
	return is_spoken || space->is_whole
	    || (space->path_field == NULL && is_gone(&suspect->after));
}

/* ---- whose file it is ---- */

struct ownership {
	const char *package; /* NULL: nobody's, as far as is known */
	bool is_as_shipped;
	bool has_moved_on; /* since the change; so it may be as shipped again */
};

static bool has_same(const struct fact *fact, const struct fact *other)
{
	for (size_t i = 0; i < fact->fields_count; i++) {
		const struct fact_field *field = &fact->fields[i];

		if (strcmp(field->name, "package") != 0 && strcmp(field->name, "origin") != 0
		    && !fact_field_equal(field, field_of(other, field->name)))
			return false;
	}
	return true;
}

bool explain_is_same_file(const struct fact *a, const struct fact *b)
{
	return a->status == b->status && has_same(a, b) && has_same(b, a);
}

static void read_ownership(const struct fact_field *fields, size_t count, struct arena *arena,
    struct ownership *out)
{
	const struct fact_field *package = fact_find(fields, count, "package");
	const struct fact_field *origin = fact_find(fields, count, "origin");

	if (package == NULL || package->type != FACT_TEXT || package->bytes.size == 0)
		return;
	out->package = arena_format(arena, "%.*s", (int)package->bytes.size,
	    (const char *)package->bytes.data);
	out->is_as_shipped = origin != NULL && origin->type == FACT_TEXT
	                  && bytes_equal(origin->bytes, bytes_of_text("package"));
}

/* As the facts have it now: a file is looked at once more when a transaction has ended. */
static enum status ask_facts(struct stage_io *io, const struct asset_ref *asset, struct bytes path,
    struct ownership *out)
{
	struct buffer key = { 0 };
	struct facts_entry entry;
	struct fact_field *fields;
	size_t count;
	enum status status;

	fact_key(&key, "file", BYTES(path.data + 1, path.size - 1));
	status = facts_get(io->txn, asset, buffer_bytes(&key), io->arena, &entry);
	buffer_fini(&key);
	if (status == STATUS_OK && entry.record->status != FACT_NONE
	    && fact_value_decode(entry.value, io->arena, &fields, &count) == STATUS_OK)
		read_ownership(fields, count, io->arena, out);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* What was put there and taken away before it was judged: what is there now explains nothing. */
static enum status find_out_moved_on(struct stage_io *io, const struct suspect *suspect,
    struct ownership *out)
{
	struct fact now = { .status = FACT_NONE };
	struct facts_entry entry;
	struct fact_field *fields;
	enum status status = facts_get(io->txn, suspect->asset, suspect->key, io->arena, &entry);

	if (status == STATUS_OK
	    && fact_value_decode(entry.value, io->arena, &fields, &now.fields_count) == STATUS_OK) {
		now.status = (enum fact_status)entry.record->status;
		now.fields = fields;
	}
	out->has_moved_on = !explain_is_same_file(&now, &suspect->after);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* Units still name /lib where it is a link to /usr/lib. */
static enum status ask_either_name(struct stage_io *io, const struct asset_ref *asset,
    struct bytes path, struct ownership *out)
{
	enum status status = ask_facts(io, asset, path, out);

	if (status == STATUS_OK && out->package == NULL
	    && bytes_start_with(path, bytes_of_text("/lib")))
		status = ask_facts(io, asset,
		    bytes_of_text(arena_format(io->arena, "/usr%.*s", (int)path.size,
			(const char *)path.data)),
		    out);
	return status;
}

/* What adds to a unit's file changes it as much: all of it must be as it was shipped. */
static enum status ask_drop_ins(struct stage_io *io, const struct suspect *suspect,
    struct ownership *out)
{
	struct bytes rest = explain_drop_ins(suspect->key, &suspect->after), path;
	enum status status = STATUS_OK;

	for (unsigned i = 0;
	     status == STATUS_OK && out->is_as_shipped && explain_next_drop_in(&rest, &path); i++) {
		struct ownership drop_in = { .package = NULL };

		if (i < EXPLAIN_DROP_INS_MAX && path.size > 1 && path.data[0] == '/')
			status = ask_either_name(io, suspect->asset, path, &drop_in);
		out->is_as_shipped = drop_in.is_as_shipped;
	}
	return status;
}

static enum status ownership_of(struct stage_io *io, const struct suspect *suspect,
    struct ownership *out)
{
	const struct fact *fact = is_gone(&suspect->after) ? &suspect->before : &suspect->after;
	struct bytes path = explain_path(suspect->key, fact);
	enum status status;

	*out = (struct ownership){ 0 };
	if (path.size < 2 || path.data[0] != '/')
		return STATUS_OK;
	if (is_file(suspect->key) && is_gone(&suspect->after)) {
		/* Whose it was; as it was shipped it is no more. */
		read_ownership(fact->fields, fact->fields_count, io->arena, out);
		out->is_as_shipped = false;
		return STATUS_OK;
	}
	status = ask_either_name(io, suspect->asset, path, out);
	if (status != STATUS_OK)
		return status;
	/* Whether a unit is active changes all the time. */
	return is_unit(suspect->key) ? ask_drop_ins(io, suspect, out)
	                             : find_out_moved_on(io, suspect, out);
}

/* ---- what packages were at work ---- */

static bool is_within(uint64_t at_ms, uint64_t began_ms, uint64_t ended_ms, bool has_ended,
    const struct explain_limits *limits)
{
	return at_ms + EARLY_MS >= began_ms
	    && (at_ms < began_ms || at_ms - began_ms <= limits->transaction_ms)
	    && (!has_ended || at_ms <= ended_ms + limits->grace_ms);
}

static bool was_under_way(const struct transaction *transaction, const struct suspect *suspect,
    const struct explain_limits *limits)
{
	bool has_ended = transaction->ended_ms != 0;

	return transaction->began_ms != 0
	    && is_within(suspect->received_ms, transaction->began_ms, transaction->ended_ms,
		has_ended, limits)
	    && is_within(suspect->observed_ms, transaction->began_observed_ms,
		transaction->ended_observed_ms, has_ended, limits);
}

/* 0: all of it is known by now. */
static uint64_t known_at(const struct stage_io *io, const struct transaction *transaction,
    const struct suspect *suspect, const struct explain_limits *limits)
{
	uint64_t settled_ms = transaction->ended_ms + limits->grace_ms;
	uint64_t last_ms = suspect->received_ms + limits->transaction_ms;

	/* Its end wakes whatever waits for it; there may be one after the other, for ever. */
	if (transaction->ended_ms == 0 || settled_ms > last_ms)
		settled_ms = last_ms;
	return io->now_ms < settled_ms ? settled_ms : 0;
}

static bool is_never(const struct suspect *suspect)
{
	const struct namespace *space = namespace_of(suspect->key);

	if (suspect->entry != NULL)
		return suspect->entry->packages == WATCHLIST_PACKAGES_NEVER;
	return space != NULL && space->is_never;
}

static bool is_of_scripts(const struct suspect *suspect)
{
	const struct namespace *space = namespace_of(suspect->key);

	if (suspect->entry != NULL)
		return suspect->entry->packages == WATCHLIST_PACKAGES_SCRIPTS;
	return space != NULL && space->is_of_scripts != NULL && space->is_of_scripts(suspect);
}

/* Whose a file is may be known only when the transaction has ended; an account is nobody's. */
static bool may_be_owned(const struct suspect *suspect)
{
	const struct namespace *space = namespace_of(suspect->key);

	return is_file(suspect->key) || (space != NULL && space->path_field != NULL);
}

/* What a package shipped says nothing of who may write to it, or as whom it runs. */
static bool has_other_rights(const struct suspect *suspect)
{
	return is_file(suspect->key) && !is_gone(&suspect->before)
	    && !(is_same(suspect, "mode") && is_same(suspect, "uid") && is_same(suspect, "gid"));
}

static const char *reason_of(struct stage_io *io, const struct suspect *suspect,
    const struct ownership *owner, bool is_in_transaction)
{
	if (owner->is_as_shipped
	    && (is_in_transaction || !(owner->has_moved_on || has_other_rights(suspect))))
		return arena_format(io->arena, "package %s", owner->package);
	if (!is_in_transaction)
		return NULL;
	if (is_gone(&suspect->after) && owner->package != NULL)
		return arena_format(io->arena, "the removal of package %s", owner->package);
	return is_of_scripts(suspect) ? "a transaction of packages" : NULL;
}

enum status explain_package(struct stage_io *io, const struct explain_limits *limits,
    const struct suspect *suspect, const char **out)
{
	struct transaction transaction;
	enum status status = job_explains(io->txn, suspect->asset, suspect->received_ms, io->arena,
	    out);

	if (status != STATUS_NOT_FOUND)
		return status;
	status = suspects_transaction(io, suspect->asset, &transaction);
	*out = status == STATUS_OK && was_under_way(&transaction, suspect, limits)
	         ? "a transaction of packages"
	         : NULL;
	return status;
}

enum status explain(struct stage_io *io, const struct explain_limits *limits,
    const struct suspect *suspect, struct explanation *out)
{
	struct transaction transaction;
	struct ownership owner;
	const char *job;
	bool is_in_transaction;
	enum status status = ownership_of(io, suspect, &owner);

	if (status == STATUS_OK)
		status = suspects_transaction(io, suspect->asset, &transaction);
	if (status != STATUS_OK)
		return status;
	*out = (struct explanation){ .kind = UNEXPLAINED, .package = owner.package };
	if (is_never(suspect))
		return STATUS_OK;
	is_in_transaction = was_under_way(&transaction, suspect, limits);
	out->by = reason_of(io, suspect, &owner, is_in_transaction);
	if (out->by == NULL && is_in_transaction && may_be_owned(suspect))
		out->later_ms = known_at(io, &transaction, suspect, limits);
	if (out->later_ms != 0)
		out->kind = EXPLAINED_LATER;
	if (out->by == NULL)
		return STATUS_OK;
	out->kind = EXPLAINED;
	/* The job says more than the package that it brought. */
	status = job_explains(io->txn, suspect->asset, suspect->received_ms, io->arena, &job);
	if (status == STATUS_OK)
		out->by = job;
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
