/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/log/orders.h"

#include <stdio.h>

#include "proto/command.pb-c.h"

struct order {
	struct log_store *store;
	struct log_members_word word;
	void (*on_command)(void *data, const struct log_command *command);
	void *data;
	struct orders_answer *answer;
};

bool orders_has(const Fettle__ControlRequest *request)
{
	return request->enrolment != NULL || request->member != NULL;
}

static enum status fail(struct order *order, enum status status, const char *message)
{
	snprintf(order->answer->message, sizeof(order->answer->message), "%s", message);
	return status;
}

static enum status fail_agent(struct order *order, enum status status,
    const uint8_t agent[AGENT_ID_SIZE], const char *message)
{
	char id[2 * AGENT_ID_SIZE + 1];

	bytes_to_hex(BYTES(agent, AGENT_ID_SIZE), id);
	snprintf(order->answer->message, sizeof(order->answer->message), "agent %s %s", id,
	    message);
	return status;
}

/* ---- enrolments ---- */

static enum status create(struct order *order, const Fettle__Enrolment *wanted)
{
	const char *reason = NULL;
	enum status status = log_enrolments_create(order->store, wanted, &order->word,
	    &order->answer->made, &reason);

	if (reason != NULL)
		return fail(order, status, reason);
	order->answer->has_made = status == STATUS_OK;
	order->answer->written = 1;
	return status;
}

static enum status revoke_enrolment(struct order *order, struct bytes id)
{
	bool changed;
	enum status status;

	if (id.size != LOG_ENROLMENTS_ID_SIZE)
		return fail(order, STATUS_INVALID, "an enrolment's id has 32 digits");
	status = log_enrolments_revoke(order->store, id.data, &order->word, &changed);
	if (status == STATUS_NOT_FOUND)
		return fail(order, status, "there is no such enrolment");
	order->answer->written = changed;
	return status;
}

static enum status execute_enrolment(struct order *order, const Fettle__EnrolmentOrder *enrolment)
{
	if ((enrolment->create != NULL) == (enrolment->has_revoke != 0))
		return fail(order, STATUS_INVALID, "an enrolment is either made or revoked");
	return enrolment->create != NULL ? create(order, enrolment->create)
	                                 : revoke_enrolment(order, record_bytes(enrolment->revoke));
}

/* ---- members ---- */

static enum status approve(struct order *order, const uint8_t *agent, bool *changed)
{
	enum status status = log_members_approve(order->store, agent, &order->word, changed);

	return status == STATUS_DENIED ? fail_agent(order, status, agent,
		   "is revoked, which is for good; enrol the machine anew")
	                               : status;
}

static enum status cut_off(struct order *order, const uint8_t *agent, bool *changed)
{
	return log_members_revoke(order->store, agent, &order->word, changed);
}

static void pack_rotate(struct order *order, const uint8_t *agent, struct buffer *out)
{
	Fettle__Rotate rotate = FETTLE__ROTATE__INIT;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	Fettle__Record record = FETTLE__RECORD__INIT;
	struct buffer body = { 0 };
	uint8_t event_id[EVENT_ID_SIZE];

	rotate.reason = RECORD_TEXT(order->word.reason);
	record_pack(&body, &rotate.base);
	hash_random(event_id, sizeof(event_id));
	RECORD_SET_BYTES(&envelope, event_id, BYTES_OF(event_id));
	RECORD_SET(&envelope, kind, FETTLE__KIND__KIND_ROTATE);
	RECORD_SET(&envelope, schema, 1);
	RECORD_SET(&envelope, wall_ms, order->word.now_ms);
	RECORD_SET_BYTES(&envelope, key, bytes_of_text("rotate"));
	RECORD_SET_BYTES(&envelope, target, BYTES(agent, AGENT_ID_SIZE));
	record.envelope = &envelope;
	RECORD_SET_BYTES(&record, body, buffer_bytes(&body));
	record_pack(out, &record.base);
	buffer_fini(&body);
}

static enum status rotate(struct order *order, const uint8_t *agent, bool *changed)
{
	struct buffer record = { 0 };
	struct log_command command;
	bool is_admitted;
	enum status status = log_members_is_admitted(order->store, agent, order->word.now_ms,
	    &is_admitted);

