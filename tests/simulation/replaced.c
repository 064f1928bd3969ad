/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replaced - what else of the product a run does without, and why.
 *
 * The gateway's self-test turns its loop until a stranger was turned away: time would have to pass
 * meanwhile.  tests/unit/brokers and tests/pipeline have it.
 */
#include "brokers/self_test.h"

enum status self_test(uv_loop_t *loop, struct sockets *sockets, struct admission *admission,
    const char *front, const char *server_key)
{
	(void)loop;
	(void)sockets;
	(void)admission;
	(void)front;
	(void)server_key;
	return STATUS_OK;
}
