/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.h - what a rule's logsource can be: one table, with the fields of each.
 *
 * A field that a source never has would make a rule silent for ever, so it is known here: of our
 * own source it is refused; of one that Sigma names, where rules are written for others, it is
 * noted.
 */
#ifndef PROCESSORS_DETECT_SOURCE_H
#define PROCESSORS_DETECT_SOURCE_H

#include <stdbool.h>

struct source {
	const char *product;
	const char *category;
	const char *const *fields; /* ends with NULL */
	bool has_value_fields;     /* Before.NAME and After.NAME, whatever NAME a fact has */
	bool is_files_only;        /* what appears or changes below "file/", and is not expected */
	bool is_strict;            /* other fields are refused */
	const char *key_field;     /* what a fact's key is shown as ... */
	const char *key_prefix;    /* ... without this */
};

/* Each may be NULL: the rule does not say.  NULL: nothing of the kind is observed. */
const struct source *source_find(const char *product, const char *category, const char *service);
/* For messages. */
const char *source_names(void);

bool source_has_field(const struct source *source, const char *field);

/* The words that FIELD can be, ends with NULL; NULL: it can be anything. */
const char *const *source_words(const char *field);

#endif
