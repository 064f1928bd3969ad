/* SPDX-License-Identifier: Apache-2.0 */
#include "console/audit_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "brokers/log/dump.h"
#include "console/audit_file.h"
#include "core/keys.h"
#include "core/record.h"
#include "processors/state/reader.h"
#include "sinks/store/audit_reader.h"
#include "sinks/store/query.h"

/* ---- files ---- */

static const char *on_head(void *data, const struct audit_file_head *head)
{
	struct audit_check *check = data;

	check->chain.sequence = head->from - 1;
	memcpy(check->chain.hash, head->previous, sizeof(check->chain.hash));
	if (!check->chain.has_key)
		memcpy(check->chain.key, head->key, sizeof(check->chain.key));
	check->chain.has_key = true;
	check->is_anchored = head->from == 1;
	return NULL;
}

static const char *on_entry(void *data, const Fettle__AuditEntry *entry)
{
	return chain_entry(&((struct audit_check *)data)->chain, entry);
}

static const char *on_checkpoint(void *data, const Fettle__AuditCheckpoint *checkpoint)
{
	return chain_checkpoint(&((struct audit_check *)data)->chain, checkpoint);
}

static const char *on_end(void *data, uint64_t sequence, const uint8_t hash[HASH_LONG_SIZE])
{
	return chain_end(&((struct audit_check *)data)->chain, sequence, hash);
}

static enum status load_key(const char *path, struct chain *chain)
{
	enum status status = keys_load_signing_public(path, chain->key);

	chain->has_key = status == STATUS_OK;
	return status;
}

enum status audit_check_file(FILE *stream, const char *key, struct audit_check *out)
{
	const struct audit_file_visitor visitor = { on_head, on_entry, on_checkpoint, on_end, out };
	enum status status;

	*out = (struct audit_check){ .wrong = NULL };
	status = key == NULL ? STATUS_OK : load_key(key, &out->chain);
	if (status == STATUS_OK)
		out->wrong = audit_file_read(stream, &visitor, &out->line);
	return status;
}

/* ---- what was exported before ---- */

/* Its checkpoints, of which those that the key signed are to be found again. */
struct vouched {
	struct {
		uint64_t sequence;
		uint8_t hash[HASH_LONG_SIZE];
	} * rows;
	size_t count, next;
};

struct against {
	struct audit_check file;
	struct vouched vouched;
};

static const char *keep_checkpoint(void *data, const Fettle__AuditCheckpoint *checkpoint)
{
	struct against *against = data;
	const char *wrong = chain_checkpoint(&against->file.chain, checkpoint);
	struct vouched *vouched = &against->vouched;

	if (wrong != NULL)
		return wrong;
	vouched->rows = memory_grow(vouched->rows, (vouched->count + 1) * sizeof(*vouched->rows));
	vouched->rows[vouched->count].sequence = checkpoint->sequence;
	memcpy(vouched->rows[vouched->count++].hash, checkpoint->chain.data, HASH_LONG_SIZE);
	return NULL;
}

/* INVALID: the file is not whole itself, and a message said so. */
static enum status load_vouched(const char *path, const struct chain *chain, struct vouched *out)
{
	struct against against = { .file = { .wrong = NULL } };
	const struct audit_file_visitor visitor = { on_head, on_entry, keep_checkpoint, on_end,
		&against };
	FILE *stream = fopen(path, "re");

	if (stream == NULL) {
		fprintf(stderr, "fettle: %s: %s\n", path, strerror(errno));
		return status_of_errno(errno);
	}
	memcpy(against.file.chain.key, chain->key, sizeof(chain->key));
	against.file.chain.has_key = true;
	against.file.wrong = audit_file_read(stream, &visitor, &against.file.line);
	fclose(stream);
	*out = against.vouched;
	if (against.file.wrong == NULL)
		return STATUS_OK;
	fprintf(stderr, "fettle: %s:%llu: %s\n", path, (unsigned long long)against.file.line,
	    against.file.wrong);
	return STATUS_INVALID;
}

/* ---- stores ---- */

/* How far the log, the processor and the store were before the walk. */
struct positions {
	uint64_t noticed;  /* that the processor has read */
	bool is_caught_up; /* the store has all that the processor made of it */
	bool is_known;
};

struct walk {
	struct audit_check *check;
	struct audit head;
	struct vouched vouched;
};

static struct positions read_positions(const char *data)
{
	struct positions positions = { .is_known = false };
	struct query_counters counters = { .position = 0 };
	struct state_reader *reader = NULL;
	struct query *query = NULL;
	struct host_heads state;

