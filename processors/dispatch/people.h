/* SPDX-License-Identifier: Apache-2.0 */
/*
 * people.h - who may approve jobs, as the log says, and whether that takes another than who
 * proposed one.
 */
#ifndef PROCESSORS_DISPATCH_PEOPLE_H
#define PROCESSORS_DISPATCH_PEOPLE_H

#include "core/stage.h"

/* The log says who there is. */
NODISCARD enum status people_take(struct stage_io *io, const struct event *event);
/*
 * Whether WRITER may not approve what they proposed.  Root as the last resort is nobody to wait
 * for: only who was given the right counts as another.
 */
NODISCARD enum status people_takes_another(struct stage_io *io, struct bytes writer, bool *out);

#endif
