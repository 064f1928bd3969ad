/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fettle-agent - what an endpoint needs, and no more.
 */
#include <argp.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/agent.h"
#include "collectors/collectors.h"
#include "collectors/enrol_command.h"
#include "collectors/enrol.h"
#include "core/log.h"
#include "core/quantity.h"
#include "core/require.h"
#include "core/supervisor.h"
#include "core/version.h"

enum { SECTIONS_MAX = 64, BAD_USAGE = 2, BAD_CONFIGURATION = 78 };

enum { SETS_MAX = 32 };
enum {
	OPTION_SERVER = 256,
	OPTION_SERVER_KEY,
	OPTION_DATA,
	OPTION_CONFIG,
	OPTION_SET,
	OPTION_LOG_FORMAT,
	OPTION_ENROL,
	OPTION_WAIT,
	OPTION_NEW_KEY
};

struct arguments {
	char *server, *server_key; /* as flags of the settings; NULL: not given */
	const char *data, *config;
	const char *enrol; /* a file; NULL: run */
	uint64_t wait_ms;
	bool wants_new_key;
	const char *sets[SETS_MAX];
	size_t sets_count;
	unsigned verbosity;
	enum log_format log_format;
};

static const struct argp_option options[] = {
	{ "server", OPTION_SERVER, "tcp://HOST:PORT", 0, "the gateway to report to", 0 },
	{ "server-key", OPTION_SERVER_KEY, "FILE", 0,
	    "the server's public key (keys/server.pub in its data directory)", 0 },
	{ "data", OPTION_DATA, "DIRECTORY", 0, "keys and spool (FETTLE_DATA)", 0 },
	{ "config", OPTION_CONFIG, "FILE", 0,
	    "settings (FETTLE_CONFIG; default /etc/fettle/agent.yaml)", 0 },
	{ "set", OPTION_SET, "SECTION.NAME=VALUE", 0, "a setting, above all other places of it",
	    0 },
	{ "log-format", OPTION_LOG_FORMAT, "logfmt|json|journal", 0, "of the log lines", 0 },
	{ "enrol", OPTION_ENROL, "FILE", 0,
	    "have this machine let in by an enrolment file (-: standard input), and end", 0 },
	{ "wait", OPTION_WAIT, "DURATION", 0, "with --enrol: how long to wait for an approval", 0 },
	{ "new-key", OPTION_NEW_KEY, NULL, 0,
	    "with --enrol: put the key that is here aside, and make another", 0 },
	{ "verbose", 'v', NULL, 0, "say more", 0 },
	{ 0 },
};

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case OPTION_SERVER:
		arguments->server = text_format("agent.server=%s", value);
		return 0;
	case OPTION_SERVER_KEY:
		arguments->server_key = text_format("agent.server_key=%s", value);
		return 0;
	case OPTION_DATA:
		arguments->data = value;
		return 0;
	case OPTION_CONFIG:
		arguments->config = value;
		return 0;
	case OPTION_SET:
		if (arguments->sets_count == SETS_MAX)
			argp_error(state, "--set may stand %d times", SETS_MAX);
		arguments->sets[arguments->sets_count++] = value;
		return 0;
	case OPTION_LOG_FORMAT:
		if (!log_format_parse(value, &arguments->log_format))
			argp_error(state, "`%s` is none of logfmt, json and journal", value);
		return 0;
	case OPTION_ENROL:
		arguments->enrol = value;
		return 0;
	case OPTION_WAIT:
		if (!quantity_parse(QUANTITY_DURATION, value, &arguments->wait_ms))
			argp_error(state, "`%s` is no duration, such as 10m", value);
		return 0;
	case OPTION_NEW_KEY:
		arguments->wants_new_key = true;
		return 0;
	case 'v':
		arguments->verbosity++;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "`%s` is not expected here", value);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = { options, parse, NULL,
	"Observes this machine and sends what changes to a Fettle server.", NULL, NULL, NULL };

static const struct setting_section *sections(void)
{
	static struct setting_section all[SECTIONS_MAX];
	size_t count = 0;

	all[count++] = agent_section;
	for (size_t i = 0; collectors_all[i] != NULL; i++) {
		const struct collector *collector = collectors_all[i];

		REQUIRE(count + 1 < SECTIONS_MAX);
		if (collector->settings != NULL)
			all[count++] = (struct setting_section){ .name = collector->name,
				.settings = collector->settings,
				.size = collector->settings_size,
				.help = collector->summary };
	}
	return all;
}

