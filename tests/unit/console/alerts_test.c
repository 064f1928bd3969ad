/* SPDX-License-Identifier: Apache-2.0 */
#include "console/commands.h"

#include <stdlib.h>

#include "core/record.h"
#include "proto/intent.pb-c.h"
#include "sinks/store/store.h"
#include "tests/support/capture.h"
#include "tests/support/control_fake.h"
#include "tests/support/scratch.h"
#include "tests/support/verdict.h"

/* A store with alerts in it. */
struct fixture {
	void *data;
	struct store *store;
	struct capture said;
	uint64_t offset;
	char key[64];
};

static int start(void **test)
{
	struct fixture *fixture = memory_new(sizeof(*fixture));

	*test = fixture;
	unsetenv("COLUMNS");
	return scratch_start(&fixture->data) == 0
	            && store_open(fixture->data, &fixture->store) == STATUS_OK
	         ? 0
	         : -1;
}

static int stop(void **test)
{
	struct fixture *fixture = *test;
	int result;

	store_close(fixture->store);
	capture_fini(&fixture->said);
	result = scratch_stop(&fixture->data);
	free(fixture);
	return result;
}

static void put(struct fixture *fixture, uint32_t kind, const void *message)
{
	if (store_apply(fixture->store, ++fixture->offset, verdict_record(kind, message), 1)
		!= STATUS_OK
	    || store_commit(fixture->store) != STATUS_OK)
		abort();
}

static void put_alert(struct fixture *fixture, const char *id, const char *severity, unsigned state,
    uint64_t acknowledged_ms)
{
	Fettle__AlertVerdict alert = verdict_alert(id, "web1", "file/etc/\x1b[31m", severity, 1000);

	RECORD_SET(&alert, state, (Fettle__AlertState)state);
	if (acknowledged_ms > 0)
		RECORD_SET(&alert, acknowledged_ms, acknowledged_ms);
	alert.title = RECORD_TEXT(id);
	put(fixture, FETTLE__KIND__KIND_ALERT, &alert);
}

enum {
	OPEN = FETTLE__ALERT_STATE__ALERT_STATE_OPEN,
	UNDONE = FETTLE__ALERT_STATE__ALERT_STATE_UNDONE,
};

static int run_fettle(int argc, char **argv)
{
	return console_run(commands_all, argc, argv);
}

static int run(struct fixture *fixture, const char *command)
{
	char *line = text_format("fettle --data %s %s", (const char *)fixture->data, command);
	int code = capture_run(&fixture->said, run_fettle, line);

	free(line);
	return code;
}

static int run_with_id(struct fixture *fixture, const char *command, const char *id)
{
	char hex[33], *line;
	int code;

	bytes_to_hex(record_bytes(verdict_id(id)), hex);
	line = text_format("%s %.8s", command, hex);
	code = run(fixture, line);
	free(line);
	return code;
}

static bool shows(struct fixture *fixture, const char *text)
{
	return strstr(buffer_text(&fixture->said.out), text) != NULL;
}

static void has_said(struct fixture *fixture, const char *text)
{
	if (strstr(buffer_text(&fixture->said.err), text) == NULL)
		fail_msg("it did not say `%s`, but: %s", text, buffer_text(&fixture->said.err));
}

static void the_list_shows_what_is_open_and_counts_the_rest(void **test)
{
	struct fixture *fixture = *test;

	put_alert(fixture, "opened", "high", OPEN, 0);
	put_alert(fixture, "seen", "high", OPEN, 5);
	put_alert(fixture, "undone", "low", UNDONE, 0);
	put_alert(fixture, "over", "low", UNDONE, 5);
	assert_int_equal(run(fixture, "alerts"), 0);
	assert_true(shows(fixture, "opened"));
	assert_false(shows(fixture, "seen"));
	assert_false(shows(fixture, "undone"));
	assert_true(shows(fixture, "file/etc/\\u001b[31m"));
	has_said(fixture, "1 open alert; 1 acknowledged in all; 2 undone in all, 1 of them not "
			  "acknowledged (--all shows every state)");
	assert_int_equal(run(fixture, "alerts --all"), 0);
	assert_true(shows(fixture, "seen") && shows(fixture, "undone") && shows(fixture, "over"));
	has_said(fixture, "4 alerts\n");
	assert_int_equal(run(fixture, "alerts --state undone"), 0);
	assert_true(shows(fixture, "over") && !shows(fixture, "opened"));
	assert_int_equal(run(fixture, "alerts --all --severity high --limit 1"), 0);
	has_said(fixture, "1 alert and 1 more (--limit 0 shows all)");
	assert_int_equal(run(fixture, "alerts --state new"), CONSOLE_USAGE);
	assert_int_equal(run(fixture, "alerts --severity bad"), CONSOLE_USAGE);
}

