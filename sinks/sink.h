/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink.h - what every sink provides.
 *
 * A sink takes verdicts in their order and delivers them; what it has made durable (or had
 * acknowledged by another system) it reports, and only then is it forgotten upstream.  It owns its
 * position: after a start it says from where it wants to be sent.
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
	/* Everything up to and including OFFSET is delivered; on the loop's thread. */
	void (*on_delivered)(void *host, uint64_t offset);
	/* It cannot go on, for a reason that it has logged. */
	void (*on_failed)(void *host, enum status status);
	void *host;
};

struct sink {
	const char *name;
	const char *summary;
	const struct setting *settings; /* ends with SETTING_END; NULL: none */
	size_t settings_size;

	/* POSITION: the last offset delivered in an earlier life; 0 if none. */
	enum status (*start)(const struct sink_context *context, const void *settings, void **self,
	    uint64_t *position);
	/*
	 * COUNT verdict records (encoded Record of proto/record.proto), numbered from FIRST,
	 * borrowed for the call; an empty one is to be passed over.
	 */
	void (*take)(void *self, uint64_t first, const struct bytes *records, size_t count);
	/* No more is waiting: a good moment to commit. */
	void (*flush)(void *self);
	void (*stop)(void *self); /* closes its handles; the loop turns until none is left */
	void (*finish)(void *self);
};

#endif
