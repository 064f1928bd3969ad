# SPDX-License-Identifier: Apache-2.0
"""SIGTERM ends it, soon, whatever it is about; and what it had seen is not lost."""
import os
import signal
import threading

import support

AT_MOST = 2.0  # seconds, plus what a busy machine takes for a process to be scheduled and reaped
GRACE = 3.0


class Stopping(support.Case):
    def setUp(self):
        super().setUp()
        self.file = self.place.at("watched", "colours")
        support.write_whole(self.file, "sky = blue\n")
        self.place.write_policy("colours", {"sky": [f"f:{self.file} -> r:^sky = red$"]})

    def end(self, process):
        took = process.stop()
        print(f"ended after {took * 1000:.0f} ms")
        self.assertLess(took, AT_MOST + GRACE)
        self.assertIsNone(process.said("ending-now"), process.text())

    def test_at_rest(self):
        process = self.place.serve()
        self.place.wait_facts(self.file)
        self.end(process)
        self.assertFalse([event for event in process.events if event["level"] in ("error", "warn")])

    def test_by_an_interrupt(self):
        process = self.place.serve()
        process.signal(signal.SIGINT)
        self.assertEqual(process.wait(), 0)

    def test_before_it_has_seen_anything(self):
        self.end(self.place.serve())

    def test_while_a_collector_waits_for_a_program(self):
        path = self.place.at("dpkg-query")
        support.write_whole(path, f"#!/bin/sh\n: > {path}.runs\nexec sleep 1000\n")
        os.chmod(path, 0o755)
        self.place.configure(packages={"dpkg_query": path})
        process = self.place.serve()
        support.until(lambda: os.path.exists(path + ".runs"), "the program to run")
        self.end(process)

    def test_under_load(self):
        names = [self.place.at("watched", f"file-{number}") for number in range(50)]
        for name in names:
            support.write_whole(name, "sky = blue\n")
        self.place.write_policy("many", {f"check-{number}": [f"f:{name} -> r:red"]
                                         for number, name in enumerate(names)})
        process = self.place.serve()
        self.place.wait_facts(*names)
        is_over = threading.Event()

        def write():
            number = 0
            while not is_over.is_set():
                number += 1
                for name in names:
                    support.write_whole(name, f"count = {number}\n" + "x" * 4000 + "\n")
        writer = threading.Thread(target=write)
        writer.start()
        self.addCleanup(writer.join)
        self.addCleanup(is_over.set)
        support.until(lambda: len(self.place.rows("changes")) > 100, "many changes")
        self.end(process)

    def test_twice_at_once_is_at_once(self):
        process = self.place.serve()
        self.place.wait_facts(self.file)
        process.signal(signal.SIGTERM)
        process.signal(signal.SIGTERM)
        self.assertEqual(process.wait(), 0)
        self.place.serve()
        support.append_line(self.file, "leaf = green")
        support.until(lambda: self.place.changes(self.file), "a change")


class Agent(support.Case):
    def start_agent(self, port):
        config = self.place.at("agent.yaml")
        support.write_whole(config, "{}\n")
        self.place.config = config
        return self.place.start("--server", f"tcp://127.0.0.1:{port}", "--server-key",
                                self.place.at("data", "keys", "server.pub"),
                                program="fettle-agent", data=self.place.at("agent"))

    def test_that_cannot_reach_its_gateway_ends_as_soon(self):
        self.place.json("scan")  # which makes the server's key
        process = self.start_agent(support.free_port())
        process.wait_for("agent-ready")
        process.wait_for("link-waiting")
        took = process.stop()
        self.assertLess(took, AT_MOST + GRACE)

    def test_without_the_servers_key_says_which_file_it_needs(self):
        process = self.start_agent(support.free_port())
        self.assertNotEqual(process.wait(), 0)
        self.assertIn(self.place.at("data", "keys", "server.pub"), process.text())

    def test_that_was_cut_off_sends_what_it_saw_once_it_is_not(self):
        port = support.free_port()
        config = self.place.config
        file = self.place.at("watched", "colours")
        support.write_whole(file, "count = 0\n")
        self.place.write_policy("colours", {"sky": [f"f:{file} -> r:^sky = red$"]})
        gateways, readers, sinks = (f"tcp://127.0.0.1:{support.free_port()}" for _ in range(3))
        self.place.configure(gateway={"listen": f"tcp://127.0.0.1:{port}", "log": gateways,
                                      "readers": readers},
                             log={"agents": gateways, "readers": readers},
                             processor={"log": readers, "verdicts": sinks},
                             sink={"processor": sinks})
        roles = {role: self.place.start(role) for role in ("log", "sink", "processor", "gateway")}
        for role, process in roles.items():
            process.wait_for(f"{role}-ready")
        agent = self.start_agent(port)
        self.place.config = config
        agent.wait_for("agent-ready")
        self.place.admit(self.place.at("agent"))
        self.place.wait_facts(file)
        roles["gateway"].stop()
        support.write_whole(file, "count = 1\n")
        # The agent is stopped and started while it is cut off: its spool keeps what it saw.
        agent.stop()
        again = self.start_agent(port)
        self.place.config = config
        again.wait_for("agent-ready")
        support.write_whole(file, "count = 2\n")
        self.place.start("gateway").wait_for("gateway-ready")
        support.until(lambda: self.place.changes(file) and support.value_of(
            self.place.changes(file)[-1]["after"], "content") == "count = 2\n", "the last change",
            state=lambda: self.place.changes(file))
        self.assertEqual(support.value_of(self.place.changes(file)[0]["before"], "content"),
                         "count = 0\n")
        self.assertEqual(self.place.status()["lost"], 0)


if __name__ == "__main__":
    support.main()
