/* SPDX-License-Identifier: Apache-2.0 */
/*
 * positions.h - whether environments that were copied belong together: nobody has read more than
 * whom it reads from has written.
 */
#ifndef CONSOLE_BACKUP_POSITIONS_H
#define CONSOLE_BACKUP_POSITIONS_H

#include "console/backup/environments.h"

/*
 * FOUND is what DATA holds; what it lacks is not looked at.  OK: they fit, or *why says what does
 * not; CORRUPT, IO.
 */
NODISCARD enum status positions_check(const char *data, const struct environments *found,
    const char **why);

#endif
