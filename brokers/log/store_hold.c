/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_hold.c - agents of whom nothing is taken for a while, because too much of what they sent
 * could not be processed.  A processor says so by its outbox, and the log keeps to it.
 */
#include <stdlib.h>

#include "brokers/log/store_private.h"
#include "proto/admission.pb-c.h"
#include "proto/command.pb-c.h"

static enum status note(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    const Fettle__Hold *hold, uint64_t now_ms)
{
	Fettle__Notice notice = FETTLE__NOTICE__INIT;
	char *detail = text_format("%llu records of %llu bytes are quarantined of it",
	    (unsigned long long)hold->records, (unsigned long long)hold->bytes);
	enum status status;

	RECORD_SET(&notice, what,
	    hold->is_held ? FETTLE__NOTICE_WHAT__NOTICE_WHAT_QUARANTINE_FULL
			  : FETTLE__NOTICE_WHAT__NOTICE_WHAT_QUARANTINE_OPEN);
	RECORD_SET_BYTES(&notice, agent, BYTES(agent, AGENT_ID_SIZE));
	notice.principal = RECORD_TEXT("processor");
	notice.detail = detail;
	status = log_store_notice(store, &notice, now_ms);
	free(detail);
	return status;
}

static enum status set(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    const Fettle__Hold *hold, uint64_t now_ms)
{
	Fettle__LogAgent fresh = FETTLE__LOG_AGENT__INIT, *known = &fresh;
	enum status status = log_store_get_agent(store, agent, &known);

	if (status == STATUS_NOT_FOUND)
		known = &fresh;
	else if (status != STATUS_OK)
		return status;
	if (known->is_held == hold->is_held)
		return STATUS_OK;
	RECORD_SET(known, is_held, hold->is_held);
	status = log_store_put_agent(store, agent, known);
	return status == STATUS_OK ? note(store, agent, hold, now_ms) : status;
}

enum status log_store_hold(struct log_store *store, struct bytes record, uint64_t received_ms,
    uint8_t agent[AGENT_ID_SIZE])
{
	struct arena arena = { 0 };
	Fettle__Record *decoded;
	const Fettle__Hold *hold;
	enum status status = STATUS_NOT_FOUND;

	if (!record_is_plain(record) || record_decode(record, &arena, &decoded) != STATUS_OK
	    || decoded->envelope->kind != FETTLE__KIND__KIND_HOLD)
		goto out;
	hold = record_unpack(&fettle__hold__descriptor, record_bytes(decoded->body), &arena);
	status = STATUS_REJECT;
	if (hold == NULL || decoded->envelope->target.len != AGENT_ID_SIZE)
		goto out;
	memcpy(agent, decoded->envelope->target.data, AGENT_ID_SIZE);
	status = set(store, agent, hold, received_ms);
out:
	arena_fini(&arena);
	return status;
}

enum status log_store_is_held(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    bool *is_held)
{
	Fettle__LogAgent *known;
	enum status status = log_store_get_agent(store, agent, &known);

	*is_held = status == STATUS_OK && known->is_held;
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
