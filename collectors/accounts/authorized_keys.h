/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authorized_keys.h - the keys that let a user in by ssh.
 */
#ifndef COLLECTORS_ACCOUNTS_AUTHORIZED_KEYS_H
#define COLLECTORS_ACCOUNTS_AUTHORIZED_KEYS_H

#include "collectors/survey/survey.h"

/* Those in .ssh below HOME, where sshd looks unless it is told otherwise. */
void authorized_keys_look(const struct survey_input *input, struct sheet *sheet, const char *user,
    const char *home);

#endif
