# SPDX-License-Identifier: Apache-2.0
"""One look at this machine: complete, judged, and the same again."""
import support


class Scan(support.Case):
    def setUp(self):
        super().setUp()
        support.write_whole(self.place.at("watched", "good"), "colour = green\n")
        support.write_whole(self.place.at("watched", "bad"), "colour = red\n")
        self.place.write_policy("colours", {
            name: [f"f:{self.place.at('watched', name)} -> r:^colour = green$"]
            for name in ("good", "bad", "missing")})

    def test_looks_at_a_fresh_machine_and_says_what_is_wrong(self):
        self.place.configure(agent={"skip": []})
        summary = self.place.json("scan")
        self.assertIs(summary["complete"], True)
        self.assertEqual(len(summary["asset_id"]), 32)
        self.assertEqual(summary["checks"],
                         {"passed": 1, "failed": 1, "not_applicable": 1, "not_run": 0})
        self.assertEqual([finding["subject"].split("/")[-1] for finding in summary["findings"]
                          if not finding["subject"].startswith("dpkg/")],
                         ["bad"])

    def test_every_check_of_the_shipped_policies_has_a_result(self):
        shipped = support.os.path.join(support.TOP, "content", "policies")
        with open(support.os.path.join(shipped, "debian-server.yaml"), encoding="utf-8") as file:
            checks = sum(line.startswith("  - id: ") for line in file)
        self.place.configure(content={"policies": [shipped]})
        summary = self.place.json("scan")
        self.assertIs(summary["complete"], True)
        policies = self.place.rows("policies", "list")
        self.assertEqual(len(policies), 1)
        self.assertEqual(sum(summary["checks"].values()), checks)
        for name in summary["checks"]:
            self.assertEqual(policies[0][name], summary["checks"][name], name)

    def test_a_second_scan_finds_the_same(self):
        first, second = self.place.json("scan"), self.place.json("scan")
        for summary in (first, second):
            summary.pop("took_ms")
        self.assertEqual(first, second)
        self.assertEqual(self.place.rows("changes"), [])

    def test_what_it_leaves_behind_says_what_it_said(self):
        summary = self.place.json("scan")
        status = self.place.status()
        facts = self.place.facts("")
        self.assertEqual(status["assets"], 1)
        self.assertEqual(status["facts"], len(facts))
        self.assertEqual(sum(status["findings"]["open"].values()), summary["checks"]["failed"])
        self.assertEqual(set(self.place.findings()),
                         {finding["subject"] for finding in summary["findings"]})
        shown = self.place.rows("assets", "list")[0]
        for name in summary["checks"]:
            self.assertEqual(shown[name], summary["checks"][name], name)

    def test_a_second_scan_sees_what_changed_meanwhile(self):
        self.place.json("scan")
        support.write_whole(self.place.at("watched", "bad"), "colour = green\n")
        support.write_whole(self.place.at("watched", "good"), "colour = red\n")
        summary = self.place.json("scan")
        self.assertEqual([finding["subject"].split("/")[-1] for finding in summary["findings"]],
                         ["good"])
        self.assertEqual([finding["state"] for finding in
                          self.place.rows("findings", "list", "--all")
                          if finding["subject"].endswith("bad")], ["fixed"])

    def test_without_any_policy_it_still_sees_what_there_is(self):
        support.os.unlink(self.place.at("policies", "colours.yaml"))
        summary = self.place.json("scan")
        self.assertIs(summary["complete"], True)
        self.assertGreater(summary["packages"], 0)
        self.assertEqual(sum(summary["checks"].values()), 0)

    def test_beside_a_server_it_says_what_that_knows(self):
        self.place.serve()
        self.place.wait_facts(self.place.at("watched", "bad"))
        summary = self.place.json("scan")
        self.assertEqual([finding["subject"] for finding in summary["findings"]],
                         ["colours/bad"])


if __name__ == "__main__":
    support.main()
