/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings are taken whole or not at all: what is taken lies within its bounds wherever it came
 * from, and what is not says why.  The input is a file, then flags, then the environment.
 */
#include "core/setting.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

enum { TEXTS_MAX = 8 };

struct one {
	uint32_t number;
	bool is_on;
	uint64_t room;
	uint64_t period;
	char *text;
	struct setting_list list;
};

static const struct setting table[] = { SETTING_U32(struct one, number, 7, 1, 100, "a number"),
	SETTING_BOOL(struct one, is_on, true, "a switch"),
	SETTING_SIZE(struct one, room, 4096, 1024, 1024 * 1024, "a size"),
	SETTING_DURATION(struct one, period, 1000, 10, 60 * 1000, "a duration"),
	SETTING_TEXT(struct one, text, "some", "a text"),
	SETTING_LIST(struct one, list, "a, b", "a list"), SETTING_END };

static const struct setting_section sections[] = {
	{ .name = "one", .settings = table, .size = sizeof(struct one), .help = "one" },
	{ .name = "many",
	    .settings = table,
	    .size = sizeof(struct one),
	    .help = "many",
	    .is_list = true },
	{ .name = NULL },
};

static void is_within_bounds(const struct one *one)
{
	FUZZ_HOLDS(one->number >= 1 && one->number <= 100);
	FUZZ_HOLDS(one->room >= 1024 && one->room <= 1024 * 1024);
	FUZZ_HOLDS(one->period >= 10 && one->period <= 60 * 1000);
	FUZZ_HOLDS(one->text != NULL);
	for (size_t i = 0; i < one->list.count; i++)
		FUZZ_HOLDS(one->list.items[i] != NULL);
}

static const char *write_file(struct bytes text)
{
	static char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/settings.yaml", fuzz_directory());
	file = fopen(path, "we");
	FUZZ_HOLDS(file != NULL && fwrite(text.data, 1, text.size, file) == text.size);
	fclose(file);
	return path;
}

static void take_texts(struct fuzz_input *input, const char *before, struct arena *arena,
    const char *texts[TEXTS_MAX + 1])
{
	size_t count = fuzz_u8(input) % (TEXTS_MAX + 1);

	for (size_t i = 0; i < count; i++)
		texts[i] = arena_format(arena, "%s%s", before, fuzz_text(input, arena));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { .left = BYTES(data, size) };
	const char *flags[TEXTS_MAX + 1] = { NULL }, *variables[TEXTS_MAX + 1] = { NULL };
	const struct settings_sources sources = { .file = write_file(fuzz_piece(&input)),
		.flags = flags,
		.environment = variables };
	struct yaml_errors errors = { 0 };
	struct settings *settings = NULL;
	struct arena arena = { 0 };

	take_texts(&input, "", &arena, flags);
	take_texts(&input, "FETTLE_ONE_", &arena, variables);
	if (settings_load(sections, &sources, &settings, &errors) == STATUS_OK) {
		FUZZ_HOLDS(errors.count == 0);
		is_within_bounds(settings_of(settings, "one"));
		for (size_t i = 0; i < settings_count(settings, "many"); i++)
			is_within_bounds(settings_at(settings, "many", i));
	} else {
		FUZZ_HOLDS(settings == NULL && errors.count > 0);
	}
	settings_free(settings);
	yaml_errors_fini(&errors);
	arena_fini(&arena);
	return 0;
}
