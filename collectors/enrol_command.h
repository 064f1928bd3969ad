/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol_command.h - `fettle-agent --enrol FILE` and `fettle agent enrol FILE`, which are one.
 */
#ifndef COLLECTORS_ENROL_COMMAND_H
#define COLLECTORS_ENROL_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

struct enrol_command {
	const char *program; /* as it calls itself */
	const char *data;
	const char *path; /* of the enrolment file; "-": standard input */
	uint64_t wait_ms; /* for an approval */
	bool wants_new_key;
};

/*
 * Enrols this machine and says on standard error how it goes.  The exit code: 0 admitted; 1
 * refused, or not approved yet; 3 nobody answered; 65 a bad file; or as status_exit_code.
 */
int enrol_command(const struct enrol_command *command);

#endif
