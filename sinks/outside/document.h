/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document.h - a verdict as it leaves the house: the JSON document that is sent, and what the
 * formats around it need to know of it.
 *
 * A document begins with `event_id` (unique for ever; the same whenever the event is sent again),
 * `event` (its kind) and `event_at`; the members of verdict_json.h follow.
 */
#ifndef SINKS_OUTSIDE_DOCUMENT_H
#define SINKS_OUTSIDE_DOCUMENT_H

#include <jansson.h>

#include "core/record.h"
#include "core/setting.h"
#include "sinks/outside/names.h"
#include "sinks/store/rank.h"

/* Which kinds are sent: bits 1 << index in the table of kinds. */
typedef uint32_t document_kinds;

/*
 * "finding", "change", …: false where one of them is none, and WHY says which and what there is.
 */
bool document_kinds_parse(const struct setting_list *names, document_kinds *out,
    struct buffer *why);

struct document {
	uint8_t event_id[EVENT_ID_SIZE];
	const char *event; /* "finding"; lives on */
	uint64_t at_ms;
	bool has_asset;
	uint8_t asset[16];
	enum rank rank; /* how bad; RANK_INFO where it is good news */
	bool is_test;
	json_t *json; /* owned */
};

void document_fini(struct document *document);

/*
 * Makes a document of RECORD, a verdict, where it is of one of the KINDS; learns from it what its
 * asset is called in any case.  NOT_FOUND: it is of none of the kinds.  REJECT: it cannot be
 * understood.
 */
NODISCARD enum status document_make(struct bytes record, document_kinds kinds, struct names *names,
    struct arena *arena, struct document *out);

/* "The verdicts FIRST to LAST were not sent to TARGET": of kind gap, its id made of these three. */
void document_make_gap(const char *target, uint64_t first, uint64_t last, uint64_t at_ms,
    struct document *out);

/* What a person sends to see whether it arrives: of kind test. */
void document_make_test(const char *target, uint64_t at_ms, struct document *out);

/*
 * Appends the document in at most MOST bytes (0: as many as it takes).  Where it does not fit, the
 * longest parts are left out and `left_out` names them.
 */
void document_append(const struct document *document, size_t most, struct buffer *out);

#endif
