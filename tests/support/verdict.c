/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/verdict.h"

#include "core/hash.h"
#include "core/job_id.h"
#include "core/record.h"
#include "core/require.h"

ProtobufCBinaryData verdict_id(const char *name)
{
	static uint8_t ids[16][HASH_SIZE];
	static unsigned next;
	uint8_t *id = ids[next++ % 16];

	hash_bytes(bytes_of_text(name), id);
	return record_binary(BYTES(id, HASH_SIZE));
}

struct bytes verdict_record(uint32_t kind, const ProtobufCMessage *message)
{
	static uint8_t encoded[8][64 * 1024];
	static unsigned next;
	uint8_t *place = encoded[next++ % 8];
	Fettle__Envelope envelope = FETTLE__ENVELOPE__INIT;
	Fettle__Record record = FETTLE__RECORD__INIT;
	struct buffer body = { 0 }, out = { 0 };
	size_t size;

	record_pack(&body, message);
	RECORD_SET(&envelope, event_id, verdict_id("event"));
	RECORD_SET(&envelope, kind, kind);
	record.envelope = &envelope;
	RECORD_SET_BYTES(&record, body, buffer_bytes(&body));
	record_pack(&out, &record.base);
	size = out.size;
	REQUIRE(size <= sizeof(encoded[0]));
	memcpy(place, out.data, size);
	buffer_fini(&body);
	buffer_fini(&out);
	return BYTES(place, size);
}

Fettle__AssetVerdict verdict_asset(const char *name)
{
	Fettle__AssetVerdict asset = FETTLE__ASSET_VERDICT__INIT;

	RECORD_SET(&asset, asset, verdict_id(name));
	RECORD_SET(&asset, agent, verdict_id(name));
	asset.name = RECORD_TEXT(name);
	return asset;
}

Fettle__ChangeVerdict verdict_change(const char *id, const char *asset, const char *key,
    uint64_t received_ms)
{
	Fettle__ChangeVerdict change = FETTLE__CHANGE_VERDICT__INIT;

	RECORD_SET(&change, id, verdict_id(id));
	RECORD_SET(&change, asset, verdict_id(asset));
	RECORD_SET_BYTES(&change, key, bytes_of_text(key));
	RECORD_SET(&change, received_ms, received_ms);
	return change;
}

Fettle__FindingVerdict verdict_finding(const char *asset, const char *subject, const char *severity)
{
	Fettle__FindingVerdict finding = FETTLE__FINDING_VERDICT__INIT;
	struct buffer name = { 0 };

	buffer_append_format(&name, "%s %s", asset, subject);
	RECORD_SET(&finding, id, verdict_id(buffer_text(&name)));
	buffer_fini(&name);
	RECORD_SET(&finding, asset, verdict_id(asset));
	RECORD_SET(&finding, kind, FETTLE__FINDING_KIND__FINDING_KIND_MISCONFIGURATION);
	RECORD_SET(&finding, state, FETTLE__FINDING_STATE__FINDING_STATE_OPEN);
	finding.subject = RECORD_TEXT(subject);
	finding.severity = RECORD_TEXT(severity);
	return finding;
}

Fettle__AlertVerdict verdict_alert(const char *id, const char *asset, const char *key,
    const char *severity, uint64_t opened_ms)
{
	Fettle__AlertVerdict alert = FETTLE__ALERT_VERDICT__INIT;

	RECORD_SET(&alert, id, verdict_id(id));
	RECORD_SET(&alert, asset, verdict_id(asset));
	RECORD_SET(&alert, state, FETTLE__ALERT_STATE__ALERT_STATE_OPEN);
	RECORD_SET_BYTES(&alert, key, bytes_of_text(key));
	RECORD_SET(&alert, opened_ms, opened_ms);
	RECORD_SET(&alert, received_ms, opened_ms);
	alert.severity = RECORD_TEXT(severity);
	return alert;
}

Fettle__JobVerdict verdict_job(const char *id, const char *asset, uint64_t proposed_ms)
{
	static uint8_t ids[8][JOB_ID_SIZE];
	static unsigned next;
	uint8_t *place = ids[next++ % 8];
	Fettle__JobVerdict job = FETTLE__JOB_VERDICT__INIT;

	hash_bytes(bytes_of_text(id), place);
	hash_bytes(BYTES(place, HASH_SIZE), place + HASH_SIZE);
	RECORD_SET_BYTES(&job, id, BYTES(place, JOB_ID_SIZE));
	RECORD_SET(&job, asset, verdict_id(asset));
	RECORD_SET(&job, state, FETTLE__JOB_STATE__JOB_STATE_PROPOSED);
	RECORD_SET(&job, proposed_ms, proposed_ms);
	RECORD_SET(&job, updated_ms, proposed_ms);
	return job;
}
