/* SPDX-License-Identifier: Apache-2.0 */
#include "processors/assess/policy.h"

#include <stdlib.h>

void policy_free(struct policy *policy)
{
	if (policy == NULL)
		return;
	regex_set_free(policy->regexes);
	arena_fini(&policy->arena);
	free(policy);
}

const struct check *policy_check(const struct policy *policy, const char *id)
{
	for (size_t i = 0; i < policy->checks_count; i++)
		if (strcmp(policy->checks[i].id, id) == 0)
			return &policy->checks[i];
	return NULL;
}

static void close_gate(const struct policy *policy, struct arena *arena, struct check_outcome *out,
    enum policy_gate *gate)
{
	if (out->result == CHECK_NOT_RUN) {
		*gate = POLICY_CLOSED;
		out->reason = arena_format(arena,
		    "whether the policy is for this asset is not "
		    "known: %s",
		    out->reason);
		return;
	}
	*gate = policy->dialect->skips_unmet_policy ? POLICY_CLOSED_SILENTLY : POLICY_CLOSED;
	out->result = CHECK_NOT_APPLICABLE;
	out->reason = arena_format(arena, "the policy's requirements are not met: %s", out->reason);
}

enum status policy_requirements_evaluate(const struct policy *policy, const struct lookup *lookup,
    struct arena *arena, struct check_outcome *out, enum policy_gate *gate)
{
	enum status status;

	*gate = POLICY_OPEN;
	if (policy->requirements == NULL) {
		*out = (struct check_outcome){ .result = CHECK_PASSED,
			.reason = "the policy has no requirements" };
		return STATUS_OK;
	}
	status = check_evaluate(policy->requirements, lookup, arena, out);
	if (status == STATUS_OK && out->result != CHECK_PASSED)
		close_gate(policy, arena, out, gate);
	return status;
}

/* Keys */

static size_t count_keys(const struct check *check)
{
	size_t count = 0;

	for (size_t i = 0; check != NULL && i < check->rules_count; i++)
		count += check->rules[i].keys_count;
	return count;
}

static size_t add_keys(const struct check *check, struct policy_key *out)
{
	size_t count = 0;

	for (size_t i = 0; check != NULL && i < check->rules_count; i++)
		for (size_t j = 0; j < check->rules[i].keys_count; j++) {
			const struct rule_key *key = &check->rules[i].keys[j];

			out[count++] = (struct policy_key){ key->key, key->wants_content,
				key->path };
		}
	return count;
}

static int compare_keys(const void *a, const void *b)
{
	return bytes_compare(((const struct policy_key *)a)->key,
	    ((const struct policy_key *)b)->key);
}

static size_t merge_keys(struct policy_key *keys, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (kept > 0 && bytes_equal(keys[kept - 1].key, keys[i].key))
			keys[kept - 1].wants_content |= keys[i].wants_content;
		else
			keys[kept++] = keys[i];
	return kept;
}

struct policy_key *policy_keys(const struct policy *policy, struct arena *arena, size_t *count)
{
	size_t all = count_keys(policy->requirements), at;
	struct policy_key *keys;

	for (size_t i = 0; i < policy->checks_count; i++)
		all += count_keys(&policy->checks[i]);
	keys = arena_take(arena, all * sizeof(*keys));
	at = add_keys(policy->requirements, keys);
	for (size_t i = 0; i < policy->checks_count; i++)
		at += add_keys(&policy->checks[i], keys + at);
	if (at > 1)
		qsort(keys, at, sizeof(*keys), compare_keys);
	*count = merge_keys(keys, at);
	return keys;
}

unsigned policy_score(size_t passed, size_t failed)
{
	return passed + failed == 0 ? 0 : (unsigned)(100 * passed / (passed + failed));
}
