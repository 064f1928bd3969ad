/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor.h - runs roles in this process: starts them in order, starts one that failed again,
 * and ends them all within two seconds when asked.
 */
#ifndef CORE_SUPERVISOR_H
#define CORE_SUPERVISOR_H

#include <uv.h>

#include "core/role.h"

struct supervisor;

struct supervisor_options {
	const char *data;
	const struct settings *settings;
	/* In the order in which they start; ends with NULL. */
	const struct role *const *roles;
	struct role_endpoints endpoints; /* those that are not in the settings */
	/* A role that ends is started again (serve); else its end is the end of all. */
	bool restarts;
	/* On the supervisor's loop; NULL: none. */
	void (*on_reload)(void *data); /* SIGHUP */
	void (*on_tick)(void *data);   /* every 50 ms, once all roles run */
	void *callback_data;
};

/*
 * Starts every role.  On failure those that ran have ended again, and why has been logged; what the
 * first role that could not start returned.
 */
NODISCARD enum status supervisor_start(const struct supervisor_options *options,
    struct supervisor **out);
/* Runs until SIGTERM, SIGINT or supervisor_end; then OK, or why a role that is not restarted ended.
 */
NODISCARD enum status supervisor_run(struct supervisor *supervisor);
/* From a callback: end as if asked by a signal. */
void supervisor_end(struct supervisor *supervisor);
/* Where agents connect, once started. */
const char *supervisor_gateway(const struct supervisor *supervisor);
void supervisor_free(struct supervisor *supervisor);

#endif
