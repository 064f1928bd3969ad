/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The detect stage within the chain: what an agent says goes in, time passes, and the changes and
 * alerts that come out are looked at.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/host.h"
#include "core/sublog.h"
#include "processors/roles.h"
#include "processors/state/asset.h"
#include "processors/state/job.h"
#include "processors/state/tables.h"
#include "proto/verdict.pb-c.h"
#include "tests/support/scratch.h"

enum { START_MS = 1000 * 1000, SETTLED_MS = 2000, GRACE_MS = 3000 };

static const char *const tables[] = { STATE_TABLE_NAMES };
static const uint8_t agent[16] = "\x05"
				 "the agent";

static const char watchlist[] =
    "attack_version: '18.1'\n"
    "paths:\n"
    "  - {globs: [/etc/preload], technique: T1574.006, level: critical, why: is loaded,"
    " packages: never}\n"
    "  - {globs: ['/etc/rights.d/*'], technique: T1548.003, level: high, why: gives rights,"
    " told_by: [sudo/]}\n"
    "  - {globs: ['/etc/pam.d/*'], technique: T1556.003, level: high, why: checks logins,"
    " packages: scripts, writers: [pam-auth-update], changes: [create, modify, delete]}\n"
    "  - {globs: ['/etc/own/*'], technique: T1037, level: low, why: runs,"
    " changes: [create, modify, delete]}\n";

#define RULE(id, level, selection) \
	"title: Rule " id "\nid: " id "\nlevel: " level \
	"\ntags: [attack.persistence, attack.t1098.004]\nattack_version: '18.1'\n" \
	"logsource: {product: fettle, category: change}\ndetection:\n  selection: {" selection \
	", Expected: false}\n  condition: selection\nfalsepositives: [a person]\n"

struct fixture {
	void *directory;
	struct kv *kv;
	struct host *host;
	struct arena arena;
	uint64_t heads[SUBLOG_END];
	uint64_t now_ms, seen, events, revision;
	uint64_t agent_ms; /* by the endpoint's clock; 0: the same */
};

static void open_host(struct fixture *at)
{
	const struct kv_options options = { .tables = tables, .is_writer = true };

	assert_int_equal(kv_open(at->directory, &options, &at->kv), STATUS_OK);
	assert_int_equal(host_new(at->kv, processor_stages, NULL, &at->host), STATUS_OK);
}

static void close_host(struct fixture *at)
{
	host_free(at->host);
	kv_close(at->kv);
}

/* What is due now is done; what is due later stays. */
static void settle(struct fixture *at)
{
	enum status status = STATUS_OK;

	while (status == STATUS_OK)
		status = host_step(at->host, at->now_ms);
	assert_int_equal(status, STATUS_AGAIN);
}

/* From one thing that is due to the next. */
static void pass_time(struct fixture *at, uint64_t ms)
{
	uint64_t until = at->now_ms + ms;

	while (at->now_ms < until) {
		uint64_t due_ms = host_due_ms(at->host);

		at->now_ms = due_ms <= at->now_ms ? at->now_ms + 1
		           : due_ms < until       ? due_ms
		                                  : until;
		settle(at);
	}
}

static void give(struct fixture *at, uint32_t flow, uint32_t kind, const ProtobufCMessage *message)
{
	Fettle__Record record = FETTLE__RECORD__INIT;
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	Fettle__Stamp stamp = FETTLE__STAMP__INIT;
	struct buffer body = { 0 }, packed = { 0 };
	struct bytes bytes;
	uint8_t event_id[EVENT_ID_SIZE] = { 0 };

	at->events++;
	memcpy(event_id, &at->events, sizeof(at->events));
	record_pack(&body, message);
	RECORD_SET_BYTES(&envelope, event_id, BYTES_OF(event_id));
	RECORD_SET(&envelope, kind, kind);
	RECORD_SET(&envelope, fact_revision, ++at->revision);
	RECORD_SET(&envelope, wall_ms, at->agent_ms != 0 ? at->agent_ms : at->now_ms);
	RECORD_SET_BYTES(&stamp, writer, BYTES_OF(agent));
	RECORD_SET(&stamp, epoch, 1);
	/* A first pass goes by bulk. */
	RECORD_SET(&stamp, lane, kind == FETTLE__KIND__KIND_PASS ? LANE_BULK : LANE_DELTA);
	RECORD_SET(&stamp, received_ms, at->now_ms);
	stamp.principal = RECORD_TEXT("anna (uid 1000)");
	record.envelope = &envelope;
	record.stamp = &stamp;
	RECORD_SET_BYTES(&record, body, buffer_bytes(&body));
	record_pack(&packed, &record.base);
	bytes = buffer_bytes(&packed);
	host_take(at->host, flow, ++at->heads[flow], &bytes, 1);
	buffer_fini(&body);
	buffer_fini(&packed);
	settle(at);
}

static void observe(struct fixture *at, uint32_t kind, const ProtobufCMessage *message)
{
	give(at, sublog_flow(sublog_slot_of(agent), LANE_CRITICAL), kind, message);
}

