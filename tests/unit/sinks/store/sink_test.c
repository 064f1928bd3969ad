/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record.h"
#include "sinks/sinks.h"
#include "tests/support/scratch.h"
#include "tests/support/verdict.h"

struct host {
	uint64_t delivered;
	unsigned reports, failures;
};

static void on_delivered(void *data, uint64_t offset)
{
	struct host *host = data;

	host->delivered = offset;
	host->reports++;
}

static void on_failed(void *data, enum status status)
{
	struct host *host = data;

	(void)status;
	host->failures++;
}

static struct sink_context context_of(const char *data, struct host *host)
{
	return (struct sink_context){ .loop = uv_default_loop(),
		.data = data,
		.on_delivered = on_delivered,
		.on_failed = on_failed,
		.host = host };
}

static void end(void *self)
{
	store_sink.stop(self);
	assert_int_equal(uv_run(uv_default_loop(), UV_RUN_DEFAULT), 0);
	store_sink.finish(self);
}

static void verdicts_are_delivered_once_they_are_committed(void **test)
{
	Fettle__AssetVerdict asset = verdict_asset("web1");
	struct bytes records[3] = { [0] = verdict_record(FETTLE__KIND__KIND_ASSET, &asset.base) };
	struct host host = { 0 };
	struct sink_context context = context_of(*test, &host);
	uint64_t position = 99;
	void *self;

	assert_int_equal(store_sink.start(&context, NULL, &self, &position), STATUS_OK);
	assert_int_equal(position, 0);
	store_sink.take(self, 1, records, 3);
	assert_int_equal(host.reports, 0);
	store_sink.flush(self);
	assert_int_equal(host.delivered, 3);
	store_sink.flush(self);
	assert_int_equal(host.reports, 1);
	store_sink.take(self, 4, records, 1);
	end(self);
	assert_int_equal(store_sink.start(&context, NULL, &self, &position), STATUS_OK);
	assert_int_equal(position, 3);
	end(self);
}

static void a_large_batch_is_committed_on_the_way(void **test)
{
	static struct bytes records[10500];
	struct host host = { 0 };
	struct sink_context context = context_of(*test, &host);
	uint64_t position;
	void *self;

	assert_int_equal(store_sink.start(&context, NULL, &self, &position), STATUS_OK);
	store_sink.take(self, 1, records, 10500);
	assert_int_equal(host.delivered, 10000);
	store_sink.flush(self);
	assert_int_equal(host.delivered, 10500);
	assert_int_equal(host.failures, 0);
	end(self);
}

static void every_sink_can_be_run(void **test)
{
	(void)test;
	for (const struct sink *const *at = sinks_all; *at != NULL; at++) {
		assert_non_null((*at)->name);
		assert_non_null((*at)->summary);
		assert_true((*at)->start != NULL && (*at)->take != NULL && (*at)->flush != NULL);
		assert_true((*at)->stop != NULL && (*at)->finish != NULL);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_start, scratch_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(verdicts_are_delivered_once_they_are_committed),
		TEST(a_large_batch_is_committed_on_the_way),
		TEST(every_sink_can_be_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
