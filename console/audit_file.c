/* SPDX-License-Identifier: Apache-2.0 */
#include "console/audit_file.h"

#include <stdlib.h>
#include <string.h>

#include "core/record.h"

enum { LINE_MAX_SIZE = 1 << 20, VERSION = 1 };

/* ---- writing ---- */

static json_t *hex_of(struct bytes bytes)
{
	char *text = memory_new(2 * bytes.size + 1);
	json_t *value;

	bytes_to_hex(bytes, text);
	value = json_string(text);
	free(text);
	return value;
}

static json_t *text_of(const char *text)
{
	return json_string(text == NULL ? "" : text);
}

static json_t *number_of(uint64_t number)
{
	return json_integer((json_int_t)number);
}

json_t *audit_file_head(const struct audit_file_head *head)
{
	return json_pack("{s:s, s:i, s:o, s:o, s:o}", "type", "fettle-audit", "version", VERSION,
	    "from", number_of(head->from), "previous", hex_of(BYTES_OF(head->previous)),
	    "public_key", hex_of(BYTES_OF(head->key)));
}

json_t *audit_file_entry(const Fettle__AuditEntry *entry)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "type",
	    "entry", "sequence", number_of(entry->sequence), "at_ms", number_of(entry->at_ms),
	    "principal", text_of(entry->principal), "action", text_of(entry->action), "subject",
	    hex_of(record_bytes(entry->subject)), "asset", hex_of(record_bytes(entry->asset)),
	    "hash", hex_of(record_bytes(entry->hash)), "detail", text_of(entry->detail), "offset",
	    number_of(entry->offset), "id", hex_of(record_bytes(entry->id)), "previous",
	    hex_of(record_bytes(entry->previous)));
}

json_t *audit_file_checkpoint(const Fettle__AuditCheckpoint *checkpoint)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "type", "checkpoint", "sequence",
	    number_of(checkpoint->sequence), "at_ms", number_of(checkpoint->at_ms), "chain",
	    hex_of(record_bytes(checkpoint->chain)), "key", hex_of(record_bytes(checkpoint->key)),
	    "signature", hex_of(record_bytes(checkpoint->signature)));
}

json_t *audit_file_end(uint64_t sequence, const uint8_t hash[HASH_LONG_SIZE])
{
	return json_pack("{s:s, s:o, s:o}", "type", "end", "sequence", number_of(sequence), "chain",
	    hex_of(BYTES(hash, HASH_LONG_SIZE)));
}

/* ---- reading ---- */

/* One line, and what is wrong with it so far. */
struct line {
	json_t *object;
	struct arena *arena;
	bool is_bad;
};

static const json_t *member(struct line *line, const char *name)
{
	const json_t *value = json_object_get(line->object, name);

	line->is_bad |= value == NULL;
	return value;
}

static uint64_t read_number(struct line *line, const char *name)
{
	const json_t *value = member(line, name);

	line->is_bad |= !json_is_integer(value) || json_integer_value(value) < 0;
	return (uint64_t)json_integer_value(value);
}

static char *read_text(struct line *line, const char *name)
{
	const json_t *value = member(line, name);

	line->is_bad |= !json_is_string(value);
	return arena_text(line->arena, json_is_string(value) ? json_string_value(value) : "");
}

static struct bytes read_hex(struct line *line, const char *name)
{
	const char *text = read_text(line, name);
	size_t size = strlen(text) / 2;
	uint8_t *out = arena_take(line->arena, size + 1);

	line->is_bad |= !bytes_from_hex(text, out, size);
	return BYTES(out, size);
}

static void read_fixed(struct line *line, const char *name, uint8_t *out, size_t size)
{
	struct bytes bytes = read_hex(line, name);

	if (bytes.size == size)
		memcpy(out, bytes.data, size);
	else
		line->is_bad = true;
}

#define READ_NUMBER(line, message, name) RECORD_SET((message), name, read_number((line), #name))
#define READ_HEX(line, message, name) RECORD_SET_BYTES((message), name, read_hex((line), #name))

static const char unreadable[] = "it is no line of an exported audit";

