# SPDX-License-Identifier: Apache-2.0
"""A full disk is said and waited out: what was seen meanwhile is there once there is room."""
import os
import subprocess
import unittest

import support

FILES = 40
SIZE = 128 * 1024 * 1024  # the environments as they begin, and something more


class FullDisk(support.Case):
    def setUp(self):
        super().setUp()
        if not support.IS_ROOT:
            raise unittest.SkipTest("mounting a small disk takes root")
        os.mkdir(self.place.data)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none",
                               self.place.data], capture_output=True, check=False, text=True)
        if done.returncode != 0:
            raise unittest.SkipTest("a tmpfs cannot be mounted here: " + done.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.place.data], check=False)
        self.files = [self.place.at("watched", f"file-{number}") for number in range(FILES)]
        for file in self.files:
            support.write_whole(file, "sky = blue\n")
        self.place.write_policy("colours", {
            os.path.basename(file): ("none", [f"f:{file} -> r:^sky = red$"])
            for file in self.files})

    def fill(self):
        """Takes all the room that is left."""
        path = os.path.join(self.place.data, "filler")
        with open(path, "wb", buffering=0) as file:
            size = 1024 * 1024
            while size > 0:
                try:
                    file.write(b"\0" * size)
                except OSError:
                    size //= 2
        return path

    def refusals(self, process):
        return [event for event in list(process.events)
                if event["id"] in ("log-stopped", "processor-stopped", "spool-no-space",
                                   "sink-stopped")]

    def complaints(self, process):
        return [f"{event['id']}: {event['msg']}" for event in list(process.events)
                if "space" in event["msg"] or "room" in event["msg"]]

    def load(self, number):
        """Content that no two calls share, so that every call needs room of its own."""
        for file in self.files:
            lines = [f"{number} {line} {os.urandom(20).hex()}" for line in range(900)]
            support.write_whole(file, "\n".join(lines) + f"\ncount = {number}\n")

    def last(self):
        """The last lines that are known of the files."""
        facts = self.place.facts("file" + self.place.at("watched"))
        return {(support.value_of(fact, "content") or "").splitlines()[-1]
                for fact in facts.values()}

    def test_without_room_to_begin_it_says_so_and_ends(self):
        self.fill()
        process = self.place.start("serve", "--listen", "tcp://127.0.0.1:*")
        self.assertEqual(process.wait(), 74)
        self.assertIn("space", process.text())
        self.assertIn(self.place.data, process.text())

    def test_what_is_seen_while_it_is_full_is_there_once_there_is_room(self):
        process = self.place.serve()
        self.place.wait_facts(*self.files)
        filler = self.fill()
        number = 0
        # The first word is a warning, well before anything is refused: on until something is.
        while not self.refusals(process):
            number += 1
            self.assertLess(number, 60, "it takes more than the disk has")
            self.load(number)
            support.until(lambda: self.last() == {f"count = {number}"}
                          or self.refusals(process), f"round {number}", state=self.last)
        complaints = self.complaints(process)
        print("\n".join([f"in round {number}:"] + complaints))
        self.assertTrue(complaints[0].startswith("kv-no-space: "), complaints[0])
        self.load(number + 1)
        os.unlink(filler)
        support.until(lambda: self.last() == {f"count = {number + 1}"}, "the last contents",
                      patience=100, state=lambda: (self.last(), process.text()))
        support.write_whole(self.files[0], "sky = red\n")
        support.until(self.place.findings, "the finding", patience=100)
        self.place.wait_quiet()
        for file in self.files:
            changes = self.place.changes(file)
            for earlier, later in zip(changes, changes[1:]):
                self.assertEqual(earlier["after"], later["before"])
        self.assertEqual(self.place.status()["quarantined"], 0)
        self.assertFalse(process.has_ended())
        process.stop()


if __name__ == "__main__":
    support.main()
