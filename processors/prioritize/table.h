/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - a priority table: data that turns what is known of a finding into how soon.
 *
 *   inputs:   name -> { values: [...], assumed: VALUE }    what a decision may ask for
 *   rows:     [ { when: { name: VALUE or [VALUES] }, priority: WORDS, due: DURATION } ]
 *   otherwise: { priority: WORDS, due: DURATION }
 *
 * The first row whose conditions all hold decides.  An input that is not known takes its assumed
 * value, and the decision says that it did.  Without `due` there is no date ("at the next scheduled
 * upgrade").  A table has an id and a version; every decision names both.
 */
#ifndef PROCESSORS_PRIORITIZE_TABLE_H
#define PROCESSORS_PRIORITIZE_TABLE_H

#include "core/yaml.h"

enum { TABLE_INPUTS_MAX = 32, TABLE_ROWS_MAX = 1000 };

struct priority_table;

/* INVALID: ERRORS says what, and where. */
NODISCARD enum status priority_table_parse(const char *file, struct bytes text,
    struct priority_table **out, struct yaml_errors *errors);
void priority_table_free(struct priority_table *table); /* NULL is fine */

const char *priority_table_id(const struct priority_table *table);
const char *priority_table_version(const struct priority_table *table);

/* Something that is known; borrowed. */
struct priority_input {
	const char *name;
	const char *value;
	const char *source; /* for a person: "the policy", "label", "listens on 203.0.113.5:443" */
	bool is_assumed;    /* set by the decision */
};

struct priority_decision {
	const char *priority; /* words; never NULL */
	bool has_due;
	uint64_t due_after_ms; /* from when the clock starts */
	size_t row;            /* which one decided, from 1; the last + 1: otherwise */
	/* What the deciding rows and those before them asked for, in the table's order. */
	struct priority_input inputs[TABLE_INPUTS_MAX];
	size_t inputs_count;
};

/* Unknown names among KNOWN are passed over; a value that the table has not is not known. */
void priority_decide(const struct priority_table *table, const struct priority_input *known,
    size_t count, struct priority_decision *out);

#endif
