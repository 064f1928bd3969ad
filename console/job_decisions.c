/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remediations approve and reject, jobs cancel - decides on jobs: all that were named, or none.
 *
 * Whether a decision holds is up to the processor, which alone knows how the job stands then; what
 * is refused here is only what could not hold any more.
 */
#include <stdlib.h>

#include "console/commands.h"
#include "console/intent.h"
#include "console/job_text.h"
#include "console/store_access.h"
#include "core/record.h"
#include "proto/intent.pb-c.h"
#include "sinks/verdict_json.h"

enum { REASON_MAX = 2000 };

const struct argp_option job_decisions_options[] = {
	{ "reason", 'r' << 8, "TEXT", 0, "why; it stays with the job", 0 },
	{ 0 },
};

struct decision {
	Fettle__JobDecisionKind kind;
	const char *verb; /* "approve" */
	bool (*may_hold)(unsigned state);
	bool (*has_held)(unsigned state);
};

/* One job that is decided on, how it stood before, and how it stands now. */
struct decided {
	char id[2 * JOB_ID_SIZE + 1];
	const char *asset;
	unsigned state;
	uint64_t updated_ms;
	bool is_done;
	char *reason;
};

struct deciding {
	const struct console *console;
	const struct decision *decision;
	const char *reason;
	struct store_access access;
	struct arena arena;
	struct decided *jobs;
	size_t count;
};

static bool is_proposed(unsigned state)
{
	return state == FETTLE__JOB_STATE__JOB_STATE_PROPOSED;
}

static bool is_not_over(unsigned state)
{
	return !standing_job_is_over(state);
}

static bool was_approved(unsigned state)
{
	return !is_proposed(state) && state != FETTLE__JOB_STATE__JOB_STATE_REJECTED
	    && state != FETTLE__JOB_STATE__JOB_STATE_CANCELLED
	    && state != FETTLE__JOB_STATE__JOB_STATE_SUPERSEDED;
}

static bool was_rejected(unsigned state)
{
	return state == FETTLE__JOB_STATE__JOB_STATE_REJECTED;
}

static bool was_cancelled(unsigned state)
{
	return state == FETTLE__JOB_STATE__JOB_STATE_CANCELLED;
}

/* ---- which ---- */

static bool is_named_already(const struct deciding *deciding, const char *id)
{
	for (size_t i = 0; i < deciding->count; i++)
		if (strcmp(deciding->jobs[i].id, id) == 0)
			return true;
	return false;
}

static int refuse(const Fettle__JobVerdict *job, const char *verb)
{
	char id[JOB_TEXT_ID_SIZE];

	job_text_id(record_bytes(job->id), id);
	return console_fail(STATUS_NOT_FOUND, "job %s: too late to %s it; it is %s", id, verb,
	    verdict_json_job_state((unsigned)job->state));
}

/* 0, or the exit code of a failure that a message told. */
static int name(struct deciding *deciding, const char *text)
{
	struct decided *decided = &deciding->jobs[deciding->count];
	Fettle__JobVerdict *job = NULL;
	const char *asset;
	int exit_code = store_access_job(&deciding->access, deciding->console, text,
	    &deciding->arena, &job);

	if (exit_code != 0)
		return exit_code;
	if (!deciding->decision->may_hold((unsigned)job->state))
		return refuse(job, deciding->decision->verb);
	bytes_to_hex(record_bytes(job->id), decided->id);
	if (is_named_already(deciding, decided->id))
		return 0;
	asset = asset_table_name(&deciding->access.assets, record_bytes(job->asset));
	decided->asset = asset == NULL ? "an unknown asset" : asset;
	decided->state = (unsigned)job->state;
	decided->updated_ms = job->updated_ms;
	deciding->count++;
	return 0;
}

/* ---- how it went ---- */

static void look(struct deciding *deciding, struct decided *decided)
{
	Fettle__JobVerdict *job = NULL;
	struct arena arena = { 0 };

	if (query_job(deciding->access.query, decided->id, &arena, &job) == STATUS_OK
	    && (job->updated_ms != decided->updated_ms || (unsigned)job->state != decided->state)) {
		decided->is_done = true;
		decided->state = (unsigned)job->state;
		decided->updated_ms = job->updated_ms;
		free(decided->reason);
		decided->reason = text_copy(job->reason);
	}
	arena_fini(&arena);
}

static bool are_all_done(void *data)
{
	struct deciding *deciding = data;
	bool is_done = true;

	for (size_t i = 0; i < deciding->count; i++) {
		look(deciding, &deciding->jobs[i]);
		is_done &= deciding->jobs[i].is_done;
	}
	return is_done;
}

static void say_state(const struct console *console, const struct decided *decided)
{
	struct buffer text = { 0 };

	job_text_state(&text, decided->state, decided->reason);
	console_say(console, "%.12s on %s: %s", decided->id, decided->asset, buffer_text(&text));
	buffer_fini(&text);
}

