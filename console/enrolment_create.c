/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrolment create - makes an enrolment, and the file by which a machine uses it.
 *
 * The log keeps only a hash of the secret, so this file is the one place where it stands.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "brokers/roles.h"
#include "console/commands.h"
#include "console/control_client.h"
#include "core/clock.h"
#include "core/enrolment_file.h"
#include "core/keys.h"
#include "core/quantity.h"
#include "core/record.h"

enum { NETWORKS_MAX = 32, HOST_MAX = 256 };

static const uint64_t token_ms = 15ULL * 60 * 1000;         /* what the log gives a token */
static const uint64_t several_ms = 7ULL * 24 * 3600 * 1000; /* where only the uses were said */

const struct argp_option enrolment_create_options[] = {
	{ "token", 't' << 8, NULL, 0, "one use, 15 minutes: what it is unless said otherwise", 0 },
	{ "uses", 'u' << 8, "N", 0, "for so many machines", 0 },
	{ "expires", 'e' << 8, "DURATION", 0, "how long it holds, at most 30d (7d)", 0 },
	{ "network", 'n' << 8, "CIDR,...", 0, "only from these networks", 0 },
	{ "group", 'g' << 8, "NAME", 0, "the group of the machines that it lets in", 0 },
	{ "approval", 'a' << 8, NULL, 0, "an operator has to approve each machine", 0 },
	{ "name", 'm' << 8, "NAME", 0, "what people call it", 0 },
	{ "out", 'o' << 8, "FILE", 0, "write the file to FILE, for nobody else to read", 0 },
	{ "gateway", 'w' << 8, "tcp://HOST:PORT,...", 0, "where agents report to", 0 },
	{ "endpoint", 'p' << 8, "tcp://HOST:PORT,...", 0, "where they ask to be let in", 0 },
	{ 0 },
};

static const struct output_column columns[] = {
	{ "enrolment_id", "ID", 0, 0 },
	{ "name", "NAME", OUTPUT_CUT, 0 },
	{ "uses_most", "USES", OUTPUT_RIGHT, 0 },
	{ "expires_at", "EXPIRES", 0, 0 },
	{ "file", "FILE", OUTPUT_MIDDLE, 0 },
	{ .name = NULL },
};

struct creation {
	const struct console *console;
	struct enrolment_file file;
	Fettle__Enrolment wanted;
	struct arena arena;
	const char *out; /* a path; NULL: standard output */
	int fd;          /* of OUT, or -1 */
	bool is_loopback;
};

/* ---- what was asked for ---- */

static int take_uses(struct creation *creation)
{
	const char *uses = console_option(creation->console, "uses");
	const char *expires = console_option(creation->console, "expires");
	bool is_token = console_option(creation->console, "token") != NULL;
	uint64_t count = 1, lives_ms = uses == NULL ? token_ms : several_ms;

	if (is_token && (uses != NULL || expires != NULL))
		return console_usage(creation->console,
		    "--token is one use and 15 minutes; leave it out to say otherwise");
	if (uses != NULL && (!quantity_parse(QUANTITY_COUNT, uses, &count) || count == 0))
		return console_usage(creation->console, "--uses takes a number, not `%s`", uses);
	if (expires != NULL
	    && (!quantity_parse(QUANTITY_DURATION, expires, &lives_ms) || lives_ms == 0))
		return console_usage(creation->console,
		    "--expires takes a duration such as 12h or 7d, not `%s`", expires);
	RECORD_SET(&creation->wanted, uses_most, count);
	RECORD_SET(&creation->wanted, expires_ms, creation->console->now_ms + lives_ms);
	return 0;
}

static int take_names(struct creation *creation)
{
	const char *name = console_option(creation->console, "name");
	const char *group = console_option(creation->console, "group");

	if ((name != NULL && !enrolment_file_is_name(name))
	    || (group != NULL && !enrolment_file_is_name(group)))
		return console_usage(creation->console,
		    "a name is 1 to %d bytes of text on one line", ENROLMENT_NAME_MAX);
	creation->file.name = name;
	creation->wanted.name = RECORD_TEXT(name);
	creation->wanted.group = RECORD_TEXT(group);
	if (console_option(creation->console, "approval") != NULL)
		RECORD_SET(&creation->wanted, needs_approval, 1);
	return 0;
}

/* The parts of a list, in the arena; more than MOST of them are counted and not kept. */
static size_t split(struct creation *creation, const char *list, const char **out, size_t most)
{
	char *rest = arena_text(&creation->arena, list), *item;
	size_t count = 0;

	while ((item = strsep(&rest, ",")) != NULL) {
		if (count < most)
			out[count] = item;
		count++;
	}
	return count;
}