/* FIELDS ends with one without a name; NULL: the fact is unset. */
static void say_status(struct fixture *at, const char *key, Fettle__FactStatus status,
    const struct fact_field *fields)
{
	Fettle__Fact fact = FETTLE__FACT__INIT;
	struct buffer value = { 0 };
	size_t count = 0;

	while (fields != NULL && fields[count].name != NULL)
		count++;
	RECORD_SET_BYTES(&fact, key, bytes_of_text(key));
	fact.collector = RECORD_TEXT("any");
	if (fields != NULL) {
		fact_value_encode(&value, fields, count);
		RECORD_SET(&fact, status, status);
		RECORD_SET_BYTES(&fact, value, buffer_bytes(&value));
	}
	observe(at, fields == NULL ? FETTLE__KIND__KIND_FACT_UNSET : FETTLE__KIND__KIND_FACT_SET,
	    &fact.base);
	buffer_fini(&value);
}

#define SAY(at, key, ...) \
	say_status(at, key, FETTLE__FACT_STATUS__FACT_STATUS_PRESENT, \
	    (const struct fact_field[]){ __VA_ARGS__, { 0 } })
#define UNSET(at, key) say_status(at, key, FETTLE__FACT_STATUS__FACT_STATUS_NONE, NULL)
#define TEXT FACT_FIELD_TEXT
#define NUMBER FACT_FIELD_NUMBER

static void say_content(struct fixture *at, const char *key, const char *content)
{
	SAY(at, key, TEXT("mode", "0644"), TEXT("content", content));
}

static void say_shipped(struct fixture *at, const char *key, const char *content,
    const char *package, const char *origin)
{
	SAY(at, key, TEXT("mode", "0644"), TEXT("content", content), TEXT("package", package),
	    TEXT("origin", origin));
}

static void say_packages(struct fixture *at, const char *state)
{
	SAY(at, "transaction/dpkg", TEXT("state", state));
}

static void intend(struct fixture *at, uint32_t kind, const char *id, const char *text)
{
	Fettle__Document document = FETTLE__DOCUMENT__INIT;

	document.id = RECORD_TEXT(id);
	document.text = RECORD_TEXT(text);
	give(at, SUBLOG_INTENT, kind, &document.base);
}

static void complete_pass(struct fixture *at)
{
	Fettle__Pass pass = FETTLE__PASS__INIT;

	pass.collector = RECORD_TEXT("any");
	observe(at, FETTLE__KIND__KIND_PASS, &pass.base);
}

static int start(void **test)
{
	struct fixture *at = memory_new(sizeof(*at));

	if (scratch_start(&at->directory) != 0)
		return -1;
	at->now_ms = START_MS;
	open_host(at);
	intend(at, FETTLE__KIND__KIND_WATCHLIST, "watchlist", watchlist);
	intend(at, FETTLE__KIND__KIND_DETECTION, "key",
	    RULE("key", "high", "Key|startswith: authorized_key/, Status: present"));
	intend(at, FETTLE__KIND__KIND_DETECTION, "root",
	    RULE("root", "critical", "Key|startswith: user/, After.uid: 0"));
	intend(at, FETTLE__KIND__KIND_DETECTION, "account",
	    RULE("account", "medium", "Key|startswith: user/, Before.Status: unset"));
	intend(at, FETTLE__KIND__KIND_DETECTION, "sudo",
	    RULE("sudo", "high", "Key|startswith: sudo/, Status: present"));
	intend(at, FETTLE__KIND__KIND_DETECTION, "worm",
	    RULE("worm", "high", "Key: file/etc/own/x, After.content|contains: worm"));
	complete_pass(at);
	at->seen = host_verdict_head(at->host);
	*test = at;
	return 0;
}

static int stop(void **test)
{
	struct fixture *at = *test;
	int result;

	close_host(at);
	arena_fini(&at->arena);
	result = scratch_stop(&at->directory);
	free(at);
	return result;
}

/* ---- looking ---- */

/* The verdicts of KIND since they were last taken; LAST gets the last of them. */
static unsigned take(struct fixture *at, uint32_t kind,
    const ProtobufCMessageDescriptor *descriptor, void *last)
{
	unsigned found = 0;

	for (uint64_t number = at->seen + 1; number <= host_verdict_head(at->host); number++) {
		struct link_batch batch = { .count = 0 };
		Fettle__Record *record;

		assert_int_equal(host_read_verdicts(at->host, number, 1, &batch), STATUS_OK);
		assert_int_equal(record_decode(batch.records[0], &at->arena, &record), STATUS_OK);
		if (record->envelope->kind == kind) {
			found++;
			*(void **)last = record_unpack(descriptor, record_bytes(record->body),
			    &at->arena);
			assert_non_null(*(void **)last);
		}
		host_release(at->host);
	}
	return found;
}

static unsigned alerts(struct fixture *at, const Fettle__AlertVerdict **last)
{
	*last = NULL;
	return take(at, FETTLE__KIND__KIND_ALERT, &fettle__alert_verdict__descriptor, (void *)last);
}

/* The one alert since the last look, of RULE. */
static const Fettle__AlertVerdict *alert(struct fixture *at, const char *rule)
{
	const Fettle__AlertVerdict *found;

	assert_int_equal(alerts(at, &found), 1);
	assert_string_equal(found->rule, rule);
	at->seen = host_verdict_head(at->host);
	return found;
}

