/* SPDX-License-Identifier: Apache-2.0 */
#include "core/clock.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/hash.h"

static uint64_t read_clock(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t clock_wall_ms(void)
{
	return read_clock(CLOCK_REALTIME);
}

uint64_t clock_monotonic_ms(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

void clock_boot_id(uint8_t out[BOOT_ID_SIZE])
{
	char text[64] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	size_t kept = 0;

	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i < size; i++)
		if (isxdigit((unsigned char)text[i]))
			text[kept++] = text[i];
	text[kept] = '\0';
	/* Where the system has no boot id, every start counts as a boot. */
	if (!bytes_from_hex(text, out, BOOT_ID_SIZE))
		hash_random(out, BOOT_ID_SIZE);
}

void clock_format(uint64_t wall_ms, char out[CLOCK_TEXT_SIZE])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm parts;
	char text[CLOCK_TEXT_SIZE];

	/* Beyond year 9999 RFC 3339 has no form. */
	if (wall_ms > 253402300799999 || gmtime_r(&seconds, &parts) == NULL) {
		strcpy(out, "9999-12-31T23:59:59.999Z");
		return;
	}
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(out, CLOCK_TEXT_SIZE, "%.19s.%03uZ", text, (unsigned)(wall_ms % 1000));
}

struct unit {
	const char *suffix, *name;
	uint64_t ms;
};

static const struct unit units[] = {
	{ "w", "week", 7ULL * 24 * 3600 * 1000 },
	{ "d", "day", 24ULL * 3600 * 1000 },
	{ "h", "hour", 3600ULL * 1000 },
	{ "m", "minute", 60ULL * 1000 },
	{ "s", "second", 1000 },
	{ "ms", NULL, 1 },
};

enum { UNITS = sizeof(units) / sizeof(units[0]) };

void clock_format_age(uint64_t wall_ms, uint64_t now_ms, char out[CLOCK_TEXT_SIZE])
{
	uint64_t distance = wall_ms > now_ms ? wall_ms - now_ms : now_ms - wall_ms;

	for (size_t i = 1; i < UNITS && units[i].name != NULL; i++) {
		uint64_t count = distance / units[i].ms;
		const char *plural = count == 1 ? "" : "s";

		if (count == 0)
			continue;
		if (wall_ms > now_ms)
			snprintf(out, CLOCK_TEXT_SIZE, "in %llu %s%s", (unsigned long long)count,
			    units[i].name, plural);
		else
			snprintf(out, CLOCK_TEXT_SIZE, "%llu %s%s ago", (unsigned long long)count,
			    units[i].name, plural);
		return;
	}
	strcpy(out, "just now");
}

bool clock_parse_duration(const char *text, uint64_t *out_ms)
{
	char *end;
	unsigned long long count;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	count = strtoull(text, &end, 10);
	if (errno != 0)
		return false;
	for (size_t i = 0; i < UNITS; i++) {
		if (strcmp(end, units[i].suffix) != 0 && !(*end == '\0' && units[i].ms == 1000))
			continue;
		if (count > UINT64_MAX / units[i].ms)
			return false;
		*out_ms = count * units[i].ms;
		return true;
	}
	return false;
}

uint64_t clock_jitter_ms(uint64_t base_ms)
{
	uint64_t random;

	hash_random((uint8_t *)&random, sizeof(random));
	return base_ms == 0 ? 0 : base_ms / 2 + random % base_ms;
}
