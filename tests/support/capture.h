/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture.h - runs a program's main in this process, and keeps what it says.
 */
#ifndef TESTS_SUPPORT_CAPTURE_H
#define TESTS_SUPPORT_CAPTURE_H

#include "core/bytes.h"

/* All zeroes is an empty one. */
struct capture {
	struct buffer out, err; /* what went to standard output, and to standard error */
};

/* RUN with the words of LINE, which single spaces divide; what it returned. */
int capture_run(struct capture *capture, int (*run)(int argc, char **argv), const char *line);
void capture_fini(struct capture *capture);

#endif
