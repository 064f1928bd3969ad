/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_commands.c - a stream of commands an agent, until it has taken them; a later one of the
 * same key takes an older one's place.
 */
#include "brokers/log/store_private.h"

enum { COMMANDS_PASSED_OVER = 65536 };

/* The next number of an agent's command stream. */
static enum status next_command(struct log_store *store, const uint8_t agent[16], uint64_t *out)
{
	Fettle__LogAgent fresh = FETTLE__LOG_AGENT__INIT, *known = &fresh;
	enum status status = log_store_get_agent(store, agent, &known);

	if (status == STATUS_NOT_FOUND)
		known = &fresh;
	else if (status != STATUS_OK)
		return status;
	*out = known->command_head + 1;
	RECORD_SET(known, command_head, *out);
	return log_store_put_agent(store, agent, known);
}

static enum status replace_command(struct log_store *store, const uint8_t agent[16],
    struct bytes key, uint64_t number)
{
	uint64_t older;
	enum status status;

	buffer_clear(&store->other_key);
	buffer_append(&store->other_key, BYTES(agent, 16));
	buffer_append(&store->other_key, key);
	status = log_store_get_number(store, TABLE_COMMAND_KEY, buffer_bytes(&store->other_key),
	    &older);
	if (status == STATUS_OK)
		status = kv_delete(store->write, TABLE_COMMAND,
		    log_store_command_key(store, agent, older));
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	return kv_put(store->write, TABLE_COMMAND_KEY, buffer_bytes(&store->other_key),
	    log_store_u64(store, number));
}

enum status log_store_command(struct log_store *store, struct bytes record,
    const uint8_t writer[16], uint64_t received_ms, struct log_command *out)
{
	struct arena arena = { 0 };
	Fettle__Stamp stamp;
	Fettle__Record *decoded;
	enum status status = STATUS_REJECT;

	if (!record_is_plain(record) || record_decode(record, &arena, &decoded) != STATUS_OK
	    || decoded->envelope->target.len != AGENT_ID_SIZE || !log_store_has_key(decoded))
		goto out;
	memcpy(out->agent, decoded->envelope->target.data, AGENT_ID_SIZE);
	status = next_command(store, out->agent, &out->number);
	if (status == STATUS_OK)
		status = replace_command(store, out->agent, record_bytes(decoded->envelope->key),
		    out->number);
	if (status != STATUS_OK)
		goto out;
	log_store_fill_stamp(&stamp, writer, received_ms);
	RECORD_SET(&stamp, sequence, out->number);
	buffer_clear(&store->value);
	record_stamp(&store->value, record, &stamp);
	status = kv_put(store->write, TABLE_COMMAND,
	    log_store_command_key(store, out->agent, out->number), buffer_bytes(&store->value));
out:
	arena_fini(&arena);
	return status;
}

enum status log_store_command_head(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    uint64_t *head)
{
	Fettle__LogAgent *known;
	enum status status = log_store_get_agent(store, agent, &known);

	*head = status == STATUS_OK ? known->command_head : 0;
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status log_store_command_acked(struct log_store *store, const uint8_t agent[AGENT_ID_SIZE],
    uint64_t sequence)
{
	Fettle__LogAgent *known;
	enum status status = log_store_get_agent(store, agent, &known);
	uint64_t from;

	if (status != STATUS_OK || sequence <= known->command_acked
	    || sequence > known->command_head)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	from = known->command_acked + 1;
	RECORD_SET(known, command_acked, sequence);
	status = log_store_put_agent(store, agent, known);
	for (uint64_t number = from; status == STATUS_OK && number <= sequence; number++)
		status = kv_delete(store->write, TABLE_COMMAND,
		    log_store_command_key(store, agent, number));
	return status;
}

/* ---- restored from a backup ---- */

/* One agent's stream of commands goes on beyond what it may have had since the backup. */
static enum status pass_over_commands(struct log_store *store, struct kv_cursor *cursor,
    struct bytes key, struct bytes value)
{
	Fettle__LogAgent *agent;

	arena_reset(&store->arena);
	agent = record_unpack(&fettle__log_agent__descriptor, value, &store->arena);
	if (agent == NULL)
		return STATUS_CORRUPT;
	RECORD_SET(agent, command_head, agent->command_head + COMMANDS_PASSED_OVER);
	buffer_clear(&store->value);
	record_pack(&store->value, &agent->base);
	return kv_cursor_put(cursor, key, buffer_bytes(&store->value));
}

enum status log_store_pass_over_commands(struct log_store *store)
{
	struct kv_cursor *cursor = NULL;
	struct bytes key, value;
	enum status status = kv_cursor_open(store->write, TABLE_AGENT, &cursor);

	if (status == STATUS_OK)
		status = kv_cursor_seek(cursor, BYTES_NONE, &key, &value);
	while (status == STATUS_OK) {
		status = pass_over_commands(store, cursor, key, value);
		if (status == STATUS_OK)
			status = kv_cursor_next(cursor, &key, &value);
	}
	kv_cursor_close(cursor);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
