/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/log/enrolments.h"

#include <stdlib.h>

#include "brokers/log/tables.h"
#include "brokers/network.h"
#include "core/log.h"

enum { RETRY_PENDING_MS = 30 * 1000 };

/* ---- the table ---- */

enum status log_enrolments_get(struct log_store *store, const uint8_t id[LOG_ENROLMENTS_ID_SIZE],
    struct arena *arena, Fettle__Enrolment **out)
{
	struct kv_txn *txn;
	struct bytes value;
	enum status status = log_store_txn(store, &txn);

	if (status == STATUS_OK)
		status = kv_get(txn, TABLE_ENROLMENT, BYTES(id, LOG_ENROLMENTS_ID_SIZE), &value);
	if (status != STATUS_OK)
		return status;
	*out = record_unpack(&fettle__enrolment__descriptor, value, arena);
	return *out == NULL || (*out)->secret_hash.len != HASH_LONG_SIZE ? STATUS_CORRUPT
	                                                                 : STATUS_OK;
}

static enum status put(struct log_store *store, const Fettle__Enrolment *enrolment)
{
	struct buffer packed = { 0 };
	struct kv_txn *txn;
	enum status status = log_store_txn(store, &txn);

	record_pack(&packed, &enrolment->base);
	if (status == STATUS_OK)
		status = kv_put(txn, TABLE_ENROLMENT, record_bytes(enrolment->id),
		    buffer_bytes(&packed));
	buffer_fini(&packed);
	return status;
}

static enum status note(struct log_store *store, const Fettle__Enrolment *enrolment,
    const char *act, const struct log_members_word *word)
{
	Fettle__Notice notice = FETTLE__NOTICE__INIT;
	char *detail = enrolment->name == NULL || enrolment->name[0] == '\0'
	                 ? text_copy(act)
	                 : text_format("%s: %s", act, enrolment->name);
	enum status status;

	RECORD_SET(&notice, what, FETTLE__NOTICE_WHAT__NOTICE_WHAT_ENROLMENT);
	notice.principal = RECORD_TEXT(word->by);
	RECORD_SET_BYTES(&notice, key, record_bytes(enrolment->id));
	notice.detail = detail;
	status = log_store_notice(store, &notice, word->now_ms);
	free(detail);
	return status;
}

/* ---- making and revoking ---- */

static bool is_text(const char *text, size_t most)
{
	return text == NULL || (strlen(text) <= most && bytes_is_utf8(bytes_of_text(text)));
}

/* NULL: they are sound. */
static const char *why_not_networks(const Fettle__Enrolment *wanted)
{
	struct network network;

	if (wanted->n_networks > LOG_ENROLMENTS_NETWORKS_MAX)
		return "an enrolment takes at most 32 networks";
	for (size_t i = 0; i < wanted->n_networks; i++)
		if (!network_parse(wanted->networks[i], &network))
			return "a network is written like 192.0.2.0/24 or 2001:db8::/32";
	return NULL;
}

static const char *why_not(const Fettle__Enrolment *wanted, uint64_t now_ms)
{
	if (wanted->base.n_unknown_fields > 0)
		return "this log does not know all that is wanted of the enrolment: it is older "
		       "than "
		       "who asks";
	if (!is_text(wanted->name, LOG_ENROLMENTS_NAME_MAX)
	    || !is_text(wanted->group, LOG_ENROLMENTS_NAME_MAX))
		return "name and group are text of at most 64 bytes";
	if (wanted->has_uses_most
	    && (wanted->uses_most == 0 || wanted->uses_most > LOG_ENROLMENTS_USES_MAX))
		return "an enrolment has 1 to 100000 uses";
	if (wanted->has_expires_ms && wanted->expires_ms <= now_ms)
		return "this enrolment would have expired already";
	if (wanted->has_expires_ms && wanted->expires_ms - now_ms > LOG_ENROLMENTS_LONGEST_MS)
		return "an enrolment lives at most 30 days";
	if (wanted->has_uses_most && wanted->uses_most > 1 && !wanted->has_expires_ms)
		return "an enrolment with several uses needs an end, at most 30 days from now";
	return why_not_networks(wanted);
}

static bool is_over(const Fettle__Enrolment *enrolment, uint64_t now_ms)
{
	return enrolment->revoked_ms != 0 || now_ms >= enrolment->expires_ms
	    || enrolment->uses >= enrolment->uses_most;
}

