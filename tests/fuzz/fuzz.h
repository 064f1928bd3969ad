/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz.h - what a target is: bytes go in, and something must hold whatever they are.
 *
 * A target is run by libFuzzer, which looks for new ways through the code, and by replay.c, which
 * takes the corpus and a fixed number of seeded mutations of it.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "core/bytes.h"

/* The one function of a target, by the name that libFuzzer calls.  Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold.  Unlike REQUIRE it is about the code under test and not about its caller. */
#define FUZZ_HOLDS(condition) ((condition) ? (void)0 : fuzz_failed(__FILE__, __LINE__, #condition))
_Noreturn void fuzz_failed(const char *file, int line, const char *condition);
/* Where that is said: standard error, unless a runner has put it elsewhere. */
extern int fuzz_report_fd;

/* Input as a script: each call takes something off its front.  At the end it is zeroes. */
struct fuzz_input {
	struct bytes left;
};

bool fuzz_has_more(const struct fuzz_input *input);
uint8_t fuzz_u8(struct fuzz_input *input);
uint16_t fuzz_u16(struct fuzz_input *input);
/* Mostly small, sometimes anything: where bounds are. */
uint64_t fuzz_number(struct fuzz_input *input);
/* At most MOST bytes, of a length that the input says. */
struct bytes fuzz_bytes(struct fuzz_input *input, size_t most);
/* Up to the next byte of zero, which is taken too; all that is left where there is none. */
struct bytes fuzz_piece(struct fuzz_input *input);
/* The same as text, in ARENA. */
const char *fuzz_text(struct fuzz_input *input, struct arena *arena);

/* A directory of this process, on a disk of memory where there is one; removed when it ends. */
const char *fuzz_directory(void);

#endif
