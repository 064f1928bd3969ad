/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/helper/wire.h"

#include "proto/helper.pb-c.h"
#include "tests/support/scratch.h"

static void append(struct buffer *out, uint64_t attempt)
{
	Fettle__HelperReply reply = FETTLE__HELPER_REPLY__INIT;

	RECORD_SET(&reply, attempt, attempt);
	wire_append(out, &reply.base);
}

static enum status take(struct buffer *in, uint64_t *attempt)
{
	struct arena arena = { 0 };
	void *message = NULL;
	enum status status = wire_take(in, &fettle__helper_reply__descriptor, &arena, &message);

	if (status == STATUS_OK)
		*attempt = ((const Fettle__HelperReply *)message)->attempt;
	arena_fini(&arena);
	return status;
}

static void messages_come_out_as_they_went_in(void **test)
{
	struct buffer bytes = { 0 };
	uint64_t attempt;

	(void)test;
	append(&bytes, 1);
	append(&bytes, 300);
	assert_int_equal(take(&bytes, &attempt), STATUS_OK);
	assert_int_equal(attempt, 1);
	assert_int_equal(take(&bytes, &attempt), STATUS_OK);
	assert_int_equal(attempt, 300);
	assert_int_equal(take(&bytes, &attempt), STATUS_AGAIN);
	buffer_fini(&bytes);
}

static void a_part_of_a_message_is_waited_for(void **test)
{
	struct buffer whole = { 0 };
	uint64_t attempt = 0;

	(void)test;
	append(&whole, 300);
	for (size_t size = 0; size < whole.size; size++) {
		struct buffer part = { 0 };

		buffer_append(&part, BYTES(whole.data, size));
		assert_int_equal(take(&part, &attempt), STATUS_AGAIN);
		assert_int_equal(part.size, size);
		buffer_fini(&part);
	}
	buffer_fini(&whole);
}

static void what_is_too_large_or_no_message_is_rejected(void **test)
{
	struct buffer bytes = { 0 };
	uint64_t attempt;

	(void)test;
	buffer_append_u32(&bytes, WIRE_MESSAGE_MAX + 1);
	assert_int_equal(take(&bytes, &attempt), STATUS_REJECT);
	buffer_clear(&bytes);
	buffer_append_u32(&bytes, 2);
	buffer_append(&bytes, bytes_of_text("\xff\xff"));
	assert_int_equal(take(&bytes, &attempt), STATUS_REJECT);
	buffer_fini(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_come_out_as_they_went_in),
		cmocka_unit_test(a_part_of_a_message_is_waited_for),
		cmocka_unit_test(what_is_too_large_or_no_message_is_rejected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
