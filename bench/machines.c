/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fettle-machines - like machines that sync for the first time: the real observer, spool and link,
 * and facts of one machine, of which each has some of its own.
 *
 * Each makes its first passes and answers what the server asks, until a line comes by standard
 * input; then it says how many bytes all of them sent, by the kernel's count of their connections:
 * CURVE, frames, acknowledgements and all.
 */
#include <argp.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "core/dialler.h"
#include "core/keys.h"
#include "core/log.h"
#include "core/observer.h"
#include "core/quantity.h"
#include "core/spool.h"
#include "proto/command.pb-c.h"

enum { FIELDS_MAX = 16, FIELD_COLUMNS = 3, LINE_MAX_ = 512 * 1024 };

/* ---- what the machines have ---- */

struct known {
	char *collector, *prefix;
	struct bytes key;
	enum fact_status status;
	bool is_own; /* every machine has another value */
	struct fact_field fields[FIELDS_MAX];
	size_t count;
};

struct options {
	const char *server, *server_key, *directory, *facts;
	uint64_t first, count, own_permille;
	bool has_bundles;
};

struct machines {
	struct options options;
	struct arena arena;
	struct known *known;
	size_t known_count;
	struct machine *all;
	uv_loop_t loop;
	struct socket_context *sockets;
	char server_key[SOCKET_KEY_TEXT];
	bool has_failed;
};

struct machine {
	struct machines *machines;
	uint64_t number;
	struct key_pair keys;
	struct spool *spool;
	struct observer *observer;
	struct sockets *sockets;
	struct dialler *server;
	uv_prepare_t prepare;
};

static void fail(struct machines *machines, const char *what, enum status status)
{
	fprintf(stderr, "fettle-machines: %s: %s\n", what, status_text(status));
	machines->has_failed = true;
	uv_stop(&machines->loop);
}

static struct bytes unhex(struct machines *machines, const char *hex)
{
	size_t size = strlen(hex) / 2;
	uint8_t *out = arena_take(&machines->arena, size + 1);

	return bytes_from_hex(hex, out, size) ? BYTES(out, size) : BYTES_NONE;
}

/* COLLECTOR OWN STATUS KEY {NAME t|n VALUE}, with tabs between; keys and values in hexadecimal. */
static void read_fact(struct machines *machines, char *line, struct known *out)
{
	char *rest = line, *name;

	out->collector = arena_text(&machines->arena, strsep(&rest, "\t"));
	out->is_own = *strsep(&rest, "\t") == '1';
	out->status = (enum fact_status)atoi(strsep(&rest, "\t"));
	out->key = unhex(machines, strsep(&rest, "\t"));
	out->prefix = arena_format(&machines->arena, "%.*s/",
	    (int)strcspn((const char *)out->key.data, "/"), (const char *)out->key.data);
	while (out->count < FIELDS_MAX && (name = strsep(&rest, "\t")) != NULL && *name != '\0') {
		bool is_number = *strsep(&rest, "\t") == 'n';
		struct bytes value = unhex(machines, strsep(&rest, "\t"));
		struct fact_field *field = &out->fields[out->count++];

		name = arena_text(&machines->arena, name);
		*field = is_number ? FACT_FIELD_NUMBER(name, atoll((const char *)value.data))
		                   : FACT_FIELD_SLICE(name, value);
	}
}

