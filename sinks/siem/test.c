/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event of kind test, on a loop of its own: nothing else of the target is touched.
 */
#include "core/clock.h"
#include "core/require.h"
#include "sinks/siem/carrier.h"
#include "sinks/siem/siem.h"

struct test {
	uv_loop_t loop;
	struct siem_place place;
	const struct carrier_way *way;
	void *carrier;
	struct buffer message;
	uint64_t end;
	struct buffer *said;
	enum status status;
};

static void end(struct test *test, enum status status)
{
	test->status = status;
	test->way->close(test->carrier);
}

static void on_room(void *self)
{
	struct test *test = self;

	if (test->end == 0)
		test->end = test->way->write(test->carrier, buffer_bytes(&test->message));
}

static void on_arrived(void *self, uint64_t arrived)
{
	struct test *test = self;

	if (arrived < test->end)
		return;
	buffer_append_text(test->said,
	    test->place.way == SIEM_FILE
		? "written and synced"
		: "sent; the connection was made, took the event and held");
	end(test, STATUS_OK);
}

static void on_broken(void *self, const char *reason)
{
	struct test *test = self;

	buffer_append_text(test->said, reason);
	end(test, STATUS_IO);
}

static void encode(const struct siem_settings *set, struct test *test)
{
	struct document document;
	struct siem_form form;

	siem_form_init(&form, set, &test->place);
	document_make_test(set->name, clock_wall_ms(), &document);
	siem_form_append(&form, &document, &test->message);
	document_fini(&document);
}

enum status siem_test(const struct siem_settings *set, struct buffer *said)
{
	struct test test = { .said = said, .status = STATUS_IO };
	struct carrier_options options = { .loop = &test.loop,
		.place = &test.place,
		.confirm_ms = set->confirm,
		.on_room = on_room,
		.on_arrived = on_arrived,
		.on_broken = on_broken,
		.self = &test };

	if (siem_settings_place(set, &test.place, said) != STATUS_OK)
		return STATUS_INVALID;
	REQUIRE(uv_loop_init(&test.loop) == 0);
	encode(set, &test);
	test.way = carrier_way_of(&test.place);
	test.carrier = test.way->open(&options);
	uv_run(&test.loop, UV_RUN_DEFAULT);
	REQUIRE(uv_loop_close(&test.loop) == 0);
	buffer_fini(&test.message);
	return test.status;
}
