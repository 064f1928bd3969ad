/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int fuzz_report_fd = STDERR_FILENO;

void fuzz_failed(const char *file, int line, const char *condition)
{
	dprintf(fuzz_report_fd, "%s:%d: this does not hold: %s\n", file, line, condition);
	abort();
}

bool fuzz_has_more(const struct fuzz_input *input)
{
	return input->left.size > 0;
}

static struct bytes take(struct fuzz_input *input, size_t size)
{
	struct bytes taken = BYTES(input->left.data,
	    size < input->left.size ? size : input->left.size);

	input->left.data += taken.size;
	input->left.size -= taken.size;
	return taken;
}

uint8_t fuzz_u8(struct fuzz_input *input)
{
	struct bytes taken = take(input, 1);

	return taken.size == 1 ? taken.data[0] : 0;
}

uint16_t fuzz_u16(struct fuzz_input *input)
{
	unsigned high = fuzz_u8(input);

	return (uint16_t)(high << 8 | fuzz_u8(input));
}

uint64_t fuzz_number(struct fuzz_input *input)
{
	uint8_t first = fuzz_u8(input);
	uint64_t number = 0;

	if (first < 0xf0)
		return first;
	for (int i = 0; i < 1 << (first & 3); i++)
		number = number << 8 | fuzz_u8(input);
	return (first & 4) != 0 ? ~number : number;
}

struct bytes fuzz_bytes(struct fuzz_input *input, size_t most)
{
	size_t size = most < 256 ? fuzz_u8(input) : fuzz_u16(input);

	return take(input, size % (most + 1));
}

struct bytes fuzz_piece(struct fuzz_input *input)
{
	const uint8_t *end = input->left.size == 0 ? NULL
	                                           : memchr(input->left.data, 0, input->left.size);
	struct bytes piece = take(input,
	    end == NULL ? input->left.size : (size_t)(end - input->left.data));

	take(input, 1);
	return piece;
}

const char *fuzz_text(struct fuzz_input *input, struct arena *arena)
{
	struct bytes piece = fuzz_piece(input);

	return arena_format(arena, "%.*s", (int)piece.size, (const char *)piece.data);
}

/* ---- a directory ---- */

static char directory[64];
static pid_t owner;

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)status;
	(void)type;
	(void)at;
	return remove(path);
}

static void remove_directory(void)
{
	if (getpid() == owner)
		(void)nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_directory(void)
{
	if (directory[0] != '\0')
		return directory;
	snprintf(directory, sizeof(directory), "%s/fettle-fuzz-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	FUZZ_HOLDS(mkdtemp(directory) != NULL);
	owner = getpid();
	atexit(remove_directory);
	return directory;
}
