# SPDX-License-Identifier: Apache-2.0
"""Several gateways: an agent whose gateway is gone goes on through another, and one that is back is
greeted at once.  Nothing is lost and nothing comes twice.
"""
import os
import re
import signal
import sys
import time

import support

sys.path.insert(0, os.path.join(support.TOP, "tests", "faults"))
import check  # noqa: E402


class Gateways(support.Case):
    def setUp(self):
        super().setUp()
        ports = {name: f"tcp://127.0.0.1:{support.free_port()}"
                 for name in ("a", "b", "gateways", "readers", "sinks")}
        self.listen = [ports["a"], ports["b"]]
        self.place.configure(gateway={"log": ports["gateways"], "readers": ports["readers"],
                                      "enrolment": ""},
                             log={"agents": ports["gateways"], "readers": ports["readers"]},
                             processor={"log": ports["readers"], "verdicts": ports["sinks"]},
                             sink={"processor": ports["sinks"]})
        for role in ("log", "sink", "processor"):
            process = self.place.start(role)
            process.wait_for(f"{role}-ready")
            support.running.append(process)
        self.gateways = {}

    def start_gateway(self, listen):
        self.gateways[listen] = self.place.start("gateway", FETTLE_GATEWAY_LISTEN=listen)
        self.gateways[listen].wait_for("gateway-ready")
        support.running.append(self.gateways[listen])

    def kill_gateway(self, listen):
        process = self.gateways.pop(listen)
        support.running.remove(process)
        process.signal(signal.SIGKILL)
        self.assertEqual(process.wait(), -signal.SIGKILL)

    def other(self, listen):
        return next(each for each in self.listen if each != listen)

    def key(self):
        return self.place.at("data", "keys", "server.pub")


class Failing(Gateways):
    COUNT = 4000

    def gateway_of(self, process, since=0):
        """Where the generator said last that it is connected."""
        found = [re.search(r"endpoint=\"?(tcp://[0-9.:]+)", line).group(1)
                 for line in process.lines[since:] if " id=link-open " in line]
        return found[-1] if found else None

    def generate(self, directory, *more):
        process = support.Process(
            [os.path.join(support.BUILD, "tests", "faults", "fettle-generator"), "--directory",
             directory, "--server", ",".join(self.listen), "--server-key", self.key(), "--seed",
             "failover", *more], self.place.environment())
        self.place.processes.append(process)
        return process

    def test_an_agent_goes_on_through_another_gateway_and_nothing_is_lost_or_doubled(self):
        for listen in self.listen:
            self.start_gateway(listen)
        directory = self.place.at("generator")
        os.mkdir(directory)
        # What comes before the first pass has been judged is no change.
        beginning = self.generate(directory, "--count", "0")
        self.place.admit(directory)
        self.assertEqual(beginning.wait(), 0)
        self.place.wait_quiet()
        process = self.generate(directory, "--count", str(self.COUNT), "--rate", "400")
        used = support.until(lambda: self.gateway_of(process), "a session",
                             state=process.text)
        journal = os.path.join(directory, "journal")
        for _ in range(2):
            # Only once something has come by this gateway: its death is then in the middle.
            before = self.place.status()["log"]["appended"]
            support.until(lambda: self.place.status()["log"]["appended"] > before + 50,
                          "records", state=process.text)
            since = len(process.lines)
            self.kill_gateway(used)
            self.assertEqual(support.until(lambda: self.gateway_of(process, since),
                                           "a session by the other", state=process.text),
                             self.other(used))
            self.start_gateway(used)
            used = self.other(used)
        self.assertEqual(process.wait(), 0, process.text())
        support.until(lambda: self.place.status()["facts"] == self.COUNT + 1, "every fact",
                      state=self.place.status)
        self.place.wait_quiet()
        produced = check.read_journal(journal)
        left = check.collect(os.path.join(support.BUILD, "fettle"), self.place.data)
        verdict = check.judge(produced, left)
        self.assertEqual(verdict.complaints[:10], [])
        self.assertEqual(len(produced), self.COUNT + 1)


