/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verdict.h - verdict records for tests, as a processor writes them.
 */
#ifndef TESTS_SUPPORT_VERDICT_H
#define TESTS_SUPPORT_VERDICT_H

#include "core/bytes.h"
#include "proto/verdict.pb-c.h"

/* A 16-byte id of NAME, the same every time; in one of sixteen rotating static buffers. */
ProtobufCBinaryData verdict_id(const char *name);

/* The encoded record of KIND with MESSAGE as its body; in one of eight rotating static buffers. */
struct bytes verdict_record(uint32_t kind, const ProtobufCMessage *message);

/* Messages to begin with: ids and names set, the rest of the message as initialised. */
Fettle__AssetVerdict verdict_asset(const char *name);
Fettle__ChangeVerdict verdict_change(const char *id, const char *asset, const char *key,
    uint64_t received_ms);
Fettle__FindingVerdict verdict_finding(const char *asset, const char *subject,
    const char *severity);
/* Open, of what happened to KEY at OPENED_MS. */
Fettle__AlertVerdict verdict_alert(const char *id, const char *asset, const char *key,
    const char *severity, uint64_t opened_ms);
/* Proposed at PROPOSED_MS.  Its id has 32 bytes: in one of eight rotating static buffers. */
Fettle__JobVerdict verdict_job(const char *id, const char *asset, uint64_t proposed_ms);

#endif
