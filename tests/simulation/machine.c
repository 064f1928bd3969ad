/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/machine.h"

#include <stdlib.h>

#include "collectors/collectors.h"
#include "core/log.h"
#include "tests/simulation/chance.h"
#include "tests/simulation/node.h"

enum { PASS_EVERY_MS = 10 * 60 * 1000, AGAIN_MS = 200, BURST_SHARE = 4 };

static const char prefix[] = "test/";

void machine_init(struct machine *machine, unsigned number, size_t facts)
{
	*machine = (struct machine){ .number = number,
		.facts = facts,
		.versions = memory_new(facts * sizeof(uint32_t)),
		.change_every_ms = 20 * 1000,
		.burst_once_in = 50,
		.value_max = 4000 };
	for (size_t i = 0; i < facts; i++)
		machine->versions[i] = chance_once_in(10) ? 0 : 1;
}

void machine_fini(struct machine *machine)
{
	free(machine->versions);
}

/* Two in three are the same on all machines. */
static unsigned owner_of(const struct machine *machine, size_t number)
{
	return number % 3 == 0 ? machine->number + 1 : 0;
}

static size_t size_of(const struct machine *machine, size_t number)
{
	if (number % 40 == 39)
		return machine->value_max;
	return number % 10 == 9 ? machine->value_max / 8 : 20 + number % 60;
}

bool machine_fact(const struct machine *machine, size_t number, struct buffer *key,
    struct buffer *text)
{
	uint32_t version = machine->versions[number];
	size_t begin = text->size;

	buffer_append_format(key, "%s%zu", prefix, number);
	if (version % 2 == 0)
		return false;
	buffer_append_format(text, "%u-%zu-%u ", owner_of(machine, number), number, version);
	while (text->size - begin < size_of(machine, number))
		buffer_append_u8(text, (uint8_t)('a' + (text->size * 7 + number + version) % 26));
	return true;
}

static enum lane lane_of_number(size_t number)
{
	return number % 4 == 0 ? LANE_CRITICAL : LANE_DELTA;
}

/* ---- the collector ---- */

struct look {
	const struct collector_context *context;
	struct machine *machine;
	uv_timer_t change, pass;
	struct buffer key, text;
	unsigned open_handles;
	void (*on_stopped)(void *data);
	void *data;
};

static const struct fact *seen(struct look *look, size_t number, struct fact *fact,
    struct fact_field *field)
{
	buffer_clear(&look->key);
	buffer_clear(&look->text);
	if (!machine_fact(look->machine, number, &look->key, &look->text)) {
		*fact = (struct fact){ .key = buffer_bytes(&look->key) };
		return NULL;
	}
	*field = FACT_FIELD_SLICE("value", buffer_bytes(&look->text));
	*fact = (struct fact){ .key = buffer_bytes(&look->key),
		.status = FACT_PRESENT,
		.fields = field,
		.fields_count = 1 };
	return fact;
}

static void tell(struct look *look, size_t number)
{
	struct fact fact;
	struct fact_field field;
	enum status status;

	/* What cannot be taken is asked for again by a refresh. */
	if (seen(look, number, &fact, &field) != NULL)
		status = observer_set(look->context->observer, "simulated", lane_of_number(number),
		    &fact);
	else
		status = observer_unset(look->context->observer, "simulated",
		    lane_of_number(number), fact.key);
	if (status != STATUS_OK)
		log_debug("simulated-refused", "%s", status_text(status));
}

static size_t change_one(struct machine *machine)
{
	size_t number = chance_below(machine->facts);

	/* Gone once in four times, and back the next time. */
	machine->versions[number] += machine->versions[number] % 2 == 0 || chance_once_in(4) ? 1
	                                                                                     : 2;
	machine->changes++;
	return number;
}

static void on_change(uv_timer_t *timer);

static void plan_change(struct look *look)
{
	uint64_t every = look->machine->change_every_ms;

	if (every > 0)
		uv_timer_start(&look->change, on_change, chance_wait(every), 0);
	else
		uv_timer_start(&look->change, on_change, 60 * 1000, 0);
}

static void on_change(uv_timer_t *timer)
{
	struct look *look = timer->data;
	struct machine *machine = look->machine;
	size_t changes = machine->change_every_ms == 0          ? 0
	               : chance_once_in(machine->burst_once_in) ? machine->facts / BURST_SHARE
	                                                        : 1 + chance_below(3);

	for (size_t i = 0; i < changes; i++)
		tell(look, change_one(machine));
	plan_change(look);
}

static enum lane lane_of_key(void *data, struct bytes key)
{
	char *text = text_copy_bytes(key);
	size_t number = strtoul(text + sizeof(prefix) - 1, NULL, 10);

	(void)data;
	free(text);
	return lane_of_number(number);
}

static void on_pass(uv_timer_t *timer)
{
	struct look *look = timer->data;
	struct observer_pass *pass = observer_pass_begin(look->context->observer, "simulated",
	    LANE_DELTA, bytes_of_text(prefix), BYTES_NONE);
	struct fact fact;
	struct fact_field field;
	enum status status = STATUS_OK;

	observer_pass_lanes(pass, lane_of_key, NULL);
	for (size_t i = 0; status == STATUS_OK && i < look->machine->facts; i++)
		if (seen(look, i, &fact, &field) != NULL)
			status = observer_pass_set(pass, &fact);
	if (status == STATUS_OK)
		status = observer_pass_end(&pass);
	else
		observer_pass_abandon(&pass);
	uv_timer_start(timer, on_pass, chance_wait(PASS_EVERY_MS), 0);
}

static void refresh(void *self)
{
	struct look *look = self;

	uv_timer_start(&look->pass, on_pass, AGAIN_MS, 0);
}

/* While nobody looked, something has changed. */
static void change_unseen(struct machine *machine)
{
	size_t changes = machine->change_every_ms == 0 ? 0 : chance_below(6);

	for (size_t i = 0; i < changes; i++)
		(void)change_one(machine);
}

static enum status start(const struct collector_context *context, const void *settings, void **self)
{
	struct look *look = memory_new(sizeof(*look));

	(void)settings;
	look->context = context;
	look->machine = node_current()->role.data;
	uv_timer_init(context->loop, &look->change);
	uv_timer_init(context->loop, &look->pass);
	look->change.data = look->pass.data = look;
	change_unseen(look->machine);
	plan_change(look);
	uv_timer_start(&look->pass, on_pass, 0, 0);
	*self = look;
	return STATUS_OK;
}

static void on_closed(uv_handle_t *handle)
{
	struct look *look = handle->data;
	void (*on_stopped)(void *data) = look->on_stopped;
	void *data = look->data;

	if (--look->open_handles > 0)
		return;
	buffer_fini(&look->key);
	buffer_fini(&look->text);
	free(look);
	on_stopped(data);
}

static void stop(void *self, void (*on_stopped)(void *data), void *data)
{
	struct look *look = self;

	look->on_stopped = on_stopped;
	look->data = data;
	look->open_handles = 2;
	uv_close((uv_handle_t *)&look->change, on_closed);
	uv_close((uv_handle_t *)&look->pass, on_closed);
}

static const struct collector machine_collector = {
	.name = "simulated",
	.summary = "facts that the run makes up",
	.scopes = (const char *const[]){ "test/", NULL },
	.start = start,
	.refresh = refresh,
	.stop = stop,
};

/* In place of the agent's own collectors. */
const struct collector *const collectors_all[] = { &machine_collector, NULL };
