/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy is taken, or refused with a message.  What is taken is judged in the same way twice,
 * whatever the files hold that it reads, and whether or not they were observed.
 *
 * The input is the policy, then the contents of files in the order in which they are asked for.
 */
#include "processors/assess/policy.h"

#include "tests/fuzz/fuzz.h"

enum { CHECKS_MAX = 50, CONTENTS = 4 };

struct files {
	struct bytes contents[CONTENTS];
	enum fact_status status;
	bool is_nothing; /* was observed */
	bool is_cut;     /* half of each content is known */
	struct fact fact;
	struct fact_field fields[4];
};

/* Which content it is depends on the key alone: a rule may ask in any order. */
static enum status get(void *self, struct bytes key, const struct fact **out)
{
	struct files *files = self;
	uint8_t hash[HASH_SIZE];

	if (files->is_nothing)
		return STATUS_NOT_FOUND;
	hash_bytes(key, hash);
	files->fields[0] = FACT_FIELD_TEXT("type", hash[1] % 8 == 0 ? "directory" : "file");
	files->fields[1] = FACT_FIELD_TEXT("mode", "0644");
	files->fields[2] = FACT_FIELD_TEXT("owner", "root");
	files->fields[3] = FACT_FIELD_BLOB("content", files->contents[hash[0] % CONTENTS]);
	files->fact = (struct fact){ .key = key,
		.status = hash[0] % 4 == 0 ? files->status : FACT_PRESENT,
		.fields = files->fields,
		.fields_count = 4 };
	if (files->is_cut && files->fact.status == FACT_PRESENT) {
		files->fields[3].bytes.size /= 2;
		files->fact.status = FACT_TRUNCATED;
	}
	if (files->fact.status == FACT_ABSENT || files->fact.status == FACT_FAILED)
		files->fact.fields_count = 0;
	*out = &files->fact;
	return STATUS_OK;
}

/* What is said of the beginnings of files is said of the whole files, too, or nothing is. */
static void judge_half(const struct check *check, struct files *files, enum check_result whole,
    struct arena *arena)
{
	struct lookup lookup = { .self = files, .get = get };
	struct check_outcome half;

	files->is_cut = true;
	FUZZ_HOLDS(check_evaluate(check, &lookup, arena, &half) == STATUS_OK);
	files->is_cut = false;
	if ((half.result == CHECK_PASSED || half.result == CHECK_FAILED)
	    && (whole == CHECK_PASSED || whole == CHECK_FAILED))
		FUZZ_HOLDS(half.result == whole);
}

static void judge_twice(const struct check *check, struct files *files, struct arena *arena)
{
	struct lookup lookup = { .self = files, .get = get };
	struct check_outcome first, second;

	FUZZ_HOLDS(check_evaluate(check, &lookup, arena, &first) == STATUS_OK);
	FUZZ_HOLDS(check_evaluate(check, &lookup, arena, &second) == STATUS_OK);
	FUZZ_HOLDS(first.result == second.result && first.rule == second.rule);
	FUZZ_HOLDS(first.result >= CHECK_PASSED && first.result <= CHECK_NOT_RUN);
	FUZZ_HOLDS(first.outcomes_count <= check->rules_count);
	judge_half(check, files, first.result, arena);
}

static void judge(const struct policy *policy, struct files *files)
{
	struct arena arena = { 0 };
	size_t keys = 0;

	(void)policy_keys(policy, &arena, &keys);
	for (size_t i = 0; i < policy->checks_count && i < CHECKS_MAX; i++)
		judge_twice(&policy->checks[i], files, &arena);
	arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const dialects[] = { NULL, "wazuh4", "wazuh5", "fettle" };
	struct fuzz_input input = { .left = BYTES(data, size) };
	struct bytes text = fuzz_piece(&input);
	struct files files = { .status = FACT_PRESENT };
	struct yaml_errors errors = { 0 };
	struct policy *policy = NULL;
	uint8_t how = fuzz_u8(&input);

	files.status = (enum fact_status)(FACT_PRESENT + how / 16 % 5);
	files.is_nothing = how / 4 % 4 == 3;
	for (size_t i = 0; i < CONTENTS; i++)
		files.contents[i] = fuzz_piece(&input);
	if (policy_parse("p.yml", text, dialects[how % 4], &policy, &errors) == STATUS_OK) {
		FUZZ_HOLDS(errors.count == 0 && policy->id != NULL);
		judge(policy, &files);
	} else {
		FUZZ_HOLDS(policy == NULL && errors.count > 0);
	}
	policy_free(policy);
	yaml_errors_fini(&errors);
	return 0;
}
