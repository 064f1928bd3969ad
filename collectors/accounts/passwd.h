/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passwd.h - the users and groups that files name.
 */
#ifndef COLLECTORS_ACCOUNTS_PASSWD_H
#define COLLECTORS_ACCOUNTS_PASSWD_H

#include "collectors/survey/survey.h"

/* ON_USER is told of each user who has a home. */
void passwd_look(const struct survey_input *input, struct sheet *sheet,
    void (*on_user)(void *data, const char *name, const char *home), void *data);

#endif
