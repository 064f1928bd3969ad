/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confinement.h - system calls that a service never needs, and from now on cannot make (seccomp).
 */
#ifndef CONSOLE_CONFINEMENT_H
#define CONSOLE_CONFINEMENT_H

#include "core/status.h"

/*
 * For this thread and those that it starts, so before there are others: no program is started, no
 * process looked into, nothing mounted, no key or module of the kernel touched, and no socket made
 * but of the internet and the machine's own.  Such a call fails and harms nothing else.  IO: the
 * kernel would not; logged.
 */
NODISCARD enum status confinement_begin(void);

#endif