	if (status == STATUS_OK && !is_admitted)
		return fail_agent(order, STATUS_DENIED, agent,
		    "is not admitted, so it cannot be told to rotate its key");
	pack_rotate(order, agent, &record);
	if (status == STATUS_OK)
		status = log_store_command(order->store, buffer_bytes(&record),
		    log_store_uuid(order->store).data, order->word.now_ms, &command);
	if (status == STATUS_OK)
		order->on_command(order->data, &command);
	*changed = true;
	buffer_fini(&record);
	return status;
}

static enum status (*const acts[])(struct order *order, const uint8_t *agent, bool *changed) = {
	[FETTLE__MEMBER_ACT__MEMBER_ACT_APPROVE] = approve,
	[FETTLE__MEMBER_ACT__MEMBER_ACT_REVOKE] = cut_off,
	[FETTLE__MEMBER_ACT__MEMBER_ACT_ROTATE] = rotate,
};

static enum status admit(struct order *order, const Fettle__MemberOrder *member)
{
	struct arena arena = { 0 };
	Fettle__Member *admitted;
	bool changed = false;
	enum status status;

	if (member->key.len != SOCKET_KEY_SIZE || member->n_agents > 0)
		return fail(order, STATUS_INVALID, "a public key has 32 bytes");
	if (member->name != NULL
	    && (strlen(member->name) > LOG_MEMBERS_NAME_MAX
		|| !bytes_is_utf8(bytes_of_text(member->name))))
		return fail(order, STATUS_INVALID, "a name is text of at most 255 bytes");
	status = log_members_admit(order->store, member->key.data, member->name, &order->word,
	    &changed);
	if (status == STATUS_DENIED)
		return fail(order, status,
		    "this key is revoked, which is for good; move it away, and its machine makes "
		    "another");
	order->answer->written = changed;
	if (status == STATUS_OK)
		status = log_members_get(order->store, member->key.data, &arena, &admitted);
	order->answer->has_id = status == STATUS_OK;
	if (order->answer->has_id)
		memcpy(order->answer->id, admitted->agent.data, AGENT_ID_SIZE);
	arena_fini(&arena);
	return status;
}

static enum status act_on(struct order *order, const Fettle__MemberOrder *member,
    struct bytes agent)
{
	bool changed = false;
	enum status status;

	if (agent.size != AGENT_ID_SIZE)
		return fail(order, STATUS_INVALID, "an agent's id has 32 digits");
	status = acts[member->act](order, agent.data, &changed);
	order->answer->written += status == STATUS_OK && changed;
	return status == STATUS_NOT_FOUND && order->answer->message[0] == '\0'
	         ? fail_agent(order, status, agent.data, "is not known")
	         : status;
}

static enum status execute_member(struct order *order, const Fettle__MemberOrder *member)
{
	enum status status = STATUS_OK;

	order->word.reason = member->reason;
	if (member->reason != NULL
	    && (strlen(member->reason) > LOG_MEMBERS_TEXT_MAX
		|| !bytes_is_utf8(bytes_of_text(member->reason))))
		return fail(order, STATUS_INVALID, "a reason is text of at most 500 bytes");
	if (member->act == FETTLE__MEMBER_ACT__MEMBER_ACT_ADMIT)
		return admit(order, member);
	if (member->act >= sizeof(acts) / sizeof(acts[0]) || acts[member->act] == NULL)
		return fail(order, STATUS_INVALID, "this log does not know that order");
	if (member->n_agents == 0 || member->n_agents > ORDERS_AGENTS_MAX)
		return fail(order, STATUS_INVALID, "an order names 1 to 10000 agents");
	for (size_t i = 0; status == STATUS_OK && i < member->n_agents; i++)
		status = act_on(order, member, record_bytes(member->agents[i]));
	return status;
}

enum status orders_execute(struct log_store *store, const Fettle__ControlRequest *request,
    const char *by, uint64_t now_ms,
    void (*on_command)(void *data, const struct log_command *command), void *data,
    struct orders_answer *answer)
{
	struct order order = { .store = store,
		.word = { .by = by, .now_ms = now_ms },
		.on_command = on_command,
		.data = data,
		.answer = answer };

	*answer = (struct orders_answer){ 0 };
	if (request->n_intent > 0 || (request->enrolment != NULL && request->member != NULL))
		return fail(&order, STATUS_INVALID, "a request holds one order, or intent");
	return request->enrolment != NULL ? execute_enrolment(&order, request->enrolment)
	                                  : execute_member(&order, request->member);
}
