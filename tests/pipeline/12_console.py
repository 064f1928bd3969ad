# SPDX-License-Identifier: Apache-2.0
"""What a person is shown: in which order, what is left out, and what is said of it."""
import os
import pty
import select
import signal
import time

import support


def at_terminal(place, *arguments, until_seen=None, columns=80):
    """Runs fettle at a terminal; what it wrote there.  SIGINT once UNTIL_SEEN was read."""
    command = [os.path.join(support.BUILD, "fettle"), "--data", place.data, "--config",
               place.config, *arguments]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], command, place.environment(COLUMNS=str(columns)))
    text, deadline = b"", time.monotonic() + support.PATIENCE
    while time.monotonic() < deadline:
        try:
            if select.select([terminal], [], [], 0.1)[0]:
                text += os.read(terminal, 65536)
        except OSError:  # it has ended
            break
        if until_seen and until_seen in text:
            os.kill(pid, signal.SIGINT)
            until_seen = None
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    shown = text.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    support.refuse_accusations(command, shown)
    assert code == 0, f"{command} ended with {code}:\n{shown}"
    return shown


POLICY = """\
dialect: fettle
policy: {{ id: house, name: house }}
checks:
{checks}"""

CHECK = """\
  - id: {name}
    title: The {name} is painted
    severity: {severity}
    condition: all
    rules: ['f:{path} -> r:^painted$']
"""


class Shown(support.Case):
    def setUp(self):
        super().setUp()
        self.place.configure(agent={"skip": ["updates", "mounts", "sockets", "kernel", "units"]})
        severities = {"attic": "low", "roof": "critical", "door": "high", "wall": "medium"}
        checks = ""
        for name, severity in severities.items():
            path = self.place.at("watched", name)
            support.write_whole(path, "bare\n" if name != "wall" else "painted\n")
            checks += CHECK.format(name=name, severity=severity, path=path)
        checks += CHECK.format(name="cellar", severity="high",
                               path=self.place.at("watched", "cellar"))
        support.write_whole(self.place.at("policies", "house.yaml"), POLICY.format(checks=checks))
        self.place.json("scan")

    def subjects(self, *options):
        return [finding["subject"].split("/")[1]
                for finding in self.place.rows("findings", *options)]


class Findings(Shown):
    def test_the_soonest_due_comes_first_and_what_has_no_date_last(self):
        rows = self.place.rows("findings")
        dates = [row["due_at"] or "9" for row in rows]
        self.assertEqual(dates, sorted(dates))
        self.assertEqual(self.subjects(), ["roof", "door", "attic"])
        self.assertIsNone(rows[-1]["due_at"])

    def test_they_are_ordered_as_asked(self):
        for order in ("due", "severity", "asset"):
            self.assertEqual(self.subjects("--sort", order), ["roof", "door", "attic"], order)
        self.place.run("findings", "--sort", "weather", code=2)

    def test_what_is_left_out_is_counted(self):
        self.place.run("findings", "--limit", "1")
        self.assertIn("1 open finding\n", self.place.complaints)
        self.assertIn("2 beyond --limit 1", self.place.complaints)
        self.place.run("findings", "--limit", "1", "--kind", "configuration")
        self.assertIn("2 beyond --limit 1", self.place.complaints)
        support.write_whole(self.place.at("watched", "roof"), "painted\n")
        self.place.json("scan")
        self.place.run("findings")
        self.assertIn("2 open findings, the soonest due first", self.place.complaints)
        self.assertIn("1 fixed (--state fixed)", self.place.complaints)
        self.assertNotIn("beyond", self.place.complaints)

    def test_due_is_told_in_words(self):
        table = self.place.run("findings", COLUMNS="120").decode()
        self.assertIn("in 3 days", table)
        self.assertIn("no date", table)
        self.assertNotIn("FRESHNESS", table)

    def test_those_of_a_silent_asset_are_shown_and_marked(self):
        silent = ("--set", "console.stale_after=1ms")
        table = self.place.run("findings", *silent, COLUMNS="120").decode()
        self.assertEqual(table.count("stale"), 3)
        self.assertIn("FRESHNESS", table)
        self.assertIn("3 of them may no longer be so: nothing was heard of the asset for 1 millisecond",
                      self.place.complaints)
        self.assertEqual(len(self.place.rows("findings", *silent, "--state", "open")), 3)

    def test_a_table_says_where_it_was_cut(self):
        table = self.place.run("findings", COLUMNS="60").decode()
        self.assertIn("…\n", table)
        self.assertLessEqual(max(len(line) for line in table.split("\n")), 60)
        keys = self.place.run("facts", self.place.asset(), "file/", COLUMNS="50").decode()
        self.assertRegex(keys, r"(?m)^file/\S*…\S*/roof ")


