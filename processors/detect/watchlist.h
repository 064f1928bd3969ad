/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchlist.h - paths whose change matters for security, how much, and by which technique.
 *
 *   attack_version: '18.1'
 *   exclude: ['*.dpkg-new']          names that are never meant
 *   paths:
 *     - globs: ['/root/.ssh/authorized_keys*']
 *       technique: T1098.004
 *       level: high
 *       why: a key in it logs in as root
 *       changes: [create, modify]    create, modify, delete; the default is the first two
 *       content: true                worth reading, not only its digest; the default is false
 *       writers: [cloud-init]        who changes it in ordinary life
 *       packages: own                never, own, scripts: what a package's transaction explains
 *       told_by: [authorized_key/]   facts that tell of its changes more precisely
 */
#ifndef PROCESSORS_DETECT_WATCHLIST_H
#define PROCESSORS_DETECT_WATCHLIST_H

#include "core/status.h"
#include "core/yaml.h"
#include "processors/detect/level.h"

enum { WATCHLIST_ENTRIES_MAX = 1000, WATCHLIST_GLOBS_MAX = 64 };

enum watchlist_change {
	WATCHLIST_CREATE = 1,
	WATCHLIST_MODIFY = 2,
	WATCHLIST_DELETE = 4,
	WATCHLIST_ANY = 7,
};

/* What the transaction of a package explains, besides what the package itself brought. */
enum watchlist_packages {
	WATCHLIST_PACKAGES_OWN,     /* nothing: the default */
	WATCHLIST_PACKAGES_NEVER,   /* not even what a package brings */
	WATCHLIST_PACKAGES_SCRIPTS, /* whatever was written meanwhile: maintainer scripts do so */
};

struct watchlist_entry {
	const char **globs; /* absolute; the first component has no wildcard */
	size_t globs_count;
	const char *technique; /* "T1548.003" */
	enum level level;
	const char *why;
	unsigned changes; /* of enum watchlist_change */
	bool wants_content;
	const char **writers;
	size_t writers_count;
	enum watchlist_packages packages;
	const char **told_by; /* prefixes of keys: "cron/" */
	size_t told_by_count;
};

struct watchlist {
	const char *attack_version;
	const char **exclude; /* globs of last components: "*.dpkg-new", "crontabs/tmp.*" */
	size_t exclude_count;
	struct watchlist_entry *entries;
	size_t entries_count;

	struct arena arena; /* of all that the above points to */
};

/* INVALID: ERRORS says what, and where. */
NODISCARD enum status watchlist_parse(const char *name, struct bytes text, struct watchlist **out,
    struct yaml_errors *errors);
void watchlist_free(struct watchlist *list); /* NULL is fine */

/*
 * The entry of the highest level that PATH and one of CHANGES are meant by, the first of these; or
 * NULL.
 */
const struct watchlist_entry *watchlist_find(const struct watchlist *list, struct bytes path,
    unsigned changes);

/* What an agent must observe for the list. */
struct watchlist_path {
	const char *path; /* without wildcards: a file, or a directory to look below */
	const char *glob; /* what below it is meant, as a whole path; NULL: PATH itself */
	bool wants_content;
};

/* Once each, in order of path, in ARENA. */
struct watchlist_path *watchlist_plan(const struct watchlist *list, struct arena *arena,
    size_t *count);

#endif
