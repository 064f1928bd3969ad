/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scratch.h - a temporary directory for a test, and the files in it.
 */
#ifndef TESTS_SUPPORT_SCRATCH_H
#define TESTS_SUPPORT_SCRATCH_H

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A fresh directory; *test becomes its path (char *).  Fixtures for
 * cmocka_unit_test_setup_teardown. */
int scratch_start(void **test);
int scratch_stop(void **test); /* removes it and all in it */

/* DIRECTORY/NAME, in one of eight rotating static buffers. */
const char *scratch_path(const char *directory, const char *name);

/* Writes the file NAME of DIRECTORY, making directories on the way; fails the test if it cannot. */
void scratch_write(const char *directory, const char *name, const char *text);

#endif
