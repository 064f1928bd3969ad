/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bundler.h"

#include <stdlib.h>

#include "core/hashmap.h"
#include "core/spool.h"

enum {
	GATHERED_MAX = 1024 * 1024, /* bytes */
	FACTS_MIN = 8,              /* fewer are not worth a record of hashes */
	RECORD_BYTES = 64 * 1024,   /* bundles of one record: it must fit the smallest spool */
};

/* Key, value and reason stand behind it in the same memory. */
struct gathered {
	UT_hash_handle hh;
	struct bundle_fact fact;
	uint8_t hash[HASH_SIZE];
	size_t size;
};

struct bundler {
	struct spool *spool;
	const char *collector;
	enum status (
	    *alone)(void *data, const struct bundle_fact *fact, const uint8_t hash[HASH_SIZE]);
	void *data;
	struct gathered *gathered;
	size_t bytes;
};

struct bundler *bundler_new(struct spool *spool, const char *collector,
    enum status (*alone)(void *data, const struct bundle_fact *fact, const uint8_t hash[HASH_SIZE]),
    void *data)
{
	struct bundler *bundler = memory_new(sizeof(*bundler));

	bundler->spool = spool;
	bundler->collector = collector;
	bundler->alone = alone;
	bundler->data = data;
	return bundler;
}

static void forget(struct bundler *bundler, struct gathered *gathered)
{
	bundler->bytes -= gathered->size;
	HASH_DELETE(hh, bundler->gathered, gathered);
	free(gathered);
}

static void forget_all(struct bundler *bundler)
{
	struct gathered *gathered, *next;

	HASH_ITER (hh, bundler->gathered, gathered, next)
		forget(bundler, gathered);
}

void bundler_free(struct bundler *bundler)
{
	if (bundler == NULL)
		return;
	forget_all(bundler);
	free(bundler);
}

void bundler_drop(struct bundler *bundler, struct bytes key)
{
	struct gathered *gathered;

	HASH_FIND(hh, bundler->gathered, key.data, key.size, gathered);
	if (gathered != NULL)
		forget(bundler, gathered);
}

static struct gathered *copy(const struct bundle_fact *fact, const uint8_t hash[HASH_SIZE])
{
	size_t reason = fact->reason == NULL ? 0 : strlen(fact->reason) + 1;
	size_t size = sizeof(struct gathered) + fact->key.size + fact->value.size + reason;
	struct gathered *gathered = memory_new(size);
	uint8_t *at = (uint8_t *)(gathered + 1);

	gathered->size = size;
	memcpy(gathered->hash, hash, HASH_SIZE);
	gathered->fact = *fact;
	gathered->fact.key.data = memcpy(at, fact->key.data, fact->key.size);
	at += fact->key.size;
	if (fact->value.size > 0)
		gathered->fact.value.data = memcpy(at, fact->value.data, fact->value.size);
	at += fact->value.size;
	if (reason > 0)
		gathered->fact.reason = memcpy(at, fact->reason, reason);
	return gathered;
}

enum status bundler_add(struct bundler *bundler, const struct bundle_fact *fact,
    const uint8_t hash[HASH_SIZE])
{
	struct gathered *gathered = copy(fact, hash);

	HASH_ADD_KEYPTR(hh, bundler->gathered, gathered->fact.key.data, gathered->fact.key.size,
	    gathered);
	bundler->bytes += gathered->size;
	return bundler->bytes < GATHERED_MAX ? STATUS_OK : bundler_flush(bundler);
}

/* ---- going ---- */

/* All that it holds, in the order of their keys, as the spool wants it. */
struct sorted {
	struct bundle_fact *facts;
	struct bytes *keys;
	uint8_t (*hashes)[HASH_SIZE];
	size_t count;
};

static int by_key(const struct gathered *a, const struct gathered *b)
{
	return bytes_compare(a->fact.key, b->fact.key);
}

static void sort(struct bundler *bundler, struct sorted *out)
{
	size_t count = HASH_COUNT(bundler->gathered);

	HASH_SORT(bundler->gathered, by_key);
	out->facts = memory_new(count * sizeof(*out->facts));
	out->keys = memory_new(count * sizeof(*out->keys));
	out->hashes = memory_new(count * sizeof(*out->hashes));
	for (const struct gathered *at = bundler->gathered; at != NULL; at = at->hh.next) {
		out->facts[out->count] = at->fact;
		out->keys[out->count] = at->fact.key;
		memcpy(out->hashes[out->count++], at->hash, HASH_SIZE);
	}
}

static void fini_sorted(struct sorted *sorted)
{
	free(sorted->facts);
	free(sorted->keys);
	free(sorted->hashes);
}

static enum status tell_alone(const struct bundler *bundler, const struct sorted *sorted)
{
	enum status first = STATUS_OK;

	for (size_t i = 0; i < sorted->count; i++) {
		enum status status = bundler->alone(bundler->data, &sorted->facts[i],
		    sorted->hashes[i]);

		if (first == STATUS_OK)
			first = status;
		if (status != STATUS_OK && status != STATUS_FULL)
			break;
	}
	return first;
}

/* One record of as many bundles as it takes, from *AT on. */
static enum status tell_record(const struct bundler *bundler, const struct sorted *sorted,
    size_t *at, struct buffer *bytes)
{
	struct spool_bundle bundles[SPOOL_BUNDLES_MAX];
	size_t ends[SPOOL_BUNDLES_MAX], count = 0, start = 0;

	buffer_clear(bytes);
	for (; count < SPOOL_BUNDLES_MAX && *at < sorted->count; count++) {
		size_t facts = bundle_cut(sorted->facts + *at, sorted->count - *at);

		bundle_encode(bytes, sorted->facts + *at, facts);
		if (count > 0 && bytes->size > RECORD_BYTES)
			break; /* the next record's first */
		bundles[count] = (struct spool_bundle){ .keys = sorted->keys + *at,
			.hashes = (const uint8_t(*)[HASH_SIZE])sorted->hashes + *at,
			.count = facts };
		ends[count] = bytes->size;
		*at += facts;
	}
	/* The buffer moves no more. */
	for (size_t i = 0; i < count; i++) {
		bundles[i].bytes = BYTES(bytes->data + start, ends[i] - start);
		start = ends[i];
	}
	return spool_append_bundles(bundler->spool, bundler->collector, bundles, count);
}

static enum status tell_bundles(const struct bundler *bundler, const struct sorted *sorted)
{
	struct buffer bytes = { 0 };
	enum status first = STATUS_OK, status = STATUS_OK;

	for (size_t at = 0; at < sorted->count && (status == STATUS_OK || status == STATUS_FULL);) {
		status = tell_record(bundler, sorted, &at, &bytes);
		if (first == STATUS_OK)
			first = status;
	}
	buffer_fini(&bytes);
	return first;
}

enum status bundler_flush(struct bundler *bundler)
{
	struct sorted sorted = { 0 };
	enum status status;

	if (bundler->gathered == NULL)
		return STATUS_OK;
	sort(bundler, &sorted);
	status = sorted.count < FACTS_MIN ? tell_alone(bundler, &sorted)
	                                  : tell_bundles(bundler, &sorted);
	fini_sorted(&sorted);
	forget_all(bundler);
	return status;
}
