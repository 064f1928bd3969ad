/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule's answer never depends on what is not known: what is said while some values are missing or
 * cut short is said of all of them, too, or nothing is said.
 *
 * The input is the rule's detection, then the values of its fields, and which of them are hidden.
 */
#include "processors/detect/match.h"

#include "processors/text/regex.h"
#include "tests/fuzz/fuzz.h"

enum { VALUES_MAX = 8 };

struct values {
	struct match_value items[VALUES_MAX];
	size_t count;
	uint8_t hidden; /* bits of those that are not known */
	uint8_t cut;    /* of those whose second half is not */
	bool knows_all;
};

static struct match_value value_of(const struct values *values, size_t index)
{
	struct match_value value = values->items[index];

	if (!values->knows_all && (values->cut >> index & 1) != 0) {
		value.text.size /= 2;
		value.is_cut = true;
	}
	return value;
}

/* Field number FIELD has every other value, so that fields differ. */
static struct match_values get(void *self, const char *field, struct arena *arena)
{
	struct values *values = self;
	struct match_value *items = arena_take(arena, sizeof(*items) * VALUES_MAX);
	struct match_values out = { .items = items };

	for (size_t i = 0; i < values->count; i++) {
		if (field != NULL && strlen(field) % 2 != i % 2)
			continue;
		if (!values->knows_all && (values->hidden >> i & 1) != 0)
			out.is_unknown = true;
		else
			items[out.count++] = value_of(values, i);
	}
	return out;
}

static enum answer ask(const struct detection *rule, struct values *values, bool knows_all)
{
	struct match_lookup lookup = { .self = values, .get = get };
	struct match_result first, second;
	struct arena arena = { 0 };

	values->knows_all = knows_all;
	match_detection(rule, &lookup, &arena, &first);
	match_detection(rule, &lookup, &arena, &second);
	FUZZ_HOLDS(first.answer == second.answer);
	FUZZ_HOLDS((first.answer == ANSWER_UNDECIDED) == (first.reason != NULL));
	arena_fini(&arena);
	return first.answer;
}

static void judge(const struct detection *rule, struct values *values)
{
	enum answer some = ask(rule, values, false), all = ask(rule, values, true);

	FUZZ_HOLDS(some == all || some == ANSWER_UNDECIDED || all == ANSWER_UNDECIDED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char head[] = "title: T\nid: x-1\n"
				   "logsource: {product: fettle, category: change}\n"
				   "detection:\n";
	struct fuzz_input input = { .left = BYTES(data, size) };
	struct regex_set *regexes = regex_set_new();
	struct yaml_errors errors = { 0 };
	struct values values = { .count = 0 };
	struct detection *rule = NULL;
	struct buffer text = { 0 };

	buffer_append_text(&text, head);
	buffer_append(&text, fuzz_piece(&input));
	values.hidden = fuzz_u8(&input);
	values.cut = fuzz_u8(&input);
	for (; values.count < VALUES_MAX && fuzz_has_more(&input); values.count++)
		values.items[values.count].text = fuzz_piece(&input);
	if (detection_parse("rule.yaml", buffer_bytes(&text), regexes, &rule, &errors) == STATUS_OK)
		judge(rule, &values);
	detection_free(rule);
	regex_set_free(regexes);
	yaml_errors_fini(&errors);
	buffer_fini(&text);
	return 0;
}
