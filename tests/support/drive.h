/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drive.h - turns a loop until what a test waits for has come.
 */
#ifndef TESTS_SUPPORT_DRIVE_H
#define TESTS_SUPPORT_DRIVE_H

#include <stdbool.h>
#include <uv.h>

/* False if it has not come within ten seconds, or the loop has nothing left to do. */
bool drive_until(uv_loop_t *loop, bool (*has_come)(void *data), void *data);

#endif