static int take_networks(struct creation *creation)
{
	const char *list = console_option(creation->console, "network");
	const char **networks;

	if (list == NULL)
		return 0;
	networks = arena_take(&creation->arena, NETWORKS_MAX * sizeof(*networks));
	creation->wanted.n_networks = split(creation, list, networks, NETWORKS_MAX);
	creation->wanted.networks = (char **)networks;
	if (creation->wanted.n_networks > NETWORKS_MAX)
		return console_usage(creation->console, "--network takes at most %d networks",
		    NETWORKS_MAX);
	return 0;
}

/* ---- where the server is ---- */

/* LISTEN as other machines would write it; NULL where it leaves the port to chance. */
static const char *seen_from_outside(struct creation *creation, const char *listen)
{
	static const char *const anywhere[] = { "tcp://0.0.0.0:", "tcp://*:", "tcp://[::]:" };
	const char *port = strrchr(listen, ':');
	char host[HOST_MAX] = "";

	if (port == NULL || strcmp(port, ":*") == 0 || strcmp(port, ":0") == 0)
		return NULL;
	for (size_t i = 0; i < sizeof(anywhere) / sizeof(anywhere[0]); i++)
		if (strncmp(listen, anywhere[i], strlen(anywhere[i])) == 0
		    && gethostname(host, sizeof(host) - 1) == 0)
			return arena_format(&creation->arena, "tcp://%s%s", host, port);
	creation->is_loopback |= strncmp(listen, "tcp://127.", 10) == 0
	                      || strncmp(listen, "tcp://[::1]", 11) == 0;
	return listen;
}

static int take_addresses(struct creation *creation, const char *option, const char *setting,
    const char *listen, const char **out, size_t *count)
{
	const char *list = console_option(creation->console, option);

	if (list != NULL)
		*count = split(creation, list, out, ENROLMENT_ADDRESSES_MAX);
	else if (listen[0] != '\0' && (out[0] = seen_from_outside(creation, listen)) != NULL)
		*count = 1;
	else
		return console_usage(creation->console,
		    "the setting %s says no port that would stay: say --%s tcp://HOST:PORT",
		    setting, option);
	if (*count > ENROLMENT_ADDRESSES_MAX)
		return console_usage(creation->console, "--%s takes at most %d addresses", option,
		    ENROLMENT_ADDRESSES_MAX);
	for (size_t i = 0; i < *count; i++)
		if (!enrolment_file_is_address(out[i]))
			return console_usage(creation->console,
			    "--%s takes tcp://HOST:PORT, not `%s`", option, out[i]);
	return 0;
}

static int take_server(struct creation *creation)
{
	struct enrolment_file *file = &creation->file;
	char *path = text_format("%s/keys/server.pub", creation->console->paths.data);
	const char *listen, *enrolment;
	enum status status = STATUS_NOT_FOUND;
	int exit_code;

	gateway_addresses(creation->console->settings, &listen, &enrolment);
	exit_code = take_addresses(creation, "gateway", "gateway.listen", listen, file->gateways,
	    &file->gateways_count);
	if (exit_code == 0)
		exit_code = take_addresses(creation, "endpoint", "gateway.enrolment", enrolment,
		    file->endpoints, &file->endpoints_count);
	if (exit_code == 0 && access(path, F_OK) == 0)
		status = keys_load_public(path, file->server_key);
	if (exit_code == 0 && status != STATUS_OK)
		exit_code = console_fail(status,
		    "there is no server's key at %s: start `fettle serve` (or `fettle gateway`) "
		    "with this data directory first",
		    path);
	free(path);
	return exit_code;
}

/* ---- the file ---- */

