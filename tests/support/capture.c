/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/capture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/require.h"

enum { WORDS_MAX = 64, PART = 4096 };

/* Where a stream went before, and the file that it goes into now. */
struct diversion {
	FILE *stream;
	int before, file;
};

static void divert(struct diversion *diversion, FILE *stream)
{
	char path[] = "/tmp/fettle-capture-XXXXXX";

	diversion->stream = stream;
	diversion->file = mkstemp(path);
	REQUIRE(diversion->file >= 0 && unlink(path) == 0);
	fflush(stream);
	diversion->before = dup(fileno(stream));
	REQUIRE(diversion->before >= 0 && dup2(diversion->file, fileno(stream)) >= 0);
}

static void restore(struct diversion *diversion, struct buffer *said)
{
	ssize_t got = 1;

	fflush(diversion->stream);
	REQUIRE(dup2(diversion->before, fileno(diversion->stream)) >= 0);
	close(diversion->before);
	REQUIRE(lseek(diversion->file, 0, SEEK_SET) == 0);
	buffer_clear(said);
	while (got > 0) {
		uint8_t part[PART];

		got = read(diversion->file, part, sizeof(part));
		if (got > 0)
			buffer_append(said, BYTES(part, (size_t)got));
	}
	close(diversion->file);
}

int capture_run(struct capture *capture, int (*run)(int argc, char **argv), const char *line)
{
	char *copy = text_copy(line), *rest = copy, *word, *argv[WORDS_MAX + 1] = { NULL };
	struct diversion out, err;
	int argc = 0, result;

	while ((word = strsep(&rest, " ")) != NULL && argc < WORDS_MAX)
		argv[argc++] = word;
	divert(&out, stdout);
	divert(&err, stderr);
	result = run(argc, argv);
	restore(&out, &capture->out);
	restore(&err, &capture->err);
	free(copy);
	return result;
}

void capture_fini(struct capture *capture)
{
	buffer_fini(&capture->out);
	buffer_fini(&capture->err);
}
