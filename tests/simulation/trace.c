/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/trace.h"

#include <inttypes.h>
#include <stdarg.h>

#include "tests/simulation/moment.h"

enum { EVENTS = 60, EVENT_SIZE = 160 };

static const uint64_t FNV_BASIS = 14695981039346656037ULL;

static struct {
	char events[EVENTS][EVENT_SIZE];
	uint64_t count, hash;
} trace;

void trace_reset(void)
{
	trace.count = 0;
	trace.hash = FNV_BASIS;
}

void trace_number(uint64_t number)
{
	for (unsigned i = 0; i < 8; i++)
		trace.hash = (trace.hash ^ ((number >> (8 * i)) & 0xff)) * 1099511628211ULL;
}

void trace_event(const char *format, ...)
{
	char *event = trace.events[trace.count++ % EVENTS];
	uint64_t now_ms = moment_now() / MOMENT_MS;
	va_list arguments;
	int used = snprintf(event, EVENT_SIZE,
	    "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64 ".%03" PRIu64 " ", now_ms / 3600000,
	    now_ms / 60000 % 60, now_ms / 1000 % 60, now_ms % 1000);

	va_start(arguments, format);
	vsnprintf(event + used, EVENT_SIZE - (size_t)used, format, arguments);
	va_end(arguments);
	fprintf(stderr, "%s\n", event); /* among what the roles say */
	for (const char *at = event; *at != '\0'; at++)
		trace_number((uint64_t)*at);
}

uint64_t trace_hash(void)
{
	return trace.hash;
}

void trace_print(FILE *out)
{
	uint64_t first = trace.count > EVENTS ? trace.count - EVENTS : 0;

	for (uint64_t i = first; i < trace.count; i++)
		fprintf(out, "  %s\n", trace.events[i % EVENTS]);
}