class Agent(Gateways):
    def start_agent(self, *servers):
        config = self.place.at("agent.yaml")
        support.write_whole(config, "agent: {server: [%s], skip: [%s]}\n" % (
            ", ".join(f"'{server}'" for server in servers), ", ".join(support.QUIET)))
        own, self.place.config = self.place.config, config
        try:
            agent = self.place.start("--server-key", self.key(), program="fettle-agent",
                                     data=self.place.at("agent"))
        finally:
            self.place.config = own
        agent.wait_for("agent-ready")
        support.running.append(agent)
        self.place.admit(self.place.at("agent"))
        return agent

    def test_an_agent_finds_the_one_gateway_of_its_list_that_is_there(self):
        self.start_gateway(self.listen[0])
        agent = self.start_agent(*self.listen, f"tcp://127.0.0.1:{support.free_port()}")
        self.assertEqual(agent.wait_for("link-open")["endpoint"], self.listen[0])

    def superseded(self):
        return [row for row in self.place.rows("audit") if row["action"] == "superseded"]

    def test_an_agent_that_starts_anew_takes_over_and_the_audit_says_so(self):
        self.start_gateway(self.listen[0])
        agent = self.start_agent(self.listen[0])
        agent.wait_for("link-open")
        self.kill_gateway(self.listen[0])  # the same run by another connection is no other
        self.start_gateway(self.listen[0])
        support.running.remove(agent)
        agent.signal(signal.SIGKILL)
        self.assertEqual(agent.wait(), -signal.SIGKILL)
        agent = self.start_agent(self.listen[0])
        agent.wait_for("link-open")
        support.until(self.superseded, "the audit's entry", state=lambda: self.place.rows("audit"))
        self.assertEqual(len(self.superseded()), 1, self.superseded())

    def test_an_idle_agent_has_its_commands_soon_after_its_gateway_is_back(self):
        watched = self.place.at("watched", "file")
        support.write_whole(watched, "colour = green\n")
        self.start_gateway(self.listen[0])
        agent = self.start_agent(self.listen[0])
        self.place.write_policy("one", {"a": [f"f:{watched} -> r:green"]})
        support.running[0].signal(signal.SIGHUP)  # the log reads policies
        self.place.wait_facts(watched)
        self.kill_gateway(self.listen[0])
        self.start_gateway(self.listen[0])
        back = time.monotonic()
        since = len(agent.events)
        more = self.place.at("watched", "more")
        support.write_whole(more, "colour = green\n")
        self.place.write_policy("two", {"a": [f"f:{more} -> r:green"]})
        support.running[0].signal(signal.SIGHUP)
        agent.wait_for("plan", since)
        # It would say nothing for 15 seconds if it did not know that the gateway is another one.
        self.assertLess(time.monotonic() - back, 8)

    def test_an_idle_agent_is_called_once_the_log_is_back_and_has_its_commands(self):
        watched = self.place.at("watched", "file")
        support.write_whole(watched, "colour = green\n")
        self.start_gateway(self.listen[0])
        agent = self.start_agent(self.listen[0])
        self.place.write_policy("one", {"a": [f"f:{watched} -> r:green"]})
        support.running[0].signal(signal.SIGHUP)
        self.place.wait_facts(watched)
        log = support.running.pop(0)
        log.signal(signal.SIGKILL)
        log.wait()
        since = len(agent.events)
        log = self.place.start("log")
        support.running.insert(0, log)
        log.wait_for("log-ready")
        called = self.gateways[self.listen[0]].wait_for("roll-call")
        self.assertEqual(called["agents"], 1)
        agent.wait_for("link-open", since)
        more = self.place.at("watched", "more")
        support.write_whole(more, "colour = green\n")
        self.place.write_policy("two", {"a": [f"f:{more} -> r:green"]})
        log.signal(signal.SIGHUP)
        agent.wait_for("plan", since)


if __name__ == "__main__":
    support.main()