static void read_facts(struct machines *machines)
{
	char *line = memory_new(LINE_MAX_);
	FILE *file = fopen(machines->options.facts, "r");

	while (file != NULL && fgets(line, LINE_MAX_, file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		machines->known = memory_grow(machines->known,
		    (machines->known_count + 1) * sizeof(*machines->known));
		machines->known[machines->known_count] = (struct known){ .count = 0 };
		read_fact(machines, line, &machines->known[machines->known_count++]);
	}
	if (file == NULL || machines->known_count == 0)
		fail(machines, machines->options.facts, STATUS_NOT_FOUND);
	if (file != NULL)
		fclose(file);
	free(line);
}

/* ---- observing ---- */

static bool is_own(const struct machine *machine, const struct known *known)
{
	const struct bytes parts[] = { BYTES(&machine->number, sizeof(machine->number)),
		known->key };
	uint8_t hash[HASH_SIZE];

	hash_parts(parts, 2, hash);
	return known->is_own || bytes_u32(hash) % 1000 < machine->machines->options.own_permille;
}

/* An own value is as long as the others, but for a number. */
static enum status observe(struct machine *machine, struct observer_pass *pass,
    const struct known *known)
{
	struct fact_field fields[FIELDS_MAX + 1];
	struct fact fact = { .key = known->key,
		.status = known->status,
		.fields = fields,
		.fields_count = known->count };
	char own[32];

	memcpy(fields, known->fields, known->count * sizeof(*fields));
	snprintf(own, sizeof(own), "%" PRIu64, machine->number);
	if (is_own(machine, known))
		fields[fact.fields_count++] = FACT_FIELD_TEXT("own", own);
	return observer_pass_set(pass, &fact);
}

static bool is_same_pass(const struct known *a, const struct known *b)
{
	return strcmp(a->collector, b->collector) == 0 && strcmp(a->prefix, b->prefix) == 0;
}

/* The facts of one collector under one prefix stand together. */
static enum status observe_all(struct machine *machine)
{
	const struct machines *machines = machine->machines;
	enum status status = STATUS_OK;

	for (size_t at = 0; status == STATUS_OK && at < machines->known_count;) {
		const struct known *first = &machines->known[at];
		struct observer_pass *pass = observer_pass_begin(machine->observer,
		    first->collector, LANE_DELTA, bytes_of_text(first->prefix), BYTES_NONE);

		while (status == STATUS_OK && at < machines->known_count
		       && is_same_pass(first, &machines->known[at]))
			status = observe(machine, pass, &machines->known[at++]);
		if (status == STATUS_OK)
			status = observer_pass_end(&pass);
		observer_pass_abandon(&pass);
	}
	return status;
}

/* ---- sending ---- */

static enum status flush(struct machine *machine)
{
	struct link *link = machine->server == NULL ? NULL : dialler_link(machine->server);
	enum status status = STATUS_OK;

	if (link != NULL && link_is_open(link))
		status = spool_number(machine->spool);
	if (status == STATUS_OK)
		status = spool_commit(machine->spool);
	if (status != STATUS_OK)
		fail(machine->machines, "the spool failed", status);
	for (unsigned lane = 1; status == STATUS_OK && link != NULL && lane < LANE_END; lane++)
		link_wake(link, lane, spool_head(machine->spool, (enum lane)lane));
	return status;
}

static void on_round(void *data, bool has_more)
{
	struct machine *machine = data;

	(void)has_more;
	if (machine->server != NULL && flush(machine) == STATUS_OK)
		dialler_pump(machine->server);
}

static void on_prepare(uv_prepare_t *prepare)
{
	on_round(prepare->data, false);
}

static enum status read_records(void *self, uint32_t flow, uint64_t from, size_t most,
    struct link_batch *batch)
{
	struct machine *machine = self;
	enum status status = flush(machine);

	return status == STATUS_OK ? spool_read(machine->spool, (enum lane)flow, from, most, batch)
	                           : status;
}

static void release(void *self)
{
	struct machine *machine = self;

	spool_release(machine->spool);
}

static void on_acked(void *self, uint32_t flow, uint64_t committed)
{
	struct machine *machine = self;
	enum status status = spool_acked(machine->spool, (enum lane)flow, committed);

	if (status != STATUS_OK)
		fail(machine->machines, "the spool failed", status);
}

static void take_command(struct machine *machine, struct bytes bytes)
{
	struct arena arena = { 0 };
	Fettle__Record *record;
	Fettle__Need *need;

	if (bytes.size > 0 && record_decode(bytes, &arena, &record) == STATUS_OK
	    && record->envelope->kind == FETTLE__KIND__KIND_NEED
	    && (need = record_unpack(&fettle__need__descriptor, record_bytes(record->body), &arena))
		   != NULL)
		for (size_t i = 0; i < need->n_hashes; i++)
			if (spool_append_bundle(machine->spool, need->hashes[i].data) != STATUS_OK)
				fail(machine->machines, "a bundle is gone", STATUS_NOT_FOUND);
	arena_fini(&arena);
}

static void on_data(void *self, uint32_t flow, uint64_t first, const struct bytes *records,
    size_t count, struct bytes chain)
{
	struct machine *machine = self;

	(void)chain;
	for (size_t i = 0; i < count; i++)
		take_command(machine, records[i]);
	if (spool_set_command(machine->spool, first + count - 1) == STATUS_OK
	    && flush(machine) == STATUS_OK)
		link_committed(dialler_link(machine->server), flow, first + count - 1,
		    LINK_BATCH_RECORDS, 4 * LINK_BATCH_BYTES);
}

static void on_hello(void *self, Fettle__Hello *hello, struct arena *arena)
{
	struct machine *machine = self;

	if (flush(machine) != STATUS_OK)
		spool_abort(machine->spool);
	hello->name = RECORD_TEXT("agent");
	spool_hello(machine->spool, hello, arena);
}

static enum status on_welcome(void *self, const Fettle__Welcome *welcome)
{
	struct machine *machine = self;
	enum status status = flush(machine);

	return status == STATUS_OK ? spool_welcome(machine->spool, welcome) : status;
}

static const struct link_operations operations = {
	.read = read_records,
	.release = release,
	.on_acked = on_acked,
	.on_data = on_data,
	.on_hello = on_hello,
	.on_welcome = on_welcome,
};

/* ---- life ---- */

static enum status open_machine(struct machine *machine)
{
	struct machines *machines = machine->machines;
	char *keys = arena_format(&machines->arena, "%s/%" PRIu64 "/keys",
	    machines->options.directory, machine->number);
	char *spool = arena_format(&machines->arena, "%s/%" PRIu64 "/spool",
	    machines->options.directory, machine->number);
	enum status status = keys_load(keys, "agent", &machine->keys);

	if (status == STATUS_OK)
		status = spool_open(spool, 64 << 20, &machine->spool);
	if (status != STATUS_OK)
		return status;
	machine->observer = observer_new(machine->spool);
	observer_set_bundles(machine->observer, machines->options.has_bundles);
	return observe_all(machine);
}

static enum status dial(struct machine *machine)
{
	struct machines *machines = machine->machines;
	struct dialler_options options = { .loop = &machines->loop,
		.endpoint = machines->options.server,
		.server_key = machines->server_key,
		.public_key = machine->keys.public_key,
		.secret_key = machine->keys.secret_key,
		.operations = operations,
		.self = machine };
	enum status status = sockets_new(machines->sockets, &machines->loop, on_round, machine,
	    &machine->sockets);

	uv_prepare_init(&machines->loop, &machine->prepare);
	machine->prepare.data = machine;
	uv_prepare_start(&machine->prepare, on_prepare);
	options.sockets = machine->sockets;
	return status == STATUS_OK ? dialler_new(&options, &machine->server) : status;
}

static void close_machine(struct machine *machine)
{
	dialler_free(machine->server);
	machine->server = NULL;
	sockets_free(machine->sockets);
	uv_close((uv_handle_t *)&machine->prepare, NULL);
	observer_free(machine->observer);
}

/* The C library's description of it ends before what is wanted (linux/tcp.h has it all). */
struct connection {
	struct tcp_info basic;
	uint64_t pacing_rate, max_pacing_rate, bytes_acked;
};

/* What the kernel says to have sent by the connection, if FD is one to a server. */
static uint64_t sent_by(int fd)
{
	struct connection info = { .bytes_acked = 0 };
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer), info_size = sizeof(info);

	if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0 || peer.sin_family != AF_INET
	    || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_size) != 0)
		return 0;
	return info.bytes_acked;
}

