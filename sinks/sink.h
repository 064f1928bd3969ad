/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink.h - what every sink provides.
 *
 * A sink takes verdicts in their order and delivers them; what it has made durable (or had
 * acknowledged by another system) it reports, and only then is it forgotten upstream.  It owns its
 * position: after a start it says from where it wants to be sent.
 *
 * A sink to the outside (has_targets) runs once for each target of its section, which is a list.
 * Upstream keeps no more than `lag_max` verdicts for it; if it falls behind further it is told what
 * it will not be given, and makes that known.
 */
#ifndef SINKS_SINK_H
#define SINKS_SINK_H

#include <uv.h>

#include "core/bytes.h"
#include "core/setting.h"
#include "core/status.h"

struct sink_context {
	uv_loop_t *loop;
	const char *data; /* the data directory */
	const char *name; /* of the target; that of the sink where it has none */
	/* Everything up to and including OFFSET is delivered; on the loop's thread. */
	void (*on_delivered)(void *host, uint64_t offset);
	/* It cannot go on, for a reason that it has logged. */
	void (*on_failed)(void *host, enum status status);
	void *host;
};

/* What the host needs to know of a target. */
struct sink_target {
	const char *name;  /* "soc": unlike any other target's */
	const char *where; /* "tcp://127.0.0.1:514", for people */
	uint64_t lag_max;  /* verdicts */
};

struct sink {
	const char *name; /* of its section, too */
	const char *summary;
	const struct setting *settings; /* ends with SETTING_END; NULL: none */
	size_t settings_size;
	bool has_targets;

	/*
	 * The target that SETTINGS describe, borrowed from them; NULL where there are no targets.
	 * INVALID: WHY says what is wrong with them.
	 */
	enum status (*describe)(const void *settings, struct sink_target *out, struct buffer *why);

	/* POSITION: the last offset delivered in an earlier life; 0 if none. */
	enum status (*start)(const struct sink_context *context, const void *settings, void **self,
	    uint64_t *position);
	/*
	 * COUNT verdict records (encoded Record of proto/record.proto), numbered from FIRST,
	 * borrowed for the call; an empty one is to be passed over.
	 */
	void (*take)(void *self, uint64_t first, const struct bytes *records, size_t count);
	/*
	 * The verdicts up to LAST are not kept any more: it goes on after them, and has reported so
	 * when this returns.  NULL: it cannot be left behind.
	 */
	void (*skip)(void *self, uint64_t last);
	/* No more is waiting: a good moment to commit. */
	void (*flush)(void *self);
	void (*stop)(void *self); /* closes its handles; the loop turns until none is left */
	void (*finish)(void *self);
};

#endif
