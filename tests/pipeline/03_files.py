# SPDX-License-Identifier: Apache-2.0
"""A file that changes while it is watched: seen within moments, with what it was and what it is."""
import datetime
import os
import time

import support

CHANGES = 20
LARGE = 10 * 1024 * 1024


class Files(support.Case):
    def setUp(self):
        super().setUp()
        self.file = self.place.at("watched", "colours")
        support.write_whole(self.file, "sky = blue\n")
        self.place.write_policy("colours", {
            "no-red": ("none", [f"f:{self.file} -> r:^\\S+ = red$"]),
        })
        self.wrap = None

    def serve(self):
        process = self.place.serve(wrap=self.wrap)
        self.place.wait_facts(self.file)
        return process

    def fact(self):
        return self.place.facts("file" + self.file).get("file" + self.file)

    def wait_fact(self, what, condition):
        """The fact of the file, once CONDITION holds of it."""
        def look():
            fact = self.fact()
            return fact is not None and condition(fact) and fact
        return support.until(look, what, state=self.fact)

    def wait_changes(self, count):
        """All changes of the file, once there are COUNT."""
        return support.until(
            lambda: (lambda found: len(found) >= count and found)(self.place.changes(self.file)),
            f"{count} changes", state=lambda: self.place.changes(self.file))

    def result(self):
        """passed, failed, not_applicable or not_run: what became of the one check."""
        policy = self.place.rows("policies", "list")[0]
        names = [name for name in ("passed", "failed", "not_applicable", "not_run")
                 if policy[name] == 1]
        self.assertEqual(len(names), 1, policy)
        return names[0]

    def wait_result(self, name):
        support.until(lambda: self.result() == name, name, state=self.result)


class Lines(Files):
    def test_a_line_added_is_a_change_with_before_and_after(self):
        names = [self.place.at("watched", f"file-{number}") for number in range(CHANGES)]
        for name in names:
            support.write_whole(name, "sky = blue\n")
        self.place.write_policy("many", {
            f"check-{number}": [f"f:{name} -> r:green"] for number, name in enumerate(names)})
        self.serve()
        self.place.wait_facts(*names)
        latencies = []
        for name in names:
            written = time.time()
            support.append_line(name, "leaf = green")
            changes = support.until(lambda: self.place.changes(name), f"a change of {name}")
            self.assertEqual(len(changes), 1)
            stored = datetime.datetime.fromisoformat(changes[0]["stored_at"].replace("Z", "+00:00"))
            latencies.append(stored.timestamp() - written)
            self.assertEqual(support.value_of(changes[0]["before"], "content"), "sky = blue\n")
            self.assertEqual(support.value_of(changes[0]["after"], "content"),
                             "sky = blue\nleaf = green\n")
            self.assertEqual(changes[0]["collector"], "files")
        print(f"from write to stored: p50 {support.median(latencies) * 1000:.0f} ms, "
              f"worst {max(latencies) * 1000:.0f} ms of {CHANGES}")
        self.assertLess(support.median(latencies), 20)

    def test_a_file_that_does_not_rest_loses_no_state_that_lasts(self):
        self.serve()
        content = "sky = blue\n"
        for number in range(1, 11):
            support.append_line(self.file, f"leaf-{number} = green")
            change = self.wait_changes(number)[-1]
            self.assertEqual(support.value_of(change["before"], "content"), content)
            content += f"leaf-{number} = green\n"
            self.assertEqual(support.value_of(change["after"], "content"), content)

    def test_a_finding_opens_and_closes_with_the_file(self):
        self.serve()
        self.assertEqual(self.place.findings("--all"), {})
        support.append_line(self.file, "rose = red")
        opened = support.until(self.place.findings, "an open finding")["colours/no-red"]
        self.assertEqual(opened["state"], "open")
        self.assertIn("rose = red", opened["evidence"][0]["detail"])
        self.assertEqual(opened["evidence"][0]["key"], "file" + self.file)
        support.write_whole(self.file, "rose = white\n")
        support.until(lambda: not self.place.findings(), "no open finding",
                      state=self.place.findings)
        closed = self.place.findings("--all")["colours/no-red"]
        self.assertEqual((closed["id"], closed["state"]), (opened["id"], "fixed"))
        self.assertIsNotNone(closed["fixed_at"])
        support.append_line(self.file, "rose = red")
        again = support.until(self.place.findings, "the finding again")["colours/no-red"]
        self.assertEqual((again["id"], again["reopened"]), (opened["id"], 1))

    def test_many_writes_at_once_end_with_what_is_there_last(self):
        self.serve()
        for number in range(500):
            support.write_whole(self.file, f"count = {number}\n")
        self.wait_fact("the last content", lambda fact: support.value_of(fact, "content")
                       == "count = 499\n")
        self.place.wait_quiet()
        changes = self.place.changes(self.file)
        self.assertEqual(support.value_of(changes[-1]["after"], "content"), "count = 499\n")
        for earlier, later in zip(changes, changes[1:]):
            self.assertEqual(earlier["after"], later["before"])


