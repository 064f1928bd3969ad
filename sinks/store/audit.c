/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/store/audit.h"

#include "core/record.h"
#include "sinks/store/layout.h"

static const char head_key[] = "audit";

static struct bytes number_key(uint8_t key[8], uint64_t sequence)
{
	for (unsigned i = 0; i < 8; i++)
		key[i] = (uint8_t)(sequence >> (56 - 8 * i));
	return BYTES(key, 8);
}

enum status audit_load(struct kv_txn *txn, struct audit *out)
{
	struct arena arena = { 0 };
	const Fettle__AuditHead *head;
	struct bytes value;
	enum status status = kv_get(txn, LAYOUT_META, bytes_of_text(head_key), &value);

	*out = (struct audit){ 0 };
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	head = record_unpack(&fettle__audit_head__descriptor, value, &arena);
	if (head == NULL || head->chain.len != sizeof(out->chain)) {
		status = STATUS_CORRUPT;
	} else {
		*out = (struct audit){ .sequence = head->sequence,
			.checkpoint = head->checkpoint,
			.checkpoint_ms = head->checkpoint_ms };
		memcpy(out->chain, head->chain.data, sizeof(out->chain));
	}
	arena_fini(&arena);
	return status;
}

static void put_packed(struct txn *txn, unsigned table, struct bytes key,
    const ProtobufCMessage *message)
{
	struct buffer packed = { 0 };

	record_pack(&packed, message);
	txn_put(txn, table, key, buffer_bytes(&packed));
	buffer_fini(&packed);
}

void audit_put(struct txn *txn, const struct audit *audit)
{
	Fettle__AuditHead head = FETTLE__AUDIT_HEAD__INIT;

	if (audit->sequence == 0)
		return;
	RECORD_SET(&head, sequence, audit->sequence);
	RECORD_SET_BYTES(&head, chain, BYTES_OF(audit->chain));
	RECORD_SET(&head, checkpoint, audit->checkpoint);
	RECORD_SET(&head, checkpoint_ms, audit->checkpoint_ms);
	put_packed(txn, LAYOUT_META, bytes_of_text(head_key), &head.base);
}

/* A field that is empty is not there, so that its hash is the same wherever it is read. */
#define COPY_BYTES(to, from, name) \
	((to)->has_##name = (from)->name.len > 0, (to)->name = (from)->name)

static void copy(Fettle__AuditEntry *entry, const Fettle__AuditVerdict *verdict)
{
	RECORD_SET(entry, at_ms, verdict->at_ms);
	RECORD_SET(entry, offset, verdict->offset);
	entry->principal = verdict->principal;
	entry->action = verdict->action;
	entry->detail = verdict->detail;
	COPY_BYTES(entry, verdict, id);
	COPY_BYTES(entry, verdict, subject);
	COPY_BYTES(entry, verdict, asset);
	COPY_BYTES(entry, verdict, hash);
}

enum status audit_append(struct txn *txn, struct audit *audit, const Fettle__AuditVerdict *verdict)
{
	Fettle__AuditEntry entry = FETTLE__AUDIT_ENTRY__INIT;
	struct bytes known;
	uint8_t key[8];
	enum status status;

	if (verdict == NULL || verdict->id.len != LAYOUT_ID_SIZE || verdict->principal == NULL
	    || verdict->action == NULL)
		return STATUS_REJECT;
	status = txn_get(txn, LAYOUT_AUDIT_BY_ID, record_bytes(verdict->id), &known);
	if (status != STATUS_NOT_FOUND)
		return status;
	copy(&entry, verdict);
	RECORD_SET(&entry, sequence, audit->sequence + 1);
	RECORD_SET_BYTES(&entry, previous, BYTES_OF(audit->chain));
	number_key(key, entry.sequence);
	put_packed(txn, LAYOUT_AUDIT, BYTES_OF(key), &entry.base);
	txn_put(txn, LAYOUT_AUDIT_BY_ID, record_bytes(verdict->id), BYTES_OF(key));
	audit->sequence++;
	chain_hash(&entry,
	    audit->chain); /* after it was packed: `previous` is borrowed from here */
	return STATUS_OK;
}

void audit_checkpoint(struct txn *txn, struct audit *audit, const struct sign_pair *pair,
    uint64_t now_ms)
{
	Fettle__AuditCheckpoint checkpoint = FETTLE__AUDIT_CHECKPOINT__INIT;
	struct chain_seal seal;
	uint8_t key[8];

	RECORD_SET(&checkpoint, sequence, audit->sequence);
	RECORD_SET_BYTES(&checkpoint, chain, BYTES_OF(audit->chain));
	RECORD_SET(&checkpoint, at_ms, now_ms);
	chain_sign(pair, &checkpoint, &seal);
	put_packed(txn, LAYOUT_CHECKPOINTS, number_key(key, audit->sequence), &checkpoint.base);
	audit->checkpoint = audit->sequence;
	audit->checkpoint_ms = now_ms;
}
