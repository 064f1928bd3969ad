/* SPDX-License-Identifier: Apache-2.0 */
#include "core/status.h"

#include <errno.h>
#include <stddef.h>

struct status_row {
	const char *text;
	int exit_code;
};

/* Exit codes: 1 negative answer, 3 unreachable, 4 denied, 65 bad data, 74 I/O, 78 bad settings. */
static const struct status_row rows[] = {
	[STATUS_OK] = { "ok", 0 },
	[STATUS_NOT_FOUND] = { "not found", 1 },
	[STATUS_EXISTS] = { "already there", 1 },
	[STATUS_AGAIN] = { "not now", 3 },
	[STATUS_FULL] = { "a limit was reached", 74 },
	[STATUS_REJECT] = { "not acceptable", 65 },
	[STATUS_INVALID] = { "bad input", 65 },
	[STATUS_CORRUPT] = { "damaged data", 74 },
	[STATUS_DENIED] = { "permission denied", 4 },
	[STATUS_BUSY] = { "in use by another process", 74 },
	[STATUS_NO_SPACE] = { "no space left on the disk", 74 },
	[STATUS_NO_MEMORY] = { "out of memory", 74 },
	[STATUS_CLOSED] = { "closed", 3 },
	[STATUS_IO] = { "input/output error", 74 },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

const char *status_text(enum status status)
{
	return (size_t)status < ROWS ? rows[status].text : "unknown status";
}

int status_exit_code(enum status status)
{
	return (size_t)status < ROWS ? rows[status].exit_code : 74;
}

enum status status_of_errno(int error)
{
	switch (error) {
	case 0:
		return STATUS_OK;
	case ENOENT:
	case ENOTDIR:
		return STATUS_NOT_FOUND;
	case EEXIST:
		return STATUS_EXISTS;
	case EAGAIN:
	case EINTR:
		return STATUS_AGAIN;
	case EACCES:
	case EPERM:
	case EROFS:
		return STATUS_DENIED;
	case EBUSY:
	case EADDRINUSE:
		return STATUS_BUSY;
	case ENOSPC:
	case EDQUOT:
		return STATUS_NO_SPACE;
	case ENOMEM:
		return STATUS_NO_MEMORY;
	case ECONNREFUSED:
	case ECONNRESET:
	case EPIPE:
		return STATUS_CLOSED;
	default:
		return STATUS_IO;
	}
}
