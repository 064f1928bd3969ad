/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/generator.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/dialler.h"
#include "core/keys.h"
#include "core/log.h"
#include "core/observer.h"
#include "core/spool.h"

enum {
	BATCH_FACTS = 200, /* a journal's sync and a spool's commit each */
	TICK_MS = 1,
	TEXT_SIZE = 96, /* of a key */
	PROBES_AFTER_MS = 1000,
	GATEWAYS_MAX = 8,
	LINE_TAIL_MAX = 4096,
};

static const char collector[] = "generator";

struct generator {
	struct generator_options options;
	char *seed;
	struct key_pair keys;
	char server_key[SOCKET_KEY_TEXT];
	struct spool *spool;
	struct observer *observer;
	struct sockets *sockets;
	struct dialler *server;
	uv_prepare_t prepare;
	uv_timer_t tick;
	int journal;
	struct buffer lines, text;
	uint64_t next, resumed_at, started_ms;
	uint64_t probes, probe_at_ms, critical_acked;
	bool is_stopping;
	enum status failure;
};

static void fail(struct generator *generator, enum status status, const char *what)
{
	if (generator->failure == STATUS_OK)
		log_error("generator-failed", "%s: %s", what, status_text(status));
	generator->failure = status;
}

/* ---- the journal: NUMBER EVENT-ID HASH KEY, one line a fact that was appended ---- */

static void journal_line(struct generator *generator, uint64_t number, const char *key,
    struct bytes text)
{
	uint8_t event_id[EVENT_ID_SIZE], hash[HASH_SIZE];
	char event_hex[2 * EVENT_ID_SIZE + 1], hash_hex[2 * HASH_SIZE + 1];

	if (generator->journal < 0)
		return;
	spool_last_event(generator->spool, event_id);
	hash_bytes(text, hash);
	bytes_to_hex(BYTES_OF(event_id), event_hex);
	bytes_to_hex(BYTES_OF(hash), hash_hex);
	buffer_append_format(&generator->lines, "%" PRIu64 " %s %s %s\n", number, event_hex,
	    hash_hex, key);
}

static enum status journal_sync(struct generator *generator)
{
	struct bytes lines = buffer_bytes(&generator->lines);

	if (generator->journal < 0 || lines.size == 0)
		return STATUS_OK;
	if (write(generator->journal, lines.data, lines.size) != (ssize_t)lines.size
	    || fdatasync(generator->journal) != 0)
		return STATUS_IO;
	buffer_clear(&generator->lines);
	return STATUS_OK;
}

/* The number in the last whole line; what a crash left of a further one is cut off. */
static enum status journal_last(int journal, bool *has_last, uint64_t *last)
{
	char tail[LINE_TAIL_MAX + 1];
	off_t size = lseek(journal, 0, SEEK_END), from;
	ssize_t got;
	char *end, *begin;

	*has_last = false;
	if (size <= 0)
		return size == 0 ? STATUS_OK : STATUS_IO;
	from = size > LINE_TAIL_MAX ? size - LINE_TAIL_MAX : 0;
	got = pread(journal, tail, LINE_TAIL_MAX, from);
	if (got <= 0)
		return STATUS_IO;
	tail[got] = '\0';
	end = strrchr(tail, '\n');
	if (end == NULL)
		return from == 0 && ftruncate(journal, 0) == 0 ? STATUS_OK : STATUS_CORRUPT;
	if (ftruncate(journal, from + (end - tail) + 1) != 0)
		return STATUS_IO;
	*end = '\0';
	begin = strrchr(tail, '\n');
	*last = strtoull(begin == NULL ? tail : begin + 1, NULL, 10);
	*has_last = true;
	return STATUS_OK;
}

static enum status journal_open(struct generator *generator, bool *has_last, uint64_t *last)
{
	char *path = text_format("%s/journal", generator->options.directory);

	*has_last = false;
	if (generator->options.has_journal)
		generator->journal = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	free(path);
	if (!generator->options.has_journal)
		return STATUS_OK;
	return generator->journal < 0 ? STATUS_IO
	                              : journal_last(generator->journal, has_last, last);
}

/* ---- producing ---- */

