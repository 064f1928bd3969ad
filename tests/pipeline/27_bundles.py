# SPDX-License-Identifier: Apache-2.0
"""Like machines: what one of them has sent, the next one sends as hashes, and is known as well."""
import json
import signal

import support

# What an agent sends of its own accord, whatever the machine is like, and what differs by the hour.
VOLATILE = ("transaction/", "os/boot", "listen/", "unit/")


class Bundles(support.Case):
    def setUp(self):
        super().setUp()
        # An answer is waited for so long, that on a busy machine nobody else is asked.
        self.place.configure(agent={"skip": support.QUIET}, inventory={"ask_again": "1h"},
                             gateway={"listen": f"tcp://127.0.0.1:{support.free_port()}"})
        self.server = self.place.settings["gateway"]["listen"]
        ports = [f"tcp://127.0.0.1:{support.free_port()}" for _ in range(3)]
        self.place.configure(gateway={"log": ports[0], "readers": ports[1], "enrolment": ""},
                             log={"agents": ports[0], "readers": ports[1]},
                             processor={"log": ports[1], "verdicts": ports[2]},
                             sink={"processor": ports[2]})
        self.roles = {role: self.start(role) for role in ("log", "sink", "processor", "gateway")}
        self.assets = {}

    def start(self, role):
        process = self.place.start(role)
        process.wait_for(f"{role}-ready")
        support.running.append(process)
        return process

    def start_agent(self, name, **settings):
        """An agent with a key of its own, until all that it has is known."""
        self.launch_agent(name, **settings)
        self.wait_known(name)

    def launch_agent(self, name, **settings):
        config = self.place.at(f"{name}.yaml")
        support.write_whole(config, json.dumps({"agent": {"skip": support.QUIET, **settings}}))
        self.place.config, saved = config, self.place.config
        try:
            process = self.place.start(
                "--server", self.server, "--server-key",
                self.place.at("data", "keys", "server.pub"), program="fettle-agent",
                data=self.place.at(name))
        finally:
            self.place.config = saved
        self.place.admit(self.place.at(name))
        process.wait_for("agent-ready")
        support.running.append(process)
        return process

    def wait_known(self, name):
        def look():
            new = [row["asset_id"] for row in self.place.rows("assets", "list")
                   if row["asset_id"] not in self.assets.values()]
            return new[0] if new else None
        self.assets[name] = support.until(look, f"an asset of {name}")
        support.until(lambda: self.is_whole(name), f"all that {name} has", state=lambda:
                      [(row["kind"], row["bytes"]) for row in self.sent(name)][-20:])

    def is_whole(self, name):
        """Whether every collector's first pass has come, and everything that it told of is known:
        an answer that is still missing is a record that has not come either."""
        said = self.sent(name)
        told = sum(row["kind"] == "pass" for row in said)
        return told >= 6 and self.place.is_quiet() and self.sent(name) == said \
            and len(self.known(name)) > 500 and not self.lacks(name)

    def lacks(self, name):
        """What the first has and this one has not, of what does not change by itself."""
        first = next(iter(self.assets))
        return sorted(set(self.known(first)) - set(self.known(name)))

    def sent(self, name):
        agent = next(row["agent_id"] for row in self.place.rows("assets", "list")
                     if row["asset_id"] == self.assets[name])
        return [row for row in self.place.rows("log", "dump") if row["writer_id"] == agent]

    def bytes_sent(self, name):
        return sum(row["bytes"] for row in self.sent(name) if row["lane"] == 3)

    def known(self, name):
        return {row["key"]: (row["status"], row["value"])
                for row in self.place.rows("facts", self.assets[name])
                if not row["key"].startswith(VOLATILE)}

    def kinds(self, name):
        return {row["kind"] for row in self.sent(name)}

    def test_the_second_machine_sends_a_tenth_and_is_known_as_well_as_the_first(self):
        self.start_agent("first")
        self.start_agent("second")
        self.assertIn("bundle", self.kinds("first"))
        self.assertEqual(self.known("second"), self.known("first"))
        first, second = self.bytes_sent("first"), self.bytes_sent("second")
        self.assertLess(second, first / 10, (first, second))

    def test_without_bundles_every_value_is_sent_and_the_same_is_known(self):
        self.start_agent("first")
        self.start_agent("whole", bundles="off")
        self.assertNotIn("have", self.kinds("whole"))
        self.assertEqual(self.known("whole"), self.known("first"))

    def test_killed_while_it_asks_the_server_has_it_all_in_the_end(self):
        self.launch_agent("first")
        support.until(lambda: any(row["kind"] == "have" for row in self.place.rows("log", "dump")),
                      "hashes")
        for role in ("processor", "log"):
            process = self.roles[role]
            support.running.remove(process)
            process.signal(signal.SIGKILL)
            process.wait()
            self.roles[role] = self.start(role)
        self.wait_known("first")
        self.start_agent("second")
        self.assertEqual(self.known("second"), self.known("first"))
        status = self.place.status()
        self.assertEqual((status["lost"], status["quarantined"]), (0, 0))


if __name__ == "__main__":
    support.main()
