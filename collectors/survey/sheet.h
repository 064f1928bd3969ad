/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sheet.h - what one look brought: facts, scopes that could not be looked at, and directories to
 * watch.  Filled by one thread, handed over, read by another.
 *
 * A scope is a prefix of keys that a pass goes over, "user/".  Its own name without the slash is a
 * key too: the fact that is there where nobody could look.
 */
#ifndef COLLECTORS_SURVEY_SHEET_H
#define COLLECTORS_SURVEY_SHEET_H

#include "collectors/watch.h"
#include "core/fact.h"

enum {
	SHEET_FACTS_MAX = 100 * 1000, /* of one look; beyond, its scope has failed */
	SHEET_FIELD_MAX = 16 * 1024,  /* bytes of a text; beyond, the fact is truncated */
	SHEET_FILE_MAX = 1024 * 1024,
};

struct sheet;

/* SCOPES ends with NULL and lives on, as WATCH does, which may be NULL: nothing is watched then. */
struct sheet *sheet_new(const char *const *scopes, struct watch *watch);
void sheet_free(struct sheet *sheet); /* NULL is fine */

/* ---- for who looks ---- */

/* A copy.  Of several with one key the first counts: what is read must not depend on luck. */
void sheet_add(struct sheet *sheet, const struct fact *fact);
/* The fact NAME_SPACE/REST, present. */
void sheet_present(struct sheet *sheet, const char *name_space, struct bytes rest,
    const struct fact_field *fields, size_t count);
/* The fact NAME_SPACE/REST, for what an errno kept from being read: absent, unreadable or failed.
 */
void sheet_unread(struct sheet *sheet, const char *name_space, struct bytes rest, int error);
/*
 * Nobody could look at SCOPE: nothing is added to it or taken from it.  ABSENT is another matter:
 * there can be nothing in it here, which is a result.  The first reason counts.
 */
void sheet_fail(struct sheet *sheet, const char *scope, enum fact_status status,
    const char *reason);
/*
 * Look again when one of NAMES (NULL: anything) comes, goes or changes in the directory PATH.  Ask
 * before reading it.  What is not there is waited for in the directory above.
 */
void sheet_watch(struct sheet *sheet, const char *path, const char *const *names);
/* The same for the one file PATH. */
void sheet_watch_file(struct sheet *sheet, const char *path);

/* ---- for who reports ---- */

/* The next fact of a scope from index *AT on; NULL: no more.  SCOPE is an index; the count of
 * scopes stands for what is in none. */
const struct fact *sheet_next(const struct sheet *sheet, size_t scope, size_t *at);
/* They are reported; what is watched is all that is needed from now on. */
void sheet_forget_facts(struct sheet *sheet);
/* FACT_NONE: it could be looked at. */
enum fact_status sheet_failure(const struct sheet *sheet, size_t scope, const char **reason);

/* Does an event of the watch concern what was looked at? */
bool sheet_concerns(const struct sheet *sheet, const struct watch_event *event);
/* Lets go what BEFORE watched and this one does not. */
void sheet_release_watches(const struct sheet *sheet, const struct sheet *before);

#endif
