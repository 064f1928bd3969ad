/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule is taken, or refused with a message; the same text is always the same rule.
 */
#include "processors/detect/detection.h"

#include "processors/text/regex.h"
#include "tests/fuzz/fuzz.h"

static void is_whole(const struct detection *rule, struct bytes text)
{
	uint8_t hash[HASH_SIZE];

	hash_bytes(text, hash);
	FUZZ_HOLDS(memcmp(rule->hash, hash, HASH_SIZE) == 0);
	FUZZ_HOLDS(rule->id != NULL && rule->title != NULL && rule->condition != NULL
		   && rule->source != NULL);
	FUZZ_HOLDS(
	    rule->selections_count > 0 && rule->selections_count <= DETECTION_SELECTIONS_MAX);
	for (size_t i = 0; i < rule->selections_count; i++)
		FUZZ_HOLDS(rule->selections[i].name != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct regex_set *regexes = regex_set_new();
	struct bytes text = BYTES(data, size);
	struct yaml_errors errors = { 0 };
	struct detection *rule = NULL;

	if (detection_parse("rule.yaml", text, regexes, &rule, &errors) == STATUS_OK) {
		FUZZ_HOLDS(errors.count == 0);
		is_whole(rule, text);
	} else {
		FUZZ_HOLDS(rule == NULL && errors.count > 0);
	}
	detection_free(rule);
	regex_set_free(regexes);
	yaml_errors_fini(&errors);
	return 0;
}