/* Text that names its fact, and cannot be packed away: the same number gives the same bytes. */
static void make_text(struct generator *generator, uint64_t number)
{
	static const char digits[] =
	    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
	uint64_t random = number * 0x9e3779b97f4a7c15ULL + 1;

	buffer_clear(&generator->text);
	buffer_append_format(&generator->text, "%s-%" PRIu64 "-",
	    generator->options.shares_values ? "shared" : generator->seed, number);
	while (generator->text.size < generator->options.value_size) {
		random ^= random >> 12;
		random ^= random << 25;
		random ^= random >> 27;
		buffer_append_u8(&generator->text, (uint8_t)digits[random & 63]);
	}
}

/* The mark goes by the same lane as the pass before it, so that whoever sees it has had the pass.
 */
static enum lane lane_of(const struct generator *generator, uint64_t number)
{
	if (number == 0)
		return LANE_BULK;
	return generator->options.lane != 0 ? generator->options.lane
	                                    : (enum lane)(LANE_CRITICAL + number % LANES);
}

/* A record with an envelope like any other, and a body that is no fact. */
static enum status append_malformed(struct generator *generator, uint64_t number)
{
	char body[TEXT_SIZE];

	snprintf(body, sizeof(body), "\xff\xff no fact, number %" PRIu64, number);
	return spool_append(generator->spool, lane_of(generator, number),
	    FETTLE__KIND__KIND_FACT_SET, 0, bytes_of_text(body));
}

static enum status observe(struct generator *generator, uint64_t number)
{
	char key[TEXT_SIZE];
	uint8_t before[EVENT_ID_SIZE], after[EVENT_ID_SIZE];
	struct fact_field field;
	struct fact fact = { .status = FACT_PRESENT, .fields = &field, .fields_count = 1 };
	enum status status;

	if (generator->options.sound > 0 && number >= generator->options.sound)
		return append_malformed(generator, number);
	snprintf(key, sizeof(key), "test/%s/%" PRIu64, generator->seed, number);
	make_text(generator, number);
	field = FACT_FIELD_TEXT("value", "");
	field.bytes = buffer_bytes(&generator->text);
	fact.key = bytes_of_text(key);
	spool_last_event(generator->spool, before);
	status = observer_set(generator->observer, collector, lane_of(generator, number), &fact);
	spool_last_event(generator->spool, after);
	/* One that the spool knew already has its line. */
	if (status == STATUS_OK && memcmp(before, after, sizeof(before)) != 0)
		journal_line(generator, number, key, buffer_bytes(&generator->text));
	return status;
}

static uint64_t due_now(const struct generator *generator)
{
	uint64_t elapsed_ms = clock_monotonic_ms() - generator->started_ms;
	uint64_t due;

	if (generator->options.rate == 0)
		return generator->options.count;
	due = generator->resumed_at + generator->options.rate * elapsed_ms / 1000;
	return due > generator->options.count ? generator->options.count : due;
}

/*
 * A batch: observed, written down, committed.  It ends before the spool is full, which would evict
 * what nobody can observe again; the rest comes later.
 */
static void produce(struct generator *generator)
{
	uint64_t due = due_now(generator);
	enum status status = STATUS_OK;

	for (unsigned i = 0; i < BATCH_FACTS && generator->next <= due; i++) {
		if (!spool_has_room(generator->spool))
			break;
		status = observe(generator, generator->next);
		if (status != STATUS_OK)
			break;
		generator->next++;
	}
	if (status == STATUS_FULL)
		status = STATUS_OK;
	if (status == STATUS_OK)
		status = journal_sync(generator);
	if (status == STATUS_OK)
		status = spool_commit(generator->spool);
	if (status != STATUS_OK)
		fail(generator, status, "facts could not be produced");
}

/* Only after a complete pass is a fact that was not there before a change. */
static enum status begin_with_pass(struct generator *generator)
{
	char *prefix = text_format("test/%s/", generator->seed);
	struct observer_pass *pass = observer_pass_begin(generator->observer, collector, LANE_BULK,
	    bytes_of_text(prefix), BYTES_NONE);

	free(prefix);
	return observer_pass_end(&pass);
}

/* ---- sending ---- */

static enum status flush(struct generator *generator)
{
	struct link *link = generator->server == NULL ? NULL : dialler_link(generator->server);
	enum status status = STATUS_OK;

