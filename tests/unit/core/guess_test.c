/* SPDX-License-Identifier: Apache-2.0 */
#include "core/guess.h"

#include "tests/support/scratch.h"

static void is_answered(const char *wrong, const char *answer)
{
	struct guess guess = { .wrong = wrong };
	struct buffer out = { 0 };

	guess_consider(&guess, "backlog");
	guess_consider(&guess, "listen");
	guess_consider(&guess, "listens");
	guess_write(&guess, &out);
	assert_string_equal(buffer_text(&out), answer);
	buffer_fini(&out);
	guess_fini(&guess);
}

static void a_slip_is_guessed(void **test)
{
	static const char *const slips[] = { "lisen", "listten", "lixten", "lisetn", "Listen" };

	(void)test;
	for (size_t i = 0; i < sizeof(slips) / sizeof(slips[0]); i++)
		is_answered(slips[i], "; did you mean `listen`? (known: backlog, listen, listens)");
}

static void the_closest_name_wins(void **test)
{
	(void)test;
	is_answered("listenss", "; did you mean `listens`? (known: backlog, listen, listens)");
}

static void what_is_far_from_all_is_not_guessed(void **test)
{
	char endless[1000];

	(void)test;
	memset(endless, 'l', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	is_answered("port", " (known: backlog, listen, listens)");
	is_answered("", " (known: backlog, listen, listens)");
	is_answered(endless, " (known: backlog, listen, listens)");
}

static void nothing_known_is_said(void **test)
{
	struct guess guess = { .wrong = "a" };
	struct buffer out = { 0 };

	(void)test;
	guess_write(&guess, &out);
	assert_string_equal(buffer_text(&out), " (known: none)");
	buffer_fini(&out);
	guess_fini(&guess);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slip_is_guessed),
		cmocka_unit_test(the_closest_name_wins),
		cmocka_unit_test(what_is_far_from_all_is_not_guessed),
		cmocka_unit_test(nothing_known_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
