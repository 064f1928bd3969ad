/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret_name.h - whether the name of a setting says that its value is a secret.
 */
#ifndef COLLECTORS_REDACT_SECRET_NAME_H
#define COLLECTORS_REDACT_SECRET_NAME_H

#include "core/bytes.h"

enum secret_name {
	SECRET_NAME_NOT,
	SECRET_NAME_PROBABLY,  /* it contains such a word: "smtp_password", "clientSecret" */
	SECRET_NAME_EXACTLY,   /* it is such a word: "password", "psk" */
	SECRET_NAME_COMMUNITY, /* of SNMP: a word, then addresses and options */
};

/* Case and the signs between words do not matter. */
enum secret_name secret_name_of(struct bytes name);

#endif
