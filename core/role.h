/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role.h - a part that runs: one thread, one libuv loop, one constant table.
 *
 * `fettle serve` runs every role of one machine in one process; each also runs alone.  A role that
 * fails stops itself and says why; its supervisor starts it again (serve) or the process ends with
 * 74 and the service manager does (alone).  It never takes other roles along.
 */
#ifndef CORE_ROLE_H
#define CORE_ROLE_H

#include <uv.h>

#include "core/setting.h"
#include "core/socket.h"
#include "core/status.h"

struct role_thread;

/* What a role stands on.  Lives as long as the role. */
struct role_host {
	uv_loop_t *loop;
	struct socket_context *sockets;
	const char *data; /* the data directory; a role's environment is a directory in it */
	const struct settings *settings;
	struct role_thread *thread;
};

/* Where parts of this process or machine are found: a role announces, others are told. */
struct role_endpoints {
	const char *gateway;     /* where agents dial: tcp */
	const char *log_agents;  /* where gateways dial */
	const char *log_readers; /* where processors dial */
	const char *verdicts;    /* where sinks dial */
};

struct role {
	const char *name; /* as in `fettle NAME` */
	const char *summary;
	/*
	 * On its own thread.  Any status but OK: a log line said why, and *self is NULL or what
	 * stop and finish are to take down.
	 */
	enum status (*start)(const struct role_host *host, const struct role_endpoints *endpoints,
	    void **self);
	/* SIGHUP: reads anew what may change while it runs.  May be NULL. */
	void (*reload)(void *self);
	/* Closes every handle of the role; the loop ends when none is left. */
	void (*stop)(void *self);
	/* After the loop has ended: closes environments, frees. */
	void (*finish)(void *self);
};

/* Starts ROLE and waits until it runs or could not: then its status. */
NODISCARD enum status role_start(const struct role *role, struct socket_context *sockets,
    const char *data, const struct settings *settings, const struct role_endpoints *endpoints,
    struct role_thread **out);
/* Asks it to reload; from any thread. */
void role_reload(struct role_thread *thread);
/* Asks it to stop; from any thread, more than once if you like. */
void role_stop(struct role_thread *thread);
/* Waits for its end and frees it.  OK, or why it failed. */
enum status role_join(struct role_thread *thread);
/* True once it has ended, by itself or because it was asked. */
bool role_has_ended(struct role_thread *thread);

/* Called by a role on its own thread: it cannot go on, for a reason that it has logged. */
void role_fail(const struct role_host *host, enum status status);
/* Called by a role while it starts: where it listens, for others to be told. */
void role_announce(const struct role_host *host, const char *endpoint);
/* What the running role announced; "" if nothing. */
const char *role_announced(const struct role_thread *thread);

#endif