static void no_alert(struct fixture *at)
{
	const Fettle__AlertVerdict *found;

	if (alerts(at, &found) != 0)
		fail_msg("an alert of %s: %s", found->rule, found->title);
}

/* What the last change since the last look is expected by; "" nothing. */
static const char *expected_by(struct fixture *at)
{
	const Fettle__ChangeVerdict *change = NULL;

	assert_true(take(at, FETTLE__KIND__KIND_CHANGE, &fettle__change_verdict__descriptor,
			(void *)&change)
		    > 0);
	return change->expected_by == NULL ? "" : change->expected_by;
}

static void expect(struct fixture *at, const char *by)
{
	no_alert(at);
	assert_string_equal(expected_by(at), by);
	at->seen = host_verdict_head(at->host);
}

/* ---- unexpected ---- */

static void an_unexpected_change_that_a_rule_speaks_of_is_one_alert(void **test)
{
	struct fixture *at = *test;
	const Fettle__AlertVerdict *found;

	SAY(at, "authorized_key/root/SHA256:x", TEXT("type", "ssh-ed25519"));
	no_alert(at);
	pass_time(at, SETTLED_MS);
	found = alert(at, "key");
	assert_string_equal(found->title, "Rule key");
	assert_string_equal(found->severity, "high");
	assert_int_equal(found->n_techniques, 1);
	assert_string_equal(found->techniques[0], "T1098.004");
	assert_string_equal(found->attack_version, "18.1");
	assert_string_equal(found->falsepositives[0], "a person");
	assert_int_equal(found->before->status, FACT_NONE);
	assert_int_equal(found->after->status, FACT_PRESENT);
	assert_int_equal(found->received_ms, START_MS);
	assert_int_equal(found->state, FETTLE__ALERT_STATE__ALERT_STATE_OPEN);
}

static void a_watched_file_that_no_rule_speaks_of_is_an_alert_of_the_watch_list(void **test)
{
	struct fixture *at = *test;
	const Fettle__AlertVerdict *found;

	say_content(at, "file/etc/pam.d/x", "auth");
	pass_time(at, SETTLED_MS);
	found = alert(at, "watchlist");
	assert_string_equal(found->title, "/etc/pam.d/x appeared");
	assert_string_equal(found->severity, "high");
	assert_string_equal(found->techniques[0], "T1556.003");
	assert_string_equal(found->falsepositives[0], "pam-auth-update");
	say_content(at, "file/etc/pam.d/x", "other");
	pass_time(at, SETTLED_MS);
	assert_string_equal(alert(at, "watchlist")->title, "/etc/pam.d/x was changed");
}

static void where_a_rule_speaks_of_a_watched_file_the_watch_list_does_not(void **test)
{
	struct fixture *at = *test;

	say_content(at, "file/etc/own/x", "a worm");
	pass_time(at, SETTLED_MS);
	alert(at, "worm");
}

static void a_change_that_nothing_speaks_of_is_quiet(void **test)
{
	struct fixture *at = *test;

	say_content(at, "file/etc/hostname", "x");
	SAY(at, "mount/srv", TEXT("type", "ext4"));
	pass_time(at, SETTLED_MS);
	no_alert(at);
}

static void what_cannot_be_decided_is_told_with_its_reason(void **test)
{
	struct fixture *at = *test;
	const Fettle__AlertVerdict *found;

	say_status(at, "file/etc/own/x", FETTLE__FACT_STATUS__FACT_STATUS_TRUNCATED,
	    (const struct fact_field[]){ TEXT("content", "padding"), { 0 } });
	pass_time(at, SETTLED_MS);
	found = alert(at, "worm");
	assert_true(found->is_undecided);
	assert_non_null(found->reason);
}

static void a_file_gives_way_to_the_facts_that_are_read_from_it(void **test)
{
	struct fixture *at = *test;

	say_content(at, "file/etc/rights.d/x", "anna ALL");
	pass_time(at, 500);
	SAY(at, "sudo/1", TEXT("file", "/etc/rights.d/x"), TEXT("rule", "anna ALL"));
	pass_time(at, SETTLED_MS);
	alert(at, "sudo");
}

static void a_file_does_not_give_way_to_facts_of_another(void **test)
{
	struct fixture *at = *test;
	const Fettle__AlertVerdict *found;

	say_content(at, "file/etc/rights.d/x", "# no rule");
	SAY(at, "sudo/1", TEXT("file", "/etc/rights.d/y"), TEXT("rule", "anna ALL"));
	pass_time(at, SETTLED_MS);
	assert_int_equal(alerts(at, &found), 2);
}

static void an_alert_is_raised_also_after_a_restart(void **test)
{
	struct fixture *at = *test;

	SAY(at, "authorized_key/root/SHA256:x", TEXT("type", "ssh-ed25519"));
	close_host(at);
	open_host(at);
	pass_time(at, SETTLED_MS);
	alert(at, "key");
}

/* ---- expected ---- */

static void what_a_package_shipped_is_expected(void **test)
{
	struct fixture *at = *test;

	say_shipped(at, "file/etc/own/x", "x", "openssl", "package");
	pass_time(at, SETTLED_MS);
	expect(at, "package openssl");
}

