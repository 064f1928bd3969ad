/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.h - what every command that runs roles begins with: settings, content, the roles.
 */
#ifndef CONSOLE_SERVICE_H
#define CONSOLE_SERVICE_H

#include "console/console.h"
#include "console/content.h"
#include "core/supervisor.h"

struct service {
	struct settings *settings;
	struct content *content; /* what is to be published; NULL: this service has none */
	const struct console *console;
	struct supervisor *supervisor;
	bool is_published;
	uint64_t published; /* how many policies differed from those in force */
};

/*
 * Loads settings (FLAGS as for settings_load, or NULL) and, WANTS_CONTENT, the policies.  0, or the
 * exit code after saying what is wrong.
 */
int service_load(struct service *service, const struct console *console, const char *const *flags,
    bool wants_content);
/*
 * Before the log lets this machine's own agent in: where the data directory was copied from another
 * machine, that one's key and spool are put aside.  As identity_settle.
 */
NODISCARD enum status service_settle_agent(const struct service *service);
/* Writes the policies to the running log.  Says so where it cannot. */
enum status service_publish(struct service *service);
/* SIGHUP: reads the policies anew; keeps those in force where any is broken. */
void service_reload(void *service);
void service_fini(struct service *service);

/* The endpoints of roles that meet in one process. */
extern const struct role_endpoints service_inproc;

#endif
