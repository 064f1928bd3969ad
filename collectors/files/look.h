/* SPDX-License-Identifier: Apache-2.0 */
/*
 * look.h - one look at one file.
 *
 * Runs on the loop's pool: it knows neither the loop nor the observer.
 */
#ifndef COLLECTORS_FILES_LOOK_H
#define COLLECTORS_FILES_LOOK_H

#include "collectors/digest.h"
#include "collectors/files/globs.h"
#include "collectors/packages/owners.h"
#include "core/fact.h"
#include "core/setting.h"

/* Beyond the first a file has no digest; what is looked through for secrets ends at the second. */
#define LOOK_DIGEST_MAX (256ULL * 1024 * 1024)
#define LOOK_SCAN_MAX (1024ULL * 1024)

enum { LOOK_FIELDS_MAX = 14 };

struct look_request {
	const char *root; /* "" or what stands for "/" */
	const char *path; /* absolute */
	uint64_t content_limit;
	const uint8_t *secret; /* COLLECTOR_SECRET_SIZE bytes */
	struct digest *digest;
	/* Directories within which content may be read, links followed; NULL: anywhere. */
	const struct setting_list *roots;

	/* For what a glob means: a link is not followed to what they mean as well; may be NULL. */
	const struct globs *globs;
	/* Whose file it is, and what compares it with what was shipped; may be NULL. */
	const struct owners_file *owner;
	struct digest *md5;
};

/* What was seen.  All zeroes is nothing yet; used again after look_fini. */
struct look {
	enum fact_status status;
	char *reason; /* or NULL */
	struct fact_field fields[LOOK_FIELDS_MAX];
	size_t fields_count;
	bool is_gone; /* there is nothing of that name, not even a link */
	bool is_directory;
	bool is_link; /* that was followed to a file */
	/* What the fields point to. */
	char mode[8], owner[64], group[64], hex[DIGEST_HEX_SIZE];
	char *link;
	struct buffer content;
};

/* Whether PATH is one of ROOTS, or below one. */
bool look_is_within(const struct setting_list *roots, const char *path);

void look_fini(struct look *look);
/* LOOK is all zeroes. */
void look_at(const struct look_request *request, struct look *look);

#endif