static uint64_t sent_by_all(void)
{
	DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;
	uint64_t sent = 0;

	while (directory != NULL && (entry = readdir(directory)) != NULL)
		sent += sent_by(atoi(entry->d_name));
	if (directory != NULL)
		closedir(directory);
	return sent;
}

static void on_line(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	uv_poll_stop(poll);
	uv_stop(poll->loop);
}

static void run(struct machines *machines)
{
	const struct options *options = &machines->options;
	enum status status = keys_load_public(options->server_key, machines->server_key);
	uv_poll_t line;

	machines->all = memory_new(options->count * sizeof(*machines->all));
	for (uint64_t i = 0; status == STATUS_OK && i < options->count; i++) {
		machines->all[i] = (struct machine){ .machines = machines,
			.number = options->first + i };
		status = open_machine(&machines->all[i]);
	}
	for (uint64_t i = 0; status == STATUS_OK && i < options->count; i++)
		status = dial(&machines->all[i]);
	if (status != STATUS_OK) {
		fail(machines, "a machine cannot begin", status);
		return;
	}
	uv_poll_init(&machines->loop, &line, STDIN_FILENO);
	uv_poll_start(&line, UV_READABLE, on_line);
	puts("ready");
	fflush(stdout);
	uv_run(&machines->loop, UV_RUN_DEFAULT);
	printf("%" PRIu64 "\n", sent_by_all());
	for (uint64_t i = 0; i < options->count; i++)
		close_machine(&machines->all[i]);
	uv_close((uv_handle_t *)&line, NULL);
	uv_run(&machines->loop, UV_RUN_DEFAULT);
	for (uint64_t i = 0; i < options->count; i++)
		spool_close(machines->all[i].spool);
}