static void every_format_has_every_member(void **test)
{
	struct fixture *fixture = *test;

	put_alert(fixture, "opened", "high", OPEN, 0);
	assert_int_equal(run(fixture, "alerts --format ndjson"), 0);
	assert_true(shows(fixture, "\"acknowledged_by\":null"));
	assert_true(shows(fixture, "\"state\":\"open\""));
	assert_int_equal(run(fixture, "alerts --format csv"), 0);
	assert_int_equal(run_with_id(fixture, "alerts show --format json", "opened"), 0);
	assert_true(shows(fixture, "\"title\": \"opened\""));
}

static void a_page_says_what_happened_and_what_to_do(void **test)
{
	struct fixture *fixture = *test;

	put_alert(fixture, "opened", "critical", OPEN, 0);
	assert_int_equal(run_with_id(fixture, "alerts show", "opened"), 0);
	assert_true(shows(fixture, "What happened\n"));
	assert_true(shows(fixture, "fettle alerts ack "));
	put_alert(fixture, "opened", "critical", UNDONE, 7);
	assert_int_equal(run_with_id(fixture, "alerts show", "opened"), 0);
	assert_true(shows(fixture, "undone: what it tells of is again as it was before"));
	assert_false(shows(fixture, "fettle alerts ack "));
	assert_int_equal(run(fixture, "alerts show 00ff"), CONSOLE_NEGATIVE);
	assert_int_equal(run(fixture, "alerts show xyz"), CONSOLE_USAGE);
}

/* In the place of the processor and the sink. */
static void on_intent(void *host, const Fettle__Record *record)
{
	struct fixture *fixture = host;

	snprintf(fixture->key, sizeof(fixture->key), "%.*s", (int)record->envelope->key.len,
	    (const char *)record->envelope->key.data);
	put_alert(fixture, "opened", "high", OPEN, 2000);
}

static void an_acknowledgement_is_sent_once_and_told_when_it_is_stored(void **test)
{
	struct fixture *fixture = *test;
	struct control_fake *control = control_fake_new(fixture->data, on_intent, fixture);
	char expected[64];

	put_alert(fixture, "opened", "high", OPEN, 0);
	assert_int_equal(run_with_id(fixture, "alerts ack --dry-run", "opened"), 0);
	has_said(fixture, "would be acknowledged");
	assert_int_equal(run_with_id(fixture, "alerts ack", "opened"), 0);
	has_said(fixture, "acknowledged: opened, on an unknown asset");
	assert_int_equal(run_with_id(fixture, "alerts ack", "opened"), 0);
	has_said(fixture, "was acknowledged by somebody");
	assert_int_equal(control_fake_free(control), 1);
	memcpy(expected, "alert/", 6);
	bytes_to_hex(record_bytes(verdict_id("opened")), expected + 6);
	strcat(expected, "/ack");
	assert_string_equal(fixture->key, expected);
}

static void a_note_has_its_bounds(void **test)
{
	struct fixture *fixture = *test;
	char note[2100];

	memset(note, 'n', sizeof(note) - 1);
	note[sizeof(note) - 1] = '\0';
	memcpy(note, "alerts ack 00 --note ", 21);
	assert_int_equal(run(fixture, note), CONSOLE_USAGE);
	has_said(fixture, "at most 2000 bytes");
}

static void the_overview_counts_alerts_and_jobs(void **test)
{
	struct fixture *fixture = *test;
	Fettle__JobVerdict job = verdict_job("j1", "web1", 1000);

	put_alert(fixture, "opened", "critical", OPEN, 0);
	put_alert(fixture, "undone", "critical", UNDONE, 0);
	put(fixture, FETTLE__KIND__KIND_JOB, &job);
	assert_int_equal(run(fixture, "status"), 0);
	assert_true(shows(fixture, "1 open: 1 critical; 1 undone and not acknowledged\n"));
	assert_true(shows(fixture, "1 to be decided on, 0 under way, 0 lost\n"));
	assert_int_equal(run(fixture, "status --format json"), 0);
	assert_true(shows(fixture, "\"proposed\": 1"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_list_shows_what_is_open_and_counts_the_rest),
		TEST(every_format_has_every_member),
		TEST(a_page_says_what_happened_and_what_to_do),
		TEST(an_acknowledgement_is_sent_once_and_told_when_it_is_stored),
		TEST(a_note_has_its_bounds),
		TEST(the_overview_counts_alerts_and_jobs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