static void what_differs_from_its_package_is_not(void **test)
{
	struct fixture *at = *test;

	say_shipped(at, "file/etc/own/x", "x", "openssl", "changed");
	pass_time(at, SETTLED_MS);
	assert_string_equal(alert(at, "watchlist")->package, "openssl");
}

static void whose_file_it_is_may_be_known_only_when_the_transaction_has_ended(void **test)
{
	struct fixture *at = *test;

	say_packages(at, "running");
	say_content(at, "file/etc/own/x", "x");
	pass_time(at, 60 * 1000);
	no_alert(at);
	say_shipped(at, "file/etc/own/x", "x", "openssl", "package");
	say_packages(at, "idle");
	pass_time(at, GRACE_MS + SETTLED_MS);
	expect(at, "package openssl");
}

static void what_no_package_brought_is_told_when_the_transaction_has_ended(void **test)
{
	struct fixture *at = *test;

	say_packages(at, "running");
	say_content(at, "file/etc/own/x", "x");
	say_packages(at, "idle");
	pass_time(at, GRACE_MS + SETTLED_MS);
	alert(at, "watchlist");
}

static void a_transaction_that_never_ends_explains_nothing_for_ever(void **test)
{
	struct fixture *at = *test;

	say_packages(at, "running");
	say_content(at, "file/etc/own/x", "x");
	pass_time(at, 31 * 60 * 1000);
	alert(at, "watchlist");
}

static void what_maintainer_scripts_write_is_expected_during_a_transaction(void **test)
{
	struct fixture *at = *test;

	say_packages(at, "running");
	say_content(at, "file/etc/pam.d/x", "auth");
	say_packages(at, "idle");
	pass_time(at, GRACE_MS + SETTLED_MS);
	expect(at, "a transaction of packages");
	say_content(at, "file/etc/pam.d/x", "by hand");
	pass_time(at, SETTLED_MS);
	alert(at, "watchlist");
}

static void what_a_package_had_goes_with_it(void **test)
{
	struct fixture *at = *test;

	say_shipped(at, "file/etc/own/x", "x", "openssl", "package");
	pass_time(at, SETTLED_MS);
	at->seen = host_verdict_head(at->host);
	say_packages(at, "running");
	UNSET(at, "file/etc/own/x");
	say_packages(at, "idle");
	pass_time(at, GRACE_MS + SETTLED_MS);
	expect(at, "the removal of package openssl");
}

static void an_account_of_a_service_is_expected_during_a_transaction(void **test)
{
	struct fixture *at = *test;

	say_packages(at, "running");
	SAY(at, "user/_ntp", NUMBER("uid", 104), TEXT("password", "locked"));
	say_packages(at, "idle");
	pass_time(at, GRACE_MS + SETTLED_MS);
	expect(at, "a transaction of packages");
}

static void no_transaction_explains_rights(void **test)
{
	struct fixture *at = *test;

	say_packages(at, "running");
	SAY(at, "authorized_key/root/SHA256:x", TEXT("type", "ssh-ed25519"));
	pass_time(at, SETTLED_MS);
	alert(at, "key");
	say_content(at, "file/etc/preload", "x.so");
	pass_time(at, SETTLED_MS);
	alert(at, "watchlist");
	say_packages(at, "idle");
	say_packages(at, "running");
	SAY(at, "user/toor", NUMBER("uid", 0), TEXT("password", "locked"));
	say_packages(at, "idle");
	pass_time(at, GRACE_MS + SETTLED_MS);
	assert_int_equal(alerts(at, &(const Fettle__AlertVerdict *){ NULL }), 2);
}

static void a_unit_is_as_good_as_its_file(void **test)
{
	struct fixture *at = *test;

	intend(at, FETTLE__KIND__KIND_DETECTION, "unit",
	    RULE("unit", "medium", "Key|startswith: unit/, Status: present"));
	say_shipped(at, "file/usr/lib/systemd/system/x.service", "x", "x", "package");
	SAY(at, "unit/x.service", TEXT("fragment", "/lib/systemd/system/x.service"));
	pass_time(at, SETTLED_MS);
	expect(at, "package x");
	SAY(at, "unit/y.service", TEXT("fragment", "/etc/systemd/system/y.service"));
	pass_time(at, SETTLED_MS);
	alert(at, "unit");
}

static void whose_a_file_is_is_no_change_of_it(void **test)
{
	struct fixture *at = *test;

	say_shipped(at, "file/etc/own/x", "x", "openssl", "package");
	pass_time(at, SETTLED_MS);
	say_shipped(at, "file/etc/own/x", "x", "openssl", "changed");
	pass_time(at, SETTLED_MS);
	expect(at, "a look at whose file it is");
}

/* As the dispatch stage keeps it. */
static void put_job(struct fixture *at, uint64_t started_ms)
{
	Fettle__StateJobs jobs = FETTLE__STATE_JOBS__INIT;
	Fettle__StateJobWork work = FETTLE__STATE_JOB_WORK__INIT, *works[] = { &work };
	struct asset_ref asset;
	struct txn *txn;
	uint8_t id[JOB_ID_SIZE] = { 0xab, 0xcd };

	assert_int_equal(txn_begin(at->kv, &txn), STATUS_OK);
	assert_int_equal(asset_of_agent(txn, agent, &asset), STATUS_OK);
	RECORD_SET_BYTES(&work, job, BYTES_OF(id));
	RECORD_SET(&work, from_ms, started_ms);
	jobs.works = works;
	jobs.n_works = 1;
	job_put_common(txn, &asset, &jobs);
	assert_int_equal(txn_commit(&txn), STATUS_OK);
}

