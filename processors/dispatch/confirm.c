/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/dispatch/confirm.h"

#include "core/job_action.h"
#include "processors/dispatch/lease.h"
#include "processors/state/facts.h"
#include "processors/version/deb.h"

enum { LACKING_SHOWN = 3 };

/* ---- one package ---- */

static struct bytes text_of(const struct fact_field *fields, size_t count, const char *name)
{
	const struct fact_field *field = fact_find(fields, count, name);

	return field == NULL || field->type != FACT_TEXT ? BYTES_NONE : field->bytes;
}

/*
 * dpkg's second letter: installed, or only its triggers are still to run.  A package that is
 * unpacked, half configured or removed has the version too, and does not have what it brings.
 */
static bool is_complete(struct bytes state)
{
	return state.size < 2 || state.data[1] == 'i' || state.data[1] == 'W'
	    || state.data[1] == 't';
}

static bool is_at_least(struct bytes version, const char *target)
{
	int order;

	return version.size <= JOB_VERSION_MAX
	    && version_deb_compare(version, bytes_of_text(target), &order) == STATUS_OK
	    && order >= 0;
}

bool confirm_has_reached(struct arena *arena, struct bytes value, const char *version)
{
	struct fact_field *fields;
	size_t count;

	return fact_value_decode(value, arena, &fields, &count) == STATUS_OK
	    && is_at_least(text_of(fields, count, "version"), version)
	    && is_complete(text_of(fields, count, "state"));
}

/* One package in the facts. */
struct sight {
	bool is_reached;
	uint64_t received_ms; /* when the fact came that says so */
	const char *version;  /* for a person; NULL: it is not there, or could not be looked at */
};

static enum status look_at(struct stage_io *io, const struct asset_ref *asset,
    const Fettle__JobPackageState *package, struct sight *out)
{
	struct buffer key = { 0 };
	struct facts_entry entry;
	struct fact_field *fields;
	struct bytes version;
	size_t count;
	enum status status;

	*out = (struct sight){ .is_reached = false };
	buffer_append_format(&key, "package/dpkg/%s", package->name);
	status = facts_get(io->txn, asset, buffer_bytes(&key), io->arena, &entry);
	buffer_fini(&key);
	if (status != STATUS_OK || entry.record->status != FACT_PRESENT)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	if (fact_value_decode(entry.value, io->arena, &fields, &count) != STATUS_OK)
		return STATUS_OK;
	version = text_of(fields, count, "version");
	out->is_reached = confirm_has_reached(io->arena, entry.value, package->target);
	out->received_ms = entry.record->received_ms;
	if (version.size > 0)
		out->version = life_clean(io->arena, version);
	return STATUS_OK;
}

/* ---- all of them ---- */

struct outlook {
	bool is_reached;     /* by every package */
	bool is_new;         /* and every one was seen so since the job began */
	const char *lacking; /* those that are not, for a person */
	size_t lacking_count;
};

static void add_lacking(struct stage_io *io, const Fettle__JobPackageState *package,
    bool has_the_version, struct outlook *out)
{
	const char *text;

	if (++out->lacking_count > LACKING_SHOWN)
		return;
	if (package->observed == NULL)
		text = arena_format(io->arena, "%s is not installed", package->name);
	else if (has_the_version)
		text = arena_format(io->arena, "%s is at %s but not completely installed",
		    package->name, package->observed);
	else
		text = arena_format(io->arena, "%s is at %s, not %s", package->name,
		    package->observed, package->target);
	out->lacking = out->lacking == NULL ? text
	                                    : arena_format(io->arena, "%s; %s", out->lacking, text);
}

static enum status look(struct life *life, struct outlook *out)
{
	const Fettle__StateOpenJob *open = life->open;
	enum status status = STATUS_OK;

	*out = (struct outlook){ .is_reached = true, .is_new = true };
	for (size_t i = 0; status == STATUS_OK && i < life->job->n_packages; i++) {
		Fettle__JobPackageState *package = life->job->packages[i];
		struct sight sight;

		status = look_at(life->io, &life->asset, package, &sight);
		if (status != STATUS_OK)
			break;
		package->observed = RECORD_TEXT(sight.version);
		if (!sight.is_reached)
			add_lacking(life->io, package,
			    sight.version != NULL
				&& is_at_least(bytes_of_text(sight.version), package->target),
			    out);
		out->is_reached &= sight.is_reached;
		out->is_new &= open != NULL
		            && (open->looked_ms > 0
				|| (open->since_ms > 0 && sight.received_ms >= open->since_ms));
	}
	if (out->lacking_count > LACKING_SHOWN)
		out->lacking = arena_format(life->io->arena, "%s; and %zu more", out->lacking,
		    out->lacking_count - LACKING_SHOWN);
	return status;
}

enum status confirm_observe(struct life *life, bool *is_reached)
{
	struct outlook outlook;
	enum status status = look(life, &outlook);

	*is_reached = outlook.is_reached;
	return status;
}

/* ---- what follows ---- */

static enum status supersede(struct life *life)
{
	enum status status = life_enter(life, FETTLE__JOB_STATE__JOB_STATE_SUPERSEDED, "facts",
	    "every package is at its version or a newer one already");

	return status == STATUS_OK ? lease_take_back(life) : status;
}

/* How the package manager ended, where that is worth a word. */
static const char *ending(const struct life *life)
{
	const Fettle__JobVerdict *job = life->job;

	if (!job->has_exit_code || job->exit_code == 0)
		return "";
	return arena_format(life->io->arena, "; the package manager ended with %lld",
	    (long long)job->exit_code);
}

static enum status confirm(struct life *life)
{
	return life_enter(life, FETTLE__JOB_STATE__JOB_STATE_CONFIRMED, "facts",
	    arena_format(life->io->arena, "every package is at its version or a newer one%s",
		ending(life)));
}

static bool has_not_begun(Fettle__JobState state)
{
	return state == FETTLE__JOB_STATE__JOB_STATE_PROPOSED
	    || state == FETTLE__JOB_STATE__JOB_STATE_APPROVED
	    || state == FETTLE__JOB_STATE__JOB_STATE_SCHEDULED
	    || state == FETTLE__JOB_STATE__JOB_STATE_LEASED;
}

enum status confirm_judge(struct life *life)
{
	Fettle__JobState state = life->job->state;
	struct outlook outlook;
	enum status status = look(life, &outlook);

	if (status != STATUS_OK || !outlook.is_reached)
		return status;
	if (has_not_begun(state))
		return supersede(life);
	if (outlook.is_new
	    && (state == FETTLE__JOB_STATE__JOB_STATE_VERIFYING
		|| state == FETTLE__JOB_STATE__JOB_STATE_LOST))
		return confirm(life);
	return STATUS_OK;
}

enum status confirm_settle(struct life *life)
{
	struct outlook outlook;
	enum status status = look(life, &outlook);

	if (status != STATUS_OK)
		return status;
	if (outlook.is_reached)
		return confirm(life);
	return life_enter(life, FETTLE__JOB_STATE__JOB_STATE_FAILED, "facts",
	    arena_format(life->io->arena, "%s%s", outlook.lacking, ending(life)));
}
