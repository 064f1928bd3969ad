# SPDX-License-Identifier: Apache-2.0
"""Every role a process of its own, over tcp: the same judgement as all of them in one."""
import json
import os
import shutil
import signal
import socket
import struct

import support


class Apart(support.Case):
    def setUp(self):
        super().setUp()
        self.other = support.Place()
        self.addCleanup(self.other.clean_up)
        for place in (self.place, self.other):
            place.configure(content={"policies": [self.place.at("policies"), os.path.join(
                support.TOP, "content", "policies")]})
        self.files = {name: self.place.at("watched", name) for name in ("good", "bad", "missing")}
        support.write_whole(self.files["good"], "colour = green\n")
        support.write_whole(self.files["bad"], "colour = red\n")
        self.place.write_policy("colours", {name: [f"f:{path} -> r:^colour = green$"]
                                            for name, path in self.files.items()})
        ports = {name: f"tcp://127.0.0.1:{support.free_port()}"
                 for name in ("agents", "gateways", "readers", "sinks")}
        self.place.configure(gateway={"listen": ports["agents"], "log": ports["gateways"],
                                      "readers": ports["readers"]},
                             log={"agents": ports["gateways"], "readers": ports["readers"]},
                             processor={"log": ports["readers"], "verdicts": ports["sinks"]})
        # One of them by its environment variable instead of the file.
        self.variables = {"FETTLE_SINK_PROCESSOR": ports["sinks"]}
        self.server = ports["agents"]
        self.inner_ports = [int(ports[name].rsplit(":", 1)[1])
                            for name in ("gateways", "readers", "sinks")]
        self.processes = {}

    def start(self, role):
        process = self.place.start(role, **self.variables)
        self.processes[role] = process
        process.wait_for(f"{role}-ready")
        support.running.append(process)

    def start_agent(self):
        config = self.place.at("agent.yaml")
        support.write_whole(config, json.dumps({"agent": {"skip": support.QUIET}}))
        self.place.config, saved = config, self.place.config
        try:
            process = self.place.start(
                "--server", self.server, "--server-key",
                self.place.at("data", "keys", "server.pub"), program="fettle-agent",
                data=self.place.at("agent"))
        finally:
            self.place.config = saved
        self.processes["agent"] = process
        process.wait_for("agent-ready")
        support.running.append(process)
        self.place.admit(self.place.at("agent"))

    def start_all(self):
        for role in ("log", "sink", "processor", "gateway"):
            self.start(role)
        self.start_agent()
        self.place.wait_facts(*self.files.values())

    def judgement(self, place):
        return [(finding["subject"], finding["state"], finding["severity"], finding["evidence"])
                for finding in sorted(place.rows("findings", "list", "--all"),
                                      key=lambda finding: finding["subject"])]

    def counts(self, place):
        return [{name: policy[name] for name in
                 ("policy", "policy_hash", "passed", "failed", "not_applicable", "not_run")}
                for policy in place.rows("policies", "list")]


class Together(Apart):
    def test_find_what_one_process_finds(self):
        self.start_all()
        self.other.json("scan")
        support.until(lambda: self.judgement(self.place) == self.judgement(self.other),
                      "the same findings", state=lambda: self.judgement(self.place))
        self.assertIn("colours/bad", [finding[0] for finding in self.judgement(self.place)])
        support.until(lambda: self.counts(self.place) == self.counts(self.other),
                      "the same counts", state=lambda: self.counts(self.place))
        mine = {key: (fact["status"], fact["value"]) for key, fact in
                self.place.facts("package/").items()}
        self.assertEqual(mine, {key: (fact["status"], fact["value"]) for key, fact in
                                self.other.facts("package/").items()})

    def test_each_ends_when_it_is_told(self):
        self.start_all()
        for role, process in self.processes.items():
            self.assertLess(process.stop(), 10, role)

    def test_a_policy_reload_is_the_logs_to_do(self):
        self.start_all()
        support.until(lambda: "colours/bad" in self.place.findings(), "a finding")
        self.place.write_policy("colours", {"bad": [f"f:{self.files['bad']} -> r:red"]})
        self.processes["log"].signal(signal.SIGHUP)
        support.until(lambda: not any(subject.startswith("colours/")
                                      for subject in self.place.findings()), "none")


