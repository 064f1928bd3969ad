/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers/log/operators.h"

#include <stdio.h>

#include "brokers/log/notices.h"
#include "brokers/log/tables.h"
#include "core/hash.h"

static const char intent_key[] = "operators";
static const char name_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "._@-";

enum { EVERYTHING = -1, ADMIN = RIGHTS_BIT(ADMIN) };

/* ---- who there is ---- */

static enum status add_row(struct operators *out, struct bytes value)
{
	Fettle__Operator *person = record_unpack(&fettle__operator__descriptor,
	    arena_bytes(&out->arena, value), &out->arena);

	if (person == NULL || person->name == NULL || out->list.n_operators == OPERATORS_MAX)
		return STATUS_CORRUPT;
	out->list.operators[out->list.n_operators++] = person;
	return STATUS_OK;
}

enum status operators_load(struct log_store *store, struct operators *out)
{
	struct kv_cursor *cursor = NULL;
	struct kv_txn *txn;
	struct bytes key, value;
	enum status status = log_store_txn(store, &txn);

	*out = (struct operators){ .list = FETTLE__OPERATORS__INIT };
	out->list.operators = arena_take(&out->arena, OPERATORS_MAX * sizeof(*out->list.operators));
	if (status == STATUS_OK)
		status = kv_cursor_open(txn, TABLE_OPERATOR, &cursor);
	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	while (status == STATUS_OK) {
		status = add_row(out, value);
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

void operators_fini(struct operators *operators)
{
	arena_fini(&operators->arena);
}

static bool is_active(const Fettle__Operator *person)
{
	return person->revoked_ms == 0;
}

static uint32_t bits_of(const Fettle__Operator *person)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < person->n_roles; i++)
		if (rights_role_text(person->roles[i]) != NULL)
			bits |= 1u << person->roles[i];
	return bits;
}

static const Fettle__Operator *find_uid(const struct operators *operators, uint64_t uid)
{
	for (size_t i = 0; i < operators->list.n_operators; i++)
		if (is_active(operators->list.operators[i])
		    && operators->list.operators[i]->uid == uid)
			return operators->list.operators[i];
	return NULL;
}

static Fettle__Operator *find_name(const struct operators *operators, const char *name)
{
	for (size_t i = 0; i < operators->list.n_operators; i++)
		if (strcmp(operators->list.operators[i]->name, name) == 0)
			return operators->list.operators[i];
	return NULL;
}

/* ---- what they may do ---- */

static uint32_t roles_given(const struct operators *operators, const struct control_principal *who)
{
	const Fettle__Operator *person = find_uid(operators, who->uid);

	return person == NULL ? 0 : bits_of(person);
}

uint32_t operators_roles(const struct operators *operators, const struct control_principal *who,
    uint64_t owner)
{
	bool is_nobody_added = operators->list.n_operators == 0;

	if (who->uid == 0 || (is_nobody_added && who->uid == owner))
		return (uint32_t)EVERYTHING;
	return roles_given(operators, who);
}

bool operators_is_last_resort(const struct operators *operators,
    const struct control_principal *who)
{
	return operators->list.n_operators > 0 && who->uid == 0 && !who->is_own
	    && find_uid(operators, 0) == NULL;
}

void operators_name(const struct operators *operators, struct control_principal *who)
{
	const Fettle__Operator *person = find_uid(operators, who->uid);

	if (person != NULL)
		snprintf(who->name, sizeof(who->name), "%.*s (uid %llu)", OPERATORS_NAME_MAX,
		    person->name, (unsigned long long)who->uid);
}

static bool may(const struct right *right, uint32_t roles, const struct control_principal *who)
{
	return (roles & (right->roles | ADMIN)) != 0 || (who->is_own && right->may_be_servers);
}

/* "bert, carla" */
static void list_who_may(struct buffer *out, const struct operators *operators,
    const struct right *right)
{
	bool is_first = true;

	for (size_t i = 0; i < operators->list.n_operators; i++) {
		const Fettle__Operator *person = operators->list.operators[i];

		if (!is_active(person) || (bits_of(person) & (right->roles | ADMIN)) == 0)
			continue;
		buffer_append_format(out, "%s%s", is_first ? "" : ", ", person->name);
		is_first = false;
	}
	if (is_first)
		buffer_append_text(out, "nobody but root");
}

