/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/plan.h"

#include <stdlib.h>

#include "core/record.h"
#include "proto/command.pb-c.h"
#include "tests/support/scratch.h"

enum { FILES = 16 };

struct request {
	const char *path;
	uint64_t limit;
};

/* The plan of REQUESTS, which end with a NULL path. */
static enum status decode(const struct request *requests, size_t hash_size, struct arena *arena,
    struct plan **out)
{
	static const uint8_t hash[HASH_SIZE + 1] = "hash of the plan";
	Fettle__Plan message = FETTLE__PLAN__INIT;
	Fettle__PlanFile files[FILES], *pointers[FILES];
	struct buffer packed = { 0 };
	enum status status;

	for (; requests->path != NULL; requests++) {
		Fettle__PlanFile *file = &files[message.n_files];

		fettle__plan_file__init(file);
		file->path = RECORD_TEXT(requests->path);
		RECORD_SET(file, content_limit, requests->limit);
		pointers[message.n_files++] = file;
	}
	message.files = pointers;
	RECORD_SET_BYTES(&message, hash, BYTES(hash, hash_size));
	record_pack(&packed, &message.base);
	status = plan_decode(buffer_bytes(&packed), arena, out);
	buffer_fini(&packed);
	return status;
}

static void files_are_sorted_and_each_stands_once_with_the_larger_limit(void **test)
{
	const struct request requests[] = { { "/etc/b", 10 }, { "/etc/a", 0 }, { "/etc/b", 99 },
		{ "/etc/b", 5 }, { NULL, 0 } };
	struct arena arena = { 0 };
	struct plan *plan;

	(void)test;
	assert_int_equal(decode(requests, HASH_SIZE, &arena, &plan), STATUS_OK);
	assert_memory_equal(plan->hash, "hash of the plan", HASH_SIZE);
	assert_int_equal(plan->files_count, 2);
	assert_string_equal(plan->files[0].path, "/etc/a");
	assert_int_equal(plan->files[1].content_limit, 99);
	arena_fini(&arena);
}

static void paths_that_are_not_clean_are_passed_over(void **test)
{
	static char too_long[5000];
	const struct request requests[] = { { "", 0 }, { "/", 0 }, { "etc/passwd", 0 },
		{ "/etc/../root/x", 0 }, { "/etc/..", 0 }, { "/./etc", 0 }, { "/etc//x", 0 },
		{ "/etc/", 0 }, { "//etc", 0 }, { too_long, 0 }, { "/etc/...", 0 },
		{ "/etc/..x", 0 }, { "/.ssh", 0 }, { NULL, 0 } };
	struct arena arena = { 0 };
	struct plan *plan;

	(void)test;
	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[0] = '/';
	assert_int_equal(decode(requests, HASH_SIZE, &arena, &plan), STATUS_OK);
	assert_int_equal(plan->files_count, 3);
	assert_string_equal(plan->files[0].path, "/.ssh");
	assert_string_equal(plan->files[1].path, "/etc/...");
	assert_string_equal(plan->files[2].path, "/etc/..x");
	arena_fini(&arena);
}

static void no_plan_asks_for_more_content_than_there_may_be(void **test)
{
	const struct request requests[] = { { "/a", UINT64_MAX }, { NULL, 0 } };
	struct arena arena = { 0 };
	struct plan *plan;

	(void)test;
	assert_int_equal(decode(requests, HASH_SIZE, &arena, &plan), STATUS_OK);
	assert_int_equal(plan->files[0].content_limit, FACT_CONTENT_MAX);
	arena_fini(&arena);
}

static void a_plan_of_nothing_is_a_plan(void **test)
{
	const struct request requests[] = { { NULL, 0 } };
	struct arena arena = { 0 };
	struct plan *plan;

	(void)test;
	assert_int_equal(decode(requests, HASH_SIZE, &arena, &plan), STATUS_OK);
	assert_int_equal(plan->files_count, 0);
	arena_fini(&arena);
}

static void what_is_no_plan_is_rejected(void **test)
{
	const struct request requests[] = { { NULL, 0 } },
			     not_utf8[] = { { "/caf\xe9", 0 }, { NULL, 0 } };
	struct arena arena = { 0 };
	struct buffer many = { 0 };
	struct plan *plan;

	(void)test;
	assert_int_equal(decode(requests, HASH_SIZE - 1, &arena, &plan), STATUS_REJECT);
	assert_int_equal(decode(requests, 0, &arena, &plan), STATUS_REJECT);
	assert_int_equal(decode(not_utf8, HASH_SIZE, &arena, &plan), STATUS_REJECT);
	assert_int_equal(plan_decode(bytes_of_text("\xff\xff"), &arena, &plan), STATUS_REJECT);
	buffer_append(&many, BYTES("\x0a\x10"
				   "hash of the plan",
				 18));
	for (int i = 0; i < 20001; i++)
		buffer_append(&many, BYTES("\x12\x00", 2));
	assert_int_equal(plan_decode(buffer_bytes(&many), &arena, &plan), STATUS_REJECT);
	buffer_fini(&many);
	arena_fini(&arena);
}

