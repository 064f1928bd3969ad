/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/log/rights.h"

#include <string.h>

#include "core/record.h"
#include "proto/intent.pb-c.h"

enum { OPERATOR = RIGHTS_BIT(OPERATOR), RESPONDER = RIGHTS_BIT(RESPONDER) };

/* ---- intent ---- */

/*
 * Its key begins and ends so: a record takes the place of an older one of the same key, and nobody
 * shall remove what they may not write.
 */
static const struct intent_row {
	uint32_t kind;
	const char *begin, *end;
	struct right right;
} intents[] = {
	{ FETTLE__KIND__KIND_POLICY, "policy/", "", { "change policies", OPERATOR, true } },
	{ FETTLE__KIND__KIND_POLICY_REMOVED, "policy/", "", { "change policies", OPERATOR, true } },
	{ FETTLE__KIND__KIND_PRIORITY_TABLE, "priority-table", "",
	    { "change the priority table", OPERATOR, true } },
	{ FETTLE__KIND__KIND_DETECTION, "detection/", "", { "change detections", OPERATOR, true } },
	{ FETTLE__KIND__KIND_DETECTION_REMOVED, "detection/", "",
	    { "change detections", OPERATOR, true } },
	{ FETTLE__KIND__KIND_WATCHLIST, "watchlist", "",
	    { "change the watch list", OPERATOR, true } },
	{ FETTLE__KIND__KIND_ALERT_ACK, "alert/", "/ack",
	    { "acknowledge alerts", OPERATOR | RESPONDER, false } },
	{ FETTLE__KIND__KIND_QUARANTINE_RELEASE, "quarantine/", "",
	    { "release what is quarantined", OPERATOR, false } },
	{ FETTLE__KIND__KIND_JOB_PROPOSAL, "job/", "/proposal",
	    { "propose jobs", OPERATOR, false } },
};

static const struct right approving = { "approve or reject jobs", RIGHTS_BIT(APPROVER), false };
static const struct right cancelling = { "cancel jobs", OPERATOR | RESPONDER, false };

static bool is_key(struct bytes key, const char *begin, const char *end)
{
	struct bytes tail = bytes_of_text(end);

	return bytes_start_with(key, bytes_of_text(begin)) && key.size >= strlen(begin) + tail.size
	    && bytes_equal(BYTES(key.data + key.size - tail.size, tail.size), tail);
}

/* The one body that is looked into here: to approve and to cancel are one kind of record. */
static const struct right *of_decision(const Fettle__Record *record)
{
	struct arena arena = { 0 };
	const Fettle__JobDecision *decision = record_unpack(&fettle__job_decision__descriptor,
	    record_bytes(record->body), &arena);
	const struct right *right = NULL;

	if (decision != NULL && is_key(record_bytes(record->envelope->key), "job/", "/decision"))
		right = decision->decision == FETTLE__JOB_DECISION_KIND__JOB_DECISION_KIND_CANCEL
		          ? &cancelling
		          : &approving;
	arena_fini(&arena);
	return right;
}

const struct right *rights_of_record(const Fettle__Record *record)
{
	if (record->envelope == NULL)
		return NULL;
	if (record->envelope->kind == FETTLE__KIND__KIND_JOB_DECISION)
		return of_decision(record);
	for (size_t i = 0; i < sizeof(intents) / sizeof(intents[0]); i++)
		if (intents[i].kind == record->envelope->kind
		    && is_key(record_bytes(record->envelope->key), intents[i].begin,
			intents[i].end))
			return &intents[i].right;
	return NULL;
}

/* ---- orders ---- */

static const struct right of_enrolments = { "let agents enrol", 0, false };
static const struct right of_members = { "decide on agents", 0, false };
static const struct right of_own_agent = { "let this machine's own agent in", 0, true };
static const struct right of_operators = { "decide who may do what", 0, false };
static const struct right of_quarantine = { "release what is quarantined", OPERATOR, false };

const struct right *rights_of_order(const Fettle__ControlRequest *request)
{
	if (request->operator_ != NULL)
		return &of_operators;
	if (request->enrolment != NULL)
		return &of_enrolments;
	if (request->member != NULL)
		return request->member->act == FETTLE__MEMBER_ACT__MEMBER_ACT_ADMIT ? &of_own_agent
		                                                                    : &of_members;
	return request->release != NULL ? &of_quarantine : NULL;
}

/* ---- words ---- */

const char *rights_role_text(Fettle__Role role)
{
	static const char *const texts[] = {
		[FETTLE__ROLE__ROLE_VIEWER] = "viewer",
		[FETTLE__ROLE__ROLE_OPERATOR] = "operator",
		[FETTLE__ROLE__ROLE_APPROVER] = "approver",
		[FETTLE__ROLE__ROLE_RESPONDER] = "responder",
		[FETTLE__ROLE__ROLE_ADMIN] = "admin",
	};

	return (size_t)role < sizeof(texts) / sizeof(texts[0]) ? texts[role] : NULL;
}

void rights_roles_text(struct buffer *out, const struct right *right)
{
	bool is_first = true;

	for (unsigned role = FETTLE__ROLE__ROLE_VIEWER; role <= FETTLE__ROLE__ROLE_ADMIN; role++) {
		if ((right->roles & (1u << role)) == 0)
			continue;
		buffer_append_format(out, "%s%s", is_first ? "" : " or ",
		    rights_role_text((Fettle__Role)role));
		is_first = false;
	}
	if (is_first)
		buffer_append_text(out, rights_role_text(FETTLE__ROLE__ROLE_ADMIN));
}
