/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turn.c - when the log commits and sends: once the input is empty, at 10,000 records, at 8 MiB or
 * after 20 ms.
 */
#include "brokers/log/parts.h"

void turn_pump(struct log_role *role)
{
	if (role->has_failed)
		return;
	agent_sessions_regulate(role);
	acceptor_pump(role->agents);
	acceptor_pump(role->readers);
}

static void on_commit_soon(uv_timer_t *timer)
{
	struct log_role *role = timer->data;

	intake_flush(role);
	turn_pump(role);
}

void turn_on_round(void *data, bool has_more)
{
	struct log_role *role = data;

	if (role->agents == NULL || role->readers == NULL)
		return;
	if (role->pending != NULL && (!has_more || intake_is_due(role)))
		intake_flush(role);
	else if (role->acks != NULL && !uv_is_active((uv_handle_t *)&role->commit_soon))
		/* Positions of readers alone are worth no transaction of their own each. */
		uv_timer_start(&role->commit_soon, on_commit_soon, LOG_COMMIT_MS, 0);
	turn_pump(role);
}
