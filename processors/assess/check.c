/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/assess/check.h"

#include "core/require.h"

static const char *const result_texts[] = { "unknown", "passed", "failed", "not applicable",
	"not run" };
static const char *const severity_texts[] = { "unknown", "low", "medium", "high", "critical" };

/* Per condition: the outcome that decides alone, to what, and the result where none does. */
static const struct {
	const char *text;
	enum outcome_kind deciding;
	enum check_result decided;
	enum check_result otherwise;
	const char *reason; /* of the latter */
} conditions[] = {
	[CHECK_ALL] = { "all", OUTCOME_NOT_FOUND, CHECK_FAILED, CHECK_PASSED, "every rule holds" },
	[CHECK_ANY] = { "any", OUTCOME_FOUND, CHECK_PASSED, CHECK_FAILED, "no rule holds" },
	[CHECK_NONE] = { "none", OUTCOME_FOUND, CHECK_FAILED, CHECK_PASSED, "no rule holds" },
};

const char *check_result_text(enum check_result result)
{
	return (unsigned)result <= CHECK_NOT_RUN ? result_texts[result] : result_texts[0];
}

const char *check_severity_text(enum check_severity severity)
{
	return (unsigned)severity <= CHECK_SEVERITY_CRITICAL ? severity_texts[severity]
	                                                     : severity_texts[0];
}

const char *check_condition_text(enum check_condition condition)
{
	REQUIRE((unsigned)condition <= CHECK_NONE);
	return conditions[condition].text;
}

bool check_is_decided(const struct check *check, enum outcome_kind kind)
{
	return check->dialect->stops_at_deciding_rule
	    && conditions[check->condition].deciding == kind;
}

static bool decide(const struct check *check, enum outcome_kind kind, enum check_result result,
    struct check_outcome *out)
{
	for (size_t i = 0; i < out->outcomes_count; i++)
		if (out->outcomes[i].kind == kind) {
			out->result = result;
			out->rule = &check->rules[i];
			out->outcome = &out->outcomes[i];
			out->reason = out->outcome->reason;
			return true;
		}
	return false;
}

void check_fold(const struct check *check, struct outcome *outcomes, size_t count,
    struct check_outcome *out)
{
	*out = (struct check_outcome){ .outcomes = outcomes, .outcomes_count = count };
	if (count == 0) {
		out->result = CHECK_NOT_APPLICABLE;
		out->reason = "the check has no valid rule";
		return;
	}
	if (decide(check, conditions[check->condition].deciding,
		conditions[check->condition].decided, out)
	    || decide(check, OUTCOME_NOT_RUN, CHECK_NOT_RUN, out)
	    || decide(check, OUTCOME_INVALID, CHECK_NOT_APPLICABLE, out))
		return;
	out->result = conditions[check->condition].otherwise;
	out->reason = conditions[check->condition].reason;
	if (count == 1) {
		out->rule = &check->rules[0];
		out->outcome = &outcomes[0];
		out->reason = outcomes[0].reason;
	}
}

enum status check_evaluate(const struct check *check, const struct lookup *lookup,
    struct arena *arena, struct check_outcome *out)
{
	struct outcome *outcomes = arena_take(arena, check->rules_count * sizeof(*outcomes));
	size_t count = 0;

	while (count < check->rules_count) {
		enum status status = rule_evaluate(&check->rules[count], lookup, arena,
		    &outcomes[count]);

		if (status != STATUS_OK)
			return status;
		if (check_is_decided(check, outcomes[count++].kind))
			break;
	}
	check_fold(check, outcomes, count, out);
	return STATUS_OK;
}
