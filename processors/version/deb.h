/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deb.h - versions of dpkg, in their order (Debian policy 5.6.12).
 *
 * EPOCH:UPSTREAM-REVISION, of which epoch and revision may be missing and are 0 then.  Parts are
 * compared in turn as runs of other characters and of digits; '~' comes before everything, even the
 * end, and letters come before the rest.
 */
#ifndef PROCESSORS_VERSION_DEB_H
#define PROCESSORS_VERSION_DEB_H

#include "core/bytes.h"
#include "core/status.h"

/*
 * *order is below, equal to or above 0 as A is older than, as old as or newer than B.  INVALID: one
 * of them is no version.  White space around them is passed over, as dpkg does.
 */
NODISCARD enum status version_deb_compare(struct bytes a, struct bytes b, int *order);

#endif
