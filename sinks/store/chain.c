/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/store/chain.h"

#include "core/record.h"

static const char entry_head[] = "fettle-audit-entry-1"; /* its zero byte is hashed too */
static const char purpose[] = "audit checkpoint";

static void append_part(struct buffer *out, struct bytes part)
{
	buffer_append_u32(out, (uint32_t)part.size);
	buffer_append(out, part);
}

static struct bytes text(const char *words)
{
	return bytes_of_text(words == NULL ? "" : words);
}

void chain_hash(const Fettle__AuditEntry *entry, uint8_t out[HASH_LONG_SIZE])
{
	struct buffer all = { 0 };

	buffer_append(&all, BYTES_OF(entry_head));
	buffer_append(&all, record_bytes(entry->previous));
	buffer_append_u64(&all, entry->sequence);
	buffer_append_u64(&all, entry->at_ms);
	buffer_append_u64(&all, entry->offset);
	append_part(&all, record_bytes(entry->id));
	append_part(&all, text(entry->principal));
	append_part(&all, text(entry->action));
	append_part(&all, record_bytes(entry->subject));
	append_part(&all, record_bytes(entry->asset));
	append_part(&all, record_bytes(entry->hash));
	append_part(&all, text(entry->detail));
	hash_long(buffer_bytes(&all), out);
	buffer_fini(&all);
}

static void compose(struct buffer *out, const Fettle__AuditCheckpoint *checkpoint)
{
	buffer_append_u64(out, checkpoint->sequence);
	buffer_append(out, record_bytes(checkpoint->chain));
	buffer_append_u64(out, checkpoint->at_ms);
}

void chain_sign(const struct sign_pair *pair, Fettle__AuditCheckpoint *checkpoint,
    struct chain_seal *out)
{
	struct buffer message = { 0 };

	compose(&message, checkpoint);
	sign_message(pair, purpose, buffer_bytes(&message), out->signature);
	memcpy(out->key, pair->public_key, sizeof(out->key));
	RECORD_SET_BYTES(checkpoint, key, BYTES_OF(out->key));
	RECORD_SET_BYTES(checkpoint, signature, BYTES_OF(out->signature));
	buffer_fini(&message);
}

/* ---- walking ---- */

static const char *bad(struct chain *chain, uint64_t sequence, const char *what)
{
	chain->bad = sequence;
	return what;
}

/* Every notice of the log is entered, in its order; a log that begins anew counts anew. */
static const char *check_notice(struct chain *chain, const Fettle__AuditEntry *entry)
{
	bool is_missed = chain->notice != 0 && !chain->is_anew && entry->offset > chain->notice + 1;

	if (entry->offset != 0) {
		chain->notice = entry->offset;
		chain->is_anew = false;
	} else if (entry->action != NULL && strcmp(entry->action, CHAIN_RESTORED) == 0) {
		chain->is_anew = true;
	}
	return is_missed
	         ? bad(chain, entry->sequence, "what the log noted before it was never entered")
	         : NULL;
}

const char *chain_entry(struct chain *chain, const Fettle__AuditEntry *entry)
{
	if (entry->sequence <= chain->sequence)
		return bad(chain, entry->sequence, "it is not in its place");
	if (entry->sequence > chain->sequence + 1)
		return bad(chain, chain->sequence + 1, "it is missing");
	if (!bytes_equal(record_bytes(entry->previous), BYTES_OF(chain->hash)))
		return bad(chain, chain->sequence == 0 ? 1 : chain->sequence,
		    "it is not what it was when the next one was written");
	chain->sequence = entry->sequence;
	chain->entries++;
	chain_hash(entry, chain->hash);
	return check_notice(chain, entry);
}

static bool is_signed(const Fettle__AuditCheckpoint *checkpoint)
{
	struct buffer message = { 0 };
	bool is_valid;

	compose(&message, checkpoint);
	is_valid = checkpoint->key.len == SIGN_PUBLIC_SIZE
	        && sign_is_valid(checkpoint->key.data, purpose, buffer_bytes(&message),
		    record_bytes(checkpoint->signature));
	buffer_fini(&message);
	return is_valid;
}

const char *chain_checkpoint(struct chain *chain, const Fettle__AuditCheckpoint *checkpoint)
{
	if (checkpoint->sequence > chain->sequence)
		return bad(chain, chain->sequence + 1,
		    "it is missing: a later checkpoint vouches for it");
	if (!is_signed(checkpoint))
		return bad(chain, checkpoint->sequence, "the signature of its checkpoint is wrong");
	if (chain->has_key && !bytes_equal(record_bytes(checkpoint->key), BYTES_OF(chain->key)))
		return bad(chain, checkpoint->sequence, "its checkpoint is signed by another key");
	if (checkpoint->sequence != chain->sequence
	    || !bytes_equal(record_bytes(checkpoint->chain), BYTES_OF(chain->hash)))
		return bad(chain, checkpoint->sequence,
		    "it, or one before it, is not what its checkpoint vouches for");
	chain->vouched = checkpoint->sequence;
	chain->vouched_ms = checkpoint->at_ms;
	chain->checkpoints++;
	return NULL;
}

const char *chain_end(struct chain *chain, uint64_t sequence, const uint8_t *hash)
{
	if (sequence > chain->sequence)
		return bad(chain, chain->sequence + 1, "it is missing, and so is what followed");
	if (hash != NULL && sequence == chain->sequence
	    && memcmp(hash, chain->hash, HASH_LONG_SIZE) != 0)
		return bad(chain, sequence, "it is not what it was when it was written");
	return NULL;
}
