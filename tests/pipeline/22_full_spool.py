# SPDX-License-Identifier: Apache-2.0
"""A server that is away for longer than the agent's spool lasts: what is lost is counted and shown,
and in the end the server knows what is there."""
import json
import os

import support

FILES, SIZE = 24, 30000  # 700 KiB of changes, and the lane has room for half of that


class FullSpool(support.Case):
    def setUp(self):
        super().setUp()
        self.files = [self.place.at("watched", f"file-{i:02}") for i in range(FILES)]
        self.rounds = 0
        self.write("a")
        self.place.write_policy("words", {f"c{i}": [f"f:{path} -> r:^word"]
                                          for i, path in enumerate(self.files)})
        ports = {name: f"tcp://127.0.0.1:{support.free_port()}"
                 for name in ("agents", "gateways", "readers", "sinks")}
        self.place.configure(gateway={"listen": ports["agents"], "log": ports["gateways"],
                                      "readers": ports["readers"]},
                             log={"agents": ports["gateways"], "readers": ports["readers"]},
                             processor={"log": ports["readers"], "verdicts": ports["sinks"]},
                             sink={"processor": ports["sinks"]})
        self.server = ports["agents"]

    def write(self, letter, size=100):
        """Every file anew: nothing that is in it was in any of them before."""
        self.rounds += 1
        for path in self.files:
            if os.path.exists(path) or self.rounds == 1:
                support.write_whole(path, f"word {self.rounds} of {path}\n" + letter * size + "\n")

    def start(self, role):
        process = self.place.start(role)
        process.wait_for(f"{role}-ready")
        support.running.append(process)
        return process

    def start_agent(self):
        collectors = [row["collector"] for row in self.place.rows("collectors")]
        config, self.place.config = self.place.config, self.place.at("agent.yaml")
        support.write_whole(self.place.config, json.dumps({"agent": {
            "spool_size": "1MiB", "skip": [name for name in collectors if name != "files"]}}))
        try:
            agent = self.place.start("--server", self.server, "--server-key",
                                     self.place.at("data", "keys", "server.pub"),
                                     program="fettle-agent", data=self.place.at("agent"))
        finally:
            self.place.config = config
        agent.wait_for("agent-ready")
        support.running.append(agent)
        self.place.admit(self.place.at("agent"))
        return agent

    def is_known(self):
        """Whether the facts are what the files are."""
        facts = self.place.facts("file" + self.place.at("watched"))
        for path in self.files:
            fact = facts.get("file" + path)
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    if support.value_of(fact, "content") != file.read():
                        return False
            elif fact is not None and fact["status"] == "present":
                return False
        return True

    def lose_the_oldest(self, agent):
        def write_and_look():
            self.write("b", SIZE)
            return agent.said("spool-evicting")
        support.until(write_and_look, "the spool to be full", state=agent.text)
        os.unlink(self.files[0])
        self.write("c", SIZE)

    def test_what_is_lost_is_counted_and_what_is_there_is_known(self):
        for role in ("log", "sink", "processor"):
            self.start(role)
        gateway = self.start("gateway")
        agent = self.start_agent()
        self.place.wait_facts(*self.files)
        self.assertEqual(self.place.rows("gaps"), [])
        gateway.stop()
        self.lose_the_oldest(agent)
        self.start("gateway")
        support.until(lambda: self.place.status()["lost"] > 0, "the loss", state=self.place.status)
        support.until(self.is_known, "the files as they are", state=agent.text)
        self.place.wait_quiet()
        self.check_gaps()
        self.check_numbers()

    def check_gaps(self):
        gaps = self.place.rows("gaps", self.place.asset())
        self.assertEqual(sum(gap["count"] for gap in gaps), self.place.status()["lost"])
        placed = [gap for gap in gaps if gap["from"] is not None]
        self.assertTrue(placed)
        for gap in placed:
            self.assertEqual(gap["lane"], "delta")
            self.assertGreater(gap["count"], 0)
            self.assertLessEqual(gap["from"], gap["to"])
            self.assertLessEqual(gap["first_at"], gap["last_at"])
            self.assertLess(gap["last_at"], gap["at"])
        shown = self.place.run("gaps").decode()
        self.assertIn("the spool was full: the oldest changes went", shown)
        self.assertRegex(self.place.complaints, f"{len(gaps)} gaps?, .* records")
        print(f"{self.rounds} rounds of {FILES} files; gaps: "
              f"{[(gap['lane'], gap['from'], gap['to'], gap['count']) for gap in gaps]}")

    def check_numbers(self):
        lanes = {}
        for row in self.place.rows("log", "dump"):
            if row["lane"] != 0:
                lanes.setdefault(row["lane"], []).append(row["sequence"])
        for lane, numbers in lanes.items():
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)), f"lane {lane}")


if __name__ == "__main__":
    support.main()
