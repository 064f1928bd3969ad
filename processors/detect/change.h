/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change.h - one fact's old and new value, as the fields that rules ask for.
 *
 * product: fettle, category: change
 *   Key            the fact's key
 *   Before, After  the values of all its fields, before and after
 *   Before.NAME, After.NAME  the value of the one field; numbers in decimal
 *   Status         after the change: unset, present, absent, unreadable, truncated, failed; also
 *                  written After.Status
 *   Before.Status  before it; unset: nothing was known
 *   Changed        the names of the fields that are not as they were; "status" where that is not
 *   Expected       true or false
 *   Package        the package that owns it, Writer who wrote it: null where that is not known
 *   Asset.Name, Asset.System
 * product: linux, category: file_event
 *   TargetFilename the path, of a fact of a file that is there after the change
 */
#ifndef PROCESSORS_DETECT_CHANGE_H
#define PROCESSORS_DETECT_CHANGE_H

#include "core/fact.h"
#include "processors/detect/match.h"

struct change {
	struct bytes key;
	struct fact before; /* only their status and fields are read */
	struct fact after;
	const char *expected_by; /* NULL or "": nothing known explains it */
	const char *package;     /* these four: NULL where it is not known */
	const char *writer;
	const char *asset_name;
	const char *asset_system;
};

/* Whether a rule of SOURCE is to be asked about CHANGE at all. */
bool change_concerns(const struct change *change, const struct source *source);

/* CHANGE must outlive the lookup. */
struct match_lookup change_lookup(const struct change *change);

#endif
