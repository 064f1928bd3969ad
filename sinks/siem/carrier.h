/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carrier.h - one way to a SIEM: bytes go in, and it says how many of them have arrived.
 *
 * A carrier is opened once and lives for one connection: when it breaks, whoever has it closes it
 * and opens another.  Every call-back comes from the loop, none from within a call.
 */
#ifndef SINKS_SIEM_CARRIER_H
#define SINKS_SIEM_CARRIER_H

#include <uv.h>

#include "core/bytes.h"
#include "sinks/siem/settings.h"

struct carrier;

struct carrier_options {
	uv_loop_t *loop;
	const struct siem_place *place; /* lives on */
	uint64_t confirm_ms;
	/* It can take bytes: at first, and whenever it has room again. */
	void (*on_room)(void *self);
	/* The first END bytes have arrived; 0: the way is good, and none has yet. */
	void (*on_arrived)(void *self, uint64_t end);
	/* It is over, and why; only to be closed. */
	void (*on_broken)(void *self, const char *reason);
	void *self;
};

/* One way: a constant table. */
struct carrier_way {
	void *(*open)(const struct carrier_options *options);
	bool (*has_room)(const void *carrier);
	uint64_t (*write)(void *carrier, struct bytes bytes); /* how many bytes that makes in all */
	void (*close)(void *carrier); /* frees itself once the loop has turned */
};

extern const struct carrier_way tcp_carrier, file_carrier;

const struct carrier_way *carrier_way_of(const struct siem_place *place);

#endif
