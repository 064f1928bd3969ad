/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain.h - what a change is expected by: the package that brought it, the maintainer scripts of
 * one, or a job.
 *
 * A file is explained by its content, not by the moment: where it is as its package shipped it,
 * that package explains it.  What maintainer scripts may write (the watch list says which files,
 * and the table in explain.c which facts) is explained by a transaction that was under way. Nothing
 * else is: not what somebody put into /etc/sudoers.d while packages happened to be installed.
 */
#ifndef PROCESSORS_DETECT_EXPLAIN_H
#define PROCESSORS_DETECT_EXPLAIN_H

#include "core/event.h"
#include "core/stage.h"
#include "processors/detect/watchlist.h"

/* A change that is to be judged. */
struct suspect {
	const struct asset_ref *asset;
	struct bytes key;
	struct fact before, after;
	uint64_t received_ms, observed_ms;   /* by the server's clock, and by the endpoint's */
	const struct watchlist_entry *entry; /* NULL: it is no watched file */
};

struct explain_limits {
	uint64_t grace_ms;       /* after a transaction: what it did may be seen late */
	uint64_t transaction_ms; /* a longer one explains nothing any more */
};

/* A unit hardly has more drop-ins, and an endpoint may say that it has thousands. */
enum { EXPLAIN_DROP_INS_MAX = 64 };

enum explained { UNEXPLAINED, EXPLAINED, EXPLAINED_LATER };

struct explanation {
	enum explained kind;
	const char *by;      /* EXPLAINED: "package openssh-server", "job 1a2b3c4d5e6f" */
	const char *package; /* that owns the file it is about; NULL: none that is known */
	uint64_t later_ms;   /* EXPLAINED_LATER: when to ask again */
};

/* What OUT points to is in the arena.  CORRUPT, IO. */
NODISCARD enum status explain(struct stage_io *io, const struct explain_limits *limits,
    const struct suspect *suspect, struct explanation *out);

/* Whether both are the same but for what is said of whose file it is. */
bool explain_is_same_file(const struct fact *a, const struct fact *b);
/* The file that a fact is or names: "/etc/cron.d/x"; NONE if none. */
struct bytes explain_path(struct bytes key, const struct fact *fact);
/* The files that add to a unit, with blanks between; NONE of other facts. */
struct bytes explain_drop_ins(struct bytes key, const struct fact *fact);
/* Takes the first of them off REST; false where there is none. */
bool explain_next_drop_in(struct bytes *rest, struct bytes *path);
/*
 * Whether a change of SUSPECT, of which rules may speak or not, stands for the change of the file
 * that the fact is read from.
 */
bool explain_stands_for_file(const struct suspect *suspect, bool is_spoken);

#endif
