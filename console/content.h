/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.h - the policies, detections, watch list and priority table of this machine: finds their
 * files, checks them, and writes them as intent.
 */
#ifndef CONSOLE_CONTENT_H
#define CONSOLE_CONTENT_H

#include "core/setting.h"
#include "core/status.h"

/* Where they are looked for: *.yaml of each directory, and each file. */
extern const struct setting_section content_section;

struct content;

/*
 * Reads and parses all of it: what the settings name, and where they name nothing what is shipped
 * below SHIPPED and the machine's own in CONFIG/policies and CONFIG/detections.  INVALID: ERRORS
 * says what is wrong where; nothing is to be published then.
 */
NODISCARD enum status content_load(const struct settings *settings, const char *shipped,
    const char *config, struct content **out, struct yaml_errors *errors);
/* Only the policies in FILES (ends with NULL); what else is in force stays. */
NODISCARD enum status content_load_files(const char *const *files, const char *dialect,
    struct content **out, struct yaml_errors *errors);
void content_free(struct content *content); /* NULL is fine */
/* How many policies. */
size_t content_count(const struct content *content);

/*
 * Writes to the log of DATA what differs from what it has, and withdraws policies and detections
 * whose files were in the same directories and are gone.  As control_send; *written counts both.
 */
NODISCARD enum status content_publish(const struct content *content, const char *data,
    uint64_t *written);
/* Withdraws one policy.  NOT_FOUND: none of that id is in force. */
NODISCARD enum status content_withdraw(const char *data, const char *id);

#endif
