/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tables.h - the stages' tables in a processor's state, after the host's own.
 *
 * Keys that concern an asset begin with its slot and its id, so that a slot can move to another
 * processor.
 *
 *   agent       agent id -> asset id
 *   asset       slot, asset -> StateAsset
 *   fact        slot, asset, key -> StateFact; a value of more than 64 bytes stands in `value`
 *   value       hash -> encoded Value
 *   posting     hash -> count; hash, slot, asset, key -> (empty): who holds the value
 *   pass        slot, asset, collector, 0, prefix -> StatePass
 *   policy      id -> Policy (proto/intent.proto)
 *   result      slot, asset, policy id -> StateResults
 *   result_set  hash -> ResultsVerdict that holds outcomes only
 *   result_of   hash -> count; hash, slot, asset, policy id -> (empty): who holds the set
 *   finding     slot, asset, finding id -> FindingVerdict
 *   assessed    slot, asset -> StateAssessed
 *   priority    "table" -> Document: the priority table in use
 *   memo        rule hash, hash of the facts that it read -> Memo
 *   detection   id -> Document: the detections in force
 *   watchlist   "watchlist" -> Document: the one in use
 *   suspect     slot, asset, and what the detect stage keeps for a moment (detect/suspects.h)
 *   alert       slot, asset -> u64: how many; slot, asset, fact key, 0, alert id -> AlertVerdict
 *   alert_of    alert id -> key in `alert`
 *   job         slot, asset, job id -> JobVerdict
 *   job_of      job id -> key in `job`
 *   asset_jobs  slot, asset -> StateJobs: which of them are open, and the last token
 *   planned     slot, asset -> hash of the plan last sent
 *   digest      slot, asset -> StateDigest; slot, asset, bucket -> its hash, u64 epoch and u64
 *               revision of the newest fact in it
 *   health      slot, asset -> StateHealth
 *   people      "operators" -> Operators: who may approve
 *   bundle      hash -> encoded Bundle (core/bundle.h)
 *   bundle_use  hash -> u64: when somebody had it last; "total" -> u64: bytes of all
 *   bundle_order u64, hash -> u64: the same in the order of time, and its size
 *   awaited     bundle hash, slot, asset -> StateAwaited
 *   awaiting    slot, asset -> u64: how many; slot, asset, collector, 0, bundle hash -> (empty)
 *   held_pass   slot, asset, collector, 0, 'p', prefix -> Record
 *   asked       bundle hash -> StateAsked
 */
#ifndef PROCESSORS_STATE_TABLES_H
#define PROCESSORS_STATE_TABLES_H

#include "core/host.h"

/* Rises when a key or a value is laid out so that older bytes would be misread. */
enum { STATE_FORMAT = 1 };

enum state_table {
	STATE_AGENT = HOST_TABLES,
	STATE_ASSET,
	STATE_FACT,
	STATE_VALUE,
	STATE_POSTING,
	STATE_PASS,
	STATE_POLICY,
	STATE_RESULT,
	STATE_RESULT_SET,
	STATE_RESULT_OF,
	STATE_FINDING,
	STATE_ASSESSED,
	STATE_PRIORITY,
	STATE_MEMO,
	STATE_DETECTION,
	STATE_WATCHLIST,
	STATE_SUSPECT,
	STATE_ALERT,
	STATE_ALERT_OF,
	STATE_JOB,
	STATE_JOB_OF,
	STATE_PLANNED,
	STATE_ASSET_JOBS,
	STATE_DIGEST,
	STATE_HEALTH,
	STATE_PEOPLE,
	STATE_BUNDLE,
	STATE_BUNDLE_USE,
	STATE_BUNDLE_ORDER,
	STATE_AWAITED,
	STATE_AWAITING,
	STATE_HELD_PASS,
	STATE_ASKED,
	STATE_TABLES,
};

#define STATE_TABLE_NAMES \
	HOST_TABLE_NAMES, "agent", "asset", "fact", "value", "posting", "pass", "policy", \
	    "result", "result_set", "result_of", "finding", "assessed", "priority", "memo", \
	    "detection", "watchlist", "suspect", "alert", "alert_of", "job", "job_of", "planned", \
	    "asset_jobs", "digest", "health", "people", "bundle", "bundle_use", "bundle_order", \
	    "awaited", "awaiting", "held_pass", "asked", NULL

#endif
