/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads version_*.txt, decodes each line's bytes, writes what came out as protoc would, and holds
 * it against what protoc wrote when the line was made; then encodes it again, which gives the same
 * bytes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/record.h"
#include "proto/admission.pb-c.h"
#include "proto/command.pb-c.h"
#include "proto/control.pb-c.h"
#include "proto/helper.pb-c.h"
#include "proto/intent.pb-c.h"
#include "proto/link.pb-c.h"
#include "proto/observation.pb-c.h"
#include "proto/state.pb-c.h"
#include "proto/verdict.pb-c.h"
#include "tests/support/scratch.h"

static const ProtobufCMessageDescriptor *const messages[] = {
	&fettle__frame__descriptor,
	&fettle__record__descriptor,
	&fettle__fact__descriptor,
	&fettle__value__descriptor,
	&fettle__pass__descriptor,
	&fettle__heartbeat__descriptor,
	&fettle__gap__descriptor,
	&fettle__document__descriptor,
	&fettle__plan__descriptor,
	&fettle__resync__descriptor,
	&fettle__hold__descriptor,
	&fettle__asset_verdict__descriptor,
	&fettle__change_verdict__descriptor,
	&fettle__results_verdict__descriptor,
	&fettle__finding_verdict__descriptor,
	&fettle__quarantined_verdict__descriptor,
	&fettle__loss_verdict__descriptor,
	&fettle__job_progress__descriptor,
	&fettle__alert_ack__descriptor,
	&fettle__job_proposal__descriptor,
	&fettle__job_decision__descriptor,
	&fettle__quarantine_release__descriptor,
	&fettle__job_lease__descriptor,
	&fettle__job_cancel__descriptor,
	&fettle__alert_verdict__descriptor,
	&fettle__job_verdict__descriptor,
	&fettle__helper_request__descriptor,
	&fettle__helper_reply__descriptor,
	&fettle__digest__descriptor,
	&fettle__have__descriptor,
	&fettle__bundle__descriptor,
	&fettle__rotate__descriptor,
	&fettle__need__descriptor,
	&fettle__member__descriptor,
	&fettle__notice__descriptor,
	&fettle__enrol_request__descriptor,
	&fettle__enrol_reply__descriptor,
	&fettle__audit_verdict__descriptor,
	&fettle__operators__descriptor,
	&fettle__audit_entry__descriptor,
	&fettle__audit_checkpoint__descriptor,
	&fettle__health_verdict__descriptor,
};

enum { MESSAGES = sizeof(messages) / sizeof(messages[0]) };

static bool was_seen[MESSAGES];

/* ---- as protoc writes it ---- */

static void write_message(struct buffer *out, const ProtobufCMessage *message);

static void write_value(struct buffer *out, const ProtobufCFieldDescriptor *field,
    const void *member)
{
	const ProtobufCBinaryData *data = member;

	switch (field->type) {
	case PROTOBUF_C_TYPE_UINT32:
		buffer_append_format(out, "%" PRIu32, *(const uint32_t *)member);
		break;
	case PROTOBUF_C_TYPE_UINT64:
		buffer_append_format(out, "%" PRIu64, *(const uint64_t *)member);
		break;
	case PROTOBUF_C_TYPE_SINT64:
		buffer_append_format(out, "%" PRId64, *(const int64_t *)member);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		buffer_append_text(out, *(const protobuf_c_boolean *)member ? "true" : "false");
		break;
	case PROTOBUF_C_TYPE_ENUM:
		buffer_append_text(out,
		    protobuf_c_enum_descriptor_get_value(field->descriptor, *(const int *)member)
			->name);
		break;
	case PROTOBUF_C_TYPE_STRING:
		buffer_append_format(out, "\"%s\"", *(char *const *)member);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		buffer_append_format(out, "\"%.*s\"", (int)data->len, (const char *)data->data);
		break;
	default:
		fail_msg("%s: a type that no message of ours has", field->name);
	}
}

static void write_member(struct buffer *out, const ProtobufCFieldDescriptor *field,
    const void *member)
{
	buffer_append_text(out, out->size > 0 ? " " : "");
	buffer_append_text(out, field->name);
	if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
		buffer_append_text(out, " {");
		write_message(out, *(ProtobufCMessage *const *)member);
		buffer_append_text(out, " }");
		return;
	}
	buffer_append_text(out, ": ");
	write_value(out, field, member);
}

static bool is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
	const uint8_t *base = (const uint8_t *)message;
	protobuf_c_boolean has;

	if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(void *const *)(const void *)(base + field->offset) != NULL;
	memcpy(&has, base + field->quantifier_offset, sizeof(has));
	return has;
}

/* Of one item in memory. */
static size_t size_of(const ProtobufCFieldDescriptor *field)
{
	if (field->type == PROTOBUF_C_TYPE_BYTES)
		return sizeof(ProtobufCBinaryData);
	return field->type == PROTOBUF_C_TYPE_ENUM ? sizeof(int) : sizeof(void *);
}

static void write_repeated(struct buffer *out, const ProtobufCMessage *message,
    const ProtobufCFieldDescriptor *field)
{
	const uint8_t *base = (const uint8_t *)message, *items;
	size_t count, size = size_of(field);

	memcpy(&count, base + field->quantifier_offset, sizeof(count));
	memcpy(&items, base + field->offset, sizeof(items));
	for (size_t i = 0; i < count; i++)
		write_member(out, field, items + i * size);
}

static void write_message(struct buffer *out, const ProtobufCMessage *message)
{
	for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];

		if (field->label == PROTOBUF_C_LABEL_REPEATED)
			write_repeated(out, message, field);
		else if (is_set(message, field))
			write_member(out, field, (const uint8_t *)message + field->offset);
	}
}

/* ---- lines ---- */

static const ProtobufCMessageDescriptor *find_message(const char *name)
{
	for (size_t i = 0; i < MESSAGES; i++)
		if (strcmp(messages[i]->short_name, name) == 0) {
			was_seen[i] = true;
			return messages[i];
		}
	fail_msg("%s is no message that is written or read", name);
	return NULL;
}

static void check_line(char *line)
{
	char *name = strtok(line, " "), *hex = strtok(NULL, " "), *fields = strtok(NULL, "\n");
	struct arena arena = { 0 };
	struct buffer text = { 0 }, again = { 0 };
	size_t size = strlen(hex) / 2;
	uint8_t *bytes = arena_take(&arena, size);
	ProtobufCMessage *message;

	assert_true(bytes_from_hex(hex, bytes, size));
	message = record_unpack(find_message(name), BYTES(bytes, size), &arena);
	assert_non_null(message);
	assert_int_equal(message->n_unknown_fields, 0);
	write_message(&text, message);
	assert_string_equal(buffer_text(&text), fields);
	record_pack(&again, message);
	assert_true(bytes_equal(buffer_bytes(&again), BYTES(bytes, size)));
	buffer_fini(&text);
	buffer_fini(&again);
	arena_fini(&arena);
}

static void the_bytes_of_version_1_mean_what_they_meant(void **test)
{
	const char *directory = getenv("FETTLE_CONTRACT");
	char line[8192];
	FILE *file;

	(void)test;
	assert_non_null(directory);
	file = fopen(scratch_path(directory, "version_1.txt"), "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		if (line[0] != '#')
			check_line(line);
	assert_int_equal(fclose(file), 0);
	for (size_t i = 0; i < MESSAGES; i++)
		if (!was_seen[i])
			fail_msg("no line for %s", messages[i]->short_name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bytes_of_version_1_mean_what_they_meant),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
