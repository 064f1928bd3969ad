/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agents admit - lets agents in by their public keys, without an enrolment: for whoever can read
 * the key off the machine, and holds that for proof enough.
 */
#include "console/commands.h"
#include "console/control_client.h"
#include "core/keys.h"
#include "core/record.h"

enum { LABEL_MAX = 255 };

const struct argp_option agents_admit_options[] = {
	{ "name", 'n' << 8, "TEXT", 0, "what the machine is called; one file only", 0 },
	{ 0 },
};

struct admitting {
	const struct console *console;
	const char *name;
};

/* 0, or the exit code of a failure that a message told. */
static int admit(const struct admitting *admitting, const char *file)
{
	Fettle__ControlRequest request = FETTLE__CONTROL_REQUEST__INIT;
	Fettle__MemberOrder order = FETTLE__MEMBER_ORDER__INIT;
	char text[SOCKET_KEY_TEXT];
	uint8_t key[SOCKET_KEY_SIZE];
	uint64_t written = 0;
	enum status status = keys_load_public(file, text);

	if (status == STATUS_OK && !socket_key_decode(text, key))
		status = STATUS_CORRUPT;
	if (status != STATUS_OK)
		return status_exit_code(status);
	if (admitting->console->is_dry_run) {
		console_say(admitting->console, "%s would be admitted", file);
		return 0;
	}
	RECORD_SET(&order, act, FETTLE__MEMBER_ACT__MEMBER_ACT_ADMIT);
	RECORD_SET_BYTES(&order, key, BYTES_OF(key));
	order.name = RECORD_TEXT(admitting->name);
	request.member = &order;
	status = control_send(admitting->console->paths.data, &request, &written);
	if (status == STATUS_OK)
		console_say(admitting->console,
		    written > 0 ? "%s is admitted" : "%s was admitted already", file);
	return status_exit_code(status);
}

int agents_admit_run(const struct console *console, int argc, char **argv)
{
	struct admitting admitting = { .console = console,
		.name = console_option(console, "name") };
	int exit_code = 0;

	if (admitting.name != NULL && argc > 2)
		return console_usage(console, "--name goes with one file");
	if (admitting.name != NULL
	    && (strlen(admitting.name) > LABEL_MAX
		|| !bytes_is_utf8(bytes_of_text(admitting.name))))
		return console_usage(console, "--name takes at most %d bytes of text", LABEL_MAX);
	for (int i = 1; i < argc && exit_code == 0; i++)
		exit_code = admit(&admitting, argv[i]);
	return exit_code;
}