/* ---- arguments ---- */

enum { SERVER = 256, SERVER_KEY, DIRECTORY, FACTS, FIRST, COUNT, OWN, WHOLE };

static const struct argp_option argp_options[] = {
	{ "server", SERVER, "tcp://HOST:PORT", 0, "the gateway", 0 },
	{ "server-key", SERVER_KEY, "FILE", 0, "its public key", 0 },
	{ "directory", DIRECTORY, "DIR", 0, "keys and spools, below it by number", 0 },
	{ "facts", FACTS, "FILE", 0, "what a machine has", 0 },
	{ "first", FIRST, "N", 0, "the first machine's number", 0 },
	{ "count", COUNT, "N", 0, "how many", 0 },
	{ "own", OWN, "N", 0, "how many facts in a thousand each has to itself", 0 },
	{ "whole", WHOLE, NULL, 0, "send every value", 0 },
	{ 0 },
};

static uint64_t number(struct argp_state *state, const char *value)
{
	uint64_t out;

	if (!quantity_parse(QUANTITY_COUNT, value, &out))
		argp_error(state, "`%s` is no number", value);
	return out;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case SERVER:
		options->server = value;
		return 0;
	case SERVER_KEY:
		options->server_key = value;
		return 0;
	case DIRECTORY:
		options->directory = value;
		return 0;
	case FACTS:
		options->facts = value;
		return 0;
	case FIRST:
		options->first = number(state, value);
		return 0;
	case COUNT:
		options->count = number(state, value);
		return 0;
	case OWN:
		options->own_permille = number(state, value);
		return 0;
	case WHOLE:
		options->has_bundles = false;
		return 0;
	case ARGP_KEY_END:
		if (options->server == NULL || options->server_key == NULL
		    || options->directory == NULL || options->facts == NULL || options->count == 0)
			argp_error(state, "where to, from where, and what?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = { argp_options, parse, NULL, "Like machines.", NULL, NULL,
		NULL };
	struct machines machines = { .options = { .has_bundles = true } };

	if (argp_parse(&argp, argc, argv, 0, NULL, &machines.options) != 0)
		return 1;
	log_set_role("machines");
	log_configure(LOG_WARN, LOG_LOGFMT);
	uv_loop_init(&machines.loop);
	if (socket_context_new(&machines.sockets) != STATUS_OK)
		return 1;
	/* An old one may still be closing when its agent dials again. */
	socket_context_allow(machines.sockets, 2 * (unsigned)machines.options.count + 16);
	read_facts(&machines);
	if (!machines.has_failed)
		run(&machines);
	socket_context_free(machines.sockets);
	uv_loop_close(&machines.loop);
	free(machines.all);
	free(machines.known);
	arena_fini(&machines.arena);
	return machines.has_failed;
}
