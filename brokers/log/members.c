/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/log/members.h"

#include "brokers/log/tables.h"
#include "core/keys.h"
#include "core/log.h"
#include "core/require.h"

enum { ROWS_MAX = 1024 /* of one agent, over the years */ };

#define BIT(state) (1U << FETTLE__MEMBER_STATE__MEMBER_STATE_##state)

/* ---- reading ---- */

static enum status get(struct log_store *store, struct bytes key, struct arena *arena,
    Fettle__Member **out)
{
	struct kv_txn *txn;
	struct bytes value;
	enum status status = log_store_txn(store, &txn);

	if (status == STATUS_OK)
		status = kv_get(txn, TABLE_MEMBER, key, &value);
	if (status != STATUS_OK)
		return status;
	*out = record_unpack(&fettle__member__descriptor, value, arena);
	return *out == NULL || (*out)->key.len != SOCKET_KEY_SIZE
	            || (*out)->agent.len != AGENT_ID_SIZE
	         ? STATUS_CORRUPT
	         : STATUS_OK;
}

/* Offered, and neither proven nor connected with: it may be anybody's. */
static bool is_unproven(const Fettle__Member *member)
{
	return member->is_awaited && !member->is_proven;
}

enum status log_members_get(struct log_store *store, const uint8_t key[SOCKET_KEY_SIZE],
    struct arena *arena, Fettle__Member **out)
{
	enum status status = get(store, BYTES(key, SOCKET_KEY_SIZE), arena, out);

	return status == STATUS_OK && is_unproven(*out) ? STATUS_NOT_FOUND : status;
}

bool log_members_is_valid(const Fettle__Member *member, uint64_t now_ms)
{
	return member->state == FETTLE__MEMBER_STATE__MEMBER_STATE_ADMITTED && !is_unproven(member)
	    && (member->valid_until_ms == 0 || now_ms < member->valid_until_ms);
}

/* All keys of an agent. */
struct keys_of_agent {
	struct arena arena;
	Fettle__Member *members[ROWS_MAX];
	size_t count;
};

/* The keys first, then what they say: the cursor must be closed before anything is changed. */
static enum status list_keys(struct kv_txn *txn, const uint8_t agent[AGENT_ID_SIZE],
    struct arena *arena, struct bytes *keys, size_t *count)
{
	struct bytes prefix = BYTES(agent, AGENT_ID_SIZE), key, value;
	struct kv_cursor *cursor = NULL;
	enum status status = kv_cursor_open(txn, TABLE_MEMBER_OF, &cursor);

