/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is an expression in the old language is one in the new, and its answer about any subject is
 * the same every time.
 */
#include "processors/assess/osregex.h"

#include "processors/text/regex.h"
#include "tests/fuzz/fuzz.h"

static void compile_and_match(const char *translated, struct bytes subject, struct arena *arena)
{
	struct regex_set *regexes = regex_set_new();
	const char *problem = NULL;
	const struct regex *regex = regex_compile(regexes, translated, REGEX_CASELESS, arena,
	    &problem);
	struct bytes match = BYTES_NONE;
	enum regex_result result;

	FUZZ_HOLDS(regex != NULL);
	result = regex_match(regex, subject, &match, NULL);
	FUZZ_HOLDS(result == regex_match(regex, subject, NULL, NULL));
	if (result == REGEX_MATCH)
		FUZZ_HOLDS(match.data >= subject.data
			   && match.data + match.size <= subject.data + subject.size);
	regex_set_free(regexes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { .left = BYTES(data, size) };
	struct buffer translated = { 0 };
	struct arena arena = { 0 };
	const char *problem = NULL, *text = fuzz_text(&input, &arena);

	if (!osregex_translate(text, &translated, &arena, &problem))
		FUZZ_HOLDS(problem != NULL);
	else if (translated.size <= REGEX_PATTERN_MAX)
		compile_and_match(buffer_text(&translated), input.left, &arena);
	buffer_fini(&translated);
	arena_fini(&arena);
	return 0;
}
