/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sudoers.h - who may become whom: /etc/sudoers and what it includes.
 */
#ifndef COLLECTORS_ACCOUNTS_SUDOERS_H
#define COLLECTORS_ACCOUNTS_SUDOERS_H

#include "collectors/survey/survey.h"

void sudoers_look(const struct survey_input *input, struct sheet *sheet);

#endif
