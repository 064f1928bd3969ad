/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observer_fake.h - an observer that keeps in memory what it is told, for the tests of collectors.
 *
 * It takes the place of core/observer.c: tests/CMakeLists.txt gives its object to the tests that
 * want it.
 */
#ifndef TESTS_SUPPORT_OBSERVER_FAKE_H
#define TESTS_SUPPORT_OBSERVER_FAKE_H

#include "core/observer.h"

/* A fact as it is now. */
struct fake_fact {
	char *collector;
	struct buffer key;
	enum fact_status status; /* FACT_NONE: it was unset */
	char *reason;            /* or NULL */
	enum lane lane;          /* of the last time; 0: by a pass */
	enum lane pass_lane;     /* what the last pass gave for it; 0: nothing */
	unsigned changed_at;     /* rises with every change of any fact */
	struct arena arena;      /* of its fields */
	struct fact_field *fields;
	size_t fields_count;
	struct buffer value;
	unsigned seen;    /* how often it was reported */
	unsigned changes; /* how often it became another than it was */
};

struct fake_pass {
	char prefix[64];
	enum lane lane;
	struct bytes plan;
};

struct observer *observer_fake_new(void);
void observer_fake_free(struct observer *observer);

/* From now on everything is answered with STATUS. */
void observer_fake_answer(struct observer *observer, enum status status);

/* NULL: never named. */
const struct fake_fact *observer_fake_find(const struct observer *observer, const char *key);
/* FACT_NONE: never named, or unset. */
enum fact_status observer_fake_status(const struct observer *observer, const char *key);
/* Text of the field of a fact, "" where either is not there; in one of eight rotating buffers. */
const char *observer_fake_text(const struct observer *observer, const char *key, const char *field);
/* -1 where there is none. */
int64_t observer_fake_number(const struct observer *observer, const char *key, const char *field);
/* How many facts there are whose key begins with PREFIX. */
size_t observer_fake_count(const struct observer *observer, const char *prefix);
const struct fake_fact *observer_fake_at(const struct observer *observer, size_t index);
size_t observer_fake_size(const struct observer *observer);

unsigned observer_fake_passes(const struct observer *observer); /* ended well */
unsigned observer_fake_abandoned(const struct observer *observer);
unsigned observer_fake_open(const struct observer *observer);
const struct fake_pass *observer_fake_last_pass(const struct observer *observer);

#endif
