/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor may change hands between the look at it and its end: another thread's connection,
 * opened in those microseconds, would be ended once, and is made again.  Its cookie is looked at
 * last, so the window is as short as it can be.
 */
#include "brokers/front/guard.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "brokers/front/received.h"
#include "brokers/network.h"
#include "core/clock.h"
#include "core/log.h"

enum {
	TICK_MS = 100,
	SUSPECT_MS = 20,
	LOOK_MS = 1000,
	REPORT_MS = 10 * 1000,
	TRIM_MS = 1000,
	GROWTH_BYTES = 4 * 1024 * 1024,
	TRIM_BYTES = 16 * 1024 * 1024,
	QUEUE_WORTH_ASKING = 4096,
	STATUS_TEXT = 4096,
};

struct guard {
	struct guard_options options;
	struct ledger *ledger;
	uv_timer_t timer;
	in_port_t ports[LEDGER_DOORS]; /* network order; 0: not watched */
	int statm;
	uint64_t looked_ms, reported_ms, trimmed_ms;
	uint64_t memory_at_look, memory_peak;
	uint64_t ended[LEDGER_REASONS], cut, ended_in_all;
	bool has_news;
	char address[NETWORK_TEXT_MAX]; /* of the last one that was ended */
};

/* ---- the process ---- */

uint64_t guard_raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur;
}

/* Resident bytes; 0 where the system does not say. */
static uint64_t memory_in_use(const struct guard *guard)
{
	char text[128];
	unsigned long pages;
	ssize_t size = guard->statm < 0 ? 0 : pread(guard->statm, text, sizeof(text) - 1, 0);

	if (size <= 0)
		return 0;
	text[size] = '\0';
	return sscanf(text, "%*u %lu", &pages) == 1 ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* One more than the highest descriptor that there can be now: the size of the kernel's table. */
static int descriptors(void)
{
	char text[STATUS_TEXT];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	const char *line;
	struct rlimit limit;

	if (fd >= 0)
		close(fd);
	text[size > 0 ? size : 0] = '\0';
	line = strstr(text, "\nFDSize:");
	if (line != NULL)
		return (int)strtol(line + strlen("\nFDSize:"), NULL, 10);
	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (int)limit.rlim_cur : 0;
}

/* ---- one connection ---- */

static in_port_t port_of(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET)
		return ((const struct sockaddr_in *)address)->sin_port;
	return address->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)address)->sin6_port
	                                      : 0;
}

/* LEDGER_DOORS: none of ours. */
static enum ledger_door door_of(const struct guard *guard, in_port_t port)
{
	int door = 0;

	while (door < LEDGER_DOORS && (port == 0 || guard->ports[door] != port))
		door++;
	return (enum ledger_door)door;
}

/* False where FD is nobody's connection to a door: another file, or the listener itself. */
static bool read_address(const struct guard *guard, int fd, struct ledger_connection *out)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
		return false;
	out->door = door_of(guard, port_of(&address));
	size = sizeof(address);
	if (out->door == LEDGER_DOORS || getpeername(fd, (struct sockaddr *)&address, &size) != 0)
		return false;
	if (address.ss_family == AF_INET6) {
		memcpy(out->address, &((struct sockaddr_in6 *)&address)->sin6_addr, LEDGER_ADDRESS);
	} else {
		out->address[10] = out->address[11] = 0xff;
		memcpy(out->address + 12, &((struct sockaddr_in *)&address)->sin_addr, 4);
	}
	return true;
}

static void look_at(struct guard *guard, int fd)
{
	struct ledger_connection connection = { 0 };
	socklen_t size = sizeof(connection.cookie);
	int queued = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &connection.cookie, &size) != 0)
		return;
	if (ledger_cookie(guard->ledger, fd) != connection.cookie
	    && !read_address(guard, fd, &connection))
		return;
	if (!received_bytes(fd, &connection.received))
		return;
	if (connection.received > QUEUE_WORTH_ASKING && ioctl(fd, SIOCINQ, &queued) == 0)
		connection.queued = (uint64_t)queued;
	ledger_see(guard->ledger, fd, &connection);
}

/* ---- a look at all ---- */

static void on_shut(void *self, const struct ledger_end *end)
{
	struct guard *guard = self;

	socket_disconnect(end->fd);
	guard->ended[end->reason]++;
	guard->ended_in_all++;
	guard->has_news = true;
	network_address_text(end->address, guard->address);
	if (end->reason == LEDGER_ENDLESS && end->agent != NULL)
		guard->options.on_endless(guard->options.self, end->agent);
}

static void look(struct guard *guard, uint64_t now_ms)
{
	struct ledger_front fronts[LEDGER_DOORS];
	int end = descriptors();

	guard->looked_ms = now_ms;
	for (int door = 0; door < LEDGER_DOORS; door++)
		fronts[door] = guard->options.front_state(guard->options.self,
		    (enum ledger_door)door);
	ledger_begin(guard->ledger, now_ms);
	for (int fd = 0; fd < end; fd++)
		look_at(guard, fd);
	ledger_judge(guard->ledger, fronts, on_shut, guard);
	if (!fronts[LEDGER_AGENTS].is_read
	    && ledger_totals(guard->ledger)->held > guard->options.limits.held_max)
		guard->options.on_flooded(guard->options.self);
}

