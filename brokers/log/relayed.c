/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relayed.c - what gateways pass on that is no agent's: machines that want to be let in, and keys
 * that were connected with.
 */
#include "brokers/log/enrolments.h"
#include "brokers/log/members.h"
#include "brokers/log/parts.h"
#include "core/clock.h"

struct told {
	const Fettle__EnrolRelay *relay;
	Fettle__EnrolReply reply;
	uint8_t agent[AGENT_ID_SIZE];
};

static enum status write_told(struct log_role *role, void *data)
{
	struct told *told = data;
	const Fettle__EnrolRelay *relay = told->relay;

	if (relay->has_request)
		return log_enrolments_ask(role->store, relay, clock_wall_ms(), &told->reply,
		    told->agent);
	return relay->key.len == SOCKET_KEY_SIZE
	         ? log_members_connected(role->store, relay->key.data, clock_wall_ms())
	         : STATUS_OK;
}

static bool is_too_often(struct log_role *role, struct told *told)
{
	const char *address = told->relay->address == NULL ? "" : told->relay->address;
	uint64_t wait_ms = rate_take(role->enrolments, address, clock_monotonic_ms());

	if (wait_ms == 0)
		return false;
	RECORD_SET(&told->reply, outcome, FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_BUSY);
	RECORD_SET(&told->reply, retry_ms, wait_ms + clock_jitter_ms(1000));
	told->reply.reason = RECORD_TEXT("too many machines ask at once");
	return true;
}

/* A machine wants to be let in; or, without a request, a key was connected with. */
void relayed_on_gateway(void *host, struct bytes message, struct buffer *reply)
{
	struct log_role *role = host;
	struct arena arena = { 0 };
	struct told told = { .relay = record_unpack(&fettle__enrol_relay__descriptor, message,
				 &arena),
		.reply = FETTLE__ENROL_REPLY__INIT };
	enum status status = STATUS_OK;

	if (told.relay != NULL && !role->has_failed
	    && !(told.relay->has_request && is_too_often(role, &told))) {
		intake_flush(role);
		status = commit_transact(role, write_told, &told);
		if (status != STATUS_OK)
			commit_fail(role, status);
		reader_sessions_wake(role);
	}
	if (told.relay != NULL && told.relay->has_request && status == STATUS_OK)
		record_pack(reply, &told.reply.base);
	arena_fini(&arena);
}
