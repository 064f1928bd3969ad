/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fettle-spool-counts - what a spool has made of all that was appended to it, as JSON, so that a
 * test can hold it against the log and the gaps.  Its agent must not run.
 */
#include <inttypes.h>
#include <stdio.h>

#include "core/spool/parts.h"

static void show_lane(const struct spool_lane *lane, const char *after)
{
	printf("{\"appended\": %" PRIu64 ", \"sent\": %" PRIu64 ", \"waiting\": %" PRIu64
	       ", \"merged\": %" PRIu64 ", \"evicted\": %" PRIu64 ", \"refused\": %" PRIu64 "}%s",
	    lane->appended, lane->sequence, lane->records - (lane->sequence - lane->acked),
	    lane->coalesced, lane->evicted, lane->refused, after);
}

int main(int argc, char **argv)
{
	struct spool *spool = NULL;

	if (argc != 2 || spool_open(argv[1], 1 << 20, &spool) != STATUS_OK) {
		fputs("fettle-spool-counts SPOOL\n", stderr);
		return 1;
	}
	fputs("{\"lanes\": [", stdout);
	for (unsigned lane = 1; lane < LANE_END; lane++)
		show_lane(&spool->now.lanes[lane], lane + 1 < LANE_END ? ", " : "");
	puts("]}");
	spool_close(spool);
	return 0;
}
