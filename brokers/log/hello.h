/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello.h - what the log makes of an agent's hello: a pure function of what it remembers of that
 * agent and of what the hello says.  docs/delivery.md has the table.
 *
 * A run of an agent is told from all others by 16 random bytes (Hello.instance).  That somebody is
 * alive is never guessed from silence: a clone is known by a run or a spool that speaks again after
 * another had taken over from it, which no restart does.  So whoever has named a run must go on to:
 * a thief of the key who names none would not be told from its owner.
 */
#ifndef BROKERS_LOG_HELLO_H
#define BROKERS_LOG_HELLO_H

#include <stdbool.h>
#include <stdint.h>

enum hello_verdict {
	HELLO_NEW,         /* never seen */
	HELLO_RESUMED,     /* the same run as before, or one that names none */
	HELLO_SUPERSEDED,  /* a later run of the same spool takes over */
	HELLO_OTHER_SPOOL, /* the spool was made anew: what waited in the old one is not known */
	HELLO_ROLLED_BACK, /* the spool is an older one: it came back from a backup, or is a copy */
	HELLO_RETURNED,    /* a run or a spool is back that another had followed: once may happen */
	HELLO_CLONE,       /* ... and again: two machines speak with one key */
	HELLO_OVERTAKEN,   /* by a run of before, said before the last one spoke: it came late */
	HELLO_NAMELESS,    /* it names no run, and the agent did before: it is refused */
};

/* How often a run, or a spool, may return before it is a clone: frames may overtake each other,
 * once. */
enum { HELLO_RETURNS_MAX = 1 };

/* What a dialler says within three minutes.  More of them than that were not on their way: somebody
 * with a clock ahead has taken over from a run that still speaks. */
enum { HELLO_OVERTAKEN_MAX = 8 };

struct hello_facts {
	bool is_known;        /* the log remembers the agent */
	bool is_same_spool;   /* the spool's uuid is the last one */
	bool has_instance;    /* both the hello and what is remembered name a run */
	bool is_last_run;     /* that is the last one */
	bool is_older_run;    /* it is one of those before */
	bool was_said_before; /* than the last run's first hello, on the same boot of one machine */
	bool is_older_spool;  /* the spool is one of those before the last */
	bool is_nameless;     /* the hello names no run, and the agent has named one before */
	bool has_later_start; /* the spool was opened more often than when it was last seen */
	bool is_behind;       /* the spool has sent less than is committed, or something else */
	uint32_t overtaken;   /* how often that was judged since the last run's first hello */
	uint32_t returns;     /* how often a run or a spool has returned before */
};

enum hello_verdict hello_judge(const struct hello_facts *facts);

/* True where all that the agent sent before is over: it is given a new epoch. */
bool hello_begins_epoch(enum hello_verdict verdict);

#endif
