# SPDX-License-Identifier: Apache-2.0
"""How a machine gets in, stays who it is under a new key, and is shut out: with real processes."""
import json
import os
import shutil
import signal
import subprocess

import support

# What takes long on any machine, or is not ours to foresee.
SKIP = support.QUIET + ["packages", "files", "units", "cron", "kernel", "accounts"]


class Enrolment(support.Case):
    def setUp(self):
        super().setUp()
        self.server = self.place.start("serve", "--listen", "tcp://127.0.0.1:*")
        ready = self.server.wait_for("gateway-ready")
        self.addresses = ["--gateway", ready["listen"], "--endpoint", ready["enrolment"]]
        self.server.wait_for("agent-ready")
        support.running.append(self.server)
        support.write_whole(self.place.at("agent.yaml"), json.dumps({"agent": {
            "skip": SKIP, "heartbeat": "1s"}}))

    # ---- the two programs ----

    def create(self, *options, name="file"):
        path = self.place.at(name)
        self.place.run("enrolment", "create", *self.addresses, "--out", path, *options)
        return path

    def agent_command(self, data, *arguments):
        return [os.path.join(support.BUILD, "fettle-agent"), "--data", self.place.at(data),
                "--config", self.place.at("agent.yaml"), "--log-format", "json", *arguments]

    def enrol(self, file, *options, data="a1", code=0, given=None):
        done = subprocess.run(self.agent_command(data, "--enrol", file, *options), input=given,
                              env=self.place.environment(), capture_output=True, timeout=100,
                              check=False)
        said = done.stderr.decode()
        support.refuse_accusations(["--enrol"], said)
        self.assertEqual(done.returncode, code, said)
        return said

    def start_agent(self, data="a1"):
        process = support.Process(self.agent_command(data), self.place.environment())
        self.place.processes.append(process)
        return process

    def agents(self, **fields):
        return [agent for agent in self.place.rows("agents")
                if all(agent[name] == value for name, value in fields.items())]

    def others(self):
        """The agents but for the server's own."""
        return [agent for agent in self.agents() if agent["by"] != "server"]

    def asset_of(self, agent_id):
        for asset in self.place.rows("assets", "list"):
            if asset["agent_id"] == agent_id:
                return asset
        return None

    def wait_seen(self, agent_id):
        return support.until(lambda: self.asset_of(agent_id), "the agent's asset",
                             state=lambda: self.place.rows("assets", "list"))

    def key(self, data="a1"):
        with open(self.place.at(data, "keys", "agent.pub"), encoding="utf-8") as file:
            return file.read().strip()


class Entering(Enrolment):
    def test_a_machine_with_a_token_is_let_in_and_seen(self):
        file = self.create("--name", "it's web")
        self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)
        said = self.enrol(file)
        self.assertIn("let in as agent", said)
        (agent,) = self.others()
        self.assertEqual((agent["state"], agent["by"]), ("admitted", "enrolment"))
        self.assertEqual(agent["public_key"], self.key())
        process = self.start_agent()
        process.wait_for("link-open")
        self.wait_seen(agent["agent_id"])
        (enrolment,) = self.place.rows("enrolment")
        self.assertEqual((enrolment["state"], enrolment["uses"], enrolment["name"]),
                         ("used up", 1, "it's web"))
        with open(file, encoding="utf-8") as opened:
            secret = opened.read().split('secret: "')[1][:32]
        self.assertNotIn(secret, self.place.run("enrolment").decode())
        for root, _, names in os.walk(self.place.at("a1", "keys")):
            for name in names:
                with open(os.path.join(root, name), encoding="utf-8") as opened:
                    self.assertNotIn(secret, opened.read())
        self.assertEqual(process.stop() < 10, True)

    def test_a_token_lets_one_machine_in_however_often_that_one_asks(self):
        file = self.create()
        self.enrol(file)
        self.assertIn("let in", self.enrol(file))
        self.assertIn("refused", self.enrol(file, data="a2", code=1))
        self.assertFalse(os.path.exists(self.place.at("a2", "keys", "server.pub")))
        self.assertEqual(len(self.others()), 1)

    def test_a_revoked_enrolment_lets_nobody_in(self):
        file = self.create("--uses", "5")
        (enrolment,) = self.place.rows("enrolment")
        self.place.run("enrolment", "revoke", enrolment["enrolment_id"][:8])
        self.assertIn("refused", self.enrol(file, code=1))
        self.assertEqual(self.place.rows("enrolment")[0]["state"], "revoked")

    def test_a_server_with_another_key_is_not_spoken_with(self):
        file = self.create()
        with open(file, encoding="utf-8") as opened:
            text = opened.read()
        other = self.place.at("elsewhere")
        subprocess.run([os.path.join(support.BUILD, "fettle-agent"), "--data", other,
                        "--config", self.place.at("agent.yaml")], check=False,
                       env=self.place.environment(), capture_output=True, timeout=100)
        with open(os.path.join(other, "keys", "agent.pub"), encoding="utf-8") as opened:
            wrong = opened.read().strip()
        right = text.split('server_key: "')[1][:40]
        self.assertIn("no server has answered",
                      self.enrol("-", given=text.replace(right, wrong).encode(), code=3))
        self.assertEqual(self.others(), [])
        self.enrol("-", given=text.encode())  # and it was not used up

    def test_a_bad_file_is_refused_before_anybody_is_asked(self):
        file = self.create()
        os.chmod(file, 0o644)
        self.assertIn("everybody", self.enrol(file, code=65))
        with open(file, encoding="utf-8") as opened:
            text = opened.read()
        head, tail = text.split('secret: "')
        damaged = ("0" if tail[0] != "0" else "1") + tail[1:]
        said = self.enrol("-", given=(head + 'secret: "' + damaged).encode(), code=65)
        self.assertIn("damaged", said)
        self.assertNotIn(tail[1:39], said)
        self.enrol(self.place.at("none"), code=65)
        self.assertFalse(os.path.exists(self.place.at("a1")))

    def test_the_server_keeps_its_own_directory(self):
        file = self.create()
        self.place.run("agent", "enrol", file, code=1)
        self.assertIn("of a server", self.place.complaints)

    def test_with_approval_an_operator_has_the_last_word(self):
        file = self.create("--approval", "--uses", "2", "--group", "web")
        self.assertIn("approve", self.enrol(file, code=1))
        (agent,) = self.others()
        self.assertEqual((agent["state"], agent["group"]), ("pending", "web"))
        process = self.start_agent()
        process.wait_for("enrolment-pending", patience=60)
        self.assertIsNone(process.said("link-open"))
        self.place.run("agents", "approve", agent["agent_id"][:8], "--reason", "ours")
        process.wait_for("link-open", patience=150)
        self.wait_seen(agent["agent_id"])
        process.stop()


