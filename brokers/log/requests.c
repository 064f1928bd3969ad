/* SPDX-License-Identifier: Apache-2.0 */
/*
 * requests.c - what operators ask for by the local socket: who they are, whether they may, and one
 * transaction that does it.
 */
#include <sys/stat.h>

#include "brokers/log/operators.h"
#include "brokers/log/parts.h"
#include "core/clock.h"
#include "core/log.h"

/* ---- intent ---- */

/* One request by the local socket, and what it did. */
struct asking {
	const Fettle__ControlRequest *request;
	struct control_principal who;
	bool is_last_resort;
	const Fettle__Record *denied; /* NULL: it was an order, or is not */
	uint64_t written;
};

static enum status write_one_intent(struct log_role *role, struct asking *asking,
    const Fettle__Record *wanted, struct buffer *record)
{
	uint64_t now_ms = clock_wall_ms();
	bool changed;
	enum status status;

	buffer_clear(record);
	record_pack(record, &wanted->base);
	status = log_store_intent(role->store, buffer_bytes(record), asking->who.id,
	    asking->who.name, now_ms, &changed);
	if (status != STATUS_OK || !changed)
		return status;
	asking->written++;
	return operators_note_intent(role->store, wanted, &asking->who, asking->is_last_resort,
	    now_ms);
}

static enum status write_intent(struct log_role *role, struct asking *asking)
{
	const Fettle__ControlRequest *request = asking->request;
	struct buffer record = { 0 };
	enum status status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < request->n_intent; i++)
		status = write_one_intent(role, asking, request->intent[i], &record);
	buffer_fini(&record);
	if (status == STATUS_REJECT) {
		buffer_clear(&role->refusal);
		buffer_append_text(&role->refusal,
		    "a record has no key, or is larger than 900 KiB");
	}
	return status;
}

static enum status write_operators(struct log_role *role, struct asking *asking)
{
	bool changed;
	enum status status = operators_order(role->store, asking->request->operator_, &asking->who,
	    clock_wall_ms(), &role->refusal, &changed);

	asking->written = changed;
	return status;
}

static enum status write_asked(struct log_role *role, void *data)
{
	struct asking *asking = data;

	asking->written = 0;
	if (asking->request->operator_ != NULL)
		return write_operators(role, asking);
	return write_intent(role, asking);
}

static enum status write_denied(struct log_role *role, void *data)
{
	const struct asking *asking = data;

	return operators_note_denied(role->store, asking->denied, &asking->who,
	    buffer_text(&role->refusal), clock_wall_ms());
}

/* Root's, where it cannot be told. */
static uint64_t owner_of(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 ? info.st_uid : 0;
}

static enum status admit(struct log_role *role, struct asking *asking)
{
	struct operators operators;
	enum status status = operators_load(role->store, &operators), noted;

	if (status == STATUS_OK) {
		operators_name(&operators, &asking->who);
		asking->is_last_resort = operators_is_last_resort(&operators, &asking->who);
		status = operators_admit(&operators, asking->request, &asking->who,
		    owner_of(role->host->data), &role->refusal, &asking->denied);
	}
	operators_fini(&operators);
	log_store_release(role->store);
	if (status != STATUS_DENIED)
		return status;
	log_write(LOG_WARN, "control-denied", LOG_FIELDS(LOG_TEXT("who", asking->who.name)), "%s",
	    buffer_text(&role->refusal));
	noted = commit_transact(role, write_denied, asking);
	return noted == STATUS_OK ? STATUS_DENIED : noted;
}

/* Whoever has a role may write much, and the server itself what its configuration says. */
static bool has_a_role(struct log_role *role, struct asking *asking)
{
	struct operators operators;
	bool is_known = operators_load(role->store, &operators) == STATUS_OK
	             && (asking->who.is_own
			 || operators_roles(&operators, &asking->who, owner_of(role->host->data))
				!= 0);

	operators_name(&operators, &asking->who);
	operators_fini(&operators);
	log_store_release(role->store);
	return is_known;
}