	*count = 0;
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, prefix, &key, &value);
	while (status == STATUS_OK && bytes_start_with(key, prefix) && *count < ROWS_MAX) {
		keys[(*count)++] = arena_bytes(arena,
		    BYTES(key.data + AGENT_ID_SIZE, key.size - AGENT_ID_SIZE));
		status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* NOT_FOUND: it has none. */
static enum status load(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    struct keys_of_agent *out)
{
	struct bytes *keys = arena_take(&out->arena, ROWS_MAX * sizeof(*keys));
	struct kv_txn *txn;
	enum status status = log_store_txn(store, &txn);

	if (status == STATUS_OK)
		status = list_keys(txn, agent, &out->arena, keys, &out->count);
	for (size_t i = 0; status == STATUS_OK && i < out->count; i++) {
		status = get(store, keys[i], &out->arena, &out->members[i]);
		if (status == STATUS_NOT_FOUND)
			status = STATUS_CORRUPT;
	}
	return status == STATUS_OK && out->count == 0 ? STATUS_NOT_FOUND : status;
}

enum status log_members_is_admitted(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    uint64_t now_ms, bool *out)
{
	struct keys_of_agent keys = { 0 };
	enum status status = load(store, agent, &keys);

	*out = false;
	for (size_t i = 0; status == STATUS_OK && i < keys.count; i++)
		*out |= log_members_is_valid(keys.members[i], now_ms);
	arena_fini(&keys.arena);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- writing ---- */

/* In the table, and in the place of its older record on SUBLOG_MEMBER. */
static enum status write_member(struct log_store *store, Fettle__Member *member, uint64_t now_ms)
{
	struct bytes key = record_bytes(member->key);
	struct buffer packed = { 0 }, index = { 0 };
	struct kv_txn *txn;
	uint64_t older = member->offset;
	enum status status = log_store_txn(store, &txn);

	member->has_offset = 0;
	member->offset = 0;
	if (status == STATUS_OK)
		status = log_store_say(store, SUBLOG_MEMBER, FETTLE__KIND__KIND_MEMBER,
		    &member->base, now_ms, older, &member->offset);
	member->has_offset = 1;
	record_pack(&packed, &member->base);
	buffer_append(&index, record_bytes(member->agent));
	buffer_append(&index, key);
	if (status == STATUS_OK)
		status = kv_put(txn, TABLE_MEMBER, key, buffer_bytes(&packed));
	if (status == STATUS_OK)
		status = kv_put(txn, TABLE_MEMBER_OF, buffer_bytes(&index), BYTES_NONE);
	buffer_fini(&packed);
	buffer_fini(&index);
	return status;
}

static enum status note(struct log_store *store, enum _Fettle__NoticeWhat what, struct bytes agent,
    const char *act, const struct log_members_word *word)
{
	Fettle__Notice notice = FETTLE__NOTICE__INIT;
	struct buffer detail = { 0 };
	enum status status;

	buffer_append_text(&detail, act);
	if (word->reason != NULL && word->reason[0] != '\0')
		buffer_append_format(&detail, ": %s", word->reason);
	RECORD_SET(&notice, what, what);
	RECORD_SET_BYTES(&notice, agent, agent);
	notice.principal = RECORD_TEXT(word->by);
	notice.detail = RECORD_TEXT(buffer_text(&detail));
	status = log_store_notice(store, &notice, word->now_ms);
	buffer_fini(&detail);
	return status;
}

static void decide(Fettle__Member *member, enum _Fettle__MemberState state,
    const struct log_members_word *word)
{
	RECORD_SET(member, state, state);
	RECORD_SET(member, since_ms, word->now_ms);
	member->by = RECORD_TEXT(word->by);
	member->reason = RECORD_TEXT(word->reason);
}

/* What somebody only offered goes to whoever has the key: its record is replaced by theirs. */
static enum status take_over(struct log_store *store, const Fettle__Member *offered,
    Fettle__Member *member)
{
	struct buffer index = { 0 };
	struct kv_txn *txn;
	enum status status = log_store_txn(store, &txn);

	buffer_append(&index, record_bytes(offered->agent));
	buffer_append(&index, record_bytes(offered->key));
	if (status == STATUS_OK)
		status = kv_delete(txn, TABLE_MEMBER_OF, buffer_bytes(&index));
	RECORD_SET(member, offset, offered->offset);
	buffer_fini(&index);
	return status;
}

enum status log_members_add(struct log_store *store, Fettle__Member *member,
    const struct log_members_word *word)
{
	struct arena arena = { 0 };
	Fettle__Member *known;
	uint8_t agent[AGENT_ID_SIZE];
	enum status status;

	REQUIRE(member->key.len == SOCKET_KEY_SIZE);
	status = get(store, record_bytes(member->key), &arena, &known);
	if (status == STATUS_OK)
		status = is_unproven(known) ? take_over(store, known, member) : STATUS_EXISTS;
	arena_fini(&arena);
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	keys_agent_id(member->key.data, agent);
	RECORD_SET_BYTES(member, agent, BYTES_OF(agent));
	decide(member, member->state, word);
	status = write_member(store, member, word->now_ms);
	if (status == STATUS_OK)
		status = note(store, FETTLE__NOTICE_WHAT__NOTICE_WHAT_MEMBER, BYTES_OF(agent),
		    member->state == FETTLE__MEMBER_STATE__MEMBER_STATE_PENDING
			? "enrolled, and waits for approval"
			: "admitted",
		    word);
	member->agent = record_binary(BYTES_NONE); /* it stood here */
	member->has_agent = 0;
	return status;
}

/* All keys whose state is one of FROM come into the state TO. */
static enum status move(struct log_store *store, struct keys_of_agent *keys, unsigned from,
    enum _Fettle__MemberState to, const struct log_members_word *word, bool *changed)
{
	enum status status = STATUS_OK;

	*changed = false;
	for (size_t i = 0; status == STATUS_OK && i < keys->count; i++) {
		Fettle__Member *member = keys->members[i];

		if ((from & 1U << member->state) == 0)
			continue;
		decide(member, to, word);
		status = write_member(store, member, word->now_ms);
		*changed = true;
	}
	return status;
}

static bool has_state(const struct keys_of_agent *keys, enum _Fettle__MemberState state)
{
	for (size_t i = 0; i < keys->count; i++)
		if (keys->members[i]->state == state)
			return true;
	return false;
}

enum status log_members_approve(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    const struct log_members_word *word, bool *changed)
{
	struct keys_of_agent keys = { 0 };
	enum status status = load(store, agent, &keys);

	*changed = false;
	if (status == STATUS_OK)
		status = move(store, &keys, BIT(PENDING) | BIT(QUARANTINED),
		    FETTLE__MEMBER_STATE__MEMBER_STATE_ADMITTED, word, changed);
	if (status == STATUS_OK && *changed)
		status = note(store, FETTLE__NOTICE_WHAT__NOTICE_WHAT_MEMBER,
		    BYTES(agent, AGENT_ID_SIZE), "approved", word);
	else if (status == STATUS_OK
		 && !has_state(&keys, FETTLE__MEMBER_STATE__MEMBER_STATE_ADMITTED))
		status = STATUS_DENIED;
	arena_fini(&keys.arena);
	return status;
}

enum status log_members_revoke(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    const struct log_members_word *word, bool *changed)
{
	struct keys_of_agent keys = { 0 };
	enum status status = load(store, agent, &keys);

	*changed = false;
	if (status == STATUS_OK)
		status = move(store, &keys, ~BIT(REVOKED),
		    FETTLE__MEMBER_STATE__MEMBER_STATE_REVOKED, word, changed);
	if (status == STATUS_OK && *changed)
		status = note(store, FETTLE__NOTICE_WHAT__NOTICE_WHAT_MEMBER,
		    BYTES(agent, AGENT_ID_SIZE), "revoked", word);
	arena_fini(&keys.arena);
	return status;
}

enum status log_members_quarantine(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    const char *reason, uint64_t now_ms)
{
	const struct log_members_word word = { .by = "log", .reason = reason, .now_ms = now_ms };
	struct keys_of_agent keys = { 0 };
	bool changed = false;
	enum status status = load(store, agent, &keys);

	if (status == STATUS_OK)
		status = move(store, &keys, BIT(ADMITTED),
		    FETTLE__MEMBER_STATE__MEMBER_STATE_QUARANTINED, &word, &changed);
	if (status == STATUS_OK && changed)
		status = note(store, FETTLE__NOTICE_WHAT__NOTICE_WHAT_MEMBER,
		    BYTES(agent, AGENT_ID_SIZE), "quarantined", &word);
	arena_fini(&keys.arena);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status log_members_admit(struct log_store *store, const uint8_t key[SOCKET_KEY_SIZE],
    const char *name, const struct log_members_word *word, bool *changed)
{
	struct arena arena = { 0 };
	Fettle__Member fresh = FETTLE__MEMBER__INIT, *known;
	enum status status = log_members_get(store, key, &arena, &known);

	*changed = status == STATUS_NOT_FOUND;
	if (status == STATUS_NOT_FOUND) {
		RECORD_SET_BYTES(&fresh, key, BYTES(key, SOCKET_KEY_SIZE));
		RECORD_SET(&fresh, state, FETTLE__MEMBER_STATE__MEMBER_STATE_ADMITTED);
		fresh.name = RECORD_TEXT(name);
		status = log_members_add(store, &fresh, word);
	} else if (status == STATUS_OK) {
		status = log_members_approve(store, known->agent.data, word, changed);
	}
	arena_fini(&arena);
	return status;
}

/* ---- rotation ---- */

/* The keys before NEXT end, unless they end sooner already. */
static enum status end_older(struct log_store *store, struct keys_of_agent *keys, struct bytes next,
    uint64_t now_ms)
{
	uint64_t end_ms = now_ms + LOG_MEMBERS_OVERLAP_MS;
	enum status status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < keys->count; i++) {
		Fettle__Member *member = keys->members[i];

		if (!log_members_is_valid(member, now_ms)
		    || (member->valid_until_ms != 0 && member->valid_until_ms <= end_ms))
			continue;
		RECORD_SET(member, valid_until_ms, end_ms);
		RECORD_SET_BYTES(member, successor, next);
		status = write_member(store, member, now_ms);
	}
	return status;
}

/* The newest that is valid: what it says of the machine holds for its successor. */
static const Fettle__Member *newest_valid(const struct keys_of_agent *keys, uint64_t now_ms,
    size_t *valid)
{
	const Fettle__Member *newest = NULL;

	*valid = 0;
	for (size_t i = 0; i < keys->count; i++) {
		const Fettle__Member *member = keys->members[i];

		if (!log_members_is_valid(member, now_ms))
			continue;
		++*valid;
		if (newest == NULL || member->since_ms > newest->since_ms)
			newest = member;
	}
	return newest;
}

static enum status add_successor(struct log_store *store, const Fettle__Member *before,
    struct bytes next, uint64_t now_ms)
{
	const struct log_members_word word = { .by = "rotation", .now_ms = now_ms };
	Fettle__Member member = *before;
	enum status status;

	member.key = record_binary(next);
	member.has_valid_until_ms = member.has_successor = member.has_offset = 0;
	member.valid_until_ms = member.offset = 0;
	RECORD_SET(&member, is_awaited, 1);
	RECORD_SET(&member, is_proven, 1);
	decide(&member, FETTLE__MEMBER_STATE__MEMBER_STATE_ADMITTED, &word);
	status = write_member(store, &member, now_ms);
	return status == STATUS_OK ? note(store, FETTLE__NOTICE_WHAT__NOTICE_WHAT_MEMBER,
		   record_bytes(before->agent), "offered a new key", &word)
	                           : status;
}

static enum status rotate(struct log_store *store, struct keys_of_agent *keys, struct bytes next,
    uint64_t now_ms, bool *is_admitted)
{
	size_t valid;
	const Fettle__Member *before = newest_valid(keys, now_ms, &valid);
	enum status status;

	*is_admitted = false;
	if (before == NULL || valid >= LOG_MEMBERS_KEYS_MAX || keys->count >= ROWS_MAX - 1) {
		log_warn("rotation-refused", "an agent offered a new key too often; it keeps those "
					     "that it has");
		return STATUS_OK;
	}
	status = add_successor(store, before, next, now_ms);
	if (status == STATUS_OK)
		status = end_older(store, keys, next, now_ms);
	*is_admitted = status == STATUS_OK;
	return status;
}

/* One that was offered before by the same agent; only now with a proof, perhaps. */
static enum status offer_again(struct log_store *store, Fettle__Member *known,
    const struct log_members_offer *offer, uint64_t now_ms, bool *is_admitted)
{
	enum status status = STATUS_OK;

	if (is_unproven(known) && offer->is_proven) {
		RECORD_SET(known, is_proven, 1);
		status = write_member(store, known, now_ms);
	}
	/* The welcome that said so may have been lost. */
	*is_admitted = status == STATUS_OK && log_members_is_valid(known, now_ms);
	return status;
}

enum status log_members_rotate(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    const struct log_members_offer *offer, uint64_t now_ms, bool *is_admitted)
{
	struct keys_of_agent keys = { 0 };
	Fettle__Member *known;
	enum status status;

	*is_admitted = false;
	if (offer->key.size != SOCKET_KEY_SIZE)
		return STATUS_OK;
	status = get(store, offer->key, &keys.arena, &known);
	if (status == STATUS_OK
	    && bytes_equal(record_bytes(known->agent), BYTES(agent, AGENT_ID_SIZE))) {
		status = offer_again(store, known, offer, now_ms, is_admitted);
	} else if (status == STATUS_NOT_FOUND && offer->is_proven) {
		status = load(store, agent, &keys);
		if (status == STATUS_OK)
			status = rotate(store, &keys, offer->key, now_ms, is_admitted);
	}
	arena_fini(&keys.arena);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status log_members_connected(struct log_store *store, const uint8_t key[SOCKET_KEY_SIZE],
    uint64_t now_ms)
{
	const struct log_members_word word = { .by = "rotation", .now_ms = now_ms };
	struct arena arena = { 0 };
	Fettle__Member *member;
	enum status status = log_members_get(store, key, &arena, &member);

	if (status == STATUS_OK && member->is_awaited) {
		member->has_is_awaited = 0;
		member->is_awaited = 0;
		status = write_member(store, member, now_ms);
		if (status == STATUS_OK)
			status = note(store, FETTLE__NOTICE_WHAT__NOTICE_WHAT_MEMBER,
			    record_bytes(member->agent), "speaks with its new key", &word);
	}
	arena_fini(&arena);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