static enum status deny(struct buffer *message, const struct operators *operators,
    const struct right *right, const struct control_principal *who)
{
	buffer_clear(message);
	buffer_append_format(message, "%s may not %s: that takes the role ", who->name,
	    right->what);
	rights_roles_text(message, right);
	buffer_append_text(message, ", or admin; who may: ");
	list_who_may(message, operators, right);
	return STATUS_DENIED;
}

static bool has_one_order(const Fettle__ControlRequest *request)
{
	return (request->n_intent > 0) + (request->enrolment != NULL) + (request->member != NULL)
	         + (request->operator_ != NULL) + (request->release != NULL)
	    <= 1;
}

/* No record is kept under such a key: nobody need be asked whether it may be written. */
static bool has_long_key(const Fettle__ControlRequest *request)
{
	for (size_t i = 0; i < request->n_intent; i++)
		if (request->intent[i]->envelope != NULL
		    && request->intent[i]->envelope->key.len > NOTICES_KEY_MAX)
			return true;
	return false;
}

enum status operators_admit(const struct operators *operators,
    const Fettle__ControlRequest *request, const struct control_principal *who, uint64_t owner,
    struct buffer *message, const Fettle__Record **denied)
{
	uint32_t roles = operators_roles(operators, who, owner);
	const struct right *right = rights_of_order(request);

	*denied = NULL;
	buffer_clear(message);
	if (has_long_key(request)) {
		buffer_append_text(message, "a record's key has more than 400 bytes");
		return STATUS_REJECT;
	}
	if (!has_one_order(request)) {
		buffer_append_text(message, "a request says one thing at a time");
		return STATUS_INVALID;
	}
	if (right != NULL && !may(right, roles, who))
		return deny(message, operators, right, who);
	for (size_t i = 0; i < request->n_intent; i++) {
		right = rights_of_record(request->intent[i]);
		if (right == NULL) {
			buffer_append_text(message, "a record is of no kind that people write, or "
						    "not under a key of its kind");
			return STATUS_REJECT;
		}
		if (!may(right, roles, who)) {
			*denied = request->intent[i];
			return deny(message, operators, right, who);
		}
	}
	return STATUS_OK;
}

/* ---- what is noted down ---- */

static void name_record(Fettle__Notice *notice, const Fettle__Record *record)
{
	if (record == NULL || record->envelope == NULL)
		return;
	RECORD_SET(notice, kind, record->envelope->kind);
	if (record->envelope->has_key)
		RECORD_SET_BYTES(notice, key, record_bytes(record->envelope->key));
}

enum status operators_note_intent(struct log_store *store, const Fettle__Record *record,
    const struct control_principal *who, bool is_last_resort, uint64_t now_ms)
{
	Fettle__Notice notice = FETTLE__NOTICE__INIT;
	uint8_t hash[HASH_LONG_SIZE];

	hash_long(record_bytes(record->body), hash);
	RECORD_SET(&notice, what, FETTLE__NOTICE_WHAT__NOTICE_WHAT_INTENT);
	notice.principal = RECORD_TEXT(who->name);
	name_record(&notice, record);
	RECORD_SET_BYTES(&notice, hash, BYTES_OF(hash));
	if (who->is_own)
		notice.detail = RECORD_TEXT("by the server, as its configuration says");
	else if (is_last_resort)
		notice.detail = RECORD_TEXT("as root, the last resort");
	return log_store_notice(store, &notice, now_ms);
}

enum status operators_note_denied(struct log_store *store, const Fettle__Record *record,
    const struct control_principal *who, const char *why, uint64_t now_ms)
{
	Fettle__Notice notice = FETTLE__NOTICE__INIT;

	RECORD_SET(&notice, what, FETTLE__NOTICE_WHAT__NOTICE_WHAT_DENIED);
	notice.principal = RECORD_TEXT(who->name);
	name_record(&notice, record);
	notice.detail = RECORD_TEXT(why);
	return log_store_notice(store, &notice, now_ms);
}

/* ---- orders ---- */

struct change {
	struct log_store *store;
	struct operators *operators;
	const struct control_principal *who;
	struct buffer *message;
	uint64_t now_ms;
	const char *done; /* "added", "changed", "revoked" */
};

static enum status refuse(const struct change *change, const char *why)
{
	buffer_append_text(change->message, why);
	return STATUS_INVALID;
}

static bool is_name(const char *name)
{
	size_t size = name == NULL ? 0 : strlen(name);

	return size > 0 && size <= OPERATORS_NAME_MAX && strspn(name, name_letters) == size;
}

