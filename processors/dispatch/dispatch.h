/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dispatch.h - the stage that leads jobs from their proposal to facts that confirm them.
 */
#ifndef PROCESSORS_DISPATCH_DISPATCH_H
#define PROCESSORS_DISPATCH_DISPATCH_H

#include "core/stage.h"

struct dispatch_settings {
	char *two_people; /* "auto", "on" or "off" */
	uint64_t lease;
	uint64_t apply_limit;
	uint64_t settle;
};

/* Those in use, or the defaults where the host has none. */
const struct dispatch_settings *dispatch_settings_of(const struct stage_io *io);

extern const struct stage dispatch_stage;

#endif
