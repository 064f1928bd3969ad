# SPDX-License-Identifier: Apache-2.0
"""Alerts and jobs from the console: what people see, and what they say."""
import os
import shutil
import unittest

import support

RULE = """title: The colour of the sky was changed
id: 11111111-2222-3333-4444-555555555555
description: Somebody painted it.
tags: [attack.persistence, attack.t1546.004]
attack_version: '18.1'
logsource: {{product: fettle, category: change}}
detection:
  selection: {{Key: 'file{file}', Expected: false}}
  condition: selection
falsepositives: [The weather]
level: critical
"""

# What apt and dpkg say of a machine on which three packages can be upgraded.
PACKAGES = {"libcure1": ("1.0-1", "1.0-2", "security"), "cure": ("1.0-1", "1.0-2", "security"),
            "other": ("2.0-1", "2.0-2", "main")}
TARGETS = """Description: http://m.example/{0} {0} amd64 Packages
Label: {1}
Suite: {0}
Version: 12

"""


def script(words):
    """A program that prints what the first of WORDS among its arguments asks for."""
    cases = "".join(f"*{word}*) cat <<'END'\n{text}END\n;;\n" for word, text in words.items())
    return f'#!/bin/sh\ncase "$*" in\n{cases}esac\n'


def fakes():
    archives = "".join(f"'http://m.example/{name}.deb' {name}_{new}_amd64.deb 10 SHA256:00\n"
                       for name, (_, new, _) in PACKAGES.items())
    policies = "".join(f"{name}:\n  Version table:\n     {new} 500\n"
                       f"        500 http://m.example/{where} {where} amd64 Packages\n"
                       for name, (_, new, where) in PACKAGES.items())
    installed = "".join(f"{name}:amd64 install installed {old}\n"
                        for name, (old, _, _) in PACKAGES.items())
    targets = TARGETS.format("security", "Debian-Security") + TARGETS.format("main", "Debian")
    return {"apt_get": script({"indextargets": targets, "--print-uris": archives}),
            "apt_cache": script({"policy": policies}),
            "dpkg_query": script({"show": installed})}


class Alerts(support.Case):
    def setUp(self):
        super().setUp()
        self.file = self.place.at("watched", "colours")
        support.write_whole(self.file, "sky = blue\nsea = green\n")
        self.place.write_policy("colours", {"sky": [f"f:{self.file} -> r:^sky = blue$"]})
        support.write_whole(self.place.at("detections", "sky.yaml"), RULE.format(file=self.file))
        self.place.configure(content={"detections": [self.place.at("detections")]},
                             detect={"settle": "10ms"})

    def alerts(self, *options):
        return self.place.rows("alerts", *options)

    def open_one(self):
        self.place.serve()
        self.place.wait_facts(self.file)
        support.write_whole(self.file, "sky = red\nsea = green\n")
        return support.until(self.alerts, "an alert", state=self.place.status)[0]

    def test_an_alert_is_listed_shown_acknowledged_and_undone(self):
        alert = self.open_one()
        self.assertEqual((alert["severity"], alert["state"], alert["key"]),
                         ("critical", "open", "file" + self.file))
        self.assertEqual((alert["techniques"], alert["attack_version"]), (["T1546.004"], "18.1"))
        page = self.place.run("alerts", "show", alert["id"][:8]).decode()
        for expected in ("- sky = blue", "+ sky = red", "T1546.004 (ATT&CK 18.1)", "The weather",
                         "Somebody painted it.", f"fettle alerts ack {alert['id'][:8]}"):
            self.assertIn(expected, page)
        self.assertNotIn("sea", page)

        self.place.run("alerts", "ack", alert["id"][:8], "--note", "it was me")
        self.assertIn("acknowledged: The colour of the sky", self.place.complaints)
        self.assertEqual(self.alerts(), [])
        seen = self.alerts("--state", "acknowledged")[0]
        self.assertEqual((seen["id"], seen["note"]), (alert["id"], "it was me"))
        self.assertIn(f"uid {os.geteuid()}", seen["acknowledged_by"])

        support.write_whole(self.file, "sky = blue\nsea = green\n")
        undone = support.until(lambda: self.alerts("--state", "undone"), "it to be undone")[0]
        self.assertEqual((undone["id"], undone["note"]), (alert["id"], "it was me"))
        self.assertEqual(self.place.status()["alerts"]["undone"]["critical"], 1)

    def test_nothing_is_acknowledged_where_one_of_them_does_not_exist(self):
        alert = self.open_one()
        self.place.run("alerts", "ack", alert["id"], "00ff00ff", code=1)
        self.assertIn("there is no alert `00ff00ff`", self.place.complaints)
        self.assertEqual(self.alerts()[0]["acknowledged_at"], None)
        self.place.run("alerts", "ack", alert["id"], "--dry-run")
        self.assertEqual(self.alerts()[0]["acknowledged_at"], None)

    def test_who_acknowledges_where_nothing_runs_is_told(self):
        alert = self.open_one()
        self.place.processes[0].stop()
        support.running.clear()
        self.place.run("alerts", "ack", alert["id"], code=3)
        self.assertIn("nothing is running", self.place.complaints)


