/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moment.h - virtual time.  The process's clock_gettime is replaced, so that core/clock.h and libuv
 * itself go by it; it moves only when the scheduler says so.
 */
#ifndef TESTS_SIMULATION_MOMENT_H
#define TESTS_SIMULATION_MOMENT_H

#include <stdint.h>

#define MOMENT_MS UINT64_C(1000000)
#define MOMENT_S (1000 * MOMENT_MS)
#define MOMENT_MINUTE (60 * MOMENT_S)
#define MOMENT_HOUR (60 * MOMENT_MINUTE)
#define MOMENT_NEVER UINT64_MAX

uint64_t moment_now(void); /* nanoseconds since the run began */
void moment_set(uint64_t now);
/* By how much the wall clock of whoever runs now is off. */
void moment_set_skew_ms(int64_t skew_ms);
/* Nanoseconds of the real world, for measuring. */
uint64_t moment_real(void);

#endif