class Deciding(Enrolment):
    def test_a_name_of_several_says_which(self):
        file = self.create("--uses", "2")
        self.enrol(file)
        self.enrol(file, data="a2")
        first, second = self.others()
        self.assertEqual(first["name"], second["name"])
        self.place.run("agents", "revoke", first["name"], "--yes", code=1)
        for agent in (first, second):
            self.assertIn(agent["agent_id"][:12], self.place.complaints)
        self.place.run("agents", "revoke", first["agent_id"][:10], code=2)  # nobody can be asked
        self.assertEqual(len(self.agents(state="revoked")), 0)
        self.place.run("agents", "revoke", first["agent_id"][:10], "--yes", "--reason", "sold")
        (gone,) = self.agents(state="revoked")
        self.assertEqual((gone["agent_id"], gone["reason"]), (first["agent_id"], "sold"))
        self.place.run("agents", "rotate", "nobody", code=1)
        self.place.run("agents", "rotate", code=2)

    def test_a_revoked_agent_says_so_and_keeps_its_spool(self):
        self.enrol(self.create())
        process = self.start_agent()
        process.wait_for("link-open")
        (agent,) = self.others()
        self.wait_seen(agent["agent_id"])
        self.place.run("agents", "revoke", agent["agent_id"], "--yes")
        said = process.wait_for("agent-refused", patience=90)
        self.assertIn("revoked", said["msg"])
        self.assertFalse(process.has_ended())
        self.assertTrue(os.path.exists(self.place.at("a1", "spool", "data.mdb")))
        self.assertIn("revoked", self.enrol(self.create(name="more"), code=1))
        process.stop()
        # With a key of its own it is another agent.
        self.enrol(self.create(name="again"), "--new-key")
        self.assertEqual(len(self.agents(state="admitted")), 2)
        self.assertTrue([name for name in os.listdir(self.place.at("a1"))
                         if name.startswith("aside-")])


class Gateways(Enrolment):
    def test_the_one_that_answers_is_found_among_those_of_the_enrolment(self):
        """Their order is drawn from the agent's key, so it mostly begins with one that is gone."""
        here = self.addresses[1]
        gone = [f"tcp://127.0.0.1:{support.free_port()}" for _ in range(3)]
        self.addresses[1] = ",".join([*gone, here])
        self.enrol(self.create())
        process = self.start_agent()
        process.wait_for("link-open", patience=60, endpoint=here)
        process.stop()