@unittest.skipUnless(shutil.which("dpkg-query"), "no dpkg here")
class Remediations(support.Case):
    def setUp(self):
        super().setUp()
        for name, text in fakes().items():
            support.write_whole(self.place.at(name), text)
            os.chmod(self.place.at(name), 0o755)
        self.place.configure(agent={"skip": ["mounts", "sockets"]},
                             updates={name: self.place.at(name) for name in fakes()})
        self.place.serve()
        support.until(lambda: len(self.place.findings()) == 3, "three patches missing",
                      state=lambda: self.place.findings().keys())
        self.place.wait_quiet()

    def jobs_in_intent(self):
        """The keys of the proposals that the log holds."""
        return [row["key"] for row in self.place.rows("log", "dump")
                if row["kind"] == "job_proposal"]

    def test_findings_are_grouped_by_what_cures_them(self):
        cures = {cure["package"]: cure for cure in self.place.rows("remediations")}
        self.assertEqual(set(cures), {"libcure1:amd64", "cure:amd64", "other:amd64"})
        cure = cures["cure:amd64"]
        self.assertEqual((cure["action"], cure["manager"], cure["version"], cure["security"],
                          cure["findings"], cure["assets"]),
                         ("upgrade", "dpkg", "1.0-2", True, 1, 1))
        table = self.place.run("remediations").decode()
        self.assertIn("upgrade cure:amd64 to 1.0-2", table)
        self.assertLess(table.index("cure:amd64"), table.index("other:amd64"))

    def test_a_plan_that_is_dry_shows_the_jobs_and_changes_nothing(self):
        jobs = self.place.rows("remediations", "plan", "--security", "--dry-run")
        self.assertEqual([job["packages"] for job in jobs],
                         [[{"name": "cure:amd64", "version": "1.0-2"},
                           {"name": "libcure1:amd64", "version": "1.0-2"}]])
        self.assertEqual((jobs[0]["state"], jobs[0]["generation"]), ("planned", 0))
        self.assertRegex(jobs[0]["id"], "^[0-9a-f]{64}$")
        self.assertEqual(self.jobs_in_intent(), [])

    def test_the_same_plan_is_the_same_job_and_another_is_another(self):
        def ids(*options):
            return [job["id"] for job in self.place.rows("remediations", "plan", "--dry-run",
                                                         *options)]
        every = ids("--all")
        self.assertEqual(ids("cure", "libcure1:amd64", "dpkg/other:amd64"), every)
        self.assertNotEqual(ids("cure"), every)
        self.assertEqual(ids("--all", "--asset", self.place.asset()), every)

    def test_a_plan_is_proposed_by_intent_under_the_key_of_its_job(self):
        job = self.place.rows("remediations", "plan", "cure")[0]
        self.assertEqual(self.jobs_in_intent(), [f"job/{job['id']}/proposal"])

    def test_a_plan_of_nothing_is_refused_and_one_of_what_is_not_missing_is_negative(self):
        self.place.run("remediations", "plan", code=2)
        self.place.run("remediations", "plan", "nonesuch", code=1)
        self.assertIn("no patch of `nonesuch` is missing", self.place.complaints)
        self.place.run("remediations", "plan", "--all", "--asset", "nowhere", code=1)
        self.assertEqual(self.jobs_in_intent(), [])

    def test_a_job_that_does_not_exist_cannot_be_decided_on(self):
        for command in (["remediations", "approve"], ["remediations", "reject"], ["jobs", "cancel"],
                        ["jobs", "show"]):
            self.place.run(*command, "00ff00ff00ff", code=1)
            self.assertIn("there is no job `00ff00ff00ff`", self.place.complaints)
            self.place.run(*command, "not-hexadecimal", code=2)


if __name__ == "__main__":
    support.main()
