/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ceiling - what the blocks can do where nothing is in their way: one producer pushes frames of 64
 * records through CURVE over tcp; one consumer unpacks them, looks each up in a hash table of a
 * million, and appends them in order to LMDB, synced every 1,000.  No acknowledgement, no broker,
 * no rule.  It uses the libraries bare, which nothing else outside of core/ may.
 *
 *     fettle-ceiling DIRECTORY [RECORDS]
 */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>
#include <zmq.h>

#include "core/hash.h"
#include "core/record.h"
#include "core/require.h"

enum {
	FRAME_RECORDS = 64,
	RECORD_BODY = 230, /* with its envelope a record of 300 bytes */
	COMMIT_RECORDS = 1000,
	TABLE_ENTRIES = 1 << 20,
	KEY_TEXT = 41,
	ENDPOINT_SIZE = 256,
};

static const uint64_t map_size = UINT64_C(16) << 30;

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- the producer, a process of its own ---- */

static void make_frame(struct buffer *out)
{
	Fettle__RecordList list = FETTLE__RECORD_LIST__INIT;
	Fettle__Record records[FRAME_RECORDS], *pointers[FRAME_RECORDS];
	Fettle__Envelope envelopes[FRAME_RECORDS];
	static uint8_t ids[FRAME_RECORDS][EVENT_ID_SIZE], boot_id[16], body[RECORD_BODY];

	for (size_t i = 0; i < FRAME_RECORDS; i++) {
		hash_random(ids[i], EVENT_ID_SIZE);
		fettle__envelope__init(&envelopes[i]);
		RECORD_SET_BYTES(&envelopes[i], event_id, BYTES_OF(ids[i]));
		RECORD_SET(&envelopes[i], kind, 101);
		RECORD_SET(&envelopes[i], schema, 1);
		RECORD_SET(&envelopes[i], fact_revision, 1000000 + i);
		RECORD_SET_BYTES(&envelopes[i], boot_id, BYTES_OF(boot_id));
		RECORD_SET(&envelopes[i], monotonic_ms, 123456789);
		RECORD_SET(&envelopes[i], wall_ms, UINT64_C(1700000000000));
		fettle__record__init(&records[i]);
		records[i].envelope = &envelopes[i];
		RECORD_SET_BYTES(&records[i], body, BYTES_OF(body));
		pointers[i] = &records[i];
	}
	list.n_records = FRAME_RECORDS;
	list.records = pointers;
	record_pack(out, &list.base);
}

static void set_key(void *socket, int option, const char *key)
{
	REQUIRE(zmq_setsockopt(socket, option, key, KEY_TEXT - 1) == 0);
}

static int produce(const char *endpoint, const char *server_key, uint64_t frames)
{
	char public_key[KEY_TEXT], secret_key[KEY_TEXT];
	void *context = zmq_ctx_new();
	void *socket = zmq_socket(context, ZMQ_PUSH);
	struct buffer frame = { 0 };

	zmq_curve_keypair(public_key, secret_key);
	set_key(socket, ZMQ_CURVE_SERVERKEY, server_key);
	set_key(socket, ZMQ_CURVE_PUBLICKEY, public_key);
	set_key(socket, ZMQ_CURVE_SECRETKEY, secret_key);
	REQUIRE(zmq_connect(socket, endpoint) == 0);
	make_frame(&frame);
	for (uint64_t i = 0; i < frames; i++)
		REQUIRE(zmq_send(socket, frame.data, frame.size, 0) >= 0);
	buffer_fini(&frame);
	zmq_close(socket);
	zmq_ctx_term(context);
	return 0;
}

/* ---- the consumer ---- */

struct consumer {
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	uint64_t *table;
	uint64_t stored, found;
};

static void open_store(struct consumer *consumer, const char *directory)
{
	REQUIRE(mdb_env_create(&consumer->env) == 0);
	REQUIRE(mdb_env_set_mapsize(consumer->env, map_size) == 0);
	REQUIRE(mdb_env_open(consumer->env, directory, 0, 0640) == 0);
	REQUIRE(mdb_txn_begin(consumer->env, NULL, 0, &consumer->txn) == 0);
	REQUIRE(mdb_dbi_open(consumer->txn, NULL, 0, &consumer->dbi) == 0);
}