class Copies(Enrolment):
    def copy(self):
        """What an image of a machine has, started on another: other hashes stand beside its key."""
        self.enrol(self.create())
        process = self.start_agent()
        process.wait_for("link-open")
        (agent,) = self.others()
        self.wait_seen(agent["agent_id"])
        process.stop()
        shutil.copytree(self.place.at("a1"), self.place.at("a2"))
        support.write_whole(self.place.at("a2", "keys", "agent.machine"),
                            "00112233445566778899aabbccddeeff -\n")
        return agent

    def test_a_copy_becomes_another_agent_by_the_enrolment_in_its_image(self):
        original = self.copy()
        shutil.copy(self.create("--uses", "9", name="image"),
                    self.place.at("a2", "keys", "enrolment"))
        processes = [self.start_agent("a1"), self.start_agent("a2")]
        processes[1].wait_for("identity-copied")
        processes[1].wait_for("enrolled")
        for process in processes:
            process.wait_for("link-open")
        new = [agent for agent in self.others() if agent["agent_id"] != original["agent_id"]]
        self.assertEqual(len(new), 1)
        self.wait_seen(new[0]["agent_id"])
        self.assertNotEqual(self.asset_of(original["agent_id"])["asset_id"],
                            self.asset_of(new[0]["agent_id"])["asset_id"])
        (aside,) = [name for name in os.listdir(self.place.at("a2"))
                    if name.startswith("aside-")]
        self.assertTrue(os.path.exists(self.place.at("a2", aside, "keys", "agent.key")))
        self.assertTrue(os.path.exists(self.place.at("a2", aside, "spool", "data.mdb")))
        for process in processes:
            process.stop()
        again = self.start_agent("a2")  # enrolled once and for all
        again.wait_for("link-open")
        self.assertIsNone(again.said("enrolled"))
        again.stop()
        self.assertEqual(len(self.others()), 2)

    def test_a_copy_without_one_does_not_run_until_it_is_let_in(self):
        self.copy()
        for _ in range(2):  # a service manager tries again
            process = self.start_agent("a2")
            self.assertEqual(process.wait(), 78)
            self.assertIn("--enrol", process.said("enrolment-wanted")["msg"])
            self.assertIsNone(process.said("agent-ready"))
        self.enrol(self.create(name="again"), data="a2")
        process = self.start_agent("a2")
        process.wait_for("link-open")
        process.stop()


class Rotating(Enrolment):
    def setUp(self):
        super().setUp()
        self.enrol(self.create())
        self.process = self.start_agent()
        self.process.wait_for("link-open")
        (self.agent,) = self.others()
        self.wait_seen(self.agent["agent_id"])

    def rotate(self):
        self.place.run("agents", "rotate", self.agent["agent_id"])

    def is_settled(self, before):
        """The agent connects with a new key, and the one before is gone from its disk."""
        keys = os.listdir(self.place.at("a1", "keys"))
        left = [name for name in keys if "next" in name or "previous" in name]
        return self.key_or_none() not in (before, None) and not left

    def wait_settled(self, before):
        support.until(lambda: self.is_settled(before), "a new key in use",
                      state=lambda: (os.listdir(self.place.at("a1", "keys")),
                                     self.process.text()))
        support.until(lambda: self.others()[0]["public_key"] == self.key(), "the same here",
                      state=self.others)

    def test_the_key_changes_and_the_agent_stays(self):
        before = self.key()
        self.rotate()
        self.process.wait_for("key-rotated")
        self.wait_settled(before)
        (agent,) = self.others()
        self.assertEqual(agent["agent_id"], self.agent["agent_id"])
        self.assertEqual(len(self.place.rows("assets", "list")), 2)
        seen = self.asset_of(agent["agent_id"])["last_seen_at"]
        support.until(lambda: self.asset_of(agent["agent_id"])["last_seen_at"] > seen,
                      "a heartbeat under the new key")
        self.assertEqual(self.place.status()["lost"], 0)
        self.process.stop()
        again = self.start_agent()
        again.wait_for("link-open")
        again.stop()
        self.assertEqual(len(self.others()), 1)

    def test_an_agent_that_is_killed_at_any_moment_of_it_comes_back(self):
        for marker in ("agent.next.key", "agent.id", "agent.previous.key", None):
            before = self.key()
            self.rotate()
            if marker is not None:
                support.until(lambda: os.path.exists(self.place.at("a1", "keys", marker))
                              or self.key_or_none() not in (before, None), marker)
            self.process.signal(signal.SIGKILL)
            self.process.wait()
            self.process = self.start_agent()
            self.process.wait_for("link-open")
            self.wait_settled(before)
        (agent,) = self.others()
        self.assertEqual(agent["agent_id"], self.agent["agent_id"])
        self.assertEqual(len(self.place.rows("assets", "list")), 2)
        self.assertEqual(self.place.status()["lost"], 0)
        self.process.stop()

    def key_or_none(self):
        try:
            return self.key()
        except FileNotFoundError:
            return None

    def test_the_servers_own_agent_rotates_too_and_scan_still_finds_it(self):
        own = self.agents(by="server")[0]
        self.place.run("agents", "rotate", "--all")
        self.server.wait_for("key-rotated")
        support.until(lambda: {row["agent_id"]: row for row in self.agents()}[
            own["agent_id"]]["public_key"] != own["public_key"], "another key")
        self.process.stop()
        summary = self.place.json("scan")
        self.assertEqual(summary["asset_id"], self.asset_of(own["agent_id"])["asset_id"])


if __name__ == "__main__":
    support.main()