static void what_a_job_does_is_expected_by_it(void **test)
{
	struct fixture *at = *test;

	SAY(at, "package/dpkg/x", TEXT("version", "1"));
	pass_time(at, SETTLED_MS);
	expect(at, "");
	put_job(at, at->now_ms);
	SAY(at, "package/dpkg/x", TEXT("version", "2"));
	expect(at, "job abcd00000000");
	say_packages(at, "running");
	say_content(at, "file/etc/pam.d/x", "auth");
	say_packages(at, "idle");
	pass_time(at, GRACE_MS + SETTLED_MS);
	expect(at, "job abcd00000000");
	say_content(at, "file/etc/preload", "x.so");
	pass_time(at, SETTLED_MS);
	alert(at, "watchlist");
}

/* ---- the life of an alert ---- */

static void what_is_taken_back_is_undone(void **test)
{
	struct fixture *at = *test;
	const Fettle__AlertVerdict *opened, *undone;

	SAY(at, "authorized_key/root/SHA256:x", TEXT("type", "ssh-ed25519"));
	pass_time(at, SETTLED_MS);
	opened = alert(at, "key");
	UNSET(at, "authorized_key/root/SHA256:x");
	undone = alert(at, "key");
	assert_int_equal(undone->state, FETTLE__ALERT_STATE__ALERT_STATE_UNDONE);
	assert_int_equal(undone->undone_ms, at->now_ms);
	assert_true(bytes_equal(record_bytes(opened->id), record_bytes(undone->id)));
	pass_time(at, SETTLED_MS);
	no_alert(at);
}

static void a_field_that_is_as_it_was_undoes_whatever_else_moves(void **test)
{
	struct fixture *at = *test;

	SAY(at, "user/anna", NUMBER("uid", 1000), TEXT("shell", "/bin/sh"));
	pass_time(at, SETTLED_MS);
	alert(at, "account");
	SAY(at, "user/anna", NUMBER("uid", 0), TEXT("shell", "/bin/sh"));
	pass_time(at, SETTLED_MS);
	alert(at, "root");
	SAY(at, "user/anna", NUMBER("uid", 0), TEXT("shell", "/bin/zsh"));
	pass_time(at, SETTLED_MS);
	alert(at, "root"); /* once more: it is another change of an account with those rights */
	SAY(at, "user/anna", NUMBER("uid", 1000), TEXT("shell", "/bin/zsh"));
	assert_int_equal(alert(at, "root")->state, FETTLE__ALERT_STATE__ALERT_STATE_UNDONE);
}

static void what_came_and_went_before_it_was_judged_is_told_and_undone(void **test)
{
	struct fixture *at = *test;
	const Fettle__AlertVerdict *found;

	SAY(at, "authorized_key/root/SHA256:x", TEXT("type", "ssh-ed25519"));
	UNSET(at, "authorized_key/root/SHA256:x");
	pass_time(at, SETTLED_MS);
	assert_int_equal(alerts(at, &found), 2);
	assert_int_equal(found->state, FETTLE__ALERT_STATE__ALERT_STATE_UNDONE);
}

static void an_alert_is_acknowledged_by_somebody(void **test)
{
	struct fixture *at = *test;
	Fettle__AlertAck ack = FETTLE__ALERT_ACK__INIT;
	const Fettle__AlertVerdict *found;

	SAY(at, "authorized_key/root/SHA256:x", TEXT("type", "ssh-ed25519"));
	pass_time(at, SETTLED_MS);
	found = alert(at, "key");
	RECORD_SET_BYTES(&ack, alert, record_bytes(found->id));
	ack.note = RECORD_TEXT("it was me");
	give(at, SUBLOG_INTENT, FETTLE__KIND__KIND_ALERT_ACK, &ack.base);
	found = alert(at, "key");
	assert_string_equal(found->acknowledged_by, "anna (uid 1000)");
	assert_string_equal(found->note, "it was me");
	assert_int_equal(found->acknowledged_ms, at->now_ms);
	assert_int_equal(found->state, FETTLE__ALERT_STATE__ALERT_STATE_OPEN);
}

/* ---- what must not be explained away ---- */

static void a_transaction_that_never_ends_explains_no_scripts_for_ever(void **test)
{
	struct fixture *at = *test;

	say_packages(at, "running");
	pass_time(at, 31 * 60 * 1000);
	say_content(at, "file/etc/pam.d/x", "auth");
	pass_time(at, SETTLED_MS);
	alert(at, "watchlist");
}

