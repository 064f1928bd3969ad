# SPDX-License-Identifier: Apache-2.0
"""Policies that change while it runs: judged again from what is known, and without looking."""
import os
import signal

import support


class Policies(support.Case):
    def setUp(self):
        super().setUp()
        self.file = self.place.at("watched", "colours")
        support.write_whole(self.file, "sky = blue\n")
        self.write("red")

    def write(self, colour, name="colours"):
        return self.place.write_policy(name, {"sky": [f"f:{self.file} -> r:^sky = {colour}$"]})

    def serve(self):
        process = self.place.serve()
        self.place.wait_facts(self.file)
        return process

    def reload(self, process, event="reloaded"):
        before = len(process.events)
        process.signal(signal.SIGHUP)
        return process.wait_for(event, since=before)

    def wait_findings(self, *subjects):
        support.until(lambda: set(self.place.findings()) == set(subjects), f"findings {subjects}",
                      state=self.place.findings)
        return self.place.findings("--all")

    def facts_sent(self):
        """How many facts were observed; heartbeats and passes come by themselves."""
        return [row["key"] for row in self.place.rows("log", "dump")
                if row["kind"] in ("fact_set", "fact_unset")]


class Reload(Policies):
    def test_a_changed_policy_judges_again_what_is_known(self):
        process = self.serve()
        opened = self.wait_findings("colours/sky")["colours/sky"]
        sent, log = self.facts_sent(), self.place.status()["log"]
        self.write("blue")
        self.reload(process)
        closed = self.wait_findings()["colours/sky"]
        self.assertEqual((closed["id"], closed["state"]), (opened["id"], "fixed"))
        status = self.place.wait_quiet()
        self.assertEqual(self.facts_sent(), sent)
        self.assertEqual(status["log"]["intent"], log["intent"] + 1)
        self.assertEqual(self.place.rows("changes"), [])
        self.assertNotEqual(self.place.rows("policies", "list")[0]["policy_hash"],
                            opened["policy_hash"])

    def test_a_policy_that_is_the_same_is_not_judged_again(self):
        process = self.serve()
        self.wait_findings("colours/sky")
        before = self.place.wait_quiet()
        self.reload(process)
        after = self.place.wait_quiet()
        for name in ("rules_evaluated", "checks_judged", "intent_read"):
            self.assertEqual(after["processor"][name], before["processor"][name], name)

    def test_a_new_policy_has_its_files_looked_at(self):
        process = self.serve()
        other = self.place.at("watched", "other")
        support.write_whole(other, "sea = green\n")
        self.place.write_policy("sea", {"sea": [f"f:{other} -> r:^sea = blue$"]})
        self.reload(process)
        self.wait_findings("colours/sky", "sea/sea")
        # It was there all along: to look at it for the first time is not to see it change.
        self.assertEqual(self.place.changes(other), [])

    def test_a_policy_whose_file_is_gone_closes_its_findings(self):
        process = self.serve()
        self.write("green", "other")
        self.reload(process)
        self.wait_findings("colours/sky", "other/sky")
        os.unlink(self.place.at("policies", "other.yaml"))
        self.reload(process)
        closed = self.wait_findings("colours/sky")["other/sky"]
        self.assertNotEqual(closed["state"], "open")
        self.assertEqual([policy["policy"] for policy in self.place.rows("policies", "list")],
                         ["colours"])

    def test_a_policy_whose_file_is_gone_at_the_next_start_closes_its_findings(self):
        process = self.serve()
        self.write("green", "other")
        self.reload(process)
        self.wait_findings("colours/sky", "other/sky")
        process.stop()
        os.unlink(self.place.at("policies", "other.yaml"))
        self.serve()
        self.wait_findings("colours/sky")

    def test_a_broken_policy_is_refused_and_those_in_force_stay(self):
        process = self.serve()
        self.wait_findings("colours/sky")
        before = self.place.rows("policies", "list")
        support.write_whole(self.place.at("policies", "broken.yaml"),
                            "dialect: fettle\npolicy:\n  id: broken\n  name: broken\nchecks:\n"
                            "  - id: one\n    titel: misspelt\n")
        self.write("blue")
        said = self.reload(process, "reload-refused")
        self.assertIn("broken.yaml:6:", said["msg"])
        self.assertEqual(self.place.rows("policies", "list"), before)
        self.wait_findings("colours/sky")
        os.unlink(self.place.at("policies", "broken.yaml"))
        self.reload(process)
        self.wait_findings()

    def test_many_reloads_at_once_end_with_the_last_text(self):
        process = self.serve()
        for number in range(20):
            self.write("red" if number % 2 == 0 else "blue")
            process.signal(signal.SIGHUP)
        self.reload(process)
        self.wait_findings()


class Start(Policies):
    def test_a_broken_policy_stops_it_naming_file_and_line(self):
        path = self.write("red", "broken")
        support.append_line(path, "  - id: second\n    titel: misspelt")
        self.place.run("scan", code=65)
        self.assertIn("broken.yaml:", self.place.complaints)
        self.assertIn(":11:", self.place.complaints)
        process = self.place.start("serve", "--listen", "tcp://127.0.0.1:*")
        self.assertEqual(process.wait(), 65)
        self.assertIn("broken.yaml:", process.text())

    def test_two_policies_of_one_id_stop_it_naming_both(self):
        path = self.write("red", "twice")
        support.write_whole(self.place.at("policies", "copy.yaml"),
                            open(path, encoding="utf-8").read())
        self.place.run("scan", code=65)
        self.assertIn("twice.yaml", self.place.complaints)
        self.assertIn("copy.yaml", self.place.complaints)

    def test_a_policy_too_long_to_be_put_in_force_stops_it(self):
        path = self.write("red", "long")
        support.append_line(path, "# " + "x" * 1024 * 1024)
        for command in (["scan"], ["serve", "--listen", "tcp://127.0.0.1:*"]):
            process = self.place.start(*command)
            self.assertEqual(process.wait(), 65, command)
            self.assertIn("900 KiB", process.text())


if __name__ == "__main__":
    support.main()
