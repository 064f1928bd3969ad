#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check - holds what generators say they produced against what the other parties kept.

It reads only what the parties left behind: the generators' journals, the log, the processor's state
and the store.  It is for a quiet system: everything acknowledged, everything stored.

    check.py --fettle build/dev/fettle --data DIR --journal DIR/journal [--journal …]
"""
import argparse
import collections
import hashlib
import json
import subprocess
import sys

PREFIX = "test/"


def read_journal(path):
    """key -> (event id, hash).  A batch that died uncommitted is written again: its last line holds."""
    produced = {}
    with open(path, encoding="ascii") as lines:
        for line in lines:
            if not line.endswith("\n"):
                break  # cut off by a crash: not produced
            _, event_id, value_hash, key = line.split()
            produced[key] = (event_id, value_hash)
    return produced


def collect(fettle, data):
    """What the parties kept, as rows."""
    def rows(*command):
        out = subprocess.run([fettle, "--data", data, *command, "--format", "ndjson", "--limit", "0"],
                             check=True, stdout=subprocess.PIPE).stdout
        return [json.loads(line) for line in out.decode().split("\n") if line]

    assets = [row["asset_id"] for row in rows("assets")]
    return {
        "log": rows("log", "dump"),
        "facts": [fact for asset in assets for fact in rows("facts", asset)],
        "changes": rows("changes"),
        "assets": rows("assets"),
        "status": rows("status")[0],
    }


def hash_of(value):
    return hashlib.blake2b(value["value"].encode(), digest_size=16).hexdigest()


class Verdict:
    """Counts, and every complaint."""

    def __init__(self):
        self.counts = collections.Counter()
        self.complaints = []

    def complain(self, what, *about):
        self.counts[what] += 1
        self.complaints.append(" ".join([what.replace("_", " ") + ":", *map(str, about)]))


def check_each_once(verdict, place, expected, found):
    """FOUND (a list) holds each of EXPECTED once and nothing else."""
    counted = collections.Counter(found)
    for item in expected:
        if item not in counted:
            verdict.complain("missing", place, item)
    for item, times in counted.items():
        if item not in expected:
            verdict.complain("never_produced", place, item)
        elif times > 1:
            verdict.complain("duplicates", place, item, times)


def check_flows(verdict, log):
    """Per agent, epoch and lane 1..n without a hole, and an agent stays in its first epoch."""
    flows, epochs = collections.defaultdict(list), collections.defaultdict(set)
    for row in log:
        flows[row["writer_id"], row["epoch"], row["lane"]].append(row["sequence"])
        epochs[row["writer_id"]].add(row["epoch"])
    for flow, sequences in flows.items():
        if sequences != list(range(1, len(sequences) + 1)):
            verdict.complain("broken_sequence", *flow)
    for writer, seen in epochs.items():
        if len(seen) > 1:
            verdict.complain("new_epoch", writer, sorted(seen))


def check_log(verdict, produced, log):
    observed = [row for row in log if row["lane"] != 0]
    facts = [row for row in observed if row["kind"] == "fact_set" and row["key"].startswith(PREFIX)]
    check_each_once(verdict, "log", produced, [row["key"] for row in facts])
    for event_id, times in collections.Counter(row["event_id"] for row in log).items():
        if times > 1:
            verdict.complain("duplicates", "event id in the log", event_id, times)
    for row in facts:
        if row["key"] in produced and row["event_id"] != produced[row["key"]][0]:
            verdict.complain("wrong_event", "log", row["key"], row["event_id"])
    check_flows(verdict, observed)
    return {row["key"]: row["fact_revision"] for row in facts}


def check_state(verdict, produced, revisions, facts):
    facts = [row for row in facts if row["key"].startswith(PREFIX)]
    check_each_once(verdict, "state", produced, [row["key"] for row in facts])
    for row in facts:
        key = row["key"]
        if key not in produced:
            continue
        if row["status"] != "present" or hash_of(row["value"]) != produced[key][1]:
            verdict.complain("wrong_value", "state", key)
        if row["revision"] != revisions.get(key):
            verdict.complain("wrong_revision", key, row["revision"], revisions.get(key))


def check_store(verdict, produced, changes):
    changes = [row for row in changes if row["key"].startswith(PREFIX)]
    events = {event_id for event_id, _ in produced.values()}
    check_each_once(verdict, "store", events, [row["id"] for row in changes])
    for row in changes:
        key = row["key"]
        if key in produced and (row["before"] is not None
                                or hash_of(row["after"]["value"]) != produced[key][1]):
            verdict.complain("wrong_change", key)


def check_sums(verdict, produced, left):
    """Counted one by one as facts came: applied twice, they would be more."""
    status = left["status"]
    counted = sum(asset["facts"] for asset in left["assets"])
    if counted != len(produced):
        verdict.complain("wrong_sum", "facts of all assets", counted, "not", len(produced))
    for what in ("quarantined", "lost"):
        if status[what] != 0:
            verdict.complain("wrong_sum", what, status[what])
    if status["store"]["refused"] != 0:
        verdict.complain("wrong_sum", "refused by the store", status["store"]["refused"])
    if status["processor"]["observations_read"] != status["log"]["appended"]:
        verdict.complain("wrong_sum", "observations read", status["processor"], status["log"])
    if status["store"]["position"] != status["processor"]["verdicts"]:
        verdict.complain("wrong_sum", "verdicts stored", status["store"], status["processor"])


def judge(produced, left):
    verdict = Verdict()
    revisions = check_log(verdict, produced, left["log"])
    check_state(verdict, produced, revisions, left["facts"])
    check_store(verdict, produced, left["changes"])
    check_sums(verdict, produced, left)
    return verdict


def summary(produced, left, verdict):
    def ours(rows):
        return sum(row["key"].startswith(PREFIX) for row in rows)

    return (f"produced={len(produced)} logged={ours(left['log'])} known={ours(left['facts'])} "
            f"stored={ours(left['changes'])} missing={verdict.counts['missing']} "
            f"duplicates={verdict.counts['duplicates']} complaints={len(verdict.complaints)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--fettle", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--journal", required=True, action="append")
    arguments = parser.parse_args()
    produced = {}
    for journal in arguments.journal:
        produced.update(read_journal(journal))
    left = collect(arguments.fettle, arguments.data)
    verdict = judge(produced, left)
    for complaint in verdict.complaints[:50]:
        print(complaint)
    print(summary(produced, left, verdict))
    return 1 if verdict.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
