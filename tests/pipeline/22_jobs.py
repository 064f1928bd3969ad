# SPDX-License-Identifier: Apache-2.0
"""A job from end to end: a patch is missing, somebody approves its cure, and facts confirm it.

What apt really says and does, with packages of our own: no other update of this machine is named.
"""
import subprocess
import sys

import local_packages
import support

CURED, OTHER = NAMES = (local_packages.own("fettle-pipeline-cure"),
                        local_packages.own("fettle-pipeline-other"))
SUBJECT = {name: f"dpkg/{name}:all" for name in NAMES}
OVER = ("rejected", "confirmed", "failed", "cancelled", "superseded")


class Jobs(support.Case):
    @classmethod
    def setUpClass(cls):
        cls.repository = local_packages.Repository(NAMES)
        cls.addClassCleanup(cls.repository.remove)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.repository.purge)
        self.repository.install_old()
        self.place.configure(agent={"skip": ["mounts", "sockets", "units"]},
                             dispatch={"settle": "1s"})
        self.before = self.installed()

    def installed(self):
        """What is installed besides packages of tests."""
        out = subprocess.run(["dpkg-query", "--show"], check=True, capture_output=True,
                                     text=True).stdout
        return [line for line in out.splitlines() if not line.startswith("fettle-")]

    def serve(self):
        self.place.serve()
        support.until(lambda: set(SUBJECT.values()) <= set(self.place.findings()),
                      "the missing patches", state=lambda: self.place.findings().keys())
        self.place.wait_quiet()

    # ---- what is shown ----

    def cures(self):
        return {cure["subject"]: cure for cure in self.place.rows("remediations")}

    def jobs(self, *options):
        return self.place.rows("jobs", "list", *options)

    def job(self, job_id):
        return self.place.json("jobs", "show", job_id)

    def plan(self, name, *options):
        """The only job that is planned for the package."""
        jobs = self.place.rows("remediations", "plan", name, *options)
        self.assertEqual([job["packages"] for job in jobs], [[{"name": f"{name}:all",
                                                               "version": "1.1"}]])
        return jobs[0]

    def wait_state(self, job_id, *states):
        return support.until(lambda: (lambda job: job["state"] in states and job)(
            self.job(job_id)), f"the job to be {states}", state=lambda: self.job(job_id))

    def steps(self, job):
        return [(step["state"], step["by"]) for step in job["history"]]

    def changes(self, key):
        return [change for change in self.place.rows("changes", "--key", key)
                if change["key"] == key]

    def check_narrow(self, printed, *command):
        """For a narrow terminal: nothing is wider than that, but what was PRINTED by apt."""
        page = self.place.run(*command, COLUMNS="80").decode()
        for line in page.splitlines():
            if line.strip() not in printed:
                self.assertLessEqual(len(line), 80, page)

    # ---- the tests ----

    def check_before(self):
        """The finding is open, with a date, and its cure is listed."""
        finding = self.place.findings()[SUBJECT[CURED]]
        self.assertEqual((finding["kind"], finding["state"]), ("missing_patch", "open"))
        self.assertIn("Fettle:tests-security", finding["reason"])
        self.assertTrue(finding["priority"] and finding["due_at"], finding)
        cure = self.cures()[SUBJECT[CURED]]
        self.assertEqual((cure["action"], cure["package"], cure["version"], cure["findings"]),
                         ("upgrade", f"{CURED}:all", "1.1", 1))

    def check_confirmed(self, job):
        you = job["proposed_by"]
        self.assertEqual(self.steps(job), [
            ("proposed", you), ("approved", you), ("scheduled", "dispatch"), ("leased", "agent"),
            ("applying", "agent"), ("verifying", "agent"), ("confirmed", "facts")])
        times = [step["at"] for step in job["history"]]
        self.assertEqual(times, sorted(times))
        self.assertEqual((job["decided_by"], job["exit_code"], job["attempt"]), (you, 0, 1))
        self.assertLessEqual(job["proposed_at"], job["decided_at"])
        self.assertLessEqual(job["decided_at"], job["started_at"])
        self.assertLess(job["started_at"], job["ended_at"])
        self.assertIn("configuring 1.1 as noninteractive", job["output"])
        self.assertEqual([(package["before"], package["target"], package["observed"])
                          for package in job["packages"]], [("1.0", "1.1", "1.1")])

    def check_expected(self, job):
        """Every change that the upgrade made is said to be the job's, and there are some."""
        for key in (f"package/{SUBJECT[CURED]}", f"update/{SUBJECT[CURED]}"):
            changes = self.changes(key)
            self.assertTrue(changes, key)
            for change in changes:
                self.assertEqual(change["expected_by"], f"job {job['id'][:12]}", change)
        self.assertEqual([change for change in self.place.rows("changes")
                          if change["key"].startswith(("package/", "update/"))
                          and "/fettle-" not in change["key"] and not change["expected_by"]], [])

    def test_a_missing_patch_is_cured_and_nothing_else_is_touched(self):
        self.serve()
        self.check_before()
        dry = self.plan(CURED, "--dry-run")
        self.assertEqual((dry["state"], self.jobs()), ("planned", []))
        job_id = self.plan(CURED)["id"]
        self.assertEqual((dry["id"], self.job(job_id)["state"]), (job_id, "proposed"))
        self.assertEqual(self.plan(CURED)["id"], job_id)
        self.place.run("remediations", "approve", job_id, "--dry-run")
        self.assertEqual(self.job(job_id)["state"], "proposed")
        self.assertEqual(self.repository[CURED].ran(), ["1.0"])
        self.place.run("remediations", "approve", job_id)
        job = self.wait_state(job_id, *OVER)
        self.check_confirmed(job)
        support.until(lambda: SUBJECT[CURED] not in self.place.findings(), "the finding's end")
        self.place.wait_quiet()
        self.assertEqual(self.place.findings("--all")[SUBJECT[CURED]]["state"], "fixed")
        self.check_expected(job)
        self.assertEqual(self.job(job_id)["history"], job["history"])
        self.assertNotIn(SUBJECT[CURED], self.cures())
        self.place.run("remediations", "plan", CURED, code=1)
        self.assertIn(f"no patch of `{CURED}` is missing", self.place.complaints)
        self.assertEqual([self.repository[name].state() for name in NAMES], ["ii 1.1", "ii 1.0"])
        self.assertEqual(self.repository[CURED].ran(), ["1.0", "1.1"])
        self.assertEqual(self.installed(), self.before)
        self.assertEqual(len(self.jobs()), 1)
        for command in (["jobs", "show", job_id], ["jobs", "list"], ["remediations"]):
            self.check_narrow(job["output"], *command)

    def test_what_is_rejected_or_cancelled_is_not_done_and_may_be_proposed_again(self):
        self.place.configure(agent={"helper": "later"})
        self.serve()
        rejected = self.plan(CURED)
        self.place.run("remediations", "reject", rejected["id"], "--dry-run")
        self.place.run("remediations", "reject", rejected["id"], "--reason", "not on a Friday")
        job = self.job(rejected["id"])
        self.assertEqual((job["state"], job["history"][-1]["note"]),
                         ("rejected", "rejected: not on a Friday"))
        again = self.plan(CURED)
        self.assertNotEqual(again["id"], rejected["id"])
        self.assertEqual(again["generation"], rejected["generation"] + 1)
        self.place.run("remediations", "approve", again["id"])
        self.wait_state(again["id"], "leased")
        self.place.run("jobs", "cancel", again["id"], "--dry-run")
        self.assertEqual(self.job(again["id"])["state"], "leased")
        self.place.run("jobs", "cancel", again["id"])
        self.assertEqual(self.job(again["id"])["state"], "cancelled")
        support.running[-1].wait_for("job-step", step="refused", msg="cancelled")
        self.place.run("remediations", "approve", again["id"], code=1)
        self.place.run("jobs", "cancel", rejected["id"], code=1)
        self.place.wait_quiet()
        self.assertEqual(self.job(again["id"])["state"], "cancelled")
        self.assertEqual(self.repository[CURED].ran(), ["1.0"])

    def test_where_jobs_are_off_one_fails_at_once_and_says_what_to_do(self):
        self.place.configure(agent={"helper": "off"})
        self.serve()
        job_id = self.plan(CURED)["id"]
        self.place.run("remediations", "approve", job_id)
        job = self.wait_state(job_id, *OVER)
        self.assertEqual((job["state"], job["attempt"]), ("failed", 1))
        self.assertIn("agent.helper is off", job["reason"])
        self.assertIn("set it to on", job["reason"])
        self.assertEqual([state for state, _ in self.steps(job)],
                         ["proposed", "approved", "scheduled", "leased", "failed"])
        self.assertEqual(self.repository[CURED].ran(), ["1.0"])
        self.assertEqual(self.plan(CURED)["generation"], 1)


if __name__ == "__main__":
    if not support.IS_ROOT:
        print("applying jobs takes root")
        sys.exit(support.SKIPPED)
    support.main()
