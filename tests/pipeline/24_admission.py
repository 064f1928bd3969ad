# SPDX-License-Identifier: Apache-2.0
"""Who is let in, who is not, and who is put out again: with every role a process of its own."""
import datetime
import json
import os
import signal
import subprocess

import support

# What is slow, or not ours to foresee.
SKIP = support.QUIET + ["packages", "files", "units", "cron", "kernel", "accounts"]
SILENT_S = 5


def seconds(moment):
    """Unix time of what a row says."""
    return datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


class Admission(support.Case):
    def setUp(self):
        super().setUp()
        ports = {name: f"tcp://127.0.0.1:{support.free_port()}"
                 for name in ("agents", "gateways", "readers", "sinks", "enrolment")}
        self.place.configure(gateway={"listen": ports["agents"], "log": ports["gateways"],
                                      "readers": ports["readers"],
                                      "enrolment": ports["enrolment"]},
                             log={"agents": ports["gateways"], "readers": ports["readers"]})
        self.ports = ports
        self.roles = {}
        support.write_whole(self.place.at("agent.yaml"), json.dumps(
            {"agent": {"skip": SKIP, "heartbeat": "1s"}}))
        for role in ("log", "gateway"):
            self.start(role)
        self.roles["gateway"].wait_for("members-known")

    def start(self, role):
        process = self.place.start(role)
        process.wait_for(f"{role}-ready")
        support.running.append(process)
        self.roles[role] = process

    def kill(self, role):
        process = self.roles.pop(role)
        support.running.remove(process)
        process.signal(signal.SIGKILL)
        self.assertEqual(process.wait(), -signal.SIGKILL)

    # ---- agents ----

    def agent_command(self, name, *arguments):
        return [os.path.join(support.BUILD, "fettle-agent"), "--data", self.place.at(name),
                "--config", self.place.at("agent.yaml"), "--log-format", "json", *arguments]

    def start_agent(self, name):
        """One that knows its server and has asked nobody."""
        process = support.Process(self.agent_command(
            name, "--server", self.ports["agents"], "--server-key",
            self.place.at("data", "keys", "server.pub")), self.place.environment())
        self.place.processes.append(process)
        support.running.append(process)
        process.wait_for("agent-ready")
        return process

    def start_admitted(self, name):
        process = self.start_agent(name)
        self.place.admit(self.place.at(name))
        process.wait_for("link-open")
        return process

    def key(self, name):
        with open(self.place.at(name, "keys", "agent.pub"), encoding="utf-8") as file:
            return file.read().strip()

    def agent(self, name):
        """What the server knows of the agent with that key; None: nothing."""
        for agent in self.place.rows("agents"):
            if agent["public_key"] == self.key(name):
                return agent
        return None

    def received(self, name):
        """When each record of that agent came, the newest last."""
        agent = self.agent(name)
        return sorted(seconds(row["received_at"]) for row in self.place.rows("log", "dump")
                      if agent and row["writer_id"] == agent["agent_id"])

    def wait_received(self, name, after):
        """Until something of it has come after that time."""
        return support.until(lambda: (self.received(name) or [0])[-1] > after,
                             f"records of {name}", state=lambda: self.received(name))

    def enrol(self, file, name, code=0):
        done = subprocess.run(self.agent_command(name, "--enrol", file), capture_output=True,
                              env=self.place.environment(), timeout=100, check=False)
        said = done.stderr.decode()
        support.refuse_accusations(["--enrol"], said)
        self.assertEqual(done.returncode, code, said)
        return said

    def create(self, name, *options):
        path = self.place.at(name)
        self.place.run("enrolment", "create", "--gateway", self.ports["agents"], "--endpoint",
                       self.ports["enrolment"], "--out", path, *options)
        return path


class Keys(Admission):
    def test_a_key_that_nobody_admitted_is_refused_until_somebody_does(self):
        agent = self.start_agent("a1")
        refused = self.roles["gateway"].wait_for("admission-refused", key=self.key("a1"))
        self.assertIn("not admitted", refused["msg"])
        self.assertIsNone(agent.said("link-open"))
        self.assertEqual([row for row in self.place.rows("log", "dump") if row["epoch"]], [])
        self.place.admit(self.place.at("a1"))
        agent.wait_for("link-open")
        self.wait_received("a1", 0)

    def test_a_revoked_agent_is_silent_within_five_seconds_and_another_is_not(self):
        self.start_admitted("gone")
        self.start_admitted("stays")
        self.wait_received("gone", 0)
        self.place.run("agents", "revoke", self.agent("gone")["agent_id"], "--yes")
        revoked = seconds(self.agent("gone")["since_at"])
        self.roles["gateway"].wait_for("admission-refused", key=self.key("gone"))
        self.wait_received("stays", revoked + SILENT_S + 1)
        self.assertLess(self.received("gone")[-1], revoked + SILENT_S)

    def test_what_a_revoked_agent_has_sent_stays(self):
        self.start_admitted("gone")
        self.wait_received("gone", 0)
        before = len(self.received("gone"))
        self.place.run("agents", "revoke", self.agent("gone")["agent_id"], "--yes")
        self.assertGreaterEqual(len(self.received("gone")), before)


