/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table is taken, or refused with a message; what is taken decides every finding, in words, by
 * one of its rows, and says of each input that it did not know that it is assumed.
 *
 * The input is the table, then names and values of what is known.
 */
#include "processors/prioritize/table.h"

#include "tests/fuzz/fuzz.h"

enum { KNOWN_MAX = 8 };

static bool is_known(const struct priority_input *known, size_t count,
    const struct priority_input *input)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(known[i].name, input->name) == 0
		    && strcmp(known[i].value, input->value) == 0)
			return true;
	return false;
}

static void decide(const struct priority_table *table, const struct priority_input *known,
    size_t count)
{
	static struct priority_decision first, second;

	priority_decide(table, known, count, &first);
	priority_decide(table, known, count, &second);
	FUZZ_HOLDS(first.row == second.row && first.row >= 1 && first.row <= TABLE_ROWS_MAX + 1);
	FUZZ_HOLDS(first.priority != NULL && first.inputs_count <= TABLE_INPUTS_MAX);
	for (size_t i = 0; i < first.inputs_count; i++)
		FUZZ_HOLDS(first.inputs[i].is_assumed || is_known(known, count, &first.inputs[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { .left = BYTES(data, size) };
	struct bytes text = fuzz_piece(&input);
	struct priority_input known[KNOWN_MAX];
	struct priority_table *table = NULL;
	struct yaml_errors errors = { 0 };
	struct arena arena = { 0 };
	size_t count = 0;

	for (; count < KNOWN_MAX && fuzz_has_more(&input); count++)
		known[count] = (struct priority_input){ .name = fuzz_text(&input, &arena),
			.value = fuzz_text(&input, &arena),
			.source = "the input" };
	if (priority_table_parse("t.yaml", text, &table, &errors) == STATUS_OK) {
		FUZZ_HOLDS(errors.count == 0 && priority_table_id(table) != NULL);
		decide(table, known, count);
	} else {
		FUZZ_HOLDS(table == NULL && errors.count > 0);
	}
	priority_table_free(table);
	yaml_errors_fini(&errors);
	arena_fini(&arena);
	return 0;
}
