/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit.c - the log's transactions: written until it fits, or the role ends.
 *
 * A commit that fails ends the role: nothing of it was acknowledged, so everything is sent again.
 */
#include "brokers/log/parts.h"
#include "core/clock.h"
#include "core/log.h"

enum { TRIES_MAX = 8 };

void commit_fail(struct log_role *role, enum status status)
{
	if (!role->has_failed)
		log_error("log-stopped",
		    "the log cannot go on: %s; nothing was acknowledged that "
		    "is not stored",
		    status_text(status));
	role->has_failed = true;
	role_fail(role->host, status);
}

static enum status end_transaction(struct log_role *role, enum status status)
{
	if (status == STATUS_OK)
		return log_store_commit(role->store);
	log_store_abort(role->store);
	return status;
}

enum status commit_retain(struct log_role *role, uint64_t size_max, size_t *deleted)
{
	enum status status;

	*deleted = 0;
	log_store_release(role->store);
	status = log_store_begin_trim(role->store);
	return status != STATUS_OK
	         ? status
	         : end_transaction(role,
		     log_store_retain(role->store, clock_wall_ms(), role->settings->keep, size_max,
			 LOG_RETAIN_RECORDS, deleted));
}

/* Where the disk is full, what every reader has read goes before its time. */
static bool makes_room(struct log_role *role)
{
	size_t deleted;

	return commit_retain(role, 0, &deleted) == STATUS_OK && deleted > 0;
}

enum status commit_transact(struct log_role *role,
    enum status (*write)(struct log_role *role, void *data), void *data)
{
	enum status status = STATUS_FULL;

	for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
		log_store_release(role->store);
		status = log_store_begin(role->store);
		if (status == STATUS_OK)
			status = end_transaction(role, write(role, data));
		if (status != STATUS_FULL && status != STATUS_NO_SPACE)
			break;
		if ((status == STATUS_NO_SPACE || tries > 0) && !makes_room(role)
		    && status == STATUS_NO_SPACE)
			break;
	}
	return status;
}
