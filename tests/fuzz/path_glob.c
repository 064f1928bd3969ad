/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A glob means what its definition says: the fast matcher answers as one that tries everything, and
 * without "**" as fnmatch(3) does.
 */
#include "core/path_glob.h"

#include <fnmatch.h>

#include "tests/fuzz/fuzz.h"

enum { GLOB_MAX = 24, PATH_MAX_TRIED = 32 };

static bool name_fits(const char *glob, size_t glob_size, const char *name, size_t name_size)
{
	if (glob_size == 0)
		return name_size == 0;
	if (*glob == '*')
		return name_fits(glob + 1, glob_size - 1, name, name_size)
		    || (name_size > 0 && name_fits(glob, glob_size, name + 1, name_size - 1));
	return name_size > 0 && (*glob == '?' || *glob == *name)
	    && name_fits(glob + 1, glob_size - 1, name + 1, name_size - 1);
}

/* Component by component; NULL: none is left. */
static bool path_fits(const char *glob, const char *path)
{
	size_t glob_size, path_size;
	bool is_any;

	if (glob == NULL)
		return path == NULL;
	glob_size = strcspn(glob, "/");
	is_any = glob_size == 2 && glob[0] == '*' && glob[1] == '*';
	if (is_any && path_fits(glob[2] == '/' ? glob + 3 : NULL, path))
		return true;
	if (path == NULL)
		return false;
	path_size = strcspn(path, "/");
	if (is_any)
		return path_fits(glob, path[path_size] == '/' ? path + path_size + 1 : NULL);
	return name_fits(glob, glob_size, path, path_size)
	    && path_fits(glob[glob_size] == '/' ? glob + glob_size + 1 : NULL,
		path[path_size] == '/' ? path + path_size + 1 : NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { .left = BYTES(data, size) };
	struct arena arena = { 0 };
	const char *glob = fuzz_text(&input, &arena), *path = fuzz_text(&input, &arena);
	bool answer = path_glob_match(glob, bytes_of_text(path));

	if (strlen(glob) <= GLOB_MAX && strlen(path) <= PATH_MAX_TRIED && *path != '\0') {
		FUZZ_HOLDS(answer == path_fits(glob, path));
		if (strstr(glob, "**") == NULL && strpbrk(glob, "[\\") == NULL)
			FUZZ_HOLDS(answer == (fnmatch(glob, path, FNM_PATHNAME) == 0));
	}
	if (!path_glob_has_wildcard(bytes_of_text(glob)) && *path != '\0')
		FUZZ_HOLDS(answer == (strcmp(glob, path) == 0));
	if (answer)
		FUZZ_HOLDS(
		    path_glob_match_last(glob, bytes_of_text(path)) || strstr(glob, "**") != NULL);
	arena_fini(&arena);
	return 0;
}