static bool has_good_roles(const Fettle__Operator *person)
{
	for (size_t i = 0; i < person->n_roles; i++)
		if (rights_role_text(person->roles[i]) == NULL)
			return false;
	return person->n_roles > 0 && person->n_roles <= FETTLE__ROLE__ROLE_ADMIN;
}

static bool is_last_admin(const struct operators *operators, const Fettle__Operator *person)
{
	if (person == NULL || !is_active(person) || (bits_of(person) & ADMIN) == 0)
		return false;
	for (size_t i = 0; i < operators->list.n_operators; i++) {
		const Fettle__Operator *other = operators->list.operators[i];

		if (other != person && is_active(other) && (bits_of(other) & ADMIN) != 0)
			return false;
	}
	return true;
}

static enum status check_addition(const struct change *change, const Fettle__Operator *person,
    const Fettle__Operator *older)
{
	const Fettle__Operator *same = find_uid(change->operators, person->uid);
	bool is_first = change->operators->list.n_operators == 0;

	if (person->base.n_unknown_fields > 0)
		return refuse(change,
		    "this log does not know all that is said of them: it is older "
		    "than who asks");
	if (!is_name(person->name))
		return refuse(change, "a name has 1 to 64 letters, digits, or any of . _ @ -");
	if (!person->has_uid || person->uid >= UINT32_MAX)
		return refuse(change, "there is no such uid");
	if (!has_good_roles(person))
		return refuse(change, "a person has at least one role: viewer, operator, "
				      "approver, responder, admin");
	if (person->signing_key.len != 0 && person->signing_key.len != 32)
		return refuse(change, "a public key to sign with has 32 bytes");
	if (same != NULL && strcmp(same->name, person->name) != 0) {
		buffer_append_format(change->message, "that uid is %s's", same->name);
		return STATUS_INVALID;
	}
	if (is_last_admin(change->operators, older) && (bits_of(person) & ADMIN) == 0)
		return refuse(change, "they are the last admin: give another that role first");
	if (is_first && change->who->uid != 0 && (bits_of(person) & ADMIN) == 0)
		return refuse(change, "the first to be added is to be an admin: with them you lose "
				      "that right yourself");
	if (older == NULL && change->operators->list.n_operators == OPERATORS_MAX)
		return refuse(change, "there are 1000 operators already");
	return STATUS_OK;
}

static enum status put(const struct change *change, const Fettle__Operator *person)
{
	struct buffer packed = { 0 };
	struct kv_txn *txn;
	enum status status = log_store_txn(change->store, &txn);

	record_pack(&packed, &person->base);
	if (status == STATUS_OK)
		status = kv_put(txn, TABLE_OPERATOR, bytes_of_text(person->name),
		    buffer_bytes(&packed));
	buffer_fini(&packed);
	return status;
}

/* Those who judge have to know, too. */
static enum status write_list(const struct change *change)
{
	Fettle__Record record = FETTLE__RECORD__INIT;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	struct operators now;
	struct buffer body = { 0 }, packed = { 0 };
	uint8_t event_id[EVENT_ID_SIZE];
	bool changed;
	enum status status = operators_load(change->store, &now);

	record_pack(&body, &now.list.base);
	hash_random(event_id, sizeof(event_id));
	RECORD_SET_BYTES(&envelope, event_id, BYTES_OF(event_id));
	RECORD_SET(&envelope, kind, FETTLE__KIND__KIND_OPERATORS);
	RECORD_SET(&envelope, schema, 1);
	RECORD_SET(&envelope, wall_ms, change->now_ms);
	RECORD_SET_BYTES(&envelope, key, bytes_of_text(intent_key));
	record.envelope = &envelope;
	RECORD_SET_BYTES(&record, body, buffer_bytes(&body));
	record_pack(&packed, &record.base);
	if (status == STATUS_OK)
		status = log_store_intent(change->store, buffer_bytes(&packed), change->who->id,
		    change->who->name, change->now_ms, &changed);
	buffer_fini(&body);
	buffer_fini(&packed);
	operators_fini(&now);
	return status;
}

static enum status note(const struct change *change, const Fettle__Operator *person)
{
	Fettle__Notice notice = FETTLE__NOTICE__INIT;
	struct buffer detail = { 0 }, packed = { 0 };
	uint8_t hash[HASH_LONG_SIZE];
	enum status status;

