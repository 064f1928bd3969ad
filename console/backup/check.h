/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - reads an environment whole, in a process that may be lost: what is damaged can end it,
 * or keep it for ever.
 */
#ifndef CONSOLE_BACKUP_CHECK_H
#define CONSOLE_BACKUP_CHECK_H

#include "core/bytes.h"
#include "core/status.h"

struct check {
	/* TABLE and KEY are empty where the environment, or the table, as a whole is meant. */
	void (*fault)(void *data, const char *name, const char *table, struct bytes key,
	    const char *what);
	void *data;
	uint64_t entries; /* that were read, over all environments */
};

/*
 * Reads DATA/NAME.  CORRUPT: it is damaged, and CHECK was told; DENIED, IO: it could not be read,
 * and a log line said why.
 */
NODISCARD enum status check_environment(struct check *check, const char *data, const char *name);

/* STATUS for console_fail, where what is damaged is a command's input: bad data, 65. */
enum status check_bad_data(enum status status);

#endif
