/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_fake.h - a log's control socket in a thread of its own, which takes whatever intent comes
 * and says so.
 */
#ifndef TESTS_SUPPORT_CONTROL_FAKE_H
#define TESTS_SUPPORT_CONTROL_FAKE_H

#include "core/bytes.h"
#include "proto/control.pb-c.h"

struct control_fake;

/*
 * Listens at DATA/control.sock.  ON_INTENT is called, in the thread, for each record before the
 * request is answered; it may be NULL.
 */
struct control_fake *control_fake_new(const char *data,
    void (*on_intent)(void *host, const Fettle__Record *record), void *host);
/* Ends the thread, and returns how many records came. */
size_t control_fake_free(struct control_fake *fake);

#endif
