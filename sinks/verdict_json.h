/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verdict_json.h - verdicts as JSON: the one place that knows what their members are called, for
 * the console and for everything that is sent to the outside.
 *
 * Names never change.  Times are RFC 3339 in UTC, ids lower-case hexadecimal, what is not known is
 * null.  What came from endpoints is hostile: bytes that are not UTF-8 are escaped in the text, and
 * verdict_json_append escapes all that could mislead a terminal or a person.
 */
#ifndef SINKS_VERDICT_JSON_H
#define SINKS_VERDICT_JSON_H

#include <jansson.h>

#include "core/bytes.h"
#include "core/fact.h"
#include "proto/verdict.pb-c.h"

/* ---- values ---- */

json_t *verdict_json_text(struct bytes bytes);   /* a string of any bytes */
json_t *verdict_json_optional(const char *text); /* NULL or "": null */
json_t *verdict_json_time(uint64_t wall_ms);     /* 0: null */
json_t *verdict_json_id(struct bytes id);
/* An object of the fields of a fact. */
json_t *verdict_json_fields(const struct fact_field *fields, size_t count);
/* {status, value, reason}, or null where there was no fact.  STATE may be NULL. */
json_t *verdict_json_fact(const Fettle__FactState *state);

/* ---- names of enumerations; those of numbers that are not known here are "unknown" ---- */

const char *verdict_json_finding_state(unsigned state);
const char *verdict_json_finding_kind(unsigned kind);
const char *verdict_json_alert_state(unsigned state);
const char *verdict_json_job_state(unsigned state);
const char *verdict_json_check_result(unsigned result);

/* ---- verdicts ---- */

/* A list of {rule, key, outcome, detail}. */
json_t *verdict_json_evidence(Fettle__Evidence *const *evidence, size_t count);

/* ASSET is the name of the asset; NULL: its id stands for it. */
json_t *verdict_json_asset(const Fettle__AssetVerdict *verdict);
json_t *verdict_json_change(const Fettle__ChangeVerdict *verdict, const char *asset);
json_t *verdict_json_finding(const Fettle__FindingVerdict *verdict, const char *asset);
json_t *verdict_json_results(const Fettle__ResultsVerdict *verdict, const char *asset);
/* "critical", "delta", "bulk"; NULL: none of them. */
const char *verdict_json_lane(uint32_t lane);
/* "clock skew", "stale", "resync", "clone", "rolled back", "quarantine full"; "" for others. */
const char *verdict_json_health_what(uint32_t what);
json_t *verdict_json_health(const Fettle__HealthVerdict *verdict, const char *asset);
json_t *verdict_json_loss(const Fettle__LossVerdict *verdict, const char *asset);
json_t *verdict_json_alert(const Fettle__AlertVerdict *verdict, const char *asset);
json_t *verdict_json_job(const Fettle__JobVerdict *verdict, const char *asset);
json_t *verdict_json_quarantined(const Fettle__QuarantinedVerdict *verdict);

/* ---- writing ---- */

/* Appends VALUE on one line, with nothing in it that could mislead a terminal or break a line. */
void verdict_json_append(struct buffer *out, const json_t *value);

#endif
