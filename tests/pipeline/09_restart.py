# SPDX-License-Identifier: Apache-2.0
"""Started again it goes on where it was: nothing is judged twice, and nothing sent twice."""
import signal

import support

COLLECTED = ("fact_set", "fact_unset")


class Restart(support.Case):
    def setUp(self):
        super().setUp()
        self.file = self.place.at("watched", "colours")
        support.write_whole(self.file, "sky = blue\n")
        self.place.write_policy("colours", {"sky": [f"f:{self.file} -> r:^sky = red$"]})

    def serve(self):
        process = self.place.serve()
        self.place.wait_facts(self.file)
        support.until(self.place.findings, "the finding")
        return process

    def rows(self, *kinds):
        return [row for row in self.place.rows("log", "dump") if row["kind"] in kinds]

    def wait_looked(self, passes):
        """Waits until every collector has looked at everything once more."""
        support.until(lambda: len(self.rows("pass")) >= 2 * passes, "the second passes",
                      state=lambda: self.rows("pass"))
        return self.place.wait_quiet()

    def settle(self):
        """Until nothing came any more for a whole round of looking and judging."""
        def is_settled():
            before = self.place.wait_quiet()
            return self.place.status()["log"]["appended"] == before["log"]["appended"] \
                and len({row["kind"] for row in self.rows("pass")}) == 1
        support.until(is_settled, "rest")
        return self.place.wait_quiet()

    def known(self):
        """Key -> what is known of it, without when it was heard."""
        return {key: (fact["status"], fact["value"]) for key, fact in self.place.facts("").items()}

    def picture(self):
        """What was sent, and what is known by just that."""
        def look():
            sent, known = self.rows(*COLLECTED), self.known()
            self.place.wait_quiet()
            return (sent, known) if self.rows(*COLLECTED) == sent and self.known() == known else None
        return support.until(look, "a moment in which nothing comes")

    def check_news(self, sent, known):
        """What came since is another value, or came back to what it was: others may be at work on
        this machine, with its package manager before all."""
        events, (rows, now) = {row["event_id"] for row in sent}, self.picture()
        self.assertLessEqual(events, {row["event_id"] for row in rows})
        news = [row["key"] for row in rows if row["event_id"] not in events]
        self.assertNotIn("file" + self.file, news)
        for key in set(news):
            if news.count(key) == 1:
                self.assertNotEqual(now.get(key), known.get(key), key)

    def test_nothing_is_judged_or_sent_again(self):
        process = self.serve()
        before = self.settle()
        (sent, known), passes = self.picture(), len(self.rows("pass"))
        findings = self.place.findings("--all")
        process.stop()
        self.place.serve()
        after = self.wait_looked(passes)
        self.check_news(sent, known)
        kinds = {row["kind"] for row in self.place.rows("log", "dump")[before["log"]["records"]:]}
        self.assertLessEqual(kinds, {"digest", "heartbeat", "pass", *COLLECTED})
        for name in ("rules_evaluated", "checks_judged", "intent_read"):
            self.assertEqual(after["processor"][name], before["processor"][name], name)
        self.assertEqual(self.place.findings("--all"), findings)
        self.assertEqual(self.place.changes(self.file), [])

    def test_what_changed_meanwhile_is_a_change(self):
        process = self.serve()
        self.settle()
        process.stop()
        support.write_whole(self.file, "sky = red\n")
        self.place.serve()
        support.until(lambda: not self.place.findings(), "no finding")
        change = self.place.changes(self.file)[0]
        self.assertEqual(support.value_of(change["before"], "content"), "sky = blue\n")
        self.assertEqual(support.value_of(change["after"], "content"), "sky = red\n")

    def test_killed_again_and_again_it_loses_nothing_and_repeats_nothing(self):
        self.serve()
        self.settle()
        for number in range(1, 11):
            process = support.running[-1]
            support.running.remove(process)
            support.append_line(self.file, f"line = {number}")
            process.signal(signal.SIGKILL)
            self.assertEqual(process.wait(), -signal.SIGKILL)
            self.place.serve()
        support.until(lambda: self.place.changes(self.file) and support.value_of(
            self.place.changes(self.file)[-1]["after"], "content").endswith("line = 10\n"),
            "the last change", state=lambda: self.place.changes(self.file))
        self.place.wait_quiet()
        changes = self.place.changes(self.file)
        self.assertEqual(support.value_of(changes[0]["before"], "content"), "sky = blue\n")
        for earlier, later in zip(changes, changes[1:]):
            self.assertEqual(earlier["after"], later["before"])
        rows = self.place.rows("log", "dump")
        self.assertEqual(len({row["event_id"] for row in rows}), len(rows))
        status = self.place.status()
        self.assertEqual((status["lost"], status["quarantined"]), (0, 0))


if __name__ == "__main__":
    support.main()