/* Before the enrolment is made: one that nobody can be given would be of no use. */
static int open_out(struct creation *creation)
{
	creation->out = console_option(creation->console, "out");
	creation->fd = -1;
	if (creation->out == NULL || creation->console->is_dry_run)
		return 0;
	creation->fd = open(creation->out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (creation->fd < 0)
		return console_fail(status_of_errno(errno), "%s: %s", creation->out,
		    strerror(errno));
	return 0;
}

static int write_file(struct creation *creation)
{
	char until[CLOCK_TEXT_SIZE];
	struct buffer text = { 0 };
	int fd = creation->fd >= 0 ? creation->fd : STDOUT_FILENO;
	bool is_written;

	clock_format(creation->wanted.expires_ms, until);
	buffer_append_format(&text,
	    "# Lets %llu machine%s in until %s: fettle-agent --enrol FILE\n"
	    "# Whoever has it may use it: keep it secret.\n",
	    (unsigned long long)creation->wanted.uses_most,
	    creation->wanted.uses_most == 1 ? "" : "s", until);
	enrolment_file_write(&creation->file, true, &text);
	is_written = write(fd, text.data, text.size) == (ssize_t)text.size;
	explicit_bzero(text.data, text.size);
	buffer_fini(&text);
	if (is_written && (creation->fd < 0 || fsync(fd) == 0))
		return 0;
	return console_fail(STATUS_IO, "the file could not be written whole: %s", strerror(errno));
}

static int show(const struct creation *creation, const Fettle__ControlReply *reply)
{
	struct output_options options = creation->console->output;
	struct output *output;

	if (creation->out == NULL || options.format == OUTPUT_TABLE)
		return 0;
	options.is_single = true;
	output = output_new(&options, columns);
	output_id(output, record_bytes(reply->id));
	output_text(output, creation->wanted.name);
	output_number(output, creation->wanted.uses_most);
	output_time(output, creation->wanted.expires_ms);
	output_text(output, creation->out);
	return console_end(&output, output_row(output));
}

static void say(const struct creation *creation, const Fettle__ControlReply *reply)
{
	const struct console *console = creation->console;
	char until[CLOCK_TEXT_SIZE], id[2 * HASH_SIZE + 1] = "";

	clock_format_age(creation->wanted.expires_ms, console->now_ms, until);
	if (record_bytes(reply->id).size == HASH_SIZE)
		bytes_to_hex(record_bytes(reply->id), id);
	console_say(console, "Enrolment %.8s lets %llu machine%s in; it ends %s.", id,
	    (unsigned long long)creation->wanted.uses_most,
	    creation->wanted.uses_most == 1 ? "" : "s", until);
	console_say(console, "On the machine: fettle-agent --enrol %s",
	    creation->out == NULL ? "FILE" : creation->out);
	if (creation->is_loopback)
		console_say(console,
		    "The server listens on this machine alone: others reach it once "
		    "gateway.listen and gateway.enrolment say so.");
}

/* ---- making it ---- */

static int make(struct creation *creation)
{
	Fettle__ControlRequest request = FETTLE__CONTROL_REQUEST__INIT;
	Fettle__EnrolmentOrder order = FETTLE__ENROLMENT_ORDER__INIT;
	Fettle__ControlReply *reply;
	struct arena arena = { 0 };
	enum status status;
	int exit_code;

	order.create = &creation->wanted;
	request.enrolment = &order;
	status = control_ask(creation->console->paths.data, &request, &arena, &reply);
	exit_code = status_exit_code(status);
	if (status == STATUS_OK && record_bytes(reply->secret).size != ENROLMENT_SECRET_SIZE)
		exit_code = console_fail(STATUS_INVALID, "the log has given no secret");
	if (exit_code == 0) {
		memcpy(creation->file.secret, reply->secret.data, ENROLMENT_SECRET_SIZE);
		explicit_bzero(reply->secret.data, reply->secret.len);
		creation->file.has_secret = true;
		exit_code = write_file(creation);
	}
	if (exit_code == 0) {
		say(creation, reply);
		exit_code = show(creation, reply);
	}
	arena_fini(&arena);
	return exit_code;
}

static int create(struct creation *creation)
{
	int (*const takes[])(struct creation * creation) = { take_uses, take_names, take_networks,
		take_server, open_out };
	int exit_code = 0;

	for (size_t i = 0; exit_code == 0 && i < sizeof(takes) / sizeof(takes[0]); i++)
		exit_code = takes[i](creation);
	if (exit_code != 0)
		return exit_code;
	if (creation->console->is_dry_run) {
		console_say(creation->console, "would be made; nothing was changed");
		return 0;
	}
	return make(creation);
}

int enrolment_create_run(const struct console *console, int argc, char **argv)
{
	struct creation creation = { .console = console,
		.wanted = FETTLE__ENROLMENT__INIT,
		.fd = -1 };
	int exit_code = create(&creation);

	(void)argc;
	(void)argv;
	if (creation.fd >= 0) {
		close(creation.fd);
		if (exit_code != 0)
			(void)!unlink(creation.out);
	}
	creation.file.arena = (struct arena){ 0 };
	enrolment_file_fini(&creation.file);
	arena_fini(&creation.arena);
	return exit_code;
}
