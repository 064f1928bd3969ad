/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spool whose file was damaged: whatever is still handed out is exactly what was once put in.
 *
 * LMDB trusts its pages, so a damaged one may well end the process: the spool is opened in a child
 * that may be lost.  It may die within LMDB, and be caught in a loop there; not within our own
 * code.
 */
#include "core/spool.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/observation.pb-c.h"
#include "tests/fuzz/fuzz.h"

enum {
	SPOOL_SIZE = 1024 * 1024,
	RECORDS = 120, /* a lane */
	FACTS = 60,
	DAMAGES_MAX = 16,
	FRAMES_MAX = 64,
	LOST_IN_LMDB = 101,
	SECONDS_MAX = 20,
};

/* Of the sanitizers, where there are any. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static struct buffer sound; /* the file as it was before any damage */
static char path[160], file_path[192];

/* ---- a sound spool ---- */

static struct bytes body_of(enum lane lane, unsigned number, struct arena *arena)
{
	const char *text = arena_format(arena, "%u/%u/%0*u", (unsigned)lane, number,
	    (int)(number * 37 % 500), number);

	return bytes_of_text(text);
}

static struct bytes key_of(unsigned number, struct arena *arena)
{
	return bytes_of_text(arena_format(arena, "file/etc/%u", number));
}

static void fill(struct spool *spool)
{
	struct arena arena = { 0 };
	uint8_t hash[HASH_SIZE];

	for (unsigned i = 0; i < RECORDS; i++)
		for (enum lane lane = LANE_CRITICAL; lane < LANE_END; lane++)
			FUZZ_HOLDS(spool_append(spool, lane, FETTLE__KIND__KIND_JOB_PROGRESS, 0,
				       body_of(lane, i, &arena))
				   == STATUS_OK);
	for (unsigned i = 0; i < FACTS; i++) {
		hash_bytes(key_of(i, &arena), hash);
		FUZZ_HOLDS(spool_append_fact(spool, LANE_BULK, FETTLE__KIND__KIND_FACT_SET,
			       key_of(i, &arena), hash, body_of(LANE_BULK, RECORDS + i, &arena))
			   == STATUS_OK);
	}
	FUZZ_HOLDS(spool_number(spool) == STATUS_OK && spool_commit(spool) == STATUS_OK);
	arena_fini(&arena);
}

static void read_sound(void)
{
	int file = open(file_path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	ssize_t got;

	FUZZ_HOLDS(file >= 0 && fstat(file, &status) == 0);
	got = read(file, buffer_extend(&sound, (size_t)status.st_size), (size_t)status.st_size);
	FUZZ_HOLDS(got == status.st_size);
	close(file);
	/* What was never written needs no damage. */
	while (sound.size > 4096 && sound.data[sound.size - 1] == 0)
		sound.size--;
}

static void make_sound(void)
{
	struct spool *spool;
	pid_t child;
	int result;

	if (sound.size > 0)
		return;
	snprintf(path, sizeof(path), "%s/spool", fuzz_directory());
	snprintf(file_path, sizeof(file_path), "%s/data.mdb", path);
	child = fork();
	if (child == 0) {
		FUZZ_HOLDS(spool_open(path, SPOOL_SIZE, &spool) == STATUS_OK);
		fill(spool);
		spool_close(spool);
		_exit(0);
	}
	FUZZ_HOLDS(waitpid(child, &result, 0) == child && result == 0);
	read_sound();
}

/* ---- damage ---- */

static void damage(struct fuzz_input *input)
{
	int file = open(file_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	size_t count = fuzz_u8(input) % (DAMAGES_MAX + 1);

	FUZZ_HOLDS(file >= 0);
	FUZZ_HOLDS(pwrite(file, sound.data, sound.size, 0) == (ssize_t)sound.size);
	for (size_t i = 0; i < count; i++) {
		size_t page = fuzz_u8(input), offset = fuzz_u16(input) % 4096;
		size_t at = (page * 4096 + offset) % sound.size;
		uint8_t byte = (uint8_t)(sound.data[at] ^ (fuzz_u8(input) | 1));

		FUZZ_HOLDS(pwrite(file, &byte, 1, (off_t)at) == 1);
	}
	close(file);
}

/* ---- the child ---- */

static bool is_in_lmdb(void)
{
	void *frames[FRAMES_MAX];
	int count = backtrace(frames, FRAMES_MAX);
	Dl_info info;

	for (int i = 0; i < count; i++)
		if (dladdr(frames[i], &info) != 0 && info.dli_fname != NULL
		    && strstr(info.dli_fname, "liblmdb") != NULL)
			return true;
	return false;
}

/*
 * LMDB believes its pages: a damaged size leads whoever reads the value beyond the map, and what
 * LMDB wrote beyond a page of its own shows anywhere, unless a sanitizer sees it at once.  What our
 * own code finds wrong of itself counts in any case.
 */
static bool is_writing;

static void on_death(int number)
{
	bool is_seen = __sanitizer_set_death_callback != NULL;
	void *frames[FRAMES_MAX];

	if (is_in_lmdb() || number != SIGABRT || (is_writing && !is_seen))
		_exit(LOST_IN_LMDB);
	backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), fuzz_report_fd);
	signal(number, SIG_DFL);
	raise(number);
}

