/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/observer_fake.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/scratch.h"

struct observer {
	struct fake_fact **facts;
	size_t count;
	enum status answer;
	unsigned passes, abandoned, open, changes;
	struct fake_pass last;
	uint8_t plan[HASH_SIZE];
};

struct observer_pass {
	struct observer *observer;
	char *collector;
	enum lane lane;
	struct buffer prefix, plan;
	enum lane (*lane_of)(void *data, struct bytes key);
	void *lane_data;
	bool *named; /* by index of the fact */
	size_t named_size;
};

struct observer *observer_fake_new(void)
{
	return memory_new(sizeof(struct observer));
}

void observer_fake_free(struct observer *observer)
{
	for (size_t i = 0; i < observer->count; i++) {
		struct fake_fact *fact = observer->facts[i];

		free(fact->collector);
		free(fact->reason);
		buffer_fini(&fact->key);
		buffer_fini(&fact->value);
		arena_fini(&fact->arena);
		free(fact);
	}
	free(observer->facts);
	free(observer);
}

void observer_fake_answer(struct observer *observer, enum status status)
{
	observer->answer = status;
}

static size_t find(const struct observer *observer, struct bytes key)
{
	size_t i = 0;

	while (i < observer->count && !bytes_equal(buffer_bytes(&observer->facts[i]->key), key))
		i++;
	return i;
}

static size_t find_or_add(struct observer *observer, const char *collector, struct bytes key)
{
	size_t i = find(observer, key);

	assert_in_range(key.size, 1, FACT_KEY_MAX);
	if (i < observer->count)
		return i;
	observer->facts = memory_grow(observer->facts, (i + 1) * sizeof(*observer->facts));
	observer->facts[i] = memory_new(sizeof(struct fake_fact));
	observer->facts[i]->collector = text_copy(collector);
	buffer_append(&observer->facts[i]->key, key);
	observer->count++;
	return i;
}

static void keep(struct observer *observer, struct fake_fact *fact, enum lane lane,
    enum fact_status status, const char *reason, struct bytes value)
{
	if (fact->status != status || !bytes_equal(buffer_bytes(&fact->value), value)) {
		fact->changes++;
		fact->changed_at = ++observer->changes;
	}
	fact->seen++;
	fact->lane = lane;
	fact->status = status;
	free(fact->reason);
	fact->reason = text_copy(reason);
	buffer_clear(&fact->value);
	buffer_append(&fact->value, value);
	arena_fini(&fact->arena);
	fact->arena = (struct arena){ 0 };
	assert_int_equal(fact_value_decode(value, &fact->arena, &fact->fields, &fact->fields_count),
	    STATUS_OK);
}

static size_t set(struct observer *observer, const char *collector, enum lane lane,
    const struct fact *fact)
{
	size_t i = find_or_add(observer, collector, fact->key);
	struct buffer value = { 0 };

	assert_in_range(fact->status, FACT_PRESENT, FACT_FAILED);
	fact_value_encode(&value, fact->fields, fact->fields_count);
	keep(observer, observer->facts[i], lane, fact->status, fact->reason, buffer_bytes(&value));
	buffer_fini(&value);
	return i;
}

enum status observer_set(struct observer *observer, const char *collector, enum lane lane,
    const struct fact *fact)
{
	if (observer->answer == STATUS_OK)
		set(observer, collector, lane, fact);
	return observer->answer;
}

enum status observer_unset(struct observer *observer, const char *collector, enum lane lane,
    struct bytes key)
{
	size_t i; /* the facts may move when one is added */

	(void)collector;
	if (observer->answer != STATUS_OK)
		return observer->answer;
	i = find(observer, key);
	if (i == observer->count || observer->facts[i]->status == FACT_NONE)
		return STATUS_OK; /* as what was never said */
	keep(observer, observer->facts[i], lane, FACT_NONE, NULL, BYTES_NONE);
	return STATUS_OK;
}

struct observer_pass *observer_pass_begin(struct observer *observer, const char *collector,
    enum lane lane, struct bytes prefix, struct bytes plan)
{
	struct observer_pass *pass = memory_new(sizeof(*pass));

	pass->observer = observer;
	pass->collector = text_copy(collector);
	pass->lane = lane;
	buffer_append(&pass->prefix, prefix);
	buffer_append(&pass->plan, plan);
	observer->open++;
	return pass;
}

void observer_pass_lanes(struct observer_pass *pass,
    enum lane (*lane_of)(void *data, struct bytes key), void *data)
{
	pass->lane_of = lane_of;
	pass->lane_data = data;
}

enum status observer_pass_set(struct observer_pass *pass, const struct fact *fact)
{
	size_t i;

