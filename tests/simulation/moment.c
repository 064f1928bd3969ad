/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/moment.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Nobody's machine is at the beginning of its time when a run begins. */
static const uint64_t BOOTED = 100 * MOMENT_HOUR;
static const uint64_t WALL_S = 1795000000; /* in November 2026 */

static uint64_t now;
static int64_t skew_ms;

uint64_t moment_now(void)
{
	return now;
}

void moment_set(uint64_t now_)
{
	now = now_;
}

void moment_set_skew_ms(int64_t skew_ms_)
{
	skew_ms = skew_ms_;
}

uint64_t moment_real(void)
{
	struct timespec time;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * MOMENT_S + (uint64_t)time.tv_nsec;
}

/* libuv calls it, too. */
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *out)
{
	uint64_t at = BOOTED + now;

	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
		at = WALL_S * MOMENT_S + now + (uint64_t)(skew_ms * (int64_t)MOMENT_MS);
	out->tv_sec = (time_t)(at / MOMENT_S);
	out->tv_nsec = (long)(at % MOMENT_S);
	return 0;
}
