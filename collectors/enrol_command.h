/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol_command.h - `fettle-agent --enrol FILE` and `fettle agent enrol FILE`, which are one.
 */
#ifndef COLLECTORS_ENROL_COMMAND_H
#define COLLECTORS_ENROL_COMMAND_H

#include <stdint.h>

/*
 * Enrols this machine by the file PATH ("-": standard input), waiting WAIT_MS for an approval, and
 * says on standard error how it goes.  The exit code: 0 admitted; 1 refused, or not approved yet;
 * 3 nobody answered; 65 a bad file; or as status_exit_code.
 */
int enrol_command(const char *program, const char *data, const char *path, uint64_t wait_ms);

#endif