	if (generator->failure != STATUS_OK)
		return generator->failure;
	if (link != NULL && link_is_open(link))
		status = spool_number(generator->spool);
	if (status == STATUS_OK)
		status = spool_commit(generator->spool);
	if (status != STATUS_OK) {
		fail(generator, status, "the spool failed");
		return status;
	}
	for (unsigned lane = 1; link != NULL && lane < LANE_END; lane++)
		link_wake(link, lane, spool_head(generator->spool, (enum lane)lane));
	return STATUS_OK;
}

static void on_round(void *data, bool has_more)
{
	struct generator *generator = data;

	(void)has_more;
	if (generator->server == NULL || generator->is_stopping)
		return;
	if (flush(generator) == STATUS_OK)
		dialler_pump(generator->server);
}

static void on_prepare(uv_prepare_t *prepare)
{
	on_round(prepare->data, false);
}

static enum status read_records(void *self, uint32_t flow, uint64_t from, size_t most,
    struct link_batch *batch)
{
	struct generator *generator = self;
	enum status status = flush(generator);

	return status == STATUS_OK
	         ? spool_read(generator->spool, (enum lane)flow, from, most, batch)
	         : status;
}

static void release(void *self)
{
	struct generator *generator = self;

	spool_release(generator->spool);
}

static void on_acked(void *self, uint32_t flow, uint64_t committed)
{
	struct generator *generator = self;
	enum status status = spool_acked(generator->spool, (enum lane)flow, committed);

	if (flow == LANE_CRITICAL)
		generator->critical_acked = committed;
	if (status != STATUS_OK)
		fail(generator, status, "the spool failed");
}

/* Commands are taken and not followed. */
static void on_data(void *self, uint32_t flow, uint64_t first, const struct bytes *records,
    size_t count, struct bytes chain)
{
	struct generator *generator = self;

	(void)records;
	(void)chain;
	if (flow != SPOOL_COMMAND_FLOW)
		return;
	if (spool_set_command(generator->spool, first + count - 1) != STATUS_OK
	    || flush(generator) != STATUS_OK)
		link_rewind(dialler_link(generator->server), flow, spool_command(generator->spool));
	else
		link_committed(dialler_link(generator->server), flow, first + count - 1,
		    LINK_BATCH_RECORDS, 4 * LINK_BATCH_BYTES);
}

static void on_hello(void *self, Fettle__Hello *hello, struct arena *arena)
{
	struct generator *generator = self;

	if (flush(generator) != STATUS_OK)
		spool_abort(generator->spool);
	hello->name = RECORD_TEXT("agent");
	spool_hello(generator->spool, hello, arena);
}

/* In a new epoch everything is observed again. */
static enum status on_welcome(void *self, const Fettle__Welcome *welcome)
{
	struct generator *generator = self;
	enum status status = flush(generator);

	if (status == STATUS_OK)
		status = spool_welcome(generator->spool, welcome);
	if (status == STATUS_AGAIN)
		generator->next = 0;
	else if (status != STATUS_OK)
		fail(generator, status, "the spool failed");
	return status;
}

static const struct link_operations operations = {
	.read = read_records,
	.release = release,
	.on_acked = on_acked,
	.on_data = on_data,
	.on_hello = on_hello,
	.on_welcome = on_welcome,
};

/* Critical facts in front of which everything else waits: how long do they take? */
static void probe(struct generator *generator)
{
	char key[TEXT_SIZE];
	struct fact_field field = FACT_FIELD_TEXT("value", "probe");
	struct fact fact = { .status = FACT_PRESENT, .fields = &field, .fields_count = 1 };
	uint64_t now_ms = clock_monotonic_ms();
	enum status status;

	if (!link_is_open(dialler_link(generator->server)))
		return;
	/* What comes before the pass has ended is no change. */
	if (generator->probe_at_ms == 0)
		generator->probe_at_ms = now_ms + PROBES_AFTER_MS;
	if (now_ms < generator->probe_at_ms)
		return;
	generator->probe_at_ms = now_ms + generator->options.probe_ms;
	snprintf(key, sizeof(key), "test/%s/probe/%" PRIu64, generator->seed, clock_wall_ms());
	fact.key = bytes_of_text(key);
	status = observer_set(generator->observer, collector, LANE_CRITICAL, &fact);
	if (status == STATUS_OK)
		status = spool_commit(generator->spool);
	if (status != STATUS_OK)
		fail(generator, status, "a probe could not be spooled");
	generator->probes++;
}

