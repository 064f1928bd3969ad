/* SPDX-License-Identifier: Apache-2.0 */
/*
 * self_test.h - a gateway proves, before anybody may connect, that it turns strangers away.
 *
 * A build of libzmq without the option that makes it fail closed, or a handler that nobody asks,
 * would admit every key without a word.  So a key made for this moment dials the front, and the
 * gateway does not start unless it was asked about that key and the key did not get in.
 */
#ifndef BROKERS_SELF_TEST_H
#define BROKERS_SELF_TEST_H

#include "brokers/admission.h"

/* Turns LOOP, which must not be running.  DENIED: the key got in, or nobody asked.  Logged. */
NODISCARD enum status self_test(uv_loop_t *loop, struct sockets *sockets,
    struct admission *admission, const char *front, const char *server_key);

#endif
