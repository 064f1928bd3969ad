/* SPDX-License-Identifier: Apache-2.0 */
/*
 * survey.h - what most collectors of a host are made of: when something moved, and now and then in
 * any case, look at everything once more and report it, a pass for each scope.
 *
 * A look is a function of a file tree and of what programs printed.  It runs in the loop's pool and
 * knows neither the loop nor the observer; so it can be slow, and can be tried on any tree.
 */
#ifndef COLLECTORS_SURVEY_SURVEY_H
#define COLLECTORS_SURVEY_SURVEY_H

#include "collectors/child.h"
#include "collectors/survey/sheet.h"
#include "core/collector.h"

enum { SURVEY_PROGRAMS_MAX = 4 };

/* What a look goes by. */
struct survey_input {
	const char *root; /* as in struct collector_context */
	const void *settings;
	const struct child_result *answers; /* of the programs asked, in their order */
	size_t answers_count;               /* for `ask`: how many were asked so far */
};

struct survey_kind {
	const struct collector *collector; /* its name and scopes */
	uint64_t quiet_ms, most_ms;        /* pace.h */
	enum lane lane;                    /* of changes in the scopes; 0: LANE_DELTA */
	/* A file that polls as urgent when it has changed, as /proc/self/mountinfo; may be NULL. */
	const char *alarm_path;
	/*
	 * Which program to ask next; false: no more.  What *OUT points at lives on or is in ARENA.
	 * NULL: none is asked.  They are asked one after the other, and INPUT has the answers so
	 * far; or where IS_TOGETHER, all at once after the first, and INPUT has only its answer.
	 */
	bool is_together;
	bool (
	    *ask)(const struct survey_input *input, struct arena *arena, struct child_request *out);
	void (*look)(const struct survey_input *input, struct sheet *sheet);
};

/* The parts of a collector's table; KIND lives on. */
enum status survey_start(const struct survey_kind *kind, uint64_t reread_ms,
    const struct collector_context *context, const void *settings, void **self);
void survey_refresh(void *self);
void survey_stop(void *self, void (*on_stopped)(void *data), void *data);

/* Reads INPUT's root and PATH: small_file_read, at most SHEET_FILE_MAX. */
int survey_read(const struct survey_input *input, const char *path, struct buffer *out);
/* The names in the directory PATH below INPUT's root, sorted, in ARENA.  0, or an errno. */
int survey_list(const struct survey_input *input, const char *path, struct arena *arena,
    const char ***names, size_t *count);
/* Has SHEET watch PATH below INPUT's root. */
void survey_watch(const struct survey_input *input, struct sheet *sheet, const char *path,
    const char *const *names);
/* The same for the one file PATH. */
void survey_watch_file(const struct survey_input *input, struct sheet *sheet, const char *path);
/* "PROGRAM exited with 2: what it complained of", escaped. */
void survey_describe(const char *program, const struct child_result *result, struct buffer *out);

#endif
