/* SPDX-License-Identifier: Apache-2.0 */
#include "core/fact.h"

#include <stdlib.h>

#include "core/record.h"
#include "core/require.h"
#include "proto/observation.pb-c.h"

static const char *const status_names[] = { "unset", "present", "absent", "unreadable", "truncated",
	"failed" };

const char *fact_status_text(enum fact_status status)
{
	return (unsigned)status <= FACT_FAILED ? status_names[status] : "unknown";
}

bool fact_status_parse(const char *text, enum fact_status *out)
{
	for (unsigned i = FACT_PRESENT; i <= FACT_FAILED; i++)
		if (strcmp(text, status_names[i]) == 0) {
			*out = (enum fact_status)i;
			return true;
		}
	return false;
}

void fact_key(struct buffer *out, const char *name_space, struct bytes rest)
{
	size_t start = out->size;
	char hex[2 * HASH_SIZE + 1];
	uint8_t hash[HASH_SIZE];

	buffer_append_text(out, name_space);
	buffer_append_u8(out, '/');
	buffer_append(out, rest);
	if (out->size - start <= FACT_KEY_MAX)
		return;
	hash_bytes(BYTES(out->data + start, out->size - start), hash);
	bytes_to_hex(BYTES_OF(hash), hex);
	out->size = start + FACT_KEY_MAX - 1 - 2 * HASH_SIZE;
	buffer_append_u8(out, '#');
	buffer_append_text(out, hex);
}

static void field_to_message(const struct fact_field *field, Fettle__Field *message)
{
	fettle__field__init(message);
	message->name = (char *)(uintptr_t)field->name;
	if (field->type == FACT_NUMBER) {
		message->has_number = 1;
		message->number = field->number;
		return;
	}
	message->has_blob = 1;
	message->blob = record_binary(field->bytes);
}

/* protobuf-c wants text NUL-terminated; a blob and a text have the same encoding but the tag. */
static bool is_text(const struct fact_field *field)
{
	return field->type == FACT_TEXT && bytes_is_utf8(field->bytes)
	    && (field->bytes.size == 0 || memchr(field->bytes.data, 0, field->bytes.size) == NULL);
}

void fact_value_encode(struct buffer *out, const struct fact_field *fields, size_t count)
{
	Fettle__Value value = FETTLE__VALUE__INIT;
	Fettle__Field messages[FACT_FIELDS_MAX], *pointers[FACT_FIELDS_MAX];
	char *texts[FACT_FIELDS_MAX];

	REQUIRE(count <= FACT_FIELDS_MAX);
	for (size_t i = 0; i < count; i++) {
		field_to_message(&fields[i], &messages[i]);
		texts[i] = NULL;
		if (is_text(&fields[i])) {
			texts[i] = text_copy_bytes(fields[i].bytes);
			messages[i].text = texts[i];
			messages[i].has_blob = 0;
		}
		pointers[i] = &messages[i];
	}
	value.n_fields = count;
	value.fields = pointers;
	fettle__value__pack(&value, buffer_extend(out, fettle__value__get_packed_size(&value)));
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
}

static enum status field_from_message(const Fettle__Field *message, struct fact_field *field)
{
	int types = (message->text != NULL) + (message->has_number != 0) + (message->has_blob != 0);

	if (message->name == NULL || message->name[0] == '\0' || types != 1)
		return STATUS_REJECT;
	field->name = message->name;
	if (message->has_number) {
		field->type = FACT_NUMBER;
		field->number = message->number;
	} else if (message->has_blob) {
		field->type = FACT_BLOB;
		field->bytes = BYTES(message->blob.data, message->blob.len);
	} else {
		field->type = FACT_TEXT;
		field->bytes = bytes_of_text(message->text);
		if (!bytes_is_utf8(field->bytes))
			return STATUS_REJECT;
	}
	return bytes_is_utf8(bytes_of_text(field->name)) ? STATUS_OK : STATUS_REJECT;
}

enum status fact_value_decode(struct bytes value, struct arena *arena, struct fact_field **fields,
    size_t *count)
{
	Fettle__Value *message = record_unpack(&fettle__value__descriptor, value, arena);

	if (message == NULL || message->n_fields > FACT_FIELDS_MAX)
		return STATUS_REJECT;
	*count = message->n_fields;
	*fields = arena_take(arena, message->n_fields * sizeof(**fields));
	for (size_t i = 0; i < message->n_fields; i++) {
		enum status status = field_from_message(message->fields[i], &(*fields)[i]);

		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

void fact_hash(enum fact_status status, struct bytes value, uint8_t out[HASH_SIZE])
{
	uint8_t code = (uint8_t)status;
	struct bytes parts[] = { BYTES(&code, 1), value };

	hash_parts(parts, 2, out);
}

bool fact_field_equal(const struct fact_field *a, const struct fact_field *b)
{
	if (a == NULL || b == NULL || a->type != b->type)
		return a == b;
	return a->type == FACT_NUMBER ? a->number == b->number : bytes_equal(a->bytes, b->bytes);
}

const struct fact_field *fact_find(const struct fact_field *fields, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}
