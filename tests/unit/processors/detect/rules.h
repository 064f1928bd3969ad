/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules.h - rules from text and changes by hand, for the tests of detections.
 */
#ifndef TESTS_UNIT_PROCESSORS_DETECT_RULES_H
#define TESTS_UNIT_PROCESSORS_DETECT_RULES_H

#include <stdio.h>
#include <stdlib.h>

#include "processors/detect/change.h"
#include "tests/support/scratch.h"

struct rules {
	struct regex_set *regexes;
	struct arena arena;
	struct yaml_errors errors;
};

#define RULE_HEAD "title: T\nid: x-1\n"
#define RULE_CHANGE RULE_HEAD "logsource: {product: fettle, category: change}\n"
#define RULE_FILE RULE_HEAD "logsource: {product: linux, category: file_event}\n"

static inline int rules_start(void **test)
{
	struct rules *rules = memory_new(sizeof(*rules));

	rules->regexes = regex_set_new();
	*test = rules;
	return 0;
}

static inline int rules_stop(void **test)
{
	struct rules *rules = *test;

	regex_set_free(rules->regexes);
	arena_fini(&rules->arena);
	yaml_errors_fini(&rules->errors);
	free(rules);
	return 0;
}

/* NULL: refused; rules->errors says why. */
static inline struct detection *rules_try(struct rules *rules, const char *text)
{
	struct detection *detection;

	yaml_errors_fini(&rules->errors);
	rules->errors = (struct yaml_errors){ 0 };
	if (detection_parse("rule.yaml", bytes_of_text(text), rules->regexes, &detection,
		&rules->errors)
	    != STATUS_OK)
		return NULL;
	return detection;
}

static inline struct detection *rules_parse(struct rules *rules, const char *text)
{
	struct detection *detection = rules_try(rules, text);

	if (detection == NULL)
		fail_msg("%s\n%s", text, yaml_errors_text(&rules->errors));
	return detection;
}

static inline enum answer rules_match(struct rules *rules, const struct detection *detection,
    const struct change *change, struct match_result *result)
{
	struct match_lookup lookup = change_lookup(change);

	if (!change_concerns(change, detection->source))
		return ANSWER_NO;
	match_detection(detection, &lookup, &rules->arena, result);
	return result->answer;
}

/* The file's bytes, in ARENA; data NULL: there is none. */
static inline struct bytes rules_read(struct arena *arena, const char *path)
{
	FILE *file = fopen(path, "re");
	uint8_t *text = arena_take(arena, DETECTION_TEXT_MAX);
	size_t size;

	if (file == NULL)
		return BYTES_NONE;
	size = fread(text, 1, DETECTION_TEXT_MAX, file);
	fclose(file);
	return BYTES(text, size);
}

#endif
