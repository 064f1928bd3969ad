# SPDX-License-Identifier: Apache-2.0
"""What is kept can be verified, backed up while it is written, and restored; agents follow."""
import os
import threading

import support


class Data(support.Case):
    def setUp(self):
        super().setUp()
        self.files = [self.place.at("watched", f"file-{number}") for number in range(5)]
        for file in self.files:
            support.write_whole(file, "sky = blue\n")
        self.place.write_policy("colours", {
            os.path.basename(file): [f"f:{file} -> r:^sky = red$"]
            for file in self.files})
        self.backup = self.place.at("backup")

    def serve(self):
        process = self.place.serve()
        self.place.wait_facts(*self.files)
        support.until(lambda: len(self.place.findings()) == len(self.files), "the findings")
        return process

    def epoch(self):
        return max(row["epoch"] for row in self.place.rows("log", "dump")
                   if row["kind"] in ("heartbeat", "fact_set"))

    def contents(self):
        facts = self.place.facts("file" + self.place.at("watched"))
        return {key: support.value_of(fact, "content") for key, fact in facts.items()}

    def on_disk(self):
        return {"file" + path: open(path, encoding="utf-8").read() for path in self.files}

    def damage(self, environment, text):
        """Flips one bit wherever TEXT stands in the environment."""
        path = os.path.join(self.place.data, environment, "data.mdb")
        with open(path, "r+b") as file:
            data = file.read()
            at = data.find(text)
            self.assertGreaterEqual(at, 0)
            while at >= 0:
                file.seek(at)
                file.write(bytes([data[at] ^ 1]))
                at = data.find(text, at + 1)

    def verify(self, code=0):
        return self.place.rows("data", "verify", code=code)

    def change_all_the_time(self, over):
        number = 0
        while not over.wait(0.002):
            number += 1
            support.write_whole(self.files[number % 4], f"sky = blue\ncount = {number}\n")

    def test_a_backup_brings_everything_back(self):
        process = self.serve()
        over = threading.Event()
        changing = threading.Thread(target=self.change_all_the_time, args=(over,))
        changing.start()
        try:
            for number in range(5):
                self.assertEqual(self.verify(), [])
                self.place.run("data", "backup", f"{self.backup}-{number}")
        finally:
            over.set()
            changing.join()
        self.place.run("data", "restore", f"{self.backup}-4", code=74)
        self.place.run("data", "backup", f"{self.backup}-4", code=2)
        support.write_whole(self.files[4], "sky = grey, since the backup\n")
        # Not only the last change: a file that was written all the time is read once it rests.
        support.until(lambda: self.contents() == self.on_disk(), "every file as it is",
                      state=self.contents)
        self.place.wait_quiet()
        contents, findings, epoch = self.contents(), self.place.findings(), self.epoch()
        process.stop()

        self.damage("state", b"sky = grey, since")
        faults = self.verify(code=65)
        self.assertEqual({row["environment"] for row in faults}, {"state"})
        self.assertTrue(all(row["do"] for row in faults))
        self.assertIn("value", {row["table"] for row in faults})

        self.place.run("data", "restore", f"{self.backup}-4", "--dry-run")
        self.verify(code=65)
        self.place.run("data", "restore", f"{self.backup}-4")
        aside = [name for name in os.listdir(self.place.data) if name.startswith("aside-")]
        self.assertEqual(len(aside), 1)
        self.assertEqual(sorted(os.listdir(os.path.join(self.place.data, aside[0]))),
                         ["keys", "log", "state", "store"])
        self.assertEqual(self.verify(), [])

        self.place.serve()
        support.until(lambda: self.epoch() > epoch, "a new epoch", state=self.epoch)
        support.until(lambda: self.contents() == contents, "the facts of now",
                      state=lambda: (self.contents(), contents))
        self.place.wait_quiet()
        self.assertGreater(self.epoch() >> 32, 0)
        self.assertEqual(sorted(self.place.findings()), sorted(findings))
        self.assertEqual(self.place.status()["quarantined"], 0)
        self.assertEqual(self.verify(), [])

    def test_what_is_no_whole_backup_is_not_restored(self):
        process = self.serve()
        self.place.run("data", "backup", self.backup)
        process.stop()
        os.rename(os.path.join(self.backup, "MANIFEST"), os.path.join(self.backup, "kept"))
        self.place.run("data", "restore", self.backup, code=1)
        self.assertIn("MANIFEST", self.place.complaints)
        os.rename(os.path.join(self.backup, "kept"), os.path.join(self.backup, "MANIFEST"))
        path = os.path.join(self.backup, "log", "data.mdb")
        with open(path, "r+b") as file:
            file.seek(20000)
            byte = file.read(1)
            file.seek(20000)
            file.write(bytes([byte[0] ^ 1]))
        self.place.run("data", "restore", self.backup, code=65)
        self.assertIn(path, self.place.complaints)
        self.assertEqual([name for name in os.listdir(self.place.data) if "-" in name], [])
        self.place.serve()
        self.place.wait_quiet()


if __name__ == "__main__":
    support.main()