static void on_tick(uv_timer_t *timer)
{
	struct generator *generator = timer->data;

	if (generator->failure == STATUS_OK && !generator->options.is_sender
	    && generator->next <= due_now(generator))
		produce(generator);
	if (generator->failure == STATUS_OK && generator->server != NULL
	    && generator->probes < generator->options.probes)
		probe(generator);
}

/* ---- life ---- */

static enum status open_parts(struct generator *generator)
{
	const struct generator_options *options = &generator->options;
	char *keys = text_format("%s/keys", options->directory);
	char *spool = text_format("%s/spool", options->directory);
	bool has_last;
	uint64_t last = 0;
	enum status status = keys_load(keys, "agent", &generator->keys);

	free(keys);
	if (status == STATUS_OK)
		status = spool_open(spool, options->spool_size, &generator->spool);
	free(spool);
	if (status == STATUS_OK)
		status = journal_open(generator, &has_last, &last);
	if (status != STATUS_OK)
		return status;
	generator->observer = observer_new(generator->spool);
	/* All but the last batch was committed before its successor was written down. */
	generator->next = last > BATCH_FACTS ? last - BATCH_FACTS : 0;
	generator->resumed_at = last;
	return has_last || options->is_sender ? STATUS_OK : begin_with_pass(generator);
}

static void start_handles(struct generator *generator)
{
	uv_loop_t *loop = generator->options.loop;

	uv_prepare_init(loop, &generator->prepare);
	uv_timer_init(loop, &generator->tick);
	generator->prepare.data = generator->tick.data = generator;
	uv_prepare_start(&generator->prepare, on_prepare);
	uv_timer_start(&generator->tick, on_tick, 0, TICK_MS);
}

static enum status dial(struct generator *generator)
{
	struct dialler_options options = { .loop = generator->options.loop,
		.server_key = generator->server_key,
		.public_key = generator->keys.public_key,
		.secret_key = generator->keys.secret_key,
		.operations = operations,
		.self = generator };
	char *gateways = text_copy(generator->options.endpoint), *rest = gateways;
	const char *endpoints[GATEWAYS_MAX];
	enum status status = sockets_new(generator->options.sockets, generator->options.loop,
	    on_round, generator, &generator->sockets);

	options.endpoints = endpoints;
	options.sockets = generator->sockets;
	while (rest != NULL && options.endpoints_count < GATEWAYS_MAX)
		endpoints[options.endpoints_count++] = strsep(&rest, ",");
	if (status == STATUS_OK)
		status = dialler_new(&options, &generator->server);
	free(gateways);
	return status;
}

enum status generator_new(const struct generator_options *options, struct generator **out)
{
	struct generator *generator = memory_new(sizeof(*generator));
	enum status status;

	generator->options = *options;
	generator->seed = text_copy(options->seed);
	generator->journal = -1;
	if (options->server_key != NULL)
		snprintf(generator->server_key, sizeof(generator->server_key), "%s",
		    options->server_key);
	generator->started_ms = clock_monotonic_ms();
	*out = generator;
	status = open_parts(generator);
	start_handles(generator);
	if (status == STATUS_OK && options->endpoint != NULL)
		status = dial(generator);
	return status;
}

void generator_stop(struct generator *generator)
{
	if (generator->spool != NULL && flush(generator) != STATUS_OK)
		spool_abort(generator->spool);
	generator->is_stopping = true;
	dialler_free(generator->server);
	generator->server = NULL;
	sockets_free(generator->sockets);
	uv_close((uv_handle_t *)&generator->prepare, NULL);
	uv_close((uv_handle_t *)&generator->tick, NULL);
}

void generator_free(struct generator *generator)
{
	observer_free(generator->observer);
	spool_close(generator->spool);
	if (generator->journal >= 0)
		close(generator->journal);
	buffer_fini(&generator->lines);
	buffer_fini(&generator->text);
	free(generator->seed);
	free(generator);
}

bool generator_is_done(const struct generator *generator)
{
	if (!generator->options.is_sender && generator->next <= generator->options.count)
		return false;
	if (generator->options.probes > 0)
		return generator->probes == generator->options.probes
		    && generator->critical_acked == spool_head(generator->spool, LANE_CRITICAL);
	return generator->options.endpoint == NULL || spool_kept(generator->spool) == 0;
}

enum status generator_failure(const struct generator *generator)
{
	return generator->failure;
}

uint64_t generator_produced(const struct generator *generator)
{
	return generator->next;
}