	assert_true(bytes_start_with(fact->key, buffer_bytes(&pass->prefix)));
	if (pass->observer->answer != STATUS_OK)
		return pass->observer->answer;
	i = set(pass->observer, pass->collector, 0, fact);
	pass->observer->facts[i]->pass_lane = pass->lane_of == NULL
	                                        ? 0
	                                        : pass->lane_of(pass->lane_data, fact->key);
	if (i >= pass->named_size) {
		pass->named = memory_grow(pass->named, 2 * (i + 1));
		memset(pass->named + pass->named_size, 0, 2 * (i + 1) - pass->named_size);
		pass->named_size = 2 * (i + 1);
	}
	pass->named[i] = true;
	return STATUS_OK;
}

static void free_pass(struct observer_pass *pass)
{
	pass->observer->open--;
	buffer_fini(&pass->prefix);
	buffer_fini(&pass->plan);
	free(pass->collector);
	free(pass->named);
	free(pass);
}

static void unset_unnamed(struct observer_pass *pass)
{
	struct observer *observer = pass->observer;

	for (size_t i = 0; i < observer->count; i++) {
		struct fake_fact *fact = observer->facts[i];
		bool is_named = i < pass->named_size && pass->named[i];

		if (!is_named && fact->status != FACT_NONE
		    && bytes_start_with(buffer_bytes(&fact->key), buffer_bytes(&pass->prefix)))
			keep(observer, fact, 0, FACT_NONE, NULL, BYTES_NONE);
	}
}

static void remember(struct observer *observer, struct observer_pass *pass)
{
	assert_true(pass->plan.size <= HASH_SIZE);
	if (pass->plan.size > 0)
		memcpy(observer->plan, pass->plan.data, pass->plan.size);
	observer->passes++;
	observer->last.lane = pass->lane;
	observer->last.plan = BYTES(observer->plan, pass->plan.size);
	snprintf(observer->last.prefix, sizeof(observer->last.prefix), "%s",
	    buffer_text(&pass->prefix));
}

enum status observer_pass_end(struct observer_pass **pass)
{
	enum status answer = (*pass)->observer->answer;

	if (answer == STATUS_OK) {
		unset_unnamed(*pass);
		remember((*pass)->observer, *pass);
	}
	free_pass(*pass);
	*pass = NULL;
	return answer;
}

void observer_pass_abandon(struct observer_pass **pass)
{
	(*pass)->observer->abandoned++;
	free_pass(*pass);
	*pass = NULL;
}

const struct fake_fact *observer_fake_find(const struct observer *observer, const char *key)
{
	size_t i = find(observer, bytes_of_text(key));

	return i < observer->count ? observer->facts[i] : NULL;
}

enum fact_status observer_fake_status(const struct observer *observer, const char *key)
{
	const struct fake_fact *fact = observer_fake_find(observer, key);

	return fact == NULL ? FACT_NONE : fact->status;
}

static const struct fact_field *field_of(const struct observer *observer, const char *key,
    const char *field)
{
	const struct fake_fact *fact = observer_fake_find(observer, key);

	return fact == NULL ? NULL : fact_find(fact->fields, fact->fields_count, field);
}

const char *observer_fake_text(const struct observer *observer, const char *key, const char *field)
{
	static char texts[8][FACT_CONTENT_MAX + 1];
	static unsigned next;
	const struct fact_field *found = field_of(observer, key, field);
	char *text = texts[next++ % 8];

	text[0] = '\0';
	if (found != NULL && found->type != FACT_NUMBER) {
		assert_true(found->bytes.size <= FACT_CONTENT_MAX);
		if (found->bytes.size > 0)
			memcpy(text, found->bytes.data, found->bytes.size);
		text[found->bytes.size] = '\0';
	}
	return text;
}

int64_t observer_fake_number(const struct observer *observer, const char *key, const char *field)
{
	const struct fact_field *found = field_of(observer, key, field);

	return found == NULL || found->type != FACT_NUMBER ? -1 : found->number;
}

size_t observer_fake_count(const struct observer *observer, const char *prefix)
{
	size_t count = 0;

	for (size_t i = 0; i < observer->count; i++)
		count += observer->facts[i]->status != FACT_NONE
		      && bytes_start_with(buffer_bytes(&observer->facts[i]->key),
			  bytes_of_text(prefix));
	return count;
}

const struct fake_fact *observer_fake_at(const struct observer *observer, size_t index)
{
	return observer->facts[index];
}

size_t observer_fake_size(const struct observer *observer)
{
	return observer->count;
}

unsigned observer_fake_passes(const struct observer *observer)
{
	return observer->passes;
}

unsigned observer_fake_abandoned(const struct observer *observer)
{
	return observer->abandoned;
}

unsigned observer_fake_open(const struct observer *observer)
{
	return observer->open;
}

const struct fake_pass *observer_fake_last_pass(const struct observer *observer)
{
	return &observer->last;
}
