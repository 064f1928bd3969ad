/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life.h - one job in the stage's hands: it enters states, is kept, and is told of.
 *
 * Whatever changes a job goes through here, so that its history has every step, the list of its
 * asset's open jobs is right, and its timer is that of the state it is in.
 */
#ifndef PROCESSORS_DISPATCH_LIFE_H
#define PROCESSORS_DISPATCH_LIFE_H

#include "core/stage.h"
#include "processors/state/job.h"

enum {
	LIFE_HISTORY_MAX = 64,
	LIFE_OPEN_MAX = 16, /* jobs of one asset that are not over */
	LIFE_OVER_MAX = 64, /* of those that are, the newest stay in the state */
	LIFE_WORKS_MAX = 4,
	LIFE_TEXT_MAX = 256, /* bytes of what somebody else wrote, in a note */
};

struct life {
	struct stage_io *io;
	struct asset_ref asset;
	Fettle__JobVerdict *job;
	Fettle__StateJobs *common;
	Fettle__StateOpenJob *open; /* its entry in common; NULL: it is over */
};

/* NOT_FOUND, CORRUPT, IO.  Two lives of one asset are not to be changed by turns: load anew. */
NODISCARD enum status life_load(struct stage_io *io, struct bytes id, struct life *out);
/* Of a job that is not kept yet; it has no state until it enters one. */
NODISCARD enum status life_new(struct stage_io *io, const struct asset_ref *asset,
    Fettle__JobVerdict *job, struct life *out);

/* STATE, because of what BY did; NOTE (in the arena, or a literal) becomes the reason. */
NODISCARD enum status life_enter(struct life *life, Fettle__JobState state, const char *by,
    const char *note);
/* Something happened that leaves it in its state. */
void life_note(struct life *life, const char *by, const char *note);
/* The same, unless its history has this very note: for what an endpoint may repeat without end. */
void life_note_once(struct life *life, const char *by, const char *note);
/* Keeps it and tells of it; nothing happened that history has to know. */
void life_keep(struct life *life);

/* When it began to be at work on its asset, and when it was no longer; for job_explains. */
void life_began(struct life *life, uint64_t at_ms);
void life_ended(struct life *life, uint64_t at_ms);

/* When its state has lasted too long; UINT64_MAX: it may last. */
uint64_t life_due_ms(const struct life *life);
/* Sets the timer for that; life_enter does. */
NODISCARD enum status life_arm(struct life *life);
/* It has been handed to its agent, and how that went is not known yet. */
bool life_is_out(const struct life *life);
/* "job 1a2b3c4d5e6f" */
const char *life_name(const struct life *life);

/* What somebody wrote, for a person: escaped, and at most LIFE_TEXT_MAX bytes of it. */
const char *life_clean(struct arena *arena, struct bytes text);
/* Who wrote the intent: a name for a person. */
const char *life_person(struct arena *arena, const struct event *event);

#endif
