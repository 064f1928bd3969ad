/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/enrol_command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "collectors/enrol.h"
#include "core/log.h"

/* For an answer of each endpoint: as long as it is asked before the next one is, and a little. */
enum { ANSWER_MS = 6500, NEGATIVE = 1 };

static void say(const char *program, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What the server wrote is as hostile as anything from outside. */
static void say(const char *program, const char *format, ...)
{
	struct buffer line = { 0 };
	va_list arguments;
	char text[1024];

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_escape(&line, bytes_of_text(text));
	fprintf(stderr, "%s: %s\n", program, buffer_text(&line));
	buffer_fini(&line);
}

static void on_progress(const void *data, const char *text)
{
	say(data, "%s", text);
}

static int tell_outcome(const char *program, enum status status,
    const struct enrol_options *options, const struct enrol_result *result)
{
	switch (status) {
	case STATUS_OK:
		say(program, "let in as agent %.12s; fettle-agent reports to %s from now on",
		    result->agent, options->file->gateways[0]);
		return 0;
	case STATUS_AGAIN:
		say(program,
		    "asked, and an operator has to approve: fettle agents approve %.12s, on the "
		    "server; fettle-agent may be started meanwhile, and is let in once they have",
		    result->agent);
		return NEGATIVE;
	case STATUS_DENIED:
		say(program, "refused: %s", result->reason);
		return NEGATIVE;
	case STATUS_CLOSED:
		say(program, "no server has answered; nothing was changed, and the secret was not "
			     "used up");
		return status_exit_code(status);
	case STATUS_EXISTS:
		say(program,
		    "%s is the data directory of a server, whose own agent is let in without "
		    "enrolment",
		    options->data);
		return NEGATIVE;
	default:
		say(program, "not enrolled: %s", status_text(status));
		return status_exit_code(status);
	}
}

static int enrol_by(const struct enrol_command *command, const struct enrolment_file *file)
{
	uint64_t answer_ms = ANSWER_MS * file->endpoints_count;
	const struct enrol_options options = { .data = command->data,
		.root = "",
		.file = file,
		.wait_ms = command->wait_ms > answer_ms ? command->wait_ms : answer_ms,
		.waits_for_approval = command->wait_ms > 0,
		.wants_new_key = command->wants_new_key,
		.on_progress = on_progress,
		.progress_data = command->program };
	struct enrol_result result;

	return tell_outcome(command->program, enrol(&options, &result), &options, &result);
}

int enrol_command(const struct enrol_command *command)
{
	struct enrolment_file file;
	struct yaml_errors errors = { 0 };
	enum status status = enrolment_file_read(command->path, &file, &errors);
	int exit_code = status_exit_code(STATUS_INVALID);

	if (status != STATUS_OK) {
		fprintf(stderr, "%s", yaml_errors_text(&errors));
		say(command->program, "this file lets nobody in");
	} else if (!file.has_secret) {
		say(command->program,
		    "there is no secret in %s: `fettle enrolment create` makes one", command->path);
	} else {
		exit_code = enrol_by(command, &file);
	}
	enrolment_file_fini(&file);
	yaml_errors_fini(&errors);
	return exit_code;
}
