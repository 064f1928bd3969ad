/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay - runs a target without libFuzzer: each input of its corpus, and seeded mutations of them.
 *
 *	fuzz_NAME MUTATIONS FILE|DIRECTORY...
 *
 * The same corpus makes the same inputs.  What a target says is not shown, because much of it is
 * about bad input; on the input that it dies of, that is written to a file and named.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { INPUTS_MAX = 4096, INPUT_MAX = 64 * 1024, CHANGES_MAX = 8 };

/* Of the sanitizers, where there are any. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));
void __sanitizer_set_report_fd(void *fd) __attribute__((weak));

static struct buffer inputs[INPUTS_MAX];
static size_t inputs_count;
static struct buffer current;
static const char *name;
static uint64_t state = 0x9e3779b97f4a7c15ULL;

static size_t draw(size_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (size_t)(state * 0x2545f4914f6cdd1dULL >> 33) % below;
}

/* ---- reading the corpus ---- */

static void read_file(const char *path)
{
	struct buffer *input = &inputs[inputs_count];
	FILE *file = fopen(path, "re");

	if (file == NULL || inputs_count == INPUTS_MAX) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(EXIT_FAILURE);
	}
	input->size = fread(buffer_extend(input, INPUT_MAX), 1, INPUT_MAX, file);
	fclose(file);
	inputs_count++;
}

static int is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void read_all(const char *path)
{
	struct dirent **entries;
	struct stat status;
	int count;

	if (stat(path, &status) == 0 && !S_ISDIR(status.st_mode)) {
		read_file(path);
		return;
	}
	count = scandir(path, &entries, is_shown, alphasort);
	for (int i = 0; i < count; i++) {
		char *file = text_format("%s/%s", path, entries[i]->d_name);

		read_file(file);
		free(file);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

/* ---- changing an input ---- */

static void flip(struct buffer *input)
{
	if (input->size > 0)
		input->data[draw(input->size)] ^= (uint8_t)(1U << draw(8));
}

static void set(struct buffer *input)
{
	static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff, '\n', '"', '*', '/', ':', ' ' };

	if (input->size > 0)
		input->data[draw(input->size)] = values[draw(sizeof(values))];
}

static void cut(struct buffer *input)
{
	size_t at = draw(input->size + 1), size = draw(input->size - at + 1);

	if (size == 0)
		return;
	memmove(input->data + at, input->data + at + size, input->size - at - size);
	input->size -= size;
}

/* Puts a part of OTHER into the middle of INPUT. */
static void insert(struct buffer *input, const struct buffer *other)
{
	size_t from = draw(other->size + 1), size = draw(other->size - from + 1) % 512;
	size_t at = draw(input->size + 1);

	if (size == 0 || input->size + size > INPUT_MAX)
		return;
	buffer_extend(input, size);
	memmove(input->data + at + size, input->data + at, input->size - size - at);
	memcpy(input->data + at, other->data + from, size);
}

static void change(struct buffer *input)
{
	switch (draw(6)) {
	case 0:
	case 1:
		flip(input);
		break;
	case 2:
		set(input);
		break;
	case 3:
		cut(input);
		break;
	default:
		insert(input, &inputs[draw(inputs_count)]);
	}
}

/* ---- running ---- */

static void keep_input(void)
{
	char path[256];
	int file;

	snprintf(path, sizeof(path), "%s.died", name);
	file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (file >= 0 && write(file, current.data, current.size) == (ssize_t)current.size)
		dprintf(fuzz_report_fd, "died on the %zu bytes in %s: run it with `%s 0 %s`\n",
		    current.size, path, name, path);
	else
		dprintf(fuzz_report_fd, "died, and the input could not be kept in %s\n", path);
}

static void on_signal(int number)
{
	keep_input();
	signal(number, SIG_DFL);
	raise(number);
}

static void run(const struct buffer *input)
{
	buffer_clear(&current);
	buffer_append(&current, buffer_bytes(input));
	(void)LLVMFuzzerTestOneInput(current.data, current.size);
}

/* One file by hand: all that is said is wanted. */
static void be_quiet(void)
{
	if (inputs_count == 1)
		return;
	fuzz_report_fd = dup(STDERR_FILENO);
	if (__sanitizer_set_report_fd != NULL)
		__sanitizer_set_report_fd((void *)(intptr_t)fuzz_report_fd);
	(void)!freopen("/dev/null", "w", stderr);
}

int main(int argc, char **argv)
{
	size_t mutations = argc < 3 ? 0 : strtoul(argv[1], NULL, 10);

	name = argv[0];
	for (int i = 2; i < argc; i++)
		read_all(argv[i]);
	if (inputs_count == 0) {
		fprintf(stderr, "use: %s MUTATIONS FILE|DIRECTORY...\n", name);
		return EXIT_FAILURE;
	}
	be_quiet();
	if (__sanitizer_set_death_callback != NULL)
		__sanitizer_set_death_callback(keep_input);
	else
		signal(SIGSEGV, on_signal);
	signal(SIGABRT, on_signal);
	for (size_t i = 0; i < inputs_count; i++)
		run(&inputs[i]);
	for (size_t i = 0; i < mutations; i++) {
		struct buffer input = { 0 };

		buffer_append(&input, buffer_bytes(&inputs[draw(inputs_count)]));
		for (size_t changes = draw(CHANGES_MAX) + 1; changes > 0; changes--)
			change(&input);
		run(&input);
		buffer_fini(&input);
	}
	dprintf(fuzz_report_fd, "inputs=%zu of which %zu mutated\n", inputs_count + mutations,
	    mutations);
	for (size_t i = 0; i < inputs_count; i++)
		buffer_fini(&inputs[i]);
	buffer_fini(&current);
	return EXIT_SUCCESS;
}
