/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions are in one order: each is as old as itself, of two one is the older from both sides, and
 * what is newer than something newer is newer.
 */
#include "processors/version/deb.h"

#include "tests/fuzz/fuzz.h"

enum { VERSIONS = 3 };

static int sign(int number)
{
	return (number > 0) - (number < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { .left = BYTES(data, size) };
	struct bytes versions[VERSIONS] = { fuzz_piece(&input), fuzz_piece(&input),
		fuzz_piece(&input) };
	int order[VERSIONS][VERSIONS];

	for (size_t a = 0; a < VERSIONS; a++)
		for (size_t b = 0; b < VERSIONS; b++)
			if (version_deb_compare(versions[a], versions[b], &order[a][b])
			    != STATUS_OK)
				return 0;
	for (size_t a = 0; a < VERSIONS; a++)
		for (size_t b = 0; b < VERSIONS; b++) {
			size_t c = VERSIONS - a - b;

			FUZZ_HOLDS(sign(order[a][b]) == -sign(order[b][a]));
			FUZZ_HOLDS(a != b || order[a][b] == 0);
			if (a != b && order[a][b] <= 0 && order[b][c] <= 0)
				FUZZ_HOLDS(order[a][c] <= 0);
		}
	return 0;
}
