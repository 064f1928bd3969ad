#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""healing - what differs between an agent and the server is found and mended, and what is lost on
the way is counted.

Real processes: the server's roles, and fettle-agent over a directory of files.  Each case ends with
digests that are equal, with the files as they are known, and with every record that the agent made
in the log or in a gap.

    healing.py --build build/dev [--facts 1000] [--cases differ,full,...]
"""
import argparse
import json
import os
import shutil
import subprocess
import sys

ARGUMENTS = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
ARGUMENTS.add_argument("--build", required=True)
ARGUMENTS.add_argument("--facts", type=int, default=1000, help="made to differ")
ARGUMENTS.add_argument("--cases", default="", help="names of cases, with commas")
OPTIONS = ARGUMENTS.parse_args() if __name__ == "__main__" else None
if OPTIONS is not None:
    os.environ["FETTLE_BUILD"] = os.path.abspath(OPTIONS.build)
    sys.argv = sys.argv[:1] + [name for name in OPTIONS.cases.split(",") if name]
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pipeline"))

import support  # noqa: E402

SERVERS = ("log", "sink", "processor")
PATIENCE = 90


class Healing(support.Case):
    files_count = 40

    def setUp(self):
        super().setUp()
        self.files = [self.place.at("watched", f"file-{i:05}") for i in range(self.files_count)]
        self.write("begin")
        self.place.write_policy("words", {f"c{i}": [f"f:{path} -> r:^word"]
                                          for i, path in enumerate(self.files)})
        ports = {name: f"tcp://127.0.0.1:{support.free_port()}"
                 for name in ("agents", "gateways", "readers", "sinks")}
        self.place.configure(gateway={"listen": ports["agents"], "log": ports["gateways"],
                                      "readers": ports["readers"]},
                             log={"agents": ports["gateways"], "readers": ports["readers"]},
                             processor={"log": ports["readers"], "verdicts": ports["sinks"]},
                             sink={"processor": ports["sinks"]},
                             inventory={"resync_pause": "0s", "announce_after": "100ms"},
                             health={"stale_after": "2s"})
        self.server = ports["agents"]
        self.roles = {}

    # ---- running ----

    def start(self, *roles):
        for role in roles:
            process = self.place.start(role)
            process.wait_for(f"{role}-ready")
            support.running.append(process)
            self.roles[role] = process

    def stop(self, *roles):
        for role in roles:
            self.roles.pop(role).stop()

    def start_agent(self, data="agent", spool="16MiB", collectors_on=("files",)):
        collectors = [row["collector"] for row in self.place.rows("collectors")]
        config, self.place.config = self.place.config, self.place.at(f"{data}.yaml")
        support.write_whole(self.place.config, json.dumps({"agent": {
            "spool_size": spool, "digest": "1s", "heartbeat": "1s",
            "skip": [name for name in collectors if name not in collectors_on]}}))
        try:
            agent = self.place.start("--server", self.server, "--server-key",
                                     self.place.at("data", "keys", "server.pub"),
                                     program="fettle-agent", data=self.place.at(data))
        finally:
            self.place.config = config
        agent.wait_for("agent-ready")
        support.running.append(agent)
        if data == "agent":  # a copy has the same key
            self.place.admit(self.place.at(data))
        return agent

    def begin(self, **options):
        self.start(*SERVERS, "gateway")
        agent = self.start_agent(**options)
        self.place.wait_facts(*self.files)
        self.wait_agreed()
        return agent

    def write(self, word, size=20, files=None):
        for path in files or self.files:
            support.write_whole(path, f"word {word} of {path}\n" + "x" * size + "\n")

    # ---- looking ----

    def shown(self):
        return self.place.json("assets", "show", self.place.asset())

    def digest(self):
        return self.shown()["digest"]

    def wait_agreed(self):
        """The first agreement after now."""
        before = (self.digest() or {"agreed_at": None}) if self.place.rows("assets", "list") else \
            {"agreed_at": None}

        def look():
            digest = self.digest()
            return (digest and digest["agreed_at"] and digest["differs_since"] is None
                    and digest["agreed_at"] != before["agreed_at"] and digest)
        return support.until(look, "digests that are equal", PATIENCE,
                             state=lambda: (self.shown(), self.place.status()))

    def is_known(self):
        facts = self.place.facts("file" + self.place.at("watched") + "/")
        for path in self.files:
            fact = facts.get("file" + path)
            with open(path, encoding="utf-8") as file:
                if support.value_of(fact, "content") != file.read():
                    return False
        return True

    def wait_known(self):
        support.until(self.is_known, "the files as they are", PATIENCE,
                      state=lambda: (self.shown(), self.place.status()))
        return self.wait_agreed()

    def healths(self, what):
        return [row for row in self.shown()["health"] if row["what"] == what]

    def wait_health(self, what, is_over):
        return support.until(lambda: [row for row in self.healths(what)
                                      if row["is_over"] == is_over],
                             f"the health verdict {what}", PATIENCE, state=self.shown)

    def check_sums(self):
        """Every number of every lane and epoch is in the log once; the losses are all shown."""
        status = self.place.wait_quiet()
        lanes, gaps = {}, 0
        for row in self.place.rows("log", "dump"):
            if row["lane"] != 0 and row["epoch"]:
                lanes.setdefault((row["epoch"], row["lane"]), []).append(row["sequence"])
            gaps += row["kind"] == "gap"
        for flow, numbers in lanes.items():
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)), f"epoch and lane {flow}")
        shown = self.place.rows("gaps")
        self.assertEqual(len(shown), gaps)
        self.assertEqual(sum(gap["count"] for gap in shown), status["lost"])
        self.assertEqual(status["quarantined"], 0)
        return {"stored": sum(len(numbers) for numbers in lanes.values()),
                "gaps": gaps, "lost": status["lost"], "health": status["health"]}

    def check_spool(self, agent):
        """Within one epoch: produced = sent + in gaps + merged + waiting, lane by lane."""
        agent.stop()
        self.place.wait_quiet()
        out = subprocess.run([os.path.join(support.BUILD, "tests/faults/fettle-spool-counts"),
                              self.place.at("agent", "spool")], stdout=subprocess.PIPE, check=True)
        lanes = dict(zip(("critical", "delta", "bulk"), json.loads(out.stdout)["lanes"]))
        sums = dict.fromkeys(("produced", "sent", "in_gaps", "merged", "waiting", "refused"), 0)
        for name, lane in lanes.items():
            gaps = [gap for gap in self.place.rows("gaps") if gap["lane"] == name]
            placed = [gap["count"] for gap in gaps if gap["from"] is not None]
            counts = {"produced": lane["appended"], "sent": lane["sent"] - len(placed),
                      "in_gaps": sum(placed), "merged": lane["merged"],
                      "waiting": lane["waiting"], "refused": lane["refused"]}
            self.assertEqual(counts["produced"], counts["sent"] + counts["in_gaps"]
                             + counts["merged"] + counts["waiting"], (name, counts, gaps))
            self.assertEqual(lane["refused"], sum(gap["count"] for gap in gaps) - sum(placed))
            for key, count in counts.items():
                sums[key] += count
        return sums

    def report(self, case, agent=None, **numbers):
        digest = self.wait_agreed()
        if agent is not None:
            numbers.update(self.check_spool(agent))
        print(f"{case}: agreed on {digest['facts']} facts, root {digest['root'][:8]}, "
              f"{digest['resyncs']} resyncs; {dict(numbers, **self.check_sums())}", flush=True)


class Differ(Healing):
    files_count = (OPTIONS.facts if OPTIONS else 1000) * 2 // 3 + 10

    def test_differ_facts_made_to_differ_are_told_again_and_what_was_never_told_goes(self):
        agent = self.begin()
        before = self.digest()
        facts = self.place.status()["facts"]
        self.stop("processor")
        done = json.loads(subprocess.run(
            [os.path.join(support.BUILD, "tests/faults/fettle-differ"),
             self.place.at("data", "state"), str(OPTIONS.facts)],
            stdout=subprocess.PIPE, check=True).stdout)
        self.assertEqual(sum(done.values()), OPTIONS.facts)
        self.start("processor")
        agent.wait_for("resync", patience=PATIENCE)
        self.wait_known()
        resync = self.wait_health("resync", True)[0]
        self.assertGreater(resync["facts"], 0)
        self.assertGreater(resync["buckets"], 0)
        self.assertEqual(self.place.facts("test/"), {})
        self.assertEqual(self.digest()["root"], before["root"])
        self.place.wait_quiet()
        self.assertEqual(self.place.status()["facts"], facts)
        self.report("differ", agent, told_again=resync["facts"], buckets=resync["buckets"], **done)


class Full(Healing):
    def test_full_a_spool_that_overflowed_ends_with_equal_digests_and_a_gap(self):
        agent = self.begin(spool="1MiB")
        self.stop("gateway")
        rounds = 0

        def write_and_look():
            nonlocal rounds
            rounds += 1
            self.write(f"round {rounds}", 20000)
            return agent.said("spool-evicting") or agent.said("spool-full")
        support.until(write_and_look, "the spool to be full", PATIENCE, state=agent.text)
        self.write("last")
        self.start("gateway")
        support.until(lambda: self.place.status()["lost"] > 0, "the loss", PATIENCE)
        self.wait_known()
        if agent.said("spool-full"):
            support.until(lambda: any(gap["from"] is None for gap in self.place.rows("gaps")),
                          "what was refused to be counted", PATIENCE)
        self.assertGreater(self.place.status()["gaps"], 0)
        self.report("full", agent, rounds=rounds, files=len(self.files))


class Partition(Healing):
    def test_partition_an_agent_that_was_away_is_stale_and_then_agrees(self):
        agent = self.begin()
        self.stop("gateway")
        self.wait_health("stale", False)
        self.assertEqual(self.place.status()["health"]["stale"], 1)
        for number in range(25):
            self.write(f"while away {number}")
        self.start("gateway")
        self.wait_health("stale", True)
        self.wait_known()
        self.assertEqual(self.place.status()["health"]["stale"], 0)
        self.assertFalse(agent.said("spool-evicting"))
        self.report("partition", agent, writes=25 * len(self.files))


class Restored(Healing):
    def test_restored_a_server_from_a_backup_and_its_agent_agree_again(self):
        agent = self.begin()
        self.place.run("data", "backup", self.place.at("backup"))
        self.write("since the backup")
        gone = self.files.pop()
        os.unlink(gone)
        self.wait_known()
        self.stop("gateway", *reversed(SERVERS))
        self.place.run("data", "restore", self.place.at("backup"))
        self.start(*SERVERS, "gateway")
        agent.wait_for("spool-diverged", patience=PATIENCE)
        self.wait_known()
        fact = self.place.facts("file" + gone).get("file" + gone)
        self.assertTrue(fact is None or fact["status"] == "absent", fact)
        self.assertEqual(self.place.status()["health"]["rolled_back_last_day"], 0)
        self.report("restored")

    def test_rolled_back_an_agent_from_a_backup_is_told_and_agrees_again(self):
        agent = self.begin()
        agent.stop()
        shutil.copytree(self.place.at("agent"), self.place.at("kept"))
        agent = self.start_agent()
        self.write("since the backup")
        self.wait_known()
        agent.stop()
        shutil.rmtree(self.place.at("agent"))
        os.rename(self.place.at("kept"), self.place.at("agent"))
        self.write("after the restore", files=self.files[:5])
        self.start_agent()
        self.wait_health("rolled back", True)
        self.wait_known()
        self.assertEqual(self.place.status()["health"]["cloned"], 0)
        self.report("rolled_back")


class Withdrawn(Healing):
    """Values that went as hashes, and were asked for when the spool had no room for them any more."""
    files_count, size = 40, 15000  # 600 kB, of which the lane of 157 keeps the last

    def begin_anew(self):
        """An agent that has to tell all values anew, which nobody has seen, while no processor
        runs: its data are restored from a copy."""
        agent = self.begin(spool="1MiB")
        agent.stop()
        shutil.copytree(self.place.at("agent"), self.place.at("kept"))
        agent = self.start_agent(spool="1MiB")
        self.write("since the copy")
        self.wait_known()
        agent.stop()
        self.stop("processor")
        self.epoch_before = max(row["epoch"] or 0 for row in self.place.rows("log", "dump"))
        shutil.rmtree(self.place.at("agent"))
        os.rename(self.place.at("kept"), self.place.at("agent"))
        agent = self.start_agent(spool="1MiB", collectors_on=())
        agent.wait_for("spool-diverged", patience=PATIENCE)
        agent.wait_for("link-open", patience=PATIENCE)
        agent.stop()
        self.write("never seen", self.size)
        return self.start_agent(spool="1MiB")

    def told(self):
        """What the agent said by bulk in the epoch that it began, by kinds."""
        return [row["kind"] for row in self.place.rows("log", "dump")
                if row["lane"] == 3 and row["epoch"] > self.epoch_before]

    def test_withdrawn_values_are_told_anew_and_only_what_was_refused_is_lost(self):
        agent = self.begin_anew()
        support.until(lambda: "pass" in self.told(), "all of it to be told as hashes", PATIENCE,
                      state=lambda: (self.told(), agent.text()))
        self.assertIn("have", self.told())
        self.assertNotIn("bundle", self.told())
        self.start("processor")
        agent.wait_for("bundles-withdrawn", patience=PATIENCE)
        self.wait_known()
        self.assertIn("bundle", self.told())
        for gap in self.place.rows("gaps"):
            self.assertIsNone(gap["from"], gap)
        for path in self.files:
            self.assertNotIn(None, [change["after"] for change in self.place.changes(path)])
        self.report("withdrawn", times=sum(event["id"] == "bundles-withdrawn"
                                           for event in agent.events))


class Cloned(Healing):
    def test_cloned_two_machines_with_one_key_are_told_of(self):
        agent = self.begin()
        agent.stop()
        shutil.copytree(self.place.at("agent"), self.place.at("copy"))
        agent, copy = self.start_agent(), self.start_agent("copy")
        self.wait_health("clone", False)
        self.assertEqual(self.place.status()["health"]["cloned"], 1)
        self.assertTrue(self.roles["log"].said("agent-cloned"))
        copy.stop()
        agent.stop()
        shutil.rmtree(self.place.at("copy"))
        self.write("after the copy was found")
        self.place.run("agents", "approve", self.shown()["agent_id"])
        self.start_agent()
        self.wait_known()
        self.wait_health("clone", True)
        self.assertEqual(self.place.status()["health"]["cloned"], 0)
        self.report("cloned")


if __name__ == "__main__":
    support.main()