static void transactions_one_after_the_other_put_nothing_off(void **test)
{
	struct fixture *at = *test;

	say_packages(at, "running");
	say_content(at, "file/etc/own/x", "x");
	say_shipped(at, "file/etc/own/y", "y", "openssl", "package");
	SAY(at, "authorized_key/root/SHA256:x", TEXT("type", "ssh-ed25519"));
	for (unsigned second = 1; second <= 5; second++) {
		say_packages(at, "idle");
		say_packages(at, "running");
		pass_time(at, 1000);
	}
	alert(at, "key");
	for (unsigned second = 1; second <= 31 * 60; second++) {
		say_packages(at, "idle");
		say_packages(at, "running");
		pass_time(at, 1000);
	}
	alert(at, "watchlist");
}

static void what_was_done_long_before_a_transaction_and_received_with_it_is_not_explained(
    void **test)
{
	struct fixture *at = *test;

	at->agent_ms = START_MS;
	say_content(at, "file/etc/pam.d/x", "auth");
	at->agent_ms += 3600 * 1000;
	say_packages(at, "running");
	say_packages(at, "idle");
	pass_time(at, GRACE_MS + SETTLED_MS);
	alert(at, "watchlist");
}

static void an_endpoint_s_clock_does_not_put_a_change_into_a_transaction(void **test)
{
	struct fixture *at = *test;

	say_packages(at, "running");
	say_packages(at, "idle");
	at->agent_ms = at->now_ms;
	pass_time(at, 60 * 1000);
	say_content(at, "file/etc/pam.d/x", "auth");
	pass_time(at, SETTLED_MS);
	alert(at, "watchlist");
}

static void what_a_package_shipped_does_not_explain_who_may_write_to_it(void **test)
{
	struct fixture *at = *test;

	say_shipped(at, "file/etc/own/x", "x", "openssl", "package");
	pass_time(at, SETTLED_MS);
	expect(at, "package openssl");
	SAY(at, "file/etc/own/x", TEXT("mode", "4777"), TEXT("content", "x"),
	    TEXT("package", "openssl"), TEXT("origin", "package"));
	pass_time(at, SETTLED_MS);
	alert(at, "watchlist");
}

static void rights_that_a_package_gives_to_its_file_are_expected(void **test)
{
	struct fixture *at = *test;

	say_shipped(at, "file/etc/own/x", "x", "openssl", "package");
	say_packages(at, "running");
	SAY(at, "file/etc/own/x", TEXT("mode", "4755"), TEXT("content", "x"),
	    TEXT("package", "openssl"), TEXT("origin", "package"));
	say_packages(at, "idle");
	pass_time(at, GRACE_MS + SETTLED_MS);
	expect(at, "package openssl");
}

static void what_was_put_back_before_it_was_judged_is_told_and_undone(void **test)
{
	struct fixture *at = *test;
	const Fettle__AlertVerdict *found;

	say_shipped(at, "file/etc/own/x", "x", "openssl", "package");
	pass_time(at, SETTLED_MS);
	expect(at, "package openssl");
	say_shipped(at, "file/etc/own/x", "a worm", "openssl", "changed");
	say_shipped(at, "file/etc/own/x", "x", "openssl", "package");
	pass_time(at, SETTLED_MS);
	assert_int_equal(alerts(at, &found), 2);
	assert_string_equal(found->rule, "worm");
	assert_int_equal(found->state, FETTLE__ALERT_STATE__ALERT_STATE_UNDONE);
}

static void a_unit_is_only_as_good_as_all_that_adds_to_it(void **test)
{
	struct fixture *at = *test;

	intend(at, FETTLE__KIND__KIND_DETECTION, "unit",
	    RULE("unit", "medium", "Key|startswith: unit/, Status: present"));
	say_shipped(at, "file/usr/lib/systemd/system/x.service", "x", "x", "package");
	say_shipped(at, "file/usr/lib/systemd/system/x.service.d/x.conf", "y", "y", "package");
	SAY(at, "unit/x.service", TEXT("fragment", "/usr/lib/systemd/system/x.service"),
	    TEXT("drop_ins", "/lib/systemd/system/x.service.d/x.conf"));
	pass_time(at, SETTLED_MS);
	expect(at, "package x");
	SAY(at, "unit/x.service", TEXT("fragment", "/usr/lib/systemd/system/x.service"),
	    TEXT("drop_ins",
		"/lib/systemd/system/x.service.d/x.conf /etc/systemd/system/x.service.d/y.conf"));
	pass_time(at, SETTLED_MS);
	alert(at, "unit");
}

/* ---- what must not be folded away ---- */

/* Of units the watch list leaves files to them, but their files say more than they do. */
static void watch_units(struct fixture *at)
{
	intend(at, FETTLE__KIND__KIND_WATCHLIST, "watchlist",
	    "attack_version: '18.1'\npaths:\n"
	    "  - {globs: ['/etc/systemd/**'], technique: T1543.002, level: high, why: runs,"
	    " told_by: [unit/]}\n"
	    "  - {globs: [/etc/shadow], technique: T1098, level: medium, why: passwords,"
	    " told_by: [user/]}\n");
	intend(at, FETTLE__KIND__KIND_DETECTION, "unit",
	    RULE("unit", "medium", "Key|startswith: unit/, Changed: exec_start"));
}