class Results(Shown):
    def test_what_was_not_found_out_is_listed_with_the_reason(self):
        rows = {row["check"]: row for row in self.place.rows("results")}
        self.assertEqual({name: row["result"] for name, row in rows.items()},
                         {"roof": "failed", "door": "failed", "attic": "failed",
                          "cellar": "not_applicable"})
        self.assertIn("missing", rows["cellar"]["reason"])
        self.assertEqual(rows["cellar"]["evidence"][0]["outcome"], "invalid")

    def test_they_are_filtered_by_asset_policy_and_result(self):
        asset = self.place.asset()
        self.assertEqual([row["check"] for row in self.place.rows(
            "results", asset, "--result", "not_applicable,passed")], ["wall", "cellar"])
        self.assertEqual(len(self.place.rows("results", "--all")), 5)
        self.assertEqual(self.place.rows("results", "--policy", "other"), [])
        self.place.run("results", "--result", "good", code=2)
        self.place.run("results", "nobody", code=1)

    def test_what_is_left_out_is_counted(self):
        self.place.run("results", "--limit", "3")
        self.assertIn("3 results; 1 beyond --limit 3", self.place.complaints)
        self.assertIn("not shown: 1 passed", self.place.complaints)


class Page(Shown):
    def test_scan_says_what_is_here_what_is_wrong_and_what_is_not_known(self):
        page = self.place.run("scan").decode()
        self.assertIn("5 checks: 1 passed, 3 failed, 1 not applicable, 0 not run", page)
        order = [page.index(f"The {name} is painted") for name in ("roof", "door", "attic")]
        self.assertEqual(order, sorted(order))
        self.assertIn("in 3 days · ", page)
        self.assertIn("Not known", page)
        self.assertRegex(page, r"  kernel, mounts, sockets, units, updates: not looked at")
        self.assertNotIn("\x1b", page)
        self.assertLessEqual(max(len(line) for line in page.split("\n")), 80)

    def test_scan_names_collectors_for_programs(self):
        looks = self.place.json("scan")["collectors"]
        self.assertEqual(looks["files"], "complete")
        self.assertEqual(looks["updates"], "skipped")

    def test_a_terminal_gets_colours_and_no_line_too_long_for_it(self):
        page = at_terminal(self.place, "scan", columns=80)
        self.assertIn("\x1b[1mWorst first\x1b[0m", page)

    def test_serve_says_at_a_terminal_what_happened(self):
        page = at_terminal(self.place, "serve", "--listen", "tcp://127.0.0.1:*",
                           until_seen=b"id=agent-ready")
        words = page.partition("Fettle has ended, after ")[2]
        self.assertIn("assets    1 watched", words)
        self.assertIn("findings  3 open", words)
        self.assertNotIn("id=served", page)

    def test_serve_says_in_one_log_line_what_happened(self):
        server = self.place.serve()
        path = self.place.at("watched", "roof")
        support.write_whole(path, "painted\n")
        support.until(lambda: "roof" not in self.subjects(), "the roof to be painted")
        server.stop()
        line = server.said("served")
        self.assertEqual([line["findings_open"], line["findings_fixed"], line["assets"]],
                         [2, 1, 1])
        self.assertNotIn("Fettle has ended", server.text())


class Configuration(support.Case):
    def test_every_command_that_reads_the_configuration_refuses_a_broken_one(self):
        support.write_whole(self.place.config, "agent:\n  heartbeet: 5s\n")
        for command in (["status"], ["findings"], ["assets"], ["facts", "a"], ["changes"],
                        ["results"], ["policies"], ["log", "dump"], ["siem"], ["webhook"]):
            self.place.run(*command, code=78)
            self.assertIn("fettle.yaml:2:3:", self.place.complaints, command)
        for command in (["settings"], ["collectors"], ["completion", "bash"], ["help"]):
            self.assertTrue(self.place.run(*command))

    def test_set_stands_above_environment_and_file(self):
        self.place.configure(agent={"skip": ["nonsense"]})
        self.place.run("scan", code=65)
        quiet = ",".join(support.QUIET)
        self.place.run("scan", "--set", f"agent.skip={quiet}", FETTLE_AGENT_SKIP="nonsense")
        self.place.run("status", "--set", "agent.skp=x", code=78)
        self.assertIn("`skp` is not a setting of `agent`", self.place.complaints)

    def test_settings_come_in_rows_for_programs(self):
        rows = {row["setting"]: row for row in
                self.place.json("settings")}
        self.assertEqual(rows["agent.heartbeat"]["default"], "1m")
        self.assertEqual(rows["agent.heartbeat"]["lowest"], "1s")
        self.assertEqual(rows["agent.skip"]["type"], "list")
        self.assertIs(rows["webhook.url"]["in_list"], True)


if __name__ == "__main__":
    support.main()
