/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.h - what happened in a run: the last events as text, and a hash over all of them, by which
 * two runs of one seed are the same or are not.
 */
#ifndef TESTS_SIMULATION_TRACE_H
#define TESTS_SIMULATION_TRACE_H

#include <stdint.h>
#include <stdio.h>

void trace_reset(void);
/* An event for people: it goes into the hash, too. */
void trace_event(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A number for the hash alone. */
void trace_number(uint64_t number);
uint64_t trace_hash(void);
/* The last events, the newest last. */
void trace_print(FILE *out);

#endif
