/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restored.h - what a state needs that was restored from a backup, before it runs.
 */
#ifndef PROCESSORS_STATE_RESTORED_H
#define PROCESSORS_STATE_RESTORED_H

#include "core/status.h"

/*
 * Raises every asset's token beyond what was given out since the backup: agents take no lease whose
 * token is not above all that they have seen.  DATA is the data directory; nothing may run there.
 * CORRUPT, or as kv_open and kv_commit.
 */
NODISCARD enum status state_restored(const char *data);

#endif