class Fates(Files):
    """What can become of a file."""

    def test_removed_and_made_again(self):
        self.serve()
        os.unlink(self.file)
        self.wait_fact("absence", lambda fact: fact["status"] == "absent")
        gone = self.wait_changes(1)[0]
        self.assertEqual(support.value_of(gone["before"], "content"), "sky = blue\n")
        self.assertEqual(gone["after"]["status"], "absent")
        support.write_whole(self.file, "sky = red\n")
        self.wait_fact("presence", lambda fact: fact["status"] == "present")
        self.assertEqual(support.value_of(self.wait_changes(2)[1]["after"], "content"),
                         "sky = red\n")
        self.wait_result("failed")

    def test_another_renamed_over_it(self):
        self.serve()
        other = self.place.at("watched", "other")
        support.write_whole(other, "sky = red\n")
        os.chmod(other, 0o600)
        os.rename(other, self.file)
        fact = self.wait_fact("the other content",
                              lambda fact: support.value_of(fact, "content") == "sky = red\n")
        self.assertEqual(fact["value"]["mode"], "0600")
        self.wait_result("failed")

    def test_its_directory_moved_away_and_back(self):
        self.serve()
        os.rename(self.place.at("watched"), self.place.at("away"))
        self.wait_fact("absence", lambda fact: fact["status"] == "absent")
        support.append_line(self.place.at("away", "colours"), "rose = red")
        os.rename(self.place.at("away"), self.place.at("watched"))
        self.wait_fact("presence", lambda fact: fact["status"] == "present")
        self.wait_result("failed")
        support.write_whole(self.file, "rose = pink\n")
        self.wait_result("passed")

    def test_a_mode_changed(self):
        self.serve()
        os.chmod(self.file, 0o606)
        change = self.wait_changes(1)[0]
        self.assertEqual(support.value_of(change["before"], "mode"), "0644")
        self.assertEqual(support.value_of(change["after"], "mode"), "0606")

    def test_a_fifo_in_its_place_blocks_nothing(self):
        self.serve()
        os.unlink(self.file)
        os.mkfifo(self.file)
        self.wait_fact("a FIFO", lambda fact: support.value_of(fact, "type") == "fifo")
        self.wait_result("not_applicable")
        os.unlink(self.file)
        support.write_whole(self.file, "sky = red\n")
        self.wait_result("failed")

    def test_a_directory_in_its_place(self):
        self.serve()
        os.unlink(self.file)
        os.mkdir(self.file)
        fact = self.wait_fact("a directory",
                              lambda fact: support.value_of(fact, "type") == "directory")
        self.assertNotIn("content", fact["value"])
        self.wait_result("not_applicable")

    def test_a_link_in_its_place_is_followed(self):
        target = self.place.at("elsewhere")
        support.write_whole(target, "sky = green\n")
        self.serve()
        os.unlink(self.file)
        os.symlink(target, self.file)
        fact = self.wait_fact("a link", lambda fact: support.value_of(fact, "link") == target)
        self.assertEqual(fact["value"]["content"], "sky = green\n")
        support.write_whole(target, "sky = red\n")
        self.wait_result("failed")
        os.unlink(target)
        self.wait_fact("absence", lambda fact: fact["status"] == "absent")

    def test_a_link_to_itself_is_failed_and_not_absent(self):
        self.serve()
        os.unlink(self.file)
        os.symlink(self.file, self.file)
        fact = self.wait_fact("a failure", lambda fact: fact["status"] == "failed")
        self.assertIn("link", fact["reason"])
        self.wait_result("not_run")

    def test_ten_megabytes_are_sent_in_part_which_shows_presence_and_never_absence(self):
        self.serve()
        line = "x" * 63 + "\n"
        support.write_whole(self.file, line * (LARGE // len(line)))
        # It may be seen while it is still being written, too.
        fact = self.wait_fact("truncation", lambda fact: fact["status"] == "truncated"
                              and fact["value"]["size"] == LARGE)
        self.assertLess(len(fact["value"]["content"]), 200 * 1024)
        self.wait_result("not_run")
        support.write_whole(self.file, "sky = red\n" + line * (LARGE // len(line)))
        self.wait_result("failed")

    def test_bytes_that_are_no_text_arrive_as_they_are(self):
        self.serve()
        with open(self.file, "wb") as file:
            file.write(b"\x00\x1b[2J\xff\xfe\nsky = red\n")
        fact = self.wait_fact("the bytes", lambda fact: fact["value"].get("size") == 18)
        self.assertEqual(fact["value"]["content"], "\\u0000\\u001b[2J\\u00ff\\u00fe\\u000asky = red\\u000a")
        self.wait_result("failed")

    def test_one_that_may_not_be_read_is_unreadable_and_not_absent(self):
        self.wrap = support.without_override
        self.serve()
        os.chmod(self.file, 0)
        fact = self.wait_fact("unreadable", lambda fact: fact["status"] == "unreadable")
        self.assertEqual(fact["value"]["mode"], "0000")
        self.assertIn("denied", fact["reason"])
        self.wait_result("not_applicable")
        os.chmod(self.file, 0o644)
        self.wait_result("passed")


if __name__ == "__main__":
    support.main()