static void a_file_does_not_give_way_to_what_no_rule_speaks_of(void **test)
{
	struct fixture *at = *test;

	watch_units(at);
	SAY(at, "unit/x.service", TEXT("fragment", "/etc/systemd/system/x.service"),
	    TEXT("active", "active"));
	pass_time(at, 60 * 1000);
	say_content(at, "file/etc/systemd/system/x.service", "Environment=LD_PRELOAD=/x.so");
	SAY(at, "unit/x.service", TEXT("fragment", "/etc/systemd/system/x.service"),
	    TEXT("active", "inactive"));
	pass_time(at, SETTLED_MS);
	alert(at, "watchlist");
}

static void a_file_does_not_give_way_to_units_that_name_none(void **test)
{
	struct fixture *at = *test;

	watch_units(at);
	say_content(at, "file/etc/systemd/system/x.service", "x");
	SAY(at, "unit/y.service", TEXT("exec_start", "/bin/true"));
	pass_time(at, SETTLED_MS);
	assert_int_equal(alerts(at, &(const Fettle__AlertVerdict *){ NULL }), 2);
}

static void a_drop_in_gives_way_to_its_unit(void **test)
{
	struct fixture *at = *test;

	watch_units(at);
	SAY(at, "unit/x.service", TEXT("fragment", "/usr/x.service"), TEXT("exec_start", "/x"));
	pass_time(at, 60 * 1000);
	alert(at, "unit");
	say_content(at, "file/etc/systemd/system/x.service.d/b c.conf", "[Service]");
	say_content(at, "file/etc/systemd/system/x.service.d/a.conf", "[Service]");
	SAY(at, "unit/x.service", TEXT("fragment", "/usr/x.service"), TEXT("exec_start", "/y"),
	    TEXT("drop_ins", "/usr/z.conf /etc/systemd/system/x.service.d/a.conf"));
	pass_time(at, SETTLED_MS);
	assert_int_equal(alerts(at, &(const Fettle__AlertVerdict *){ NULL }), 2); /* and b c */
}

static void a_password_does_not_give_way_to_an_account_s_comment(void **test)
{
	struct fixture *at = *test;

	watch_units(at);
	SAY(at, "user/anna", NUMBER("uid", 1000), TEXT("gecos", ""));
	pass_time(at, 60 * 1000);
	alert(at, "account");
	say_content(at, "file/etc/shadow", "another");
	SAY(at, "user/anna", NUMBER("uid", 1000), TEXT("gecos", "Anna"));
	pass_time(at, SETTLED_MS);
	alert(at, "watchlist");
}

static void a_removed_account_is_told_of_by_itself(void **test)
{
	struct fixture *at = *test;

	watch_units(at);
	SAY(at, "user/anna", NUMBER("uid", 1000), TEXT("gecos", ""));
	pass_time(at, 60 * 1000);
	alert(at, "account");
	at->seen = host_verdict_head(at->host);
	UNSET(at, "user/anna");
	alert(at, "account");
	say_content(at, "file/etc/shadow", "one less");
	pass_time(at, SETTLED_MS);
	no_alert(at);
}

/* ---- bounds ---- */

static void what_one_fact_does_over_and_over_is_bounded(void **test)
{
	struct fixture *at = *test;
	struct kv_txn *txn;
	uint64_t rows, names;

	for (unsigned i = 0; i < 40; i++) {
		SAY(at, "authorized_key/root/SHA256:x", TEXT("type", "ssh-ed25519"));
		pass_time(at, SETTLED_MS);
		UNSET(at, "authorized_key/root/SHA256:x");
	}
	pass_time(at, 60 * 1000);
	assert_int_equal(kv_read_begin(at->kv, &txn), STATUS_OK);
	assert_int_equal(kv_count(txn, STATE_ALERT, &rows), STATUS_OK);
	assert_int_equal(kv_count(txn, STATE_ALERT_OF, &names), STATUS_OK);
	assert_int_equal(rows, 1 + 16);
	assert_int_equal(names, 16);
	assert_int_equal(kv_count(txn, STATE_SUSPECT, &rows), STATUS_OK);
	assert_int_equal(rows, 0);
	kv_abort(&txn);
}

static void however_many_alerts_there_were_the_next_is_followed_up(void **test)
{
	struct fixture *at = *test;
	const Fettle__AlertVerdict *found;
	struct kv_txn *txn;
	uint64_t rows, names;
	char key[64];

	for (unsigned i = 0; i < 2100; i++) {
		snprintf(key, sizeof(key), "authorized_key/root/%u", i);
		SAY(at, key, TEXT("type", "ssh-ed25519"));
		pass_time(at, 1);
	}
	pass_time(at, SETTLED_MS);
	at->seen = host_verdict_head(at->host);
	assert_int_equal(kv_read_begin(at->kv, &txn), STATUS_OK);
	assert_int_equal(kv_count(txn, STATE_ALERT, &rows), STATUS_OK);
	assert_int_equal(kv_count(txn, STATE_ALERT_OF, &names), STATUS_OK);
	kv_abort(&txn);
	assert_int_equal(names, 2100 - 250);
	assert_int_equal(rows, 1 + names);
	UNSET(at, "authorized_key/root/0"); /* the first one is forgotten, the last is not */
	assert_int_equal(alerts(at, &found), 0);
	UNSET(at, "authorized_key/root/2099");
	assert_int_equal(alert(at, "key")->state, FETTLE__ALERT_STATE__ALERT_STATE_UNDONE);
}