static char *default_data(void)
{
	const char *base = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

	if (getenv("FETTLE_DATA") != NULL)
		return text_copy(getenv("FETTLE_DATA"));
	if (geteuid() == 0)
		return text_copy("/var/lib/fettle");
	return base != NULL && base[0] == '/'
	         ? text_format("%s/fettle", base)
	         : text_format("%s/.local/share/fettle", home == NULL ? "" : home);
}

static struct settings *load(const struct arguments *arguments)
{
	const char *named = arguments->config != NULL ? arguments->config : getenv("FETTLE_CONFIG");
	const char *flags[SETS_MAX + 3] = { NULL };
	size_t count = 0;
	const struct settings_sources sources = { .file = named != NULL ? named
		                                                        : "/etc/fettle/agent.yaml",
		.file_may_be_missing = named == NULL,
		.flags = flags,
		.environment = (const char *const *)environ };
	struct yaml_errors errors = { 0 };
	struct settings *settings = NULL;

	if (arguments->server != NULL)
		flags[count++] = arguments->server;
	if (arguments->server_key != NULL)
		flags[count++] = arguments->server_key;
	memcpy(flags + count, arguments->sets, arguments->sets_count * sizeof(*flags));
	if (settings_load(sections(), &sources, &settings, &errors) != STATUS_OK) {
		fprintf(stderr,
		    "%sfettle-agent: the configuration is not used; mend it and start "
		    "again\n",
		    yaml_errors_text(&errors));
		settings = NULL;
	}
	yaml_errors_fini(&errors);
	return settings;
}

/*
 * What a first inventory takes goes back to the system, and threads that sleep nearly all the time
 * share their heaps.
 */
static void save_memory(void)
{
	(void)mallopt(M_ARENA_MAX, 2);
	(void)mallopt(M_MMAP_THRESHOLD, 64 * 1024);
	(void)mallopt(M_TRIM_THRESHOLD, 64 * 1024);
}

static int run(const char *data, const struct settings *settings)
{
	const struct role *const roles[] = { &agent_role, NULL };
	const struct supervisor_options chosen = { .roles = roles,
		.data = data,
		.settings = settings };
	struct supervisor *supervisor = NULL;
	enum status status = enrol_at_start(data, "");

	/* Started again and again, it would be the same: a person has to do something. */
	if (status == STATUS_DENIED || status == STATUS_NOT_FOUND || status == STATUS_INVALID)
		return BAD_CONFIGURATION;
	if (status == STATUS_OK)
		status = supervisor_start(&chosen, &supervisor);
	if (status == STATUS_OK)
		status = supervisor_run(supervisor);
	supervisor_free(supervisor);
	return status_exit_code(status);
}

static int load_and_run(const struct arguments *arguments, const char *data)
{
	struct settings *settings = load(arguments);
	int exit_code = settings == NULL ? BAD_CONFIGURATION : run(data, settings);

	settings_free(settings);
	return exit_code;
}

static int enrol_by(const struct arguments *arguments, const char *data)
{
	const struct enrol_command command = { .program = "fettle-agent",
		.data = data,
		.path = arguments->enrol,
		.wait_ms = arguments->wait_ms,
		.wants_new_key = arguments->wants_new_key };

	return enrol_command(&command);
}

int main(int argc, char **argv)
{
	struct arguments arguments = { .log_format = LOG_LOGFMT };
	char *data;
	int exit_code;

	save_memory();
	argp_program_version = "fettle-agent " FETTLE_VERSION;
	argp_err_exit_status = BAD_USAGE;
	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0)
		return BAD_USAGE;
	log_configure(arguments.verbosity > 0 ? LOG_DEBUG : LOG_INFO, arguments.log_format);
	data = arguments.data != NULL ? text_copy(arguments.data) : default_data();
	if (arguments.enrol != NULL)
		exit_code = enrol_by(&arguments, data);
	else
		exit_code = load_and_run(&arguments, data);
	free(data);
	free(arguments.server);
	free(arguments.server_key);
	return exit_code;
}