/* ---- globs ---- */

struct glob_request {
	const char *directory, *glob;
	bool is_watched;
};

static enum status decode_globs(const struct glob_request *requests, size_t count,
    const char *const *exclude, size_t exclude_count, struct arena *arena, struct plan **out)
{
	Fettle__Plan message = FETTLE__PLAN__INIT;
	Fettle__PlanGlob *globs = memory_new((count + 1) * sizeof(*globs));
	Fettle__PlanGlob **pointers = memory_new((count + 1) * sizeof(*pointers));
	struct buffer packed = { 0 };
	enum status status;

	for (size_t i = 0; i < count; i++) {
		fettle__plan_glob__init(&globs[i]);
		globs[i].directory = RECORD_TEXT(requests[i].directory);
		globs[i].glob = RECORD_TEXT(requests[i].glob);
		RECORD_SET(&globs[i], content_limit, 7);
		RECORD_SET(&globs[i], is_watched, requests[i].is_watched);
		pointers[i] = &globs[i];
	}
	message.globs = pointers;
	message.n_globs = count;
	message.exclude = (char **)(uintptr_t)exclude;
	message.n_exclude = exclude_count;
	RECORD_SET_BYTES(&message, hash, bytes_of_text("hash of the plan"));
	record_pack(&packed, &message.base);
	status = plan_decode(buffer_bytes(&packed), arena, out);
	buffer_fini(&packed);
	free(globs);
	free(pointers);
	return status;
}

static void globs_are_sorted_and_each_stands_once(void **test)
{
	static const struct glob_request requests[] = { { "/etc/b", "/etc/b/*", false },
		{ "/etc/a", "/etc/a/**", true }, { "/etc/b", "/etc/b/*", true } };
	static const char *const exclude[] = { "*.dpkg-new", "/etc", "crontabs/tmp.*", "" };
	struct arena arena = { 0 };
	struct plan *plan;

	(void)test;
	assert_int_equal(decode_globs(requests, 3, exclude, 4, &arena, &plan), STATUS_OK);
	assert_int_equal(plan->globs_count, 2);
	assert_string_equal(plan->globs[0].glob, "/etc/a/**");
	assert_string_equal(plan->globs[1].directory, "/etc/b");
	assert_true(plan->globs[1].is_watched);
	assert_int_equal(plan->globs[1].content_limit, 7);
	assert_int_equal(plan->exclude_count, 2);
	assert_string_equal(plan->exclude[1], "crontabs/tmp.*");
	arena_fini(&arena);
}

static void globs_that_are_not_clean_are_passed_over(void **test)
{
	static const struct glob_request requests[] = { { "/", "/*", true },
		{ "/etc", "/srv/*", true }, { "/etc", "/etc", true }, { "/et*", "/et*/x", true },
		{ "/etc", "/etc/../x*", true }, { "/etc", "/etc/a**", true },
		{ "/etc", "/etc/**b/c", true }, { "/etc", "/etc//x", true },
		{ "/etc", "/etc/x/", true }, { "etc", "etc/*", true }, { "/etc/", "/etc/*", true },
		{ "/etc",
		    "/etc/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"
		    "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/*",
		    true },
		{ "/etc", "/etc/**/x?", true } };
	struct arena arena = { 0 };
	struct plan *plan;

	(void)test;
	assert_int_equal(
	    decode_globs(requests, sizeof(requests) / sizeof(requests[0]), NULL, 0, &arena, &plan),
	    STATUS_OK);
	assert_int_equal(plan->globs_count, 1);
	assert_string_equal(plan->globs[0].glob, "/etc/**/x?");
	arena_fini(&arena);
}

static void no_more_globs_are_taken_than_there_may_be(void **test)
{
	enum { MORE = PLAN_GLOBS_MAX + 3 };
	struct glob_request *requests = memory_new(MORE * sizeof(*requests));
	struct arena arena = { 0 }, texts = { 0 };
	struct plan *plan;

	(void)test;
	for (int i = 0; i < MORE; i++)
		requests[i] = (struct glob_request){ "/etc", arena_format(&texts, "/etc/%04d*", i),
			true };
	assert_int_equal(decode_globs(requests, MORE, NULL, 0, &arena, &plan), STATUS_OK);
	assert_int_equal(plan->globs_count, PLAN_GLOBS_MAX);
	free(requests);
	arena_fini(&texts);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_sorted_and_each_stands_once_with_the_larger_limit),
		cmocka_unit_test(paths_that_are_not_clean_are_passed_over),
		cmocka_unit_test(no_plan_asks_for_more_content_than_there_may_be),
		cmocka_unit_test(a_plan_of_nothing_is_a_plan),
		cmocka_unit_test(what_is_no_plan_is_rejected),
		cmocka_unit_test(globs_are_sorted_and_each_stands_once),
		cmocka_unit_test(globs_that_are_not_clean_are_passed_over),
		cmocka_unit_test(no_more_globs_are_taken_than_there_may_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