/* Open addressing; half of what is looked up is there. */
static bool look_up(const struct consumer *consumer, struct bytes id)
{
	uint64_t hash = XXH3_64bits(id.data, id.size);

	for (size_t at = hash % TABLE_ENTRIES;; at = (at + 1) % TABLE_ENTRIES) {
		if (consumer->table[at] == 0)
			return false;
		if (consumer->table[at] == hash)
			return true;
	}
}

static void store(struct consumer *consumer, const Fettle__Record *record)
{
	uint64_t number = ++consumer->stored;
	uint8_t key[16] = { 0 };
	MDB_val key_val = { sizeof(key), key };
	MDB_val value = { record->body.len, record->body.data };

	consumer->found += look_up(consumer, record_bytes(record->envelope->event_id));
	for (unsigned i = 0; i < 8; i++)
		key[8 + i] = (uint8_t)(number >> 8 * (7 - i));
	REQUIRE(mdb_put(consumer->txn, consumer->dbi, &key_val, &value, MDB_APPEND) == 0);
	if (number % COMMIT_RECORDS == 0) {
		REQUIRE(mdb_txn_commit(consumer->txn) == 0);
		REQUIRE(mdb_txn_begin(consumer->env, NULL, 0, &consumer->txn) == 0);
	}
}

static void consume(struct consumer *consumer, void *socket, uint64_t frames)
{
	struct arena arena = { 0 };

	for (uint64_t i = 0; i < frames; i++) {
		Fettle__RecordList *list;
		zmq_msg_t message;

		zmq_msg_init(&message);
		REQUIRE(zmq_msg_recv(&message, socket, 0) >= 0);
		arena_reset(&arena);
		list = record_unpack(&fettle__record_list__descriptor,
		    BYTES(zmq_msg_data(&message), zmq_msg_size(&message)), &arena);
		REQUIRE(list != NULL);
		for (size_t r = 0; r < list->n_records; r++)
			store(consumer, list->records[r]);
		zmq_msg_close(&message);
	}
	REQUIRE(mdb_txn_commit(consumer->txn) == 0);
	arena_fini(&arena);
}

static void fill_table(struct consumer *consumer)
{
	consumer->table = memory_new(TABLE_ENTRIES * sizeof(*consumer->table));
	for (uint64_t i = 1; i <= TABLE_ENTRIES / 2; i++)
		consumer->table[XXH3_64bits(&i, sizeof(i)) % TABLE_ENTRIES] = i;
}

int main(int argc, char **argv)
{
	uint64_t frames = (argc > 2 ? strtoull(argv[2], NULL, 10) : 2000000) / FRAME_RECORDS;
	/* What the producer is told: the public key, and behind it the endpoint. */
	char told[KEY_TEXT + ENDPOINT_SIZE] = "", secret_key[KEY_TEXT];
	char *endpoint = told + KEY_TEXT;
	struct consumer consumer = { 0 };
	size_t size = ENDPOINT_SIZE;
	int is_server = 1, keys[2], child_status;
	void *context, *socket;
	double begin, end;
	pid_t child;

	if (argc < 2 || pipe(keys) != 0)
		return 2;
	/* The child is made before any context: none outlives a fork. */
	child = fork();
	if (child == 0) {
		if (read(keys[0], told, sizeof(told)) != sizeof(told))
			_exit(1);
		_exit(produce(endpoint, told, frames));
	}
	open_store(&consumer, argv[1]);
	fill_table(&consumer);
	context = zmq_ctx_new();
	socket = zmq_socket(context, ZMQ_PULL);
	zmq_curve_keypair(told, secret_key);
	REQUIRE(zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &is_server, sizeof(is_server)) == 0);
	set_key(socket, ZMQ_CURVE_SECRETKEY, secret_key);
	REQUIRE(zmq_bind(socket, "tcp://127.0.0.1:*") == 0);
	REQUIRE(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
	begin = now_s();
	REQUIRE(write(keys[1], told, sizeof(told)) == sizeof(told));
	consume(&consumer, socket, frames);
	end = now_s();
	waitpid(child, &child_status, 0);
	printf("%.0f\n", (double)consumer.stored / (end - begin));
	zmq_close(socket);
	zmq_ctx_term(context);
	mdb_env_close(consumer.env);
	free(consumer.table);
	return child_status == 0 ? 0 : 1;
}
