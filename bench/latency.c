/* SPDX-License-Identifier: Apache-2.0 */
/*
 * latency - looks into the store while it is written, and prints for each probe of a generator how
 * many milliseconds went by from its appending to the spool until it could be read there.
 *
 *     fettle-latency DATA SEED COUNT
 *
 * A probe's key ends in the wall time of its appending.  The store is looked at every few
 * milliseconds, and only at what came after the probe before.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/clock.h"
#include "sinks/store/query.h"

enum { LOOK_MS = 2, PATIENCE_MS = 60 * 1000 };

struct watch {
	struct query *query;
	char *prefix;
	uint64_t last_ms; /* when the newest probe that was seen had been appended */
	uint64_t seen;
};

static enum status take(void *visitor, const Fettle__ChangeVerdict *change, uint64_t stored_ms)
{
	struct watch *watch = visitor;
	char *key = text_copy_bytes(BYTES(change->key.data, change->key.len));
	uint64_t appended_ms = strtoull(key + strlen(watch->prefix), NULL, 10);

	(void)stored_ms;
	if (appended_ms > watch->last_ms) {
		printf("%" PRIu64 "\n", clock_wall_ms() - appended_ms);
		watch->last_ms = appended_ms;
		watch->seen++;
	}
	free(key);
	return STATUS_OK;
}

static enum status look(struct watch *watch)
{
	const struct query_changes wanted = { .since_ms = watch->last_ms,
		.key_prefix = bytes_of_text(watch->prefix) };
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000 * 1000 };

	nanosleep(&pause, NULL);
	return query_changes(watch->query, &wanted, take, watch);
}

int main(int argc, char **argv)
{
	struct watch watch = { .last_ms = clock_wall_ms() };
	uint64_t count, began_ms = clock_monotonic_ms();
	enum status status;

	if (argc != 4)
		return 2;
	count = strtoull(argv[3], NULL, 10);
	watch.prefix = text_format("test/%s/probe/", argv[2]);
	status = query_open(argv[1], &watch.query);
	while (status == STATUS_OK && watch.seen < count
	       && clock_monotonic_ms() - began_ms < PATIENCE_MS)
		status = look(&watch);
	query_close(watch.query);
	free(watch.prefix);
	if (status != STATUS_OK)
		fprintf(stderr, "latency: %s\n", status_text(status));
	return status == STATUS_OK && watch.seen == count ? 0 : 1;
}