	if (state_reader_open(data, &reader) != STATUS_OK)
		return positions;
	if (state_reader_heads(reader, &state) == STATUS_OK && query_open(data, &query) == STATUS_OK
	    && query_counters(query, &counters) == STATUS_OK) {
		positions.is_known = true;
		positions.noticed = state.positions[SUBLOG_NOTICE];
		positions.is_caught_up = counters.position >= state.verdicts;
	}
	query_close(query);
	state_reader_close(reader);
	return positions;
}

static const char *bad(struct chain *chain, uint64_t sequence, const char *what)
{
	chain->bad = sequence;
	return what;
}

/* What was vouched for elsewhere is to be so here. */
static const char *compare_vouched(struct walk *walk)
{
	struct chain *chain = &walk->check->chain;
	struct vouched *vouched = &walk->vouched;

	for (; vouched->next < vouched->count
	       && vouched->rows[vouched->next].sequence <= chain->sequence;
	     vouched->next++)
		if (vouched->rows[vouched->next].sequence == chain->sequence
		    && memcmp(vouched->rows[vouched->next].hash, chain->hash, HASH_LONG_SIZE) != 0)
			return bad(chain, chain->sequence,
			    "the chain branches: it, or one before it, is not what was exported");
	return NULL;
}

static const char *look(struct walk *walk, const struct audit_row *row)
{
	struct chain *chain = &walk->check->chain;
	const char *wrong = NULL;

	if (row->entry == NULL || row->entry->previous.len != HASH_LONG_SIZE)
		return bad(chain, row->sequence, "it cannot be understood");
	wrong = row->entry->sequence == row->sequence
	          ? chain_entry(chain, row->entry)
	          : bad(chain, row->sequence, "it is not in its place");
	if (wrong == NULL && row->checkpoint != NULL)
		wrong = chain_checkpoint(chain, row->checkpoint);
	if (wrong == NULL)
		wrong = compare_vouched(walk);
	if (wrong == NULL && chain->sequence == walk->head.sequence)
		wrong = chain_end(chain, walk->head.sequence, walk->head.chain);
	return wrong;
}

static enum status visit(void *visitor, const struct audit_row *row)
{
	struct walk *walk = visitor;

	walk->check->wrong = look(walk, row);
	return walk->check->wrong == NULL ? STATUS_OK : STATUS_CLOSED;
}

static const char *check_end(struct walk *walk, uint64_t vouched, const struct positions *positions)
{
	struct chain *chain = &walk->check->chain;
	const char *wrong = chain_end(chain, walk->head.sequence, NULL);

	if (wrong == NULL && vouched > chain->sequence)
		wrong = bad(chain, chain->sequence + 1,
		    "it is missing: a later checkpoint vouches for it");
	if (wrong == NULL && walk->vouched.next < walk->vouched.count)
		wrong = bad(chain, chain->sequence + 1, "it is missing: it was exported");
	if (wrong != NULL || !positions->is_known || !positions->is_caught_up)
		return wrong;
	if (chain->notice < positions->noticed)
		return bad(chain, chain->sequence + 1,
		    "it is missing: the log noted what was entered with it");
	walk->check->is_held_to_log = true;
	return NULL;
}

static enum status walk_store(const char *data, struct walk *walk)
{
	struct positions positions = read_positions(data);
	struct audit_reader *reader = NULL;
	uint64_t vouched = 0;
	enum status status = audit_reader_open(data, &reader);

	if (status == STATUS_OK)
		status = audit_reader_head(reader, &walk->head, &vouched);
	if (status == STATUS_OK)
		status = audit_reader_each(reader, 1, visit, walk);
	if (status == STATUS_OK)
		walk->check->wrong = check_end(walk, vouched, &positions);
	else if (status == STATUS_CORRUPT)
		walk->check->wrong = bad(&walk->check->chain, walk->check->chain.sequence + 1,
		    "it cannot be read: `fettle data verify` says what is damaged");
	audit_reader_close(reader);
	return status == STATUS_CLOSED || status == STATUS_CORRUPT ? STATUS_OK : status;
}

enum status audit_check_store(const char *data, const char *key, const char *against,
    struct audit_check *out)
{
	char *path = key == NULL ? text_format("%s/keys/audit.pub", data) : text_copy(key);
	struct walk walk = { .check = out };
	enum status status;

	*out = (struct audit_check){ .is_anchored = true };
	status = load_key(path, &out->chain);
	if (status == STATUS_OK && against != NULL)
		status = load_vouched(against, &out->chain, &walk.vouched);
	if (status == STATUS_OK)
		status = walk_store(data, &walk);
	free(walk.vouched.rows);
	free(path);
	return status;
}