bool requests_may_be_large(void *host, const struct control_principal *principal,
    Fettle__ControlReply *reply)
{
	struct log_role *role = host;
	struct asking asking = { .who = *principal };
	enum status status;

	if (role->has_failed || has_a_role(role, &asking))
		return true;
	buffer_clear(&role->refusal);
	buffer_append_format(&role->refusal,
	    "%s has no role here, and may send no more than 64 KiB", asking.who.name);
	log_write(LOG_WARN, "control-denied", LOG_FIELDS(LOG_TEXT("who", asking.who.name)), "%s",
	    buffer_text(&role->refusal));
	intake_flush(role);
	status = commit_transact(role, write_denied, &asking);
	if (status != STATUS_OK)
		commit_fail(role, status);
	RECORD_SET(reply, status, STATUS_DENIED);
	reply->message = RECORD_TEXT(buffer_text(&role->refusal));
	reader_sessions_wake(role);
	turn_pump(role);
	return false;
}

/* What is the asker's mistake, and leaves the log as it was. */
static bool is_refusal(enum status status)
{
	return status == STATUS_REJECT || status == STATUS_DENIED || status == STATUS_INVALID
	    || status == STATUS_NOT_FOUND;
}

/* ---- orders ---- */

struct ordered {
	const Fettle__ControlRequest *request;
	const struct control_principal *principal;
};

static enum status write_order(struct log_role *role, void *data)
{
	const struct ordered *ordered = data;

	role->commanded = NULL;
	return orders_execute(role->store, ordered->request, ordered->principal->name,
	    clock_wall_ms(), intake_note_command, role, &role->answer);
}

static void answer_order(const struct orders_answer *answer, enum status status,
    Fettle__ControlReply *reply)
{
	RECORD_SET(reply, status, (uint32_t)status);
	reply->message = RECORD_TEXT(
	    answer->message[0] != '\0' ? answer->message : status_text(status));
	RECORD_SET(reply, written, status == STATUS_OK ? answer->written : 0);
	if (status == STATUS_OK && answer->has_made) {
		RECORD_SET_BYTES(reply, id, BYTES_OF(answer->made.id));
		RECORD_SET_BYTES(reply, secret, BYTES_OF(answer->made.secret));
	} else if (status == STATUS_OK && answer->has_id) {
		RECORD_SET_BYTES(reply, id, BYTES_OF(answer->id));
	}
}

static void on_order(struct log_role *role, const Fettle__ControlRequest *request,
    const struct control_principal *principal, Fettle__ControlReply *reply)
{
	struct ordered ordered = { .request = request, .principal = principal };
	enum status status = role->has_failed ? STATUS_CLOSED
	                                      : commit_transact(role, write_order, &ordered);

	if (status != STATUS_OK && !is_refusal(status))
		commit_fail(role, status);
	answer_order(&role->answer, status, reply);
	if (status == STATUS_OK) {
		reader_sessions_wake(role);
		agent_sessions_wake(role);
		for (size_t i = 0; request->member != NULL && i < request->member->n_agents; i++)
			agent_sessions_drop_if_shut_out(role,
			    record_bytes(request->member->agents[i]));
		turn_pump(role);
	}
	intake_forget(role);
}

void requests_on_control(void *host, const Fettle__ControlRequest *request,
    const struct control_principal *principal, Fettle__ControlReply *reply)
{
	struct log_role *role = host;
	struct asking asking = { .request = request, .who = *principal };
	enum status status;

	intake_flush(role);
	explicit_bzero(&role->answer, sizeof(role->answer));
	status = role->has_failed ? STATUS_CLOSED : admit(role, &asking);
	if (status == STATUS_OK && orders_has(request)) {
		on_order(role, request, &asking.who, reply);
		return;
	}
	if (status == STATUS_OK)
		status = commit_transact(role, write_asked, &asking);
	if (status != STATUS_OK && status != STATUS_CLOSED && !is_refusal(status))
		commit_fail(role, status);
	RECORD_SET(reply, status, (uint32_t)status);
	reply->message = RECORD_TEXT(
	    is_refusal(status) ? buffer_text(&role->refusal) : status_text(status));
	RECORD_SET(reply, written, status == STATUS_OK ? asking.written : 0);
	RECORD_SET(reply, head, log_store_head(role->store, SUBLOG_INTENT));
	if (status == STATUS_DENIED || (asking.written > 0 && status == STATUS_OK)) {
		reader_sessions_wake(role);
		turn_pump(role);
	}
}
