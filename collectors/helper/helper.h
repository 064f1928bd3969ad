/* SPDX-License-Identifier: Apache-2.0 */
/*
 * helper.h - the privileged helper: takes requests on its socket, and applies one at a time.
 *
 * It trusts nobody: who asks is checked by the kernel's word, and what is asked by the same rules
 * as before.  It loops over poll(2) alone, so that what runs as root links little.
 */
#ifndef COLLECTORS_HELPER_HELPER_H
#define COLLECTORS_HELPER_HELPER_H

#include "collectors/helper/place.h"

/*
 * Serves until SIGTERM or SIGINT, or until its directory is gone; what is being applied then is
 * waited for.  PLACE listens.  IO: logged.
 */
NODISCARD enum status helper_serve(const struct place *place);

#endif