class Outages(Admission):
    def test_a_gateway_that_was_killed_lets_in_who_is_admitted_and_nobody_else(self):
        self.start_admitted("a1")
        self.start_agent("stranger")
        self.wait_received("a1", 0)
        self.kill("gateway")
        last = self.received("a1")[-1]
        self.start("gateway")
        self.assertEqual(self.roles["gateway"].wait_for("members-known")["admitted"], 1)
        self.wait_received("a1", last)
        self.roles["gateway"].wait_for("admission-refused", key=self.key("stranger"))
        self.assertIsNone(self.agent("stranger"))

    def test_who_was_revoked_while_the_gateway_was_away_stays_out(self):
        self.start_admitted("a1")
        self.wait_received("a1", 0)
        self.kill("gateway")
        self.place.run("agents", "revoke", self.agent("a1")["agent_id"], "--yes")
        before = self.received("a1")
        self.start("gateway")
        self.roles["gateway"].wait_for("admission-refused", key=self.key("a1"))
        self.assertEqual(self.received("a1"), before)

    def test_a_gateway_without_its_log_keeps_what_it_knows_and_a_new_one_lets_nobody_in(self):
        self.start_admitted("a1")
        self.wait_received("a1", 0)
        self.kill("log")
        # The list holds: the stranger is refused as one, not because nothing is known.
        self.start_agent("stranger")
        refused = self.roles["gateway"].wait_for("admission-refused", key=self.key("stranger"))
        self.assertIn("not admitted", refused["msg"])
        self.kill("gateway")
        self.start("gateway")
        refused = self.roles["gateway"].wait_for("admission-refused")
        self.assertIn("until it is known", refused["msg"])
        self.assertIsNone(self.roles["gateway"].said("members-known"))
        last = self.received("a1")[-1]
        self.start("log")
        self.roles["gateway"].wait_for("members-known", admitted=1)
        self.wait_received("a1", last)


class Enrolments(Admission):
    def test_a_key_with_two_uses_lets_a_third_machine_not_in(self):
        file = self.create("web", "--uses", "2")
        self.enrol(file, "a1")
        self.enrol(file, "a2")
        self.assertIn("refused", self.enrol(file, "a3", code=1))
        self.assertEqual([self.agent(name)["state"] for name in ("a1", "a2")], ["admitted"] * 2)
        self.assertIsNone(self.agent("a3"))

    def test_uses_are_counted_across_a_crash_of_the_log(self):
        file = self.create("web", "--uses", "2")
        self.enrol(file, "a1")
        self.kill("log")
        self.start("log")
        self.enrol(file, "a1")
        self.enrol(file, "a2")
        self.enrol(file, "a3", code=1)
        self.assertEqual(self.place.rows("enrolment")[0]["uses"], 2)

    def test_an_enrolment_that_has_expired_lets_nobody_in(self):
        file = self.create("short", "--uses", "2", "--expires", "1s")
        support.until(lambda: self.place.rows("enrolment")[0]["state"] == "expired", "its end")
        self.assertIn("refused", self.enrol(file, "a1", code=1))
        said = self.roles["log"].wait_for("enrolment-refused")
        self.assertIn("expired", said["msg"])

    def test_an_enrolment_for_other_networks_lets_nobody_in(self):
        file = self.create("far", "--uses", "2", "--expires", "1h", "--network", "192.0.2.0/24")
        self.assertIn("refused", self.enrol(file, "a1", code=1))
        near = self.create("near", "--uses", "2", "--expires", "1h", "--network",
                           "192.0.2.0/24,127.0.0.0/8")
        self.enrol(near, "a1")


class Starting(Admission):
    def test_scan_needs_no_enrolment_and_no_port(self):
        self.kill("gateway")
        self.kill("log")
        self.place.json("scan")
        (asset,) = self.place.rows("assets", "list")
        self.assertEqual([agent["by"] for agent in self.place.rows("agents")
                          if agent["agent_id"] == asset["agent_id"]], ["server"])

    def test_the_log_lets_in_the_agent_of_its_own_data_directory(self):
        self.kill("log")
        agent = self.start_agent("data")
        self.start("log")
        agent.wait_for("link-open")
        self.assertEqual(self.agent("data")["by"], "server")


if __name__ == "__main__":
    support.main()
