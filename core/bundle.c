/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bundle.h"

#include "core/record.h"
#include "core/require.h"
#include "proto/observation.pb-c.h"

/* Every other key may be the last of its bundle: about four facts a bundle. */
enum { CUT_ONE_IN = 2 };

static bool may_end_at(struct bytes key)
{
	uint8_t hash[HASH_SIZE];

	hash_bytes(key, hash);
	return hash[0] % CUT_ONE_IN == 0;
}

static bool is_large(const struct bundle_fact *fact)
{
	return fact->key.size + fact->value.size > BUNDLE_ALONE;
}

size_t bundle_cut(const struct bundle_fact *facts, size_t count)
{
	size_t taken = 1;

	REQUIRE(count > 0);
	if (is_large(&facts[0]))
		return 1;
	while (taken < count && taken < BUNDLE_CUT_MAX && !is_large(&facts[taken])
	       && (taken < BUNDLE_CUT_MIN || !may_end_at(facts[taken - 1].key)))
		taken++;
	return taken;
}

void bundle_encode(struct buffer *out, const struct bundle_fact *facts, size_t count)
{
	Fettle__Bundle bundle = FETTLE__BUNDLE__INIT;
	Fettle__BundledFact messages[BUNDLE_FACTS_MAX], *pointers[BUNDLE_FACTS_MAX];

	REQUIRE(count <= BUNDLE_FACTS_MAX);
	for (size_t i = 0; i < count; i++) {
		pointers[i] = &messages[i];
		fettle__bundled_fact__init(&messages[i]);
		RECORD_SET_BYTES(&messages[i], key, facts[i].key);
		RECORD_SET(&messages[i], status, (Fettle__FactStatus)facts[i].status);
		RECORD_SET_BYTES(&messages[i], value, facts[i].value);
		messages[i].reason = RECORD_TEXT(facts[i].reason);
	}
	bundle.n_facts = count;
	bundle.facts = pointers;
	record_pack(out, &bundle.base);
}

void bundle_hash(struct bytes bundle, uint8_t out[BUNDLE_HASH_SIZE])
{
	hash_long(bundle, out);
}

static enum status take_fact(const Fettle__BundledFact *message, const struct bundle_fact *before,
    struct arena *arena, struct bundle_fact *out, const char **reason)
{
	struct fact_field *fields;
	size_t count;

	*out = (struct bundle_fact){ .key = record_bytes(message->key),
		.status = (enum fact_status)message->status,
		.value = record_bytes(message->value),
		.reason = message->reason };
	*reason = "a fact's key is empty or too long";
	if (out->key.size == 0 || out->key.size > FACT_KEY_MAX)
		return STATUS_REJECT;
	*reason = "the facts are not in the order of their keys";
	if (before != NULL && bytes_compare(before->key, out->key) >= 0)
		return STATUS_REJECT;
	*reason = "a fact has a status that is not known here";
	if (message->status < FETTLE__FACT_STATUS__FACT_STATUS_PRESENT
	    || (unsigned)message->status > FACT_FAILED)
		return STATUS_REJECT;
	*reason = "a fact's value is not well-formed";
	return fact_value_decode(out->value, arena, &fields, &count);
}

enum status bundle_decode(struct bytes bytes, struct arena *arena, struct bundle_fact **facts,
    size_t *count, const char **reason)
{
	Fettle__Bundle *bundle = record_unpack(&fettle__bundle__descriptor, bytes, arena);
	enum status status = STATUS_OK;

	*reason = "the bundle is not well-formed, empty, or of too many facts";
	if (bundle == NULL || bundle->n_facts == 0 || bundle->n_facts > BUNDLE_FACTS_MAX)
		return STATUS_REJECT;
	*count = bundle->n_facts;
	*facts = arena_take(arena, *count * sizeof(**facts));
	for (size_t i = 0; status == STATUS_OK && i < *count; i++)
		status = take_fact(bundle->facts[i], i == 0 ? NULL : &(*facts)[i - 1], arena,
		    &(*facts)[i], reason);
	return status;
}