class Failing(Apart):
    def test_any_role_may_die_and_come_back_and_nothing_is_missed(self):
        self.start_all()
        support.until(lambda: "colours/bad" in self.place.findings(), "a finding")
        number = 0
        for role in ("gateway", "log", "processor", "sink", "agent"):
            with self.subTest(role):
                process = self.processes[role]
                support.running.remove(process)
                process.signal(signal.SIGKILL)
                self.assertEqual(process.wait(), -signal.SIGKILL)
                number += 1
                support.append_line(self.files["good"], f"line = {number}")
                if role == "agent":
                    self.start_agent()
                else:
                    self.start(role)
                support.until(lambda: f"line = {number}\n" in (support.value_of(
                    self.place.facts("file" + self.files["good"]).get(
                        "file" + self.files["good"]), "content") or ""), f"line {number}")
        self.place.wait_quiet()
        changes = self.place.changes(self.files["good"])
        self.assertEqual(len(changes), number)
        for earlier, later in zip(changes, changes[1:]):
            self.assertEqual(earlier["after"], later["before"])
        self.assertEqual(self.place.status()["lost"], 0)

    def test_a_processors_key_with_another_state_is_refused_until_it_has_a_key_of_its_own(self):
        for role in ("log", "processor"):
            self.start(role)
        self.processes["processor"].wait_for("link-open")
        support.running.remove(self.processes["processor"])
        self.processes["processor"].stop()
        os.rename(self.place.at("data", "state"), self.place.at("data", "aside"))
        self.start("processor")
        self.processes["log"].wait_for("reader-store")
        self.processes["log"].wait_for("hello-refused")
        self.assertIsNone(self.processes["processor"].said("link-open"))
        support.running.remove(self.processes["processor"])
        self.processes["processor"].stop()
        for end in ("key", "pub"):
            os.rename(self.place.at("data", "keys", f"processor.{end}"),
                      self.place.at(f"processor.{end}"))
        self.start("processor")
        self.processes["processor"].wait_for("link-open")

    def test_an_agent_that_the_server_does_not_know_is_told_apart_from_another(self):
        self.start_all()
        first = self.place.asset()
        support.running.remove(self.processes["agent"])
        self.processes["agent"].stop()
        shutil.rmtree(self.place.at("agent"))
        self.start_agent()
        assets = support.until(lambda: (lambda rows: len(rows) == 2 and rows)(
            self.place.rows("assets", "list")), "a second asset")
        self.assertIn(first, [asset["asset_id"] for asset in assets])


class Strangers(Apart):
    """Services with keys of their own, on data directories of their own, and peers without any."""
    DOORS = {"gateway": ("log", "log.agents"), "processor": ("log", "log.readers"),
             "sink": ("processor", "processor.verdicts")}

    def start_stranger(self, role):
        callee, _ = self.DOORS[role]
        variables = {f"FETTLE_{role.upper()}_{callee.upper()}_KEY":
                     self.place.at("data", "keys", f"{callee}.pub"),
                     "FETTLE_GATEWAY_LISTEN": "tcp://127.0.0.1:*",
                     # It is refused there too, and who is refused is told of once a minute.
                     "FETTLE_GATEWAY_READERS": f"tcp://127.0.0.1:{support.free_port()}",
                     "FETTLE_PROCESSOR_VERDICTS": "tcp://127.0.0.1:*", **self.variables}
        return self.place.start(role, data=self.place.at("stranger"), **variables)

    def test_who_is_in_no_list_gets_nothing(self):
        self.start_all()
        for role, (callee, door) in self.DOORS.items():
            stranger = self.start_stranger(role)
            if role == "gateway":  # it calls the log when an agent calls it; a connection suffices
                stranger.wait_for("gateway-ready")
            path = self.place.at("stranger", "keys", f"{role}.pub")
            support.until(lambda path=path: os.path.exists(path), path)
            with open(path, encoding="utf-8") as file:
                self.processes[callee].wait_for("peer-refused", endpoint=door,
                                                key=file.read().strip())
            self.assertIsNone(stranger.said("link-open"))
            stranger.stop()

    def test_who_is_put_into_a_list_comes_in_and_who_is_taken_out_goes(self):
        self.start_all()
        stranger = self.start_stranger("sink")
        self.processes["processor"].wait_for("peer-refused")
        listed = self.place.at("data", "keys", "peers", "sink", "stranger.pub")
        os.makedirs(os.path.dirname(listed))
        shutil.copy(self.place.at("stranger", "keys", "sink.pub"), listed)
        self.processes["processor"].signal(signal.SIGHUP)
        stranger.wait_for("link-open")
        os.remove(listed)
        self.processes["processor"].signal(signal.SIGHUP)
        stranger.wait_for("link-lost")
        stranger.stop()

    def test_a_peer_in_the_clear_gets_nothing(self):
        self.start_all()
        greeting = bytes([0xff] + [0] * 8 + [0x7f, 3]).ljust(12, b"\0")
        ready = b"\x05READY\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
        for port in self.inner_ports:
            for mechanism in (b"NULL", b"PLAIN", b"CURVE"):
                with socket.create_connection(("127.0.0.1", port), support.PATIENCE) as peer:
                    peer.settimeout(support.PATIENCE)
                    peer.sendall(greeting + mechanism.ljust(52, b"\0")
                                 + bytes([4, len(ready)]) + ready + b"\0\x02hi")
                    self.assertLessEqual(len(read_all(peer)), 64, mechanism)  # its greeting


def read_all(peer):
    data = b""
    try:
        while chunk := peer.recv(4096):
            data += chunk
    except ConnectionResetError:
        pass
    return data


if __name__ == "__main__":
    support.main()