/* At once, and then at most every ten seconds. */
static void report(struct guard *guard, uint64_t now_ms)
{
	const struct ledger_totals *totals = ledger_totals(guard->ledger);

	if (!guard->has_news
	    || (guard->reported_ms != 0 && now_ms - guard->reported_ms < REPORT_MS))
		return;
	log_write(LOG_WARN, "gateway-pressure",
	    LOG_FIELDS(LOG_NUMBER("connections", totals->connections),
		LOG_NUMBER("strangers", totals->strangers),
		LOG_NUMBER("enrolling", totals->enrolling), LOG_NUMBER("held", totals->held),
		LOG_NUMBER("memory", guard->memory_peak),
		LOG_NUMBER("endless", guard->ended[LEDGER_ENDLESS]),
		LOG_NUMBER("holds_most", guard->ended[LEDGER_HOLDS_MOST]),
		LOG_NUMBER("babbles", guard->ended[LEDGER_BABBLES]),
		LOG_NUMBER("mute", guard->ended[LEDGER_MUTE]),
		LOG_NUMBER("crowd", guard->ended[LEDGER_CROWD]),
		LOG_NUMBER("full", guard->ended[LEDGER_FULL]),
		LOG_NUMBER("twins", guard->ended[LEDGER_TWINS]), LOG_NUMBER("cut", guard->cut),
		LOG_TEXT("last_address", guard->address)),
	    "connections were ended, for the reasons counted here; the others are served");
	guard->reported_ms = now_ms;
	guard->has_news = false;
	guard->memory_peak = 0;
	guard->cut = 0;
	memset(guard->ended, 0, sizeof(guard->ended));
}

/* What an attack had taken is given back to the system and not kept for the next one. */
static void trim(struct guard *guard, uint64_t memory, uint64_t now_ms)
{
	uint64_t held = ledger_totals(guard->ledger)->held;

	if (now_ms - guard->trimmed_ms < TRIM_MS || memory < held + TRIM_BYTES
	    || guard->ended_in_all == 0 || !guard->has_news)
		return;
	guard->trimmed_ms = now_ms;
	malloc_trim(0);
}

static void on_timer(uv_timer_t *timer)
{
	struct guard *guard = timer->data;
	const struct ledger_totals *totals = ledger_totals(guard->ledger);
	uint64_t now_ms = clock_monotonic_ms(), memory = memory_in_use(guard);
	bool has_grown = memory > guard->memory_at_look + GROWTH_BYTES;

	if (memory > guard->memory_peak)
		guard->memory_peak = memory;
	if (has_grown || totals->has_suspect || now_ms - guard->looked_ms >= LOOK_MS) {
		guard->memory_at_look = memory;
		look(guard, now_ms);
		trim(guard, memory, now_ms);
		report(guard, now_ms);
	}
	uv_timer_start(timer, on_timer, totals->has_suspect ? SUSPECT_MS : TICK_MS, 0);
}

/* ---- life ---- */

static in_port_t port_of_endpoint(const char *endpoint)
{
	const char *colon = endpoint == NULL ? NULL : strrchr(endpoint, ':');

	if (colon == NULL || strncmp(endpoint, "tcp://", 6) != 0)
		return 0;
	return htons((uint16_t)strtoul(colon + 1, NULL, 10));
}

struct guard *guard_new(const struct guard_options *options)
{
	struct guard *guard = memory_new(sizeof(*guard));
	bool is_watching = false;

	guard->options = *options;
	for (int door = 0; door < LEDGER_DOORS; door++) {
		guard->options.endpoints[door] = NULL; /* borrowed for the call */
		guard->ports[door] = port_of_endpoint(options->endpoints[door]);
		is_watching |= guard->ports[door] != 0;
	}
	guard->ledger = ledger_new(&options->limits);
	guard->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	uv_timer_init(options->loop, &guard->timer);
	guard->timer.data = guard;
	if (is_watching)
		uv_timer_start(&guard->timer, on_timer, TICK_MS, 0);
	return guard;
}

static void on_closed(uv_handle_t *handle)
{
	struct guard *guard = handle->data;

	ledger_free(guard->ledger);
	if (guard->statm >= 0)
		close(guard->statm);
	free(guard);
}

void guard_free(struct guard *guard)
{
	if (guard != NULL)
		uv_close((uv_handle_t *)&guard->timer, on_closed);
}

void guard_delivered(struct guard *guard, int fd, size_t size, const uint8_t agent[16])
{
	ledger_delivered(guard->ledger, fd, size, agent);
}

void guard_note_cut(struct guard *guard)
{
	guard->cut++;
	guard->has_news = true;
}

uint64_t guard_ended(const struct guard *guard)
{
	return guard->ended_in_all;
}
