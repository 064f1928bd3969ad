/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watch list is taken, or refused with a message; what is taken sends agents to absolute paths
 * without wildcards only, and what it means there it finds again.
 */
#include "processors/detect/watchlist.h"

#include "core/path_glob.h"
#include "tests/fuzz/fuzz.h"

static void plan_is_in_order(const struct watchlist *list)
{
	struct arena arena = { 0 };
	size_t count = 0;
	const struct watchlist_path *paths = watchlist_plan(list, &arena, &count);

	for (size_t i = 0; i < count; i++) {
		FUZZ_HOLDS(paths[i].path[0] == '/');
		FUZZ_HOLDS(!path_glob_has_wildcard(bytes_of_text(paths[i].path)));
		FUZZ_HOLDS(i == 0 || strcmp(paths[i - 1].path, paths[i].path) <= 0);
	}
	arena_fini(&arena);
}

static void what_is_named_is_found(const struct watchlist *list)
{
	for (size_t i = 0; i < list->entries_count; i++) {
		const struct watchlist_entry *entry = &list->entries[i], *found;

		FUZZ_HOLDS(entry->globs_count > 0 && (entry->changes & WATCHLIST_ANY) != 0);
		if (list->exclude_count > 0
		    || path_glob_has_wildcard(bytes_of_text(entry->globs[0])))
			continue;
		found = watchlist_find(list, bytes_of_text(entry->globs[0]), entry->changes);
		FUZZ_HOLDS(found != NULL && found->level >= entry->level);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yaml_errors errors = { 0 };
	struct watchlist *list = NULL;

	if (watchlist_parse("w.yaml", BYTES(data, size), &list, &errors) == STATUS_OK) {
		FUZZ_HOLDS(errors.count == 0);
		plan_is_in_order(list);
		what_is_named_is_found(list);
	} else {
		FUZZ_HOLDS(list == NULL && errors.count > 0);
	}
	watchlist_free(list);
	yaml_errors_fini(&errors);
	return 0;
}
