/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outside.h - documents of hostile verdicts, for the targets of what leaves the house.
 */
#ifndef TESTS_FUZZ_OUTSIDE_H
#define TESTS_FUZZ_OUTSIDE_H

#include "proto/verdict.pb-c.h"
#include "sinks/outside/document.h"
#include "tests/fuzz/fuzz.h"

/* As strict as the standard, which allows the character U+0000 in texts. */
enum { OUTSIDE_PARSE = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL };

/*
 * Of a verdict of some kind whose fields come from INPUT: texts and ids of any bytes, or all of it
 * as it is.  False: there is none.
 */
static inline bool outside_document(struct fuzz_input *input, struct document *out);

static inline struct bytes outside_body(struct fuzz_input *input, uint32_t *kind,
    struct arena *arena)
{
	static struct buffer body;
	Fettle__FindingVerdict finding = FETTLE__FINDING_VERDICT__INIT;
	Fettle__ChangeVerdict change = FETTLE__CHANGE_VERDICT__INIT;
	Fettle__FactState after = FETTLE__FACT_STATE__INIT;

	buffer_clear(&body);
	switch (fuzz_u8(input) % 3) {
	case 0:
		*kind = FETTLE__KIND__KIND_FINDING;
		RECORD_SET_BYTES(&finding, asset, fuzz_bytes(input, 16));
		finding.title = RECORD_TEXT(fuzz_text(input, arena));
		finding.severity = RECORD_TEXT(fuzz_text(input, arena));
		finding.rationale = RECORD_TEXT(fuzz_text(input, arena));
		finding.remediation = RECORD_TEXT(fuzz_text(input, arena));
		record_pack(&body, &finding.base);
		break;
	case 1:
		*kind = FETTLE__KIND__KIND_CHANGE;
		RECORD_SET_BYTES(&change, asset, fuzz_bytes(input, 16));
		RECORD_SET_BYTES(&change, key, fuzz_bytes(input, 400));
		RECORD_SET(&after, status, fuzz_u8(input));
		RECORD_SET_BYTES(&after, value, fuzz_bytes(input, 2000));
		change.after = &after;
		change.collector = RECORD_TEXT(fuzz_text(input, arena));
		record_pack(&body, &change.base);
		break;
	default:
		*kind = FETTLE__KIND__KIND_ASSET + fuzz_u8(input) % 12U;
		buffer_append(&body, input->left);
	}
	return buffer_bytes(&body);
}

static inline bool outside_document(struct fuzz_input *input, struct document *out)
{
	static const uint8_t event_id[EVENT_ID_SIZE] = "an event's id .";
	struct names *names = names_new("/nonexistent");
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	Fettle__Record record = FETTLE__RECORD__INIT;
	struct buffer packed = { 0 };
	struct arena arena = { 0 };
	uint32_t kind;
	bool is_made;

	names_learn(names, BYTES("an asset's id...", 16), fuzz_text(input, &arena));
	RECORD_SET(&envelope, wall_ms, fuzz_number(input));
	RECORD_SET_BYTES(&record, body, outside_body(input, &kind, &arena));
	RECORD_SET_BYTES(&envelope, event_id, BYTES_OF(event_id));
	RECORD_SET(&envelope, kind, kind);
	record.envelope = &envelope;
	record_pack(&packed, &record.base);
	is_made = document_make(buffer_bytes(&packed), ~UINT32_C(0), names, &arena, out)
	       == STATUS_OK;
	names_free(names);
	buffer_fini(&packed);
	arena_fini(&arena);
	return is_made;
}

/* True where no byte of TEXT could move a cursor or break a line. */
static inline bool outside_is_one_line(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] < ' ' || text.data[i] == 0x7f)
			return false;
	return bytes_is_utf8(text);
}

/* What arrives means what was sent, but for members that were left out, and says which. */
static inline void outside_is_the_same(struct bytes text, const json_t *sent)
{
	json_t *arrived = json_loadb((const char *)text.data, text.size, OUTSIDE_PARSE, NULL);
	const char *name;
	json_t *value;

	FUZZ_HOLDS(json_is_object(arrived));
	json_object_foreach(arrived, name, value) FUZZ_HOLDS(
	    strcmp(name, "left_out") == 0 || json_equal(value, json_object_get(sent, name)));
	FUZZ_HOLDS(json_object_size(arrived)
		   == json_object_size(sent) + (json_object_get(arrived, "left_out") != NULL)
			  - json_array_size(json_object_get(arrived, "left_out")));
	FUZZ_HOLDS(json_object_get(arrived, "event_id") != NULL);
	json_decref(arrived);
}

#endif
