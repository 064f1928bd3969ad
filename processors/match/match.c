/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match - finds patches missing: every update that an asset's own package manager would install.
 *
 * The fact `update/MANAGER/PACKAGE` is there as long as the update is pending, so the finding opens
 * with it and closes when it has gone.  What could not be looked at changes nothing: a finding
 * closes only where the update is known not to be pending any more.
 */
#include "processors/match/match.h"

#include "core/log.h"
#include "processors/state/finding.h"

static const char prefix[] = "update/";

/* Text of a field for people and for the table, whatever the endpoint sent; NULL if it has none. */
static const char *clean_field(struct arena *arena, const struct fact_field *fields, size_t count,
    const char *name)
{
	const struct fact_field *field = fact_find(fields, count, name);
	struct buffer clean = { 0 };
	const char *text;

	if (field == NULL || field->type != FACT_TEXT || field->bytes.size == 0)
		return NULL;
	log_escape(&clean, field->bytes);
	text = arena_text(arena, buffer_text(&clean));
	buffer_fini(&clean);
	return text;
}

/* "dpkg/openssl:amd64" of "update/dpkg/openssl:amd64". */
static const char *subject_of(struct arena *arena, struct bytes key)
{
	struct buffer clean = { 0 };
	const char *text;

	log_escape(&clean, BYTES(key.data + strlen(prefix), key.size - strlen(prefix)));
	text = arena_text(arena, buffer_text(&clean));
	buffer_fini(&clean);
	return text;
}

static Fettle__PriorityInput *security_input(struct arena *arena, bool is_security,
    const char *origin)
{
	Fettle__PriorityInput *input = arena_take(arena, sizeof(*input));

	fettle__priority_input__init(input);
	input->name = RECORD_TEXT("security");
	input->value = RECORD_TEXT(is_security ? "yes" : "no");
	input->source = arena_format(arena, "its origin, %s", origin == NULL ? "unknown" : origin);
	return input;
}

static enum status open_patch(struct stage_io *io, const struct event_change *change,
    const char *subject)
{
	Fettle__FindingVerdict draft = FETTLE__FINDING_VERDICT__INIT;
	Fettle__Evidence evidence = FETTLE__EVIDENCE__INIT, *evidences[] = { &evidence };
	Fettle__PriorityInput *inputs[1];
	struct arena *arena = io->arena;
	const char *package = strchr(subject, '/') == NULL ? subject : strchr(subject, '/') + 1;
	const char *installed, *candidate, *origin, *security;
	struct fact_field *fields;
	size_t count;
	bool is_security;

	if (fact_value_decode(change->after.value, arena, &fields, &count) != STATUS_OK)
		return STATUS_OK; /* inventory has taken it, so it is well-formed */
	installed = clean_field(arena, fields, count, "installed");
	candidate = clean_field(arena, fields, count, "candidate");
	origin = clean_field(arena, fields, count, "origin");
	security = clean_field(arena, fields, count, "security");
	is_security = security != NULL && strcmp(security, "yes") == 0;
	inputs[0] = security_input(arena, is_security, origin);
	draft.title = arena_format(arena, "%s can be upgraded to %s", package,
	    candidate == NULL ? "a newer version" : candidate);
	draft.severity = RECORD_TEXT(is_security ? "high" : "low");
	draft.reason = arena_format(arena, "%s → %s, from %s",
	    installed == NULL ? "an older version" : installed,
	    candidate == NULL ? "a newer one" : candidate,
	    origin == NULL ? "an origin that is not named" : origin);
	draft.rationale = RECORD_TEXT(
	    is_security ? "The distribution has published this version as a security update."
			: "The distribution has published a newer version.");
	draft.remediation = arena_format(arena,
	    "Upgrade %s to %s, or a newer version, in the "
	    "next window.",
	    package, candidate == NULL ? "the newer version" : candidate);
	RECORD_SET_BYTES(&evidence, key, change->key);
	evidence.rule = RECORD_TEXT("pending update");
	evidence.outcome = RECORD_TEXT("found");
	evidence.detail = draft.reason;
	draft.evidence = evidences;
	draft.n_evidence = 1;
	draft.inputs = inputs;
	draft.n_inputs = 1;
	return finding_open(io, change->asset, FETTLE__FINDING_KIND__FINDING_KIND_MISSING_PATCH,
	    subject, &draft);
}

static enum status on_event(struct stage_io *io, const struct event *event)
{
	const struct event_change *change = event_change(event);
	const char *subject;

	/* Below the manager's own entry, which says whether it could be asked at all. */
	if (!bytes_start_with(change->key, bytes_of_text(prefix))
	    || memchr(change->key.data + strlen(prefix), '/', change->key.size - strlen(prefix))
		   == NULL)
		return STATUS_OK;
	subject = subject_of(io->arena, change->key);
	if (change->after.status == FACT_PRESENT)
		return open_patch(io, change, subject);
	if (change->after.status != FACT_NONE && change->after.status != FACT_ABSENT)
		return STATUS_OK;
	return finding_close(io, change->asset, FETTLE__FINDING_KIND__FINDING_KIND_MISSING_PATCH,
	    subject, "the update is not pending any more", NULL, 0);
}

const struct stage match_stage = {
	.name = "match",
	.summary = "finds patches missing",
	.consumes = (const enum event_kind[]){ EVENT_FACT_CHANGED, EVENT_NONE },
	.on_event = on_event,
};