/* A sanitizer has seen it first. */
static void on_report(void)
{
	if (is_in_lmdb())
		_exit(LOST_IN_LMDB);
}

static void look_at_record(enum lane lane, struct bytes bytes, struct arena *arena)
{
	Fettle__Record *record = NULL;
	unsigned of_lane = 0, number = 0;

	FUZZ_HOLDS(record_decode(bytes, arena, &record) == STATUS_OK);
	if (sscanf(
		arena_format(arena, "%.*s", (int)record->body.len, (const char *)record->body.data),
		"%u/%u/", &of_lane, &number)
	    != 2)
		FUZZ_HOLDS(record->envelope->kind == FETTLE__KIND__KIND_GAP
			   || record->envelope->kind == FETTLE__KIND__KIND_DIGEST);
	else
		FUZZ_HOLDS(
		    of_lane == lane
		    && bytes_equal(record_bytes(record->body), body_of(lane, number, arena)));
}

static void read_lane(struct spool *spool, enum lane lane)
{
	struct arena arena = { 0 };
	uint64_t from = 1, head = spool_head(spool, lane);

	FUZZ_HOLDS(head <= RECORDS + FACTS);
	while (from <= head) {
		static struct link_batch batch;
		size_t most = head - from + 1;

		batch = (struct link_batch){ .count = 0 };
		if (spool_read(spool, lane, from,
			most > LINK_BATCH_RECORDS ? LINK_BATCH_RECORDS : most, &batch)
			!= STATUS_OK
		    || batch.count == 0)
			break;
		for (size_t i = 0; i < batch.count; i++)
			look_at_record(lane, batch.records[i], &arena);
		from += batch.count;
		spool_release(spool);
	}
	spool_release(spool);
	arena_fini(&arena);
}

static void read_ledger(struct spool *spool)
{
	uint8_t hash[HASH_SIZE], expected[HASH_SIZE];
	struct arena arena = { 0 };

	for (unsigned i = 0; i < FACTS; i++) {
		hash_bytes(key_of(i, &arena), expected);
		if (spool_ledger_get(spool, key_of(i, &arena), hash) == STATUS_OK)
			FUZZ_HOLDS(memcmp(hash, expected, HASH_SIZE) == 0);
	}
	arena_fini(&arena);
}

/* All that an agent does with what it finds at its start. */
static void use(struct spool *spool)
{
	for (enum lane lane = LANE_CRITICAL; lane < LANE_END; lane++)
		read_lane(spool, lane);
	read_ledger(spool);
	is_writing = true;
	if (spool_append(spool, LANE_DELTA, FETTLE__KIND__KIND_JOB_PROGRESS, 0,
		bytes_of_text("new"))
		!= STATUS_OK
	    || spool_acked(spool, LANE_CRITICAL, RECORDS / 2) != STATUS_OK
	    || spool_commit(spool) != STATUS_OK)
		spool_abort(spool);
}

_Noreturn static void be_child(void)
{
	struct spool *spool;

	if (__sanitizer_set_death_callback != NULL)
		__sanitizer_set_death_callback(on_report);
	signal(SIGSEGV, on_death);
	signal(SIGBUS, on_death);
	signal(SIGABRT, on_death);
	signal(SIGFPE, on_death);
	signal(SIGALRM, on_death);
	alarm(SECONDS_MAX);
	if (spool_open(path, SPOOL_SIZE, &spool) == STATUS_OK) {
		use(spool);
		spool_close(spool);
	}
	_exit(0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { .left = BYTES(data, size) };
	pid_t child;
	int result = 0;

	make_sound();
	damage(&input);
	child = fork();
	if (child == 0)
		be_child();
	FUZZ_HOLDS(waitpid(child, &result, 0) == child);
	FUZZ_HOLDS(
	    WIFEXITED(result) && (WEXITSTATUS(result) == 0 || WEXITSTATUS(result) == LOST_IN_LMDB));
	return 0;
}