/* Those that have been over for as long as one may live are deleted; how many are left. */
static enum status tidy(struct log_store *store, uint64_t now_ms, size_t *left)
{
	struct arena arena = { 0 };
	struct kv_cursor *cursor = NULL;
	struct kv_txn *txn;
	struct bytes key, value;
	enum status status = log_store_txn(store, &txn);

	*left = 0;
	if (status == STATUS_OK)
		status = kv_cursor_open(txn, TABLE_ENROLMENT, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	while (status == STATUS_OK) {
		const Fettle__Enrolment *at = record_unpack(&fettle__enrolment__descriptor, value,
		    &arena);

		if (at != NULL && is_over(at, now_ms)
		    && now_ms > at->expires_ms + LOG_ENROLMENTS_LONGEST_MS)
			status = kv_cursor_delete(cursor, key);
		else
			++*left;
		arena_reset(&arena);
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	arena_fini(&arena);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static void ids_of_secret(struct bytes secret, uint8_t id[LOG_ENROLMENTS_ID_SIZE],
    uint8_t hash[HASH_LONG_SIZE])
{
	hash_bytes(secret, id);
	hash_long(secret, hash);
}

/* Field by field: what else a request says of it is not kept. */
static void take_wanted(Fettle__Enrolment *made, const Fettle__Enrolment *wanted, uint64_t now_ms)
{
	fettle__enrolment__init(made);
	made->name = wanted->name;
	made->group = wanted->group;
	made->networks = wanted->networks;
	made->n_networks = wanted->n_networks;
	made->has_needs_approval = wanted->has_needs_approval;
	made->needs_approval = wanted->needs_approval;
	RECORD_SET(made, created_ms, now_ms);
	RECORD_SET(made, expires_ms,
	    wanted->has_expires_ms ? wanted->expires_ms : now_ms + LOG_ENROLMENTS_TOKEN_MS);
	RECORD_SET(made, uses_most, wanted->has_uses_most ? wanted->uses_most : 1);
	RECORD_SET(made, uses, 0);
}

enum status log_enrolments_create(struct log_store *store, const Fettle__Enrolment *wanted,
    const struct log_members_word *word, struct log_enrolments_made *out, const char **reason)
{
	Fettle__Enrolment made;
	uint8_t hash[HASH_LONG_SIZE];
	size_t left;
	enum status status;

	*reason = why_not(wanted, word->now_ms);
	if (*reason != NULL)
		return STATUS_INVALID;
	status = tidy(store, word->now_ms, &left);
	if (status == STATUS_OK && left >= LOG_ENROLMENTS_MOST) {
		*reason = "there are 1000 enrolments already; they go 30 days after their end";
		return STATUS_INVALID;
	}
	take_wanted(&made, wanted, word->now_ms);
	hash_random(out->secret, sizeof(out->secret));
	ids_of_secret(BYTES_OF(out->secret), out->id, hash);
	RECORD_SET_BYTES(&made, id, BYTES_OF(out->id));
	RECORD_SET_BYTES(&made, secret_hash, BYTES_OF(hash));
	made.by = RECORD_TEXT(word->by);
	if (status == STATUS_OK)
		status = put(store, &made);
	return status == STATUS_OK ? note(store, &made, "made", word) : status;
}

enum status log_enrolments_revoke(struct log_store *store, const uint8_t id[LOG_ENROLMENTS_ID_SIZE],
    const struct log_members_word *word, bool *changed)
{
	struct arena arena = { 0 };
	Fettle__Enrolment *enrolment;
	enum status status = log_enrolments_get(store, id, &arena, &enrolment);

	*changed = status == STATUS_OK && enrolment->revoked_ms == 0;
	if (*changed) {
		RECORD_SET(enrolment, revoked_ms, word->now_ms);
		status = put(store, enrolment);
		if (status == STATUS_OK)
			status = note(store, enrolment, "revoked", word);
	}
	arena_fini(&arena);
	return status;
}

/* ---- asking ---- */

struct asking {
	struct log_store *store;
	const Fettle__EnrolRelay *relay;
	const Fettle__EnrolRequest *request;
	uint64_t now_ms;
	Fettle__EnrolReply *reply;
	struct arena arena;
};

static void answer(struct asking *asking, enum _Fettle__EnrolOutcome outcome, const char *reason)
{
	RECORD_SET(asking->reply, outcome, outcome);
	asking->reply->reason = RECORD_TEXT(reason);
	if (outcome == FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_PENDING)
		RECORD_SET(asking->reply, retry_ms, RETRY_PENDING_MS);
}

static void refuse(struct asking *asking, const char *reason)
{
	answer(asking, FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_REFUSED, reason);
}

/* Who asked is told the same whatever was wrong; the server's own log is told what. */
static void refuse_secret(struct asking *asking, const char *what)
{
	log_write(LOG_WARN, "enrolment-refused",
	    LOG_FIELDS(
		LOG_TEXT("address", asking->relay->address == NULL ? "" : asking->relay->address),
		LOG_TEXT("host",
		    asking->request->host_name == NULL ? "" : asking->request->host_name)),
	    "refused to enrol a machine: %s", what);
	refuse(asking, "this enrolment is unknown, expired, used up, or not for this network");
}

static const char *why_not_secret(const struct asking *asking, const Fettle__Enrolment *enrolment,
    const uint8_t hash[HASH_LONG_SIZE])
{
	uint8_t address[NETWORK_ADDRESS_SIZE];
	struct network network;

	if (!hash_is_same_secret(enrolment->secret_hash.data, hash, HASH_LONG_SIZE))
		return "its secret is not known";
	if (enrolment->revoked_ms != 0)
		return "its enrolment was revoked";
	if (asking->now_ms >= enrolment->expires_ms)
		return "its enrolment has expired";
	if (enrolment->uses >= enrolment->uses_most)
		return "its enrolment is used up";
	if (enrolment->n_networks == 0)
		return NULL;
	if (asking->relay->address == NULL || !network_address(asking->relay->address, address))
		return "its address is not known, and its enrolment is for certain networks";
	for (size_t i = 0; i < enrolment->n_networks; i++)
		if (network_parse(enrolment->networks[i], &network)
		    && network_has(&network, address))
			return NULL;
	return "its address is in none of the enrolment's networks";
}

static enum status add_member(struct asking *asking, const Fettle__Enrolment *enrolment)
{
	const struct log_members_word word = { .by = "enrolment", .now_ms = asking->now_ms };
	bool is_pending = enrolment->needs_approval;
	Fettle__Member member = FETTLE__MEMBER__INIT;
	enum status status;

	RECORD_SET_BYTES(&member, key, record_bytes(asking->relay->key));
	RECORD_SET(&member, state,
	    is_pending ? FETTLE__MEMBER_STATE__MEMBER_STATE_PENDING
		       : FETTLE__MEMBER_STATE__MEMBER_STATE_ADMITTED);
	member.name = asking->request->host_name;
	member.group = enrolment->group;
	RECORD_SET_BYTES(&member, enrolment, record_bytes(enrolment->id));
	member.address = asking->relay->address;
	if (asking->request->machine.len > 0)
		RECORD_SET_BYTES(&member, machine, record_bytes(asking->request->machine));
	status = log_members_add(asking->store, &member, &word);
	if (is_pending)
		answer(asking, FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_PENDING,
		    "an operator must approve this machine first");
	else
		answer(asking, FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_ADMITTED, NULL);
	return status;
}

static enum status try_secret(struct asking *asking)
{
	uint8_t id[LOG_ENROLMENTS_ID_SIZE], hash[HASH_LONG_SIZE];
	Fettle__Enrolment *enrolment;
	const char *wrong;
	enum status status;

	if (asking->request->secret.len != LOG_ENROLMENTS_SECRET_SIZE) {
		refuse_secret(asking, "it has no secret");
		return STATUS_OK;
	}
	ids_of_secret(record_bytes(asking->request->secret), id, hash);
	status = log_enrolments_get(asking->store, id, &asking->arena, &enrolment);
	wrong = status == STATUS_OK        ? why_not_secret(asking, enrolment, hash)
	      : status == STATUS_NOT_FOUND ? "its secret is not known"
	                                   : NULL;
	if (wrong != NULL) {
		refuse_secret(asking, wrong);
		return STATUS_OK;
	}
	if (status != STATUS_OK)
		return status;
	RECORD_SET(enrolment, uses, enrolment->uses + 1);
	status = put(asking->store, enrolment);
	return status == STATUS_OK ? add_member(asking, enrolment) : status;
}

/* A disk was copied: its key is another machine's.  That one is not to suffer for it. */
static enum status refuse_copy(struct asking *asking, const Fettle__Member *member)
{
	Fettle__Notice notice = FETTLE__NOTICE__INIT;

	log_write(LOG_WARN, "enrolment-copy",
	    LOG_FIELDS(
		LOG_TEXT("address", asking->relay->address == NULL ? "" : asking->relay->address)),
	    "a machine asks to be let in with another machine's key, as copies of a disk do; it is "
	    "told to make one of its own");
	RECORD_SET(asking->reply, wants_new_key, 1);
	refuse(asking,
	    "another machine has this key already: this one is a copy of it and must make a key "
	    "of its own");
	RECORD_SET(&notice, what, FETTLE__NOTICE_WHAT__NOTICE_WHAT_CLONE);
	RECORD_SET_BYTES(&notice, agent, record_bytes(member->agent));
	notice.principal = RECORD_TEXT("enrolment");
	notice.detail = RECORD_TEXT(
	    "a copy of this machine asked to be let in with its key; it was "
	    "told to make one of its own");
	return log_store_notice(asking->store, &notice, asking->now_ms);
}

/* A known key gets what it got: its reply may have been lost. */
static enum status answer_known(struct asking *asking, const Fettle__Member *member)
{
	struct bytes machine = record_bytes(member->machine);

	/* First: a copy of what is shut out is told no more, and noted no more, than it. */
	if (member->state == FETTLE__MEMBER_STATE__MEMBER_STATE_REVOKED) {
		refuse(asking,
		    "this key was revoked; to let the machine in again, move its key away and "
		    "enrol it anew");
		return STATUS_OK;
	}
	if (machine.size > 0 && asking->request->machine.len > 0
	    && !bytes_equal(machine, record_bytes(asking->request->machine)))
		return refuse_copy(asking, member);
	if (log_members_is_valid(member, asking->now_ms))
		answer(asking, FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_ADMITTED, NULL);
	else if (member->state == FETTLE__MEMBER_STATE__MEMBER_STATE_PENDING)
		answer(asking, FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_PENDING,
		    "an operator must approve this machine first");
	else if (member->state == FETTLE__MEMBER_STATE__MEMBER_STATE_QUARANTINED)
		refuse(asking,
		    "two machines speak with this key; an operator must approve one of them");
	else
		refuse(asking, "this key has been replaced by a newer one");
	return STATUS_OK;
}

static bool is_sound(const Fettle__EnrolRequest *request)
{
	return request != NULL && (request->machine.len == 0 || request->machine.len == HASH_SIZE)
	    && (request->host_name == NULL || strlen(request->host_name) <= LOG_MEMBERS_NAME_MAX);
}

static enum status ask(struct asking *asking, uint8_t agent[AGENT_ID_SIZE])
{
	Fettle__Member *member;
	enum status status;

	asking->request = record_unpack(&fettle__enrol_request__descriptor,
	    record_bytes(asking->relay->request), &asking->arena);
	if (!is_sound(asking->request) || asking->relay->key.len != SOCKET_KEY_SIZE) {
		refuse(asking, "this is not a request to enrol");
		return STATUS_OK;
	}
	status = log_members_get(asking->store, asking->relay->key.data, &asking->arena, &member);
	if (status == STATUS_OK)
		status = answer_known(asking, member);
	else if (status == STATUS_NOT_FOUND)
		status = try_secret(asking);
	if (status != STATUS_OK
	    || asking->reply->outcome == FETTLE__ENROL_OUTCOME__ENROL_OUTCOME_REFUSED)
		return status;
	status = log_members_get(asking->store, asking->relay->key.data, &asking->arena, &member);
	if (status == STATUS_OK) {
		memcpy(agent, member->agent.data, AGENT_ID_SIZE);
		RECORD_SET_BYTES(asking->reply, agent, BYTES(agent, AGENT_ID_SIZE));
	}
	return status;
}

enum status log_enrolments_ask(struct log_store *store, const Fettle__EnrolRelay *relay,
    uint64_t now_ms, Fettle__EnrolReply *reply, uint8_t agent[AGENT_ID_SIZE])
{
	struct asking asking = { .store = store, .relay = relay, .now_ms = now_ms, .reply = reply };
	enum status status;

	fettle__enrol_reply__init(reply);
	status = ask(&asking, agent);
	arena_fini(&asking.arena);
	return status;
}