static const char *take_head(struct line *line, const struct audit_file_visitor *visitor)
{
	struct audit_file_head head = { .from = read_number(line, "from") };

	read_fixed(line, "previous", head.previous, sizeof(head.previous));
	read_fixed(line, "public_key", head.key, sizeof(head.key));
	if (line->is_bad || read_number(line, "version") != VERSION || head.from == 0)
		return unreadable;
	return visitor->on_head == NULL ? NULL : visitor->on_head(visitor->data, &head);
}

static const char *take_entry(struct line *line, const struct audit_file_visitor *visitor)
{
	Fettle__AuditEntry entry = FETTLE__AUDIT_ENTRY__INIT;

	READ_NUMBER(line, &entry, sequence);
	READ_NUMBER(line, &entry, at_ms);
	READ_NUMBER(line, &entry, offset);
	READ_HEX(line, &entry, subject);
	READ_HEX(line, &entry, asset);
	READ_HEX(line, &entry, hash);
	READ_HEX(line, &entry, id);
	READ_HEX(line, &entry, previous);
	entry.principal = read_text(line, "principal");
	entry.action = read_text(line, "action");
	entry.detail = read_text(line, "detail");
	if (line->is_bad || entry.previous.len != HASH_LONG_SIZE)
		return unreadable;
	return visitor->on_entry == NULL ? NULL : visitor->on_entry(visitor->data, &entry);
}

static const char *take_checkpoint(struct line *line, const struct audit_file_visitor *visitor)
{
	Fettle__AuditCheckpoint checkpoint = FETTLE__AUDIT_CHECKPOINT__INIT;

	READ_NUMBER(line, &checkpoint, sequence);
	READ_NUMBER(line, &checkpoint, at_ms);
	READ_HEX(line, &checkpoint, chain);
	READ_HEX(line, &checkpoint, key);
	READ_HEX(line, &checkpoint, signature);
	if (line->is_bad)
		return unreadable;
	return visitor->on_checkpoint == NULL ? NULL
	                                      : visitor->on_checkpoint(visitor->data, &checkpoint);
}

static const char *take_end(struct line *line, const struct audit_file_visitor *visitor)
{
	uint64_t sequence = read_number(line, "sequence");
	uint8_t hash[HASH_LONG_SIZE] = { 0 };

	read_fixed(line, "chain", hash, sizeof(hash));
	if (line->is_bad)
		return unreadable;
	return visitor->on_end == NULL ? NULL : visitor->on_end(visitor->data, sequence, hash);
}

static const struct {
	const char *type;
	const char *(*take)(struct line *line, const struct audit_file_visitor *visitor);
} types[] = {
	{ "fettle-audit", take_head },
	{ "entry", take_entry },
	{ "checkpoint", take_checkpoint },
	{ "end", take_end },
};

enum { TYPES = sizeof(types) / sizeof(types[0]), HEAD = 0, END = TYPES - 1 };

/* Which of the types; TYPES: none. */
static size_t type_of(const json_t *object)
{
	const char *type = json_string_value(json_object_get(object, "type"));

	for (size_t i = 0; type != NULL && i < TYPES; i++)
		if (strcmp(types[i].type, type) == 0)
			return i;
	return TYPES;
}

/* A head comes first, and nothing after the end. */
static const char *take_line(const char *text, size_t size, size_t *last,
    const struct audit_file_visitor *visitor)
{
	struct arena arena = { 0 };
	json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	struct line line = { .object = object, .arena = &arena };
	size_t type = type_of(object);
	const char *wrong = unreadable;

	if (type < TYPES && (type == HEAD) == (*last == TYPES) && *last != END) {
		wrong = types[type].take(&line, visitor);
		*last = type;
	}
	json_decref(object);
	arena_fini(&arena);
	return wrong;
}

const char *audit_file_read(FILE *stream, const struct audit_file_visitor *visitor, uint64_t *line)
{
	size_t last = TYPES, room = 0;
	char *text = NULL;
	const char *wrong = NULL;
	ssize_t size;

	*line = 0;
	while (wrong == NULL && (size = getline(&text, &room, stream)) >= 0) {
		++*line;
		wrong = size > LINE_MAX_SIZE ? unreadable
		                             : take_line(text, (size_t)size, &last, visitor);
	}
	free(text);
	if (wrong == NULL && (last != END || ferror(stream)))
		return "the file has no end: what followed is missing";
	return wrong;
}
