/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve - all roles of one machine in one process; and each role alone.
 */
#include <stdlib.h>

#include "brokers/roles.h"
#include "collectors/agent.h"
#include "console/commands.h"
#include "console/serve_page.h"
#include "console/service.h"
#include "processors/roles.h"
#include "sinks/roles.h"

/* Who is fed starts before who feeds it. */
static const struct role *const all_roles[] = { &log_role, &sink_role, &processor_role,
	&gateway_role, &agent_role, NULL };

const struct argp_option serve_options[] = {
	{ "listen", 'l', "tcp://ADDRESS:PORT", 0,
	    "where agents connect (default: the setting gateway.listen)", 0 },
	{ 0 },
};

static void greet(const struct console *console)
{
	console_say(console, "Fettle watches this machine; its data is in %s", console->paths.data);
	console_say(console, "In another terminal: fettle status, fettle findings, fettle changes");
	console_say(console, "Ctrl-C ends it.");
}

static enum status run(struct service *service, const struct supervisor_options *options,
    void (*on_started)(const struct console *console))
{
	enum status status = supervisor_start(options, &service->supervisor);

	if (status == STATUS_OK && service->content != NULL)
		status = service_publish(service);
	if (status == STATUS_OK && on_started != NULL)
		on_started(service->console);
	if (status == STATUS_OK)
		status = supervisor_run(service->supervisor);
	supervisor_free(service->supervisor);
	service->supervisor = NULL;
	return status;
}

static enum status serve(struct service *service, const struct supervisor_options *options)
{
	struct serve_tally before;
	enum status status;

	serve_tally_take(&before, service->console->paths.data);
	status = service_settle_agent(service);
	if (status == STATUS_OK)
		status = run(service, options, greet);
	if (status == STATUS_OK)
		serve_page(service->console, service->settings, &before);
	return status;
}

int serve_run(const struct console *console, int argc, char **argv)
{
	const char *listen = console_option(console, "listen");
	char *flag = listen == NULL ? NULL : text_format("gateway.listen=%s", listen);
	const char *const flags[] = { flag, NULL };
	struct service service;
	struct supervisor_options options = { .data = console->paths.data,
		.roles = all_roles,
		.endpoints = service_inproc,
		.restarts = true,
		.on_reload = service_reload,
		.callback_data = &service };
	int code = service_load(&service, console, flags, true);

	(void)argc;
	(void)argv;
	if (code == 0) {
		options.settings = service.settings;
		code = status_exit_code(serve(&service, &options));
		service_fini(&service);
	}
	free(flag);
	return code;
}

/* ---- a role alone ---- */

static int run_alone(const struct console *console, const struct role *role, bool has_content)
{
	const struct role *const roles[] = { role, NULL };
	struct service service;
	struct supervisor_options options = { .data = console->paths.data,
		.roles = roles,
		.on_reload = service_reload,
		.callback_data = &service };
	int code = service_load(&service, console, NULL, has_content);

	if (code != 0)
		return code;
	options.settings = service.settings;
	code = status_exit_code(run(&service, &options, NULL));
	service_fini(&service);
	return code;
}

int gateway_run(const struct console *console, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return run_alone(console, &gateway_role, false);
}

/* Intent lives in the log, so whoever runs the log puts the machine's policies in force. */
int log_run(const struct console *console, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return run_alone(console, &log_role, true);
}

int processor_run(const struct console *console, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return run_alone(console, &processor_role, false);
}

int sink_run(const struct console *console, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return run_alone(console, &sink_role, false);
}
