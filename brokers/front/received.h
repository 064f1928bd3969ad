/* SPDX-License-Identifier: Apache-2.0 */
/*
 * received.h - how much has come by a TCP connection since it was made.
 *
 * Apart, because the kernel's header, which alone knows that count, and glibc's, which libuv's
 * brings along, do not go together.
 */
#ifndef BROKERS_FRONT_RECEIVED_H
#define BROKERS_FRONT_RECEIVED_H

#include <stdbool.h>
#include <stdint.h>

/* False: FD is no TCP connection. */
bool received_bytes(int fd, uint64_t *out);

#endif
