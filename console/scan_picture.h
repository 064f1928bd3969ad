/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_picture.h - all that is known of one asset, from state and store, as a page needs it.
 */
#ifndef CONSOLE_SCAN_PICTURE_H
#define CONSOLE_SCAN_PICTURE_H

#include "console/scan_page.h"
#include "processors/state/reader.h"
#include "sinks/store/query.h"

enum { PICTURE_COLLECTORS_MAX = 32, PICTURE_NOT_RUN_MAX = 3, PICTURE_WORST_MAX = 8 };

enum picture_look { PICTURE_COMPLETE, PICTURE_UNFINISHED, PICTURE_SKIPPED };

struct scan_picture {
	const struct console *console;
	const struct scan_summary *summary;
	/* Each open finding, the worst first; NULL: nobody wants them all. */
	void (*on_finding)(void *data, const Fettle__FindingVerdict *finding);
	void *callback_data;
	struct arena arena; /* of all that is pointed to */

	const char *name, *system; /* "" where not known */
	uint64_t last_seen_ms;
	uint64_t facts, packages, files, unreadable;
	struct state_score score;

	/* In the order of collectors_all. */
	struct picture_collector {
		const char *name;
		uint64_t facts;
		uint32_t answered; /* bits: the scopes that it has looked at, or said why not */
		enum picture_look look;
	} collectors[PICTURE_COLLECTORS_MAX];
	size_t collectors_count;

	/* Open findings; the worst of those that are no missing patches, and patches by severity.
	 */
	uint64_t open, patches, security_patches;
	const Fettle__FindingVerdict *worst[PICTURE_WORST_MAX];
	size_t worst_count;
	struct picture_patches {
		uint64_t count, due_ms; /* the soonest; 0: none has a date */
		struct buffer names;    /* as many as a line may take */
	} patches_by_rank[RANKS];

	/* Checks that were not run: the first few. */
	struct {
		const char *check, *why;
	} not_run[PICTURE_NOT_RUN_MAX];
	size_t not_run_count;
};

/* Zeroed but for CONSOLE, SUMMARY and the callback.  What does not exist yet counts as nothing. */
NODISCARD enum status scan_picture_take(struct scan_picture *picture);
void scan_picture_fini(struct scan_picture *picture);

/* The line that shows it: that of the last rule that was asked.  May be NULL. */
const char *scan_picture_why(const Fettle__FindingVerdict *finding);

#endif