static void what_would_wait_in_too_great_a_number_is_judged_at_once(void **test)
{
	struct fixture *at = *test;
	const Fettle__AlertVerdict *found;
	struct kv_txn *txn;
	uint64_t waiting;
	char key[64];

	say_packages(at, "running");
	for (unsigned i = 0; i < 1100; i++) {
		snprintf(key, sizeof(key), "file/etc/own/%u", i);
		SAY(at, key, NUMBER("size", 1));
	}
	assert_int_equal(kv_read_begin(at->kv, &txn), STATUS_OK);
	assert_int_equal(kv_count(txn, STATE_SUSPECT, &waiting), STATUS_OK);
	kv_abort(&txn);
	assert_int_equal(waiting, 1000 + 2); /* and the transaction, and how many */
	assert_int_equal(alerts(at, &found), 100);
}

static void a_detection_that_was_withdrawn_is_not_asked(void **test)
{
	struct fixture *at = *test;

	intend(at, FETTLE__KIND__KIND_DETECTION_REMOVED, "key", NULL);
	SAY(at, "authorized_key/root/SHA256:x", TEXT("type", "ssh-ed25519"));
	pass_time(at, SETTLED_MS);
	no_alert(at);
}

static void a_broken_detection_is_quarantined_and_the_others_stay(void **test)
{
	struct fixture *at = *test;
	struct kv_txn *txn;
	uint64_t quarantined;

	intend(at, FETTLE__KIND__KIND_DETECTION, "key", "title: [");
	intend(at, FETTLE__KIND__KIND_WATCHLIST, "watchlist", "paths: 7");
	assert_int_equal(kv_read_begin(at->kv, &txn), STATUS_OK);
	assert_int_equal(kv_count(txn, HOST_QUARANTINE, &quarantined), STATUS_OK);
	kv_abort(&txn);
	assert_int_equal(quarantined, 2);
	SAY(at, "authorized_key/root/SHA256:x", TEXT("type", "ssh-ed25519"));
	say_content(at, "file/etc/preload", "x.so");
	pass_time(at, SETTLED_MS);
	assert_int_equal(alerts(at, &(const Fettle__AlertVerdict *){ NULL }), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_unexpected_change_that_a_rule_speaks_of_is_one_alert),
		TEST(a_watched_file_that_no_rule_speaks_of_is_an_alert_of_the_watch_list),
		TEST(where_a_rule_speaks_of_a_watched_file_the_watch_list_does_not),
		TEST(a_change_that_nothing_speaks_of_is_quiet),
		TEST(what_cannot_be_decided_is_told_with_its_reason),
		TEST(a_file_gives_way_to_the_facts_that_are_read_from_it),
		TEST(a_file_does_not_give_way_to_facts_of_another),
		TEST(an_alert_is_raised_also_after_a_restart),
		TEST(what_a_package_shipped_is_expected),
		TEST(what_differs_from_its_package_is_not),
		TEST(whose_file_it_is_may_be_known_only_when_the_transaction_has_ended),
		TEST(what_no_package_brought_is_told_when_the_transaction_has_ended),
		TEST(a_transaction_that_never_ends_explains_nothing_for_ever),
		TEST(what_maintainer_scripts_write_is_expected_during_a_transaction),
		TEST(what_a_package_had_goes_with_it),
		TEST(an_account_of_a_service_is_expected_during_a_transaction),
		TEST(no_transaction_explains_rights),
		TEST(a_unit_is_as_good_as_its_file),
		TEST(whose_a_file_is_is_no_change_of_it),
		TEST(what_a_job_does_is_expected_by_it),
		TEST(what_is_taken_back_is_undone),
		TEST(a_field_that_is_as_it_was_undoes_whatever_else_moves),
		TEST(what_came_and_went_before_it_was_judged_is_told_and_undone),
		TEST(an_alert_is_acknowledged_by_somebody),
		TEST(a_transaction_that_never_ends_explains_no_scripts_for_ever),
		TEST(transactions_one_after_the_other_put_nothing_off),
		TEST(what_was_done_long_before_a_transaction_and_received_with_it_is_not_explained),
		TEST(an_endpoint_s_clock_does_not_put_a_change_into_a_transaction),
		TEST(what_a_package_shipped_does_not_explain_who_may_write_to_it),
		TEST(rights_that_a_package_gives_to_its_file_are_expected),
		TEST(what_was_put_back_before_it_was_judged_is_told_and_undone),
		TEST(a_unit_is_only_as_good_as_all_that_adds_to_it),
		TEST(a_file_does_not_give_way_to_what_no_rule_speaks_of),
		TEST(a_file_does_not_give_way_to_units_that_name_none),
		TEST(a_drop_in_gives_way_to_its_unit),
		TEST(a_password_does_not_give_way_to_an_account_s_comment),
		TEST(a_removed_account_is_told_of_by_itself),
		TEST(what_one_fact_does_over_and_over_is_bounded),
		TEST(however_many_alerts_there_were_the_next_is_followed_up),
		TEST(what_would_wait_in_too_great_a_number_is_judged_at_once),
		TEST(a_detection_that_was_withdrawn_is_not_asked),
		TEST(a_broken_detection_is_quarantined_and_the_others_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
