/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrolment_file.h - the file by which a machine gets in: where the server is, the key that it must
 * prove to have, and a secret that lets the machine ask.
 *
 * YAML.  Without its secret it is also what an agent keeps of its server (keys/server.yaml).  The
 * secret is one line of 40 hexadecimal digits, of which the last 8 are a CRC-32C of the others:
 * what was copied wrongly is told apart from what the server refuses.
 */
#ifndef CORE_ENROLMENT_FILE_H
#define CORE_ENROLMENT_FILE_H

#include "core/socket.h"
#include "core/yaml.h"

enum { ENROLMENT_SECRET_SIZE = 16, ENROLMENT_ADDRESSES_MAX = 16, ENROLMENT_NAME_MAX = 64 };

struct enrolment_file {
	struct arena arena;                             /* of the texts */
	const char *name;                               /* for people; NULL: none */
	const char *endpoints[ENROLMENT_ADDRESSES_MAX]; /* where to ask to be let in */
	size_t endpoints_count;
	const char *gateways[ENROLMENT_ADDRESSES_MAX]; /* where to report to */
	size_t gateways_count;
	char server_key[SOCKET_KEY_TEXT];
	bool has_secret;
	uint8_t secret[ENROLMENT_SECRET_SIZE];
};

/*
 * Reads TEXT; NAME is for messages.  INVALID: ERRORS says what is wrong and where, never what
 * the secret is: of a row of digits that may be one, none is shown.  FILE is empty then.
 */
NODISCARD enum status enrolment_file_parse(const char *name, struct bytes text,
    struct enrolment_file *out, struct yaml_errors *errors);
/*
 * The same of the file PATH, or of standard input for "-".  INVALID also: others may read it
 * although it has a secret.  NOT_FOUND, DENIED, IO, with a line in ERRORS.
 */
NODISCARD enum status enrolment_file_read(const char *path, struct enrolment_file *out,
    struct yaml_errors *errors);
/* Appends the file's text to OUT; WITH_SECRET: its secret, too. */
void enrolment_file_write(const struct enrolment_file *file, bool with_secret, struct buffer *out);
/* Forgets the secret, too. */
void enrolment_file_fini(struct enrolment_file *file);

/* Whether TEXT is tcp://HOST:PORT, in characters that are safe wherever it is shown. */
bool enrolment_file_is_address(const char *text);
/* Whether TEXT may be a name: 1 to ENROLMENT_NAME_MAX bytes of printable UTF-8. */
bool enrolment_file_is_name(const char *text);

#endif
