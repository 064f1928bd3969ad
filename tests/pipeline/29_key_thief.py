# SPDX-License-Identifier: Apache-2.0
"""Somebody has stolen an agent's key and speaks with it beside its owner, in every manner."""
import asyncio
import json
import os
import sys

import support

sys.path.insert(0, os.path.join(support.TOP, "tests", "faults"))
import zmtp  # noqa: E402

SKIP = support.QUIET + ["packages", "files", "units", "cron", "kernel", "accounts"]


def hello(names_run=True):
    """As of an agent that was never here before: of another spool and another run each time."""
    said = (b"\x08\x01\x10\x01" + zmtp.field(3, b"agent") + zmtp.field(4, os.urandom(16))
            + b"\x28\x00\x30\x01" + zmtp.field(10, os.urandom(16)))
    if names_run:
        said += b"\xa2\x01\x10" + os.urandom(16)
    return b"\x08\x00" + zmtp.field(2, said)


class Thief(support.Case):
    def setUp(self):
        super().setUp()
        self.server = self.place.serve()
        self.listen = self.server.said("gateway-ready")["listen"]
        support.write_whole(self.place.at("agent.yaml"), json.dumps(
            {"agent": {"skip": SKIP, "heartbeat": "1s"}}))
        self.owner = support.Process(
            [os.path.join(support.BUILD, "fettle-agent"), "--data", self.place.at("owner"),
             "--config", self.place.at("agent.yaml"), "--log-format", "json", "--server",
             self.listen, "--server-key", self.place.at("data", "keys", "server.pub")],
            self.place.environment())
        self.place.processes.append(self.owner)
        self.owner.wait_for("agent-ready")
        self.place.admit(self.place.at("owner"))
        self.owner.wait_for("link-open")
        # What the log notes of an agent has an asset once that was seen.
        support.until(lambda: len(self.place.rows("assets", "list")) == 2, "the owner's asset")

    def state(self):
        return next(row["state"] for row in self.place.rows("agents") if row["by"] != "server")

    def last_seen(self):
        agent = next(row["agent_id"] for row in self.place.rows("agents") if row["by"] != "server")
        return next(row["last_seen_at"] for row in self.place.rows("assets", "list")
                    if row["agent_id"] == agent)

    def audit(self, action):
        return [row for row in self.place.rows("audit") if row["action"] == action]

    def say(self, *frames):
        """By one connection with the owner's key; returns once all were sent."""
        async def speak():
            peer = await zmtp.Peer.dial(int(self.listen.rsplit(":", 1)[1]))
            with open(self.place.at("data", "keys", "server.pub"), encoding="ascii") as file:
                server_key = zmtp.z85_decode(file.read().strip())
            await peer.curve(server_key, zmtp.load_pair(self.place.at("owner", "keys")))
            for frame in frames:
                await peer.send(peer.message(frame))
            return peer
        loop = asyncio.new_event_loop()
        peer = loop.run_until_complete(asyncio.wait_for(speak(), support.PATIENCE))
        return loop, peer

    def stop_saying(self, loop, peer):
        peer.close()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    def test_a_thief_who_is_another_each_time_is_found_as_soon_as_the_owner_speaks_again(self):
        for _ in range(2):
            since = len(self.owner.events)
            thief = self.say(hello())
            # The owner's next heartbeat finds its session gone.
            support.until(lambda: self.owner.said("link-lost", since), "the owner's turn",
                          state=self.owner.text)
            support.until(lambda: self.owner.said("link-open", since)
                          or self.server.said("agent-cloned"), "what becomes of it",
                          state=self.owner.text)
            self.stop_saying(*thief)
        self.server.wait_for("agent-cloned")
        support.until(lambda: self.state() == "quarantined", "quarantine", state=self.state)
        support.until(lambda: self.audit("clone") and self.audit("spool anew"), "the audit",
                      state=lambda: self.place.rows("audit"))

    def test_a_thief_who_names_no_run_is_refused_and_the_owner_goes_on(self):
        thief = self.say(hello(names_run=False))
        self.assertIn("which run", self.server.wait_for("hello-refused")["msg"])
        seen = self.last_seen()
        support.until(lambda: self.last_seen() > seen, "the owner's next heartbeat",
                      state=self.owner.text)
        self.assertFalse(self.owner.said("link-lost"))
        self.stop_saying(*thief)
        support.until(lambda: self.audit("hello refused"), "the audit",
                      state=lambda: self.place.rows("audit"))
        self.assertEqual(self.state(), "admitted")
        self.assertEqual(self.place.status()["lost"], 0)

    def test_a_thousand_hellos_cost_a_few_commits_and_one_line_each_minute(self):
        thief = self.say(*(hello() for _ in range(1000)))
        self.server.wait_for("hello-too-often")
        support.until(lambda: self.audit("spool anew"), "the audit",
                      state=lambda: self.place.rows("audit"))
        self.stop_saying(*thief)
        self.place.wait_quiet()
        self.assertEqual(len(self.audit("spool anew")), 1)
        self.assertEqual(
            len([event for event in self.server.events if event["id"] == "hello-too-often"]), 1)


if __name__ == "__main__":
    support.main()
