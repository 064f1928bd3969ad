/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privileges.h - what a service gives up before it listens: the rights of root, and any way back.
 *
 * Before its first thread, because libc changes the user of all threads but the kernel changes
 * capabilities one thread at a time.
 */
#ifndef CORE_PRIVILEGES_H
#define CORE_PRIVILEGES_H

#include "core/status.h"

/*
 * Started by root, the process becomes USER, or where that is "" the owner of the directory DATA,
 * which is made for USER where it is not there.  Where that is root itself it stays root, with no
 * capability.  In any case nothing that it starts can have more rights than it has.
 * INVALID: no such user; DENIED: DATA belongs to somebody else; IO.  Logged.
 */
NODISCARD enum status privileges_drop(const char *user, const char *data);

#endif
