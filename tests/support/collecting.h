/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collecting.h - a collector at work on a loop, below a directory of its own.
 */
#ifndef TESTS_SUPPORT_COLLECTING_H
#define TESTS_SUPPORT_COLLECTING_H

#include "core/collector.h"
#include "tests/support/observer_fake.h"

struct collecting {
	void *scratch; /* its directory: char * */
	uv_loop_t loop;
	struct observer *observer;
	struct collector_context context; /* root is the directory */
	uint8_t secret[COLLECTOR_SECRET_SIZE];
	const struct collector *collector;
	void *self; /* NULL: not started */
	bool is_stopped;
};

/* Fixtures: *test becomes a struct collecting, not started. */
int collecting_setup(void **test);
int collecting_teardown(void **test); /* fails where a pass or a handle was left open */

void collecting_start(struct collecting *at, const struct collector *collector,
    const void *settings);
void collecting_stop(struct collecting *at);
void collecting_turn(struct collecting *at); /* the loop, once */

/* Each fails the test where it does not come. */
void collecting_await_passes(struct collecting *at, unsigned passes);
void collecting_await_status(struct collecting *at, const char *key, enum fact_status status);
void collecting_await_text(struct collecting *at, const char *key, const char *field,
    const char *text);

#endif