	record_pack(&packed, &person->base);
	hash_long(buffer_bytes(&packed), hash);
	buffer_append_format(&detail, "%s: uid %llu", change->done,
	    (unsigned long long)person->uid);
	for (size_t i = 0; i < person->n_roles; i++)
		buffer_append_format(&detail, ", %s", rights_role_text(person->roles[i]));
	if (operators_is_last_resort(change->operators, change->who))
		buffer_append_text(&detail, "; as root, the last resort");
	RECORD_SET(&notice, what, FETTLE__NOTICE_WHAT__NOTICE_WHAT_OPERATOR);
	notice.principal = RECORD_TEXT(change->who->name);
	RECORD_SET(&notice, kind, FETTLE__KIND__KIND_OPERATORS);
	RECORD_SET_BYTES(&notice, key, bytes_of_text(person->name));
	RECORD_SET_BYTES(&notice, hash, BYTES_OF(hash));
	notice.detail = RECORD_TEXT(buffer_text(&detail));
	status = log_store_notice(change->store, &notice, change->now_ms);
	buffer_fini(&detail);
	buffer_fini(&packed);
	return status;
}

static enum status keep(const struct change *change, const Fettle__Operator *person)
{
	enum status status = put(change, person);

	if (status == STATUS_OK)
		status = write_list(change);
	return status == STATUS_OK ? note(change, person) : status;
}

static bool is_same(const Fettle__Operator *a, const Fettle__Operator *b)
{
	return is_active(a) && is_active(b) && a->uid == b->uid && bits_of(a) == bits_of(b)
	    && bytes_equal(record_bytes(a->signing_key), record_bytes(b->signing_key));
}

/* The id that stamps have, where whoever has this uid writes. */
static void set_principal(struct operators *operators, Fettle__Operator *person)
{
	uint8_t *id = arena_take(&operators->arena, HASH_SIZE);

	control_principal_id(person->uid, id);
	RECORD_SET_BYTES(person, principal, BYTES(id, HASH_SIZE));
}

static enum status add(struct change *change, const Fettle__Operator *wanted, bool *changed)
{
	const Fettle__Operator *older = wanted->name == NULL
	                                  ? NULL
	                                  : find_name(change->operators, wanted->name);
	Fettle__Operator person = FETTLE__OPERATOR__INIT;
	enum status status = check_addition(change, wanted, older);

	if (status != STATUS_OK)
		return status;
	person.name = wanted->name;
	RECORD_SET(&person, uid, wanted->uid);
	person.roles = wanted->roles;
	person.n_roles = wanted->n_roles;
	person.signing_key = wanted->signing_key;
	if (older != NULL && is_active(older) && wanted->signing_key.len == 0)
		person.signing_key = older->signing_key;
	person.has_signing_key = person.signing_key.len > 0;
	*changed = older == NULL || !is_same(older, &person);
	if (!*changed)
		return STATUS_OK;
	change->done = older != NULL && is_active(older) ? "changed" : "added";
	RECORD_SET(&person, added_ms,
	    older != NULL && is_active(older) ? older->added_ms : change->now_ms);
	person.by = RECORD_TEXT(change->who->name);
	RECORD_SET(&person, revoked_ms, 0);
	set_principal(change->operators, &person);
	return keep(change, &person);
}

static enum status remove_person(struct change *change, const char *name, bool *changed)
{
	Fettle__Operator *person = find_name(change->operators, name);

	if (person == NULL) {
		buffer_append_text(change->message, "there is nobody of that name");
		return STATUS_NOT_FOUND;
	}
	if (is_last_admin(change->operators, person))
		return refuse(change, "they are the last admin: give another that role first");
	*changed = is_active(person);
	if (!*changed)
		return STATUS_OK;
	change->done = "revoked";
	person->by = RECORD_TEXT(change->who->name);
	RECORD_SET(person, revoked_ms, change->now_ms);
	return keep(change, person);
}

enum status operators_order(struct log_store *store, const Fettle__OperatorOrder *order,
    const struct control_principal *who, uint64_t now_ms, struct buffer *message, bool *changed)
{
	struct operators operators;
	struct change change = { .store = store,
		.operators = &operators,
		.who = who,
		.message = message,
		.now_ms = now_ms };
	enum status status = operators_load(store, &operators);

	*changed = false;
	buffer_clear(message);
	if (status == STATUS_OK && order->add != NULL && order->revoke == NULL)
		status = add(&change, order->add, changed);
	else if (status == STATUS_OK && order->revoke != NULL && order->add == NULL)
		status = remove_person(&change, order->revoke, changed);
	else if (status == STATUS_OK)
		status = refuse(&change, "an operator is added or revoked");
	operators_fini(&operators);
	return status;
}
