/* SPDX-License-Identifier: Apache-2.0 */
/*
 * detection.h - one Sigma rule in memory, from the text of its YAML file.
 *
 * What a rule asks for and Fettle has not is never left out: the rule is refused, and the message
 * names it.  A rule that fires less often than its author believes is worse than none.
 */
#ifndef PROCESSORS_DETECT_DETECTION_H
#define PROCESSORS_DETECT_DETECTION_H

#include "core/hash.h"
#include "core/status.h"
#include "core/yaml.h"
#include "processors/detect/condition.h"
#include "processors/detect/level.h"
#include "processors/detect/source.h"
#include "processors/detect/term.h"

enum {
	DETECTION_TEXT_MAX = 1024 * 1024,
	DETECTION_ID_MAX = 128,
	DETECTION_SELECTIONS_MAX = 500,
	DETECTION_TERMS_MAX = 10000, /* of all selections together */
	DETECTION_REGEXES_MAX = 200,
};

/* A field and the values it is compared with: one of them must be found, or all. */
struct detection_item {
	const char *field; /* NULL: keywords, looked for in every field */
	const char *text;  /* as it is written, with its modifiers; "" for keywords without */
	bool is_all;
	struct term *terms;
	size_t terms_count;
};

/* Items that must all hold. */
struct detection_map {
	struct detection_item *items;
	size_t items_count;
};

/* Maps one of which must hold. */
struct detection_selection {
	const char *name;
	struct detection_map *maps;
	size_t maps_count;
};

struct detection_texts {
	const char **items;
	size_t count;
};

/* Something that a rule may say and its author should hear of. */
struct detection_note {
	unsigned line;
	unsigned column;
	const char *text;
};

struct detection {
	const char *id;
	const char *title;
	const char *status; /* these four: "" where the rule has none */
	const char *description;
	const char *author;
	const char *attack_version; /* "18.1": which numbering the techniques are of */
	enum level level;           /* medium where the rule has none */
	struct detection_texts tags;
	struct detection_texts techniques; /* "T1548.003", of the tags */
	struct detection_texts tactics;    /* "privilege-escalation" */
	struct detection_texts references;
	struct detection_texts falsepositives;
	const struct source *source;
	struct detection_selection *selections;
	size_t selections_count;
	const struct condition *condition;
	struct detection_note *notes;
	size_t notes_count;
	uint8_t hash[HASH_SIZE]; /* of the text */

	struct arena arena; /* of all that the above points to */
};

/*
 * REGEXES is where its expressions are compiled: it must outlive the rule.  NAME is for messages.
 * INVALID: ERRORS says what, and where; all of it, not only the first.
 */
NODISCARD enum status detection_parse(const char *name, struct bytes text,
    struct regex_set *regexes, struct detection **out, struct yaml_errors *errors);
void detection_free(struct detection *detection); /* NULL is fine */

#endif