static int say_outcome(const struct deciding *deciding)
{
	int exit_code = 0;

	for (size_t i = 0; i < deciding->count; i++) {
		const struct decided *decided = &deciding->jobs[i];

		if (!decided->is_done) {
			console_say(deciding->console,
			    "%.12s on %s: sent, and not taken up yet; `fettle jobs show %.12s` "
			    "will tell, once a processor runs",
			    decided->id, decided->asset, decided->id);
			continue;
		}
		say_state(deciding->console, decided);
		if (!deciding->decision->has_held(decided->state))
			exit_code = CONSOLE_NEGATIVE;
	}
	return exit_code;
}

/* ---- deciding ---- */

static void add(const struct deciding *deciding, struct intent *intent,
    const struct decided *decided)
{
	Fettle__JobDecision message = FETTLE__JOB_DECISION__INIT;
	uint8_t id[JOB_ID_SIZE];

	(void)bytes_from_hex(decided->id, id, sizeof(id)); /* it was made from one */
	RECORD_SET_BYTES(&message, job, BYTES_OF(id));
	RECORD_SET(&message, decision, deciding->decision->kind);
	message.reason = RECORD_TEXT(deciding->reason);
	intent_add(intent, FETTLE__KIND__KIND_JOB_DECISION,
	    arena_format(&intent->arena, "job/%s/decision", decided->id), &message.base);
}

static int say_what_would_be(const struct deciding *deciding)
{
	for (size_t i = 0; i < deciding->count; i++)
		console_say(deciding->console, "would %s %.12s on %s; nothing was changed",
		    deciding->decision->verb, deciding->jobs[i].id, deciding->jobs[i].asset);
	return 0;
}

static int send(struct deciding *deciding)
{
	struct intent intent;
	uint64_t written;
	enum status status;

	if (deciding->console->is_dry_run)
		return say_what_would_be(deciding);
	intent_init(&intent);
	for (size_t i = 0; i < deciding->count; i++)
		add(deciding, &intent, &deciding->jobs[i]);
	status = intent_send(&intent, deciding->console->paths.data, &written);
	intent_fini(&intent);
	if (status != STATUS_OK)
		return status_exit_code(status);
	(void)intent_wait(are_all_done, deciding, INTENT_PATIENCE_MS);
	return say_outcome(deciding);
}

static void fini(struct deciding *deciding)
{
	for (size_t i = 0; i < deciding->count; i++)
		free(deciding->jobs[i].reason);
	free(deciding->jobs);
	arena_fini(&deciding->arena);
	store_access_fini(&deciding->access);
}

static int decide(const struct console *console, const struct decision *decision, int argc,
    char **argv)
{
	struct deciding deciding = { .console = console,
		.decision = decision,
		.reason = console_option(console, "reason") };
	struct bytes reason = bytes_of_text(deciding.reason == NULL ? "" : deciding.reason);
	int exit_code;

	if (reason.size > REASON_MAX || !bytes_is_utf8(reason))
		return console_usage(console, "--reason takes at most %d bytes of text",
		    REASON_MAX);
	exit_code = store_access_open(&deciding.access, console);
	if (exit_code != 0)
		return exit_code;
	deciding.jobs = memory_new((size_t)argc * sizeof(*deciding.jobs));
	for (int i = 1; i < argc && exit_code == 0; i++)
		exit_code = name(&deciding, argv[i]);
	if (exit_code == 0)
		exit_code = send(&deciding);
	else if (argc > 2)
		console_say(console, "nothing was decided");
	fini(&deciding);
	return exit_code;
}

int remediations_approve_run(const struct console *console, int argc, char **argv)
{
	static const struct decision approve = {
		.kind = FETTLE__JOB_DECISION_KIND__JOB_DECISION_KIND_APPROVE,
		.verb = "approve",
		.may_hold = is_proposed,
		.has_held = was_approved,
	};

	return decide(console, &approve, argc, argv);
}

int remediations_reject_run(const struct console *console, int argc, char **argv)
{
	static const struct decision reject = {
		.kind = FETTLE__JOB_DECISION_KIND__JOB_DECISION_KIND_REJECT,
		.verb = "reject",
		.may_hold = is_proposed,
		.has_held = was_rejected,
	};

	return decide(console, &reject, argc, argv);
}

int jobs_cancel_run(const struct console *console, int argc, char **argv)
{
	static const struct decision cancel = {
		.kind = FETTLE__JOB_DECISION_KIND__JOB_DECISION_KIND_CANCEL,
		.verb = "cancel",
		.may_hold = is_not_over,
		.has_held = was_cancelled,
	};

	return decide(console, &cancel, argc, argv);
}
