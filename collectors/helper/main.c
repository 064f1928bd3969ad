/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fettle-helper - the only part that changes a machine, and so a program of its own.
 */
#include <argp.h>
#include <stdlib.h>
#include <unistd.h>

#include "collectors/helper/helper.h"
#include "core/log.h"
#include "core/version.h"

enum { BAD_USAGE = 2, OPTION_DATA = 256, OPTION_LOG_FORMAT };

struct arguments {
	const char *data;
	enum log_level level;
	enum log_format format;
};

static const struct argp_option options[] = {
	{ "data", OPTION_DATA, "DIRECTORY", 0,
	    "the agent's data directory (FETTLE_DATA; default /var/lib/fettle)", 0 },
	{ "log-format", OPTION_LOG_FORMAT, "logfmt|json|journal", 0, "of the log lines", 0 },
	{ "verbose", 'v', NULL, 0, "say more", 0 },
	{ "quiet", 'q', NULL, 0, "say errors only", 0 },
	{ 0 },
};

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case OPTION_DATA:
		arguments->data = value;
		return 0;
	case OPTION_LOG_FORMAT:
		if (!log_format_parse(value, &arguments->format))
			argp_error(state, "`%s` is none of logfmt, json and journal", value);
		return 0;
	case 'v':
		arguments->level = LOG_DEBUG;
		return 0;
	case 'q':
		arguments->level = LOG_ERROR;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "`%s` is not expected here", value);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = { options, parse, NULL,
	"Applies jobs on this machine for its Fettle agent: upgrades packages, and nothing else.",
	NULL, NULL, NULL };

static enum status serve(const char *data)
{
	struct place place;
	enum status status = place_open(data, &place);

	if (status == STATUS_BUSY) {
		log_debug("helper-there", "another helper serves this data directory");
		return STATUS_OK;
	}
	if (status != STATUS_OK)
		return status;
	status = place_listen(&place);
	if (status == STATUS_OK) {
		log_write(LOG_INFO, "helper-ready", LOG_FIELDS(LOG_TEXT("path", data)),
		    "applies jobs on this machine");
		status = helper_serve(&place);
	}
	place_close(&place);
	return status;
}

int main(int argc, char **argv)
{
	const char *data = getenv("FETTLE_DATA");
	struct arguments arguments = { .data = data != NULL ? data : "/var/lib/fettle",
		.level = LOG_INFO,
		.format = LOG_LOGFMT };

	argp_program_version = "fettle-helper " FETTLE_VERSION;
	argp_err_exit_status = BAD_USAGE;
	if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0)
		return BAD_USAGE;
	log_configure(arguments.level, arguments.format);
	log_set_role("helper");
	if (geteuid() != 0) {
		log_error("helper-root",
		    "only root can apply jobs: run `sudo fettle-helper --data %s`", arguments.data);
		return status_exit_code(STATUS_DENIED);
	}
	return status_exit_code(serve(arguments.data));
}
