/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/state/asset.h"

#include "core/record.h"
#include "core/sublog.h"
#include "processors/state/tables.h"

void asset_key(struct buffer *key, const struct asset_ref *asset)
{
	buffer_clear(key);
	buffer_append_u8(key, asset->slot);
	buffer_append(key, BYTES_OF(asset->id));
}

bool asset_of_key(struct bytes key, struct asset_ref *out)
{
	if (key.size < ASSET_KEY_SIZE)
		return false;
	out->slot = key.data[0];
	memcpy(out->id, key.data + 1, ASSET_ID_SIZE);
	return true;
}

/* Not the agent's id itself: an asset may outlive its agent and have another. */
void asset_id_of_agent(const uint8_t *agent, uint8_t out[ASSET_ID_SIZE])
{
	const struct bytes parts[] = { bytes_of_text("asset"), BYTES(agent, AGENT_ID_SIZE) };

	hash_parts(parts, 2, out);
}

enum status asset_of_agent(struct txn *txn, const uint8_t *agent, struct asset_ref *out)
{
	struct bytes value;
	enum status status = txn_get(txn, STATE_AGENT, BYTES(agent, AGENT_ID_SIZE), &value);

	out->slot = (uint8_t)sublog_slot_of(agent);
	if (status == STATUS_OK && value.size != ASSET_ID_SIZE)
		return STATUS_CORRUPT;
	if (status == STATUS_OK) {
		memcpy(out->id, value.data, ASSET_ID_SIZE);
	} else {
		asset_id_of_agent(agent, out->id);
	}
	return status;
}

void asset_bind(struct txn *txn, const uint8_t *agent, const struct asset_ref *asset)
{
	txn_put(txn, STATE_AGENT, BYTES(agent, AGENT_ID_SIZE), BYTES_OF(asset->id));
}

/* An id does not tell its slot: there are few enough to look into each. */
enum status asset_find(struct txn *txn, struct bytes id, struct asset_ref *out)
{
	enum status status = STATUS_NOT_FOUND;
	struct buffer key = { 0 };
	struct bytes value;

	if (id.size != ASSET_ID_SIZE)
		return STATUS_NOT_FOUND;
	memcpy(out->id, id.data, ASSET_ID_SIZE);
	for (unsigned slot = 0; status == STATUS_NOT_FOUND && slot < SUBLOG_SLOTS; slot++) {
		out->slot = (uint8_t)slot;
		asset_key(&key, out);
		status = txn_get(txn, STATE_ASSET, buffer_bytes(&key), &value);
	}
	buffer_fini(&key);
	return status;
}

enum status asset_get(struct txn *txn, const struct asset_ref *asset, struct arena *arena,
    Fettle__StateAsset **out)
{
	struct buffer key = { 0 };
	struct bytes value;
	enum status status;

	asset_key(&key, asset);
	status = txn_get(txn, STATE_ASSET, buffer_bytes(&key), &value);
	buffer_fini(&key);
	if (status != STATUS_OK)
		return status;
	*out = record_unpack(&fettle__state_asset__descriptor, value, arena);
	return *out == NULL || (*out)->agent.len != AGENT_ID_SIZE ? STATUS_CORRUPT : STATUS_OK;
}

void asset_put(struct txn *txn, const struct asset_ref *asset, const Fettle__StateAsset *record)
{
	struct buffer key = { 0 }, value = { 0 };

	asset_key(&key, asset);
	record_pack(&value, &record->base);
	txn_put(txn, STATE_ASSET, buffer_bytes(&key), buffer_bytes(&value));
	buffer_fini(&key);
	buffer_fini(&value);
}

enum status asset_slice(struct txn *txn, struct bytes cursor, size_t most, struct buffer *next,
    enum status (*visit)(void *data, const struct asset_ref *asset), void *data)
{
	struct txn_scan *scan = NULL;
	struct buffer keys = { 0 };
	struct bytes key, value;
	size_t count = 0;
	enum status status = txn_scan_open(txn, STATE_ASSET, BYTES_NONE, cursor, &scan);

	for (; status == STATUS_OK; count++) {
		status = txn_scan_next(scan, &key, &value);
		if (status == STATUS_OK && key.size != ASSET_KEY_SIZE)
			status = STATUS_CORRUPT;
		if (status != STATUS_OK)
			break;
		if (count == most) {
			buffer_append(next, key);
			break;
		}
		buffer_append(&keys, key);
	}
	txn_scan_close(scan);
	status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
	for (size_t at = 0; status == STATUS_OK && at < keys.size; at += ASSET_KEY_SIZE) {
		struct asset_ref asset;

		if (asset_of_key(BYTES(keys.data + at, ASSET_KEY_SIZE), &asset))
			status = visit(data, &asset);
	}
	buffer_fini(&keys);
	return status;
}
