/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml.h - YAML files as a typed tree that remembers where everything stood.
 *
 * Built from libyaml's events, so that it can refuse what a loader would let through: duplicate
 * keys, keys that are no scalars, more than 64 levels, 100,000 nodes or 16 MiB, more than 100
 * aliases, a NUL in a scalar, a second document.  Levels and nodes count aliases as if written out;
 * in the tree an alias is the anchored node itself.  Tags are ignored, and `<<` is an ordinary key.
 * Scalars keep their text: what it means (a number, a switch) is for the reader's schema to say,
 * because YAML 1.1 would make the country code `no` a boolean.
 */
#ifndef CORE_YAML_H
#define CORE_YAML_H

#include "core/bytes.h"
#include "core/status.h"

enum yaml_type { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_mark {
	unsigned line;   /* from 1 */
	unsigned column; /* from 1 */
};

struct yaml_node {
	enum yaml_type type;
	struct yaml_mark mark;
	const char *text;        /* scalar: NUL-terminated UTF-8 without a NUL inside; else NULL */
	bool is_plain;           /* scalar: written without quotes and not as a block */
	size_t count;            /* sequence: items; mapping: pairs */
	struct yaml_node **keys; /* mapping; scalars only */
	struct yaml_node **values; /* sequence: the items; mapping: the values */
};

struct yaml;

/*
 * What was wrong, for a person: "FILE:LINE:COLUMN: message", the line itself and a caret under the
 * place.  All zeroes is an empty one.  Keeps the first 50 and counts the rest.
 */
struct yaml_errors {
	struct buffer text;
	unsigned count;
};

void yaml_errors_fini(struct yaml_errors *errors);
/* "" where there is none; else ends with a newline. */
const char *yaml_errors_text(struct yaml_errors *errors);
/*
 * Adds one at MARK of YAML's file; where YAML is NULL, one of no file: the message alone.  What is
 * not fit to be shown is escaped, and what is beyond 2000 bytes cut, so pass input as it is.
 */
void yaml_error(struct yaml_errors *errors, const struct yaml *yaml, struct yaml_mark mark,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * Parse.  NAME is for messages.  INVALID: not YAML or beyond a bound, see ERRORS.
 * yaml_read also: NOT_FOUND, DENIED, IO (with a line in ERRORS).  An empty file is an empty
 * mapping.  Nothing of TEXT or NAME is kept; *OUT is NULL after a failure.
 */
NODISCARD enum status yaml_parse(const char *name, struct bytes text, struct yaml **out,
    struct yaml_errors *errors);
NODISCARD enum status yaml_read(const char *path, struct yaml **out, struct yaml_errors *errors);
void yaml_free(struct yaml *yaml); /* NULL is fine */

const char *yaml_name(const struct yaml *yaml);
const struct yaml_node *yaml_root(const struct yaml *yaml);

/* The value under KEY of a mapping, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key);
/* The same; adds an error where there is one of another type than TYPE, and returns NULL. */
const struct yaml_node *yaml_expect(const struct yaml *yaml, const struct yaml_node *mapping,
    const char *key, enum yaml_type type, struct yaml_errors *errors);
/* The text under KEY, NULL where there is none (or, with an error, where it is no scalar). */
const char *yaml_text(const struct yaml *yaml, const struct yaml_node *mapping, const char *key,
    struct yaml_errors *errors);

#endif
