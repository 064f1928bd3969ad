/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/assess/dialect.h"

#include <string.h>

#include "core/require.h"
#include "processors/text/regex.h"

static const struct dialect dialects[] = {
	[DIALECT_WAZUH4 - DIALECT_WAZUH4] = {
		.id = DIALECT_WAZUH4,
		.name = "wazuh4",
		.needs_all_headers = true,
		.ids_are_numbers = true,
		.has_regex_type = true,
		.has_required_conditions = true,
		.skips_unmet_policy = true,
		.stops_at_deciding_rule = true,
		.has_upper_not = true,
		.splits_lists = true,
		.splits_after_literal = true,
		.other_type = OUTCOME_INVALID,
		.unreadable_regex = OUTCOME_INVALID,
		.commands_need_no_run = true,
		.missing_stat_is_output = true,
		.line_max = 2047, /* a buffer of 2,048 with its NUL */
		.long_lines_go_on = true,
		.strips_carriage_return = true,
		.ends_line_at_nul = true,
		.invalid_line_decides = true,
		.literals_fold_case = true,
		.prefixes_fold_case = true,
		.regex_flags = 0,
		.bad_regex_is_false = true,
		.multiplies_invalid = true,
		.compare_is_loose = true,
		.compare_needs_group = true,
	},
	[DIALECT_WAZUH5 - DIALECT_WAZUH4] = {
		.id = DIALECT_WAZUH5,
		.name = "wazuh5",
		.drops_bad_rules = true,
		.variables_are_everywhere = true,
		.ignores_leading_bang = true,
		.other_type = OUTCOME_NOT_FOUND,
		.unreadable_regex = OUTCOME_NOT_FOUND,
		.missing_stat_is_output = true,
		.literal_is_whole_output = true,
		.line_max = 65536,
		.regex_flags = REGEX_CASELESS | REGEX_MULTILINE,
		.lone_negation_is_none = true,
		.lone_negation_of_nothing = OUTCOME_NOT_FOUND,
		.numbers_are_32_bits = true,
	},
	[DIALECT_FETTLE - DIALECT_WAZUH4] = {
		.id = DIALECT_FETTLE,
		.name = "fettle",
		.has_severity = true,
		.splits_lists = true,
		.trims_lists = true,
		.refuses_bad_patterns = true,
		.splits_after_literal = true,
		.other_type = OUTCOME_INVALID,
		.unreadable_regex = OUTCOME_INVALID,
		.line_max = 65536,
		.strips_carriage_return = true,
		.regex_flags = 0,
		.lone_negation_is_none = true,
		.lone_negation_of_nothing = OUTCOME_FOUND,
		.compare_needs_group = true,
		.numbers_are_exact = true,
	},
};

enum { DIALECTS = sizeof(dialects) / sizeof(dialects[0]) };

const struct dialect *dialect_find(const char *name)
{
	for (size_t i = 0; i < DIALECTS; i++)
		if (strcmp(dialects[i].name, name) == 0)
			return &dialects[i];
	return NULL;
}

const struct dialect *dialect_of(enum dialect_id id)
{
	REQUIRE(id >= DIALECT_WAZUH4 && id <= DIALECT_FETTLE);
	return &dialects[id - DIALECT_WAZUH4];
}

const char *dialect_names(void)
{
	return "wazuh4, wazuh5, fettle";
}
