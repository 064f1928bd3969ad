# SPDX-License-Identifier: Apache-2.0
"""Packages: what is known is what dpkg says, also moments after it says something else."""
import os
import subprocess
import time
import unittest

import support

NAME = "fettle-pipeline-test"
FIELDS = ("name", "architecture", "version", "source", "source_version", "state")
FORMAT = ("${Package}\\t${Architecture}\\t${Version}\\t${source:Package}\\t${source:Version}\\t"
          "${db:Status-Abbrev}\\n")


def told_by_dpkg(*names):
    """What dpkg-query knows, in the words of the facts: key -> fields."""
    listing = subprocess.run(["dpkg-query", "--show", f"--showformat={FORMAT}", *names],
                             capture_output=True, check=False, text=True).stdout
    packages = {}
    for line in listing.splitlines():
        fields = dict(zip(FIELDS, (column.strip() for column in line.split("\t"))))
        if fields["state"][1] != "n":
            packages[f"package/dpkg/{fields['name']}:{fields['architecture']}"] = fields
    return packages


def dpkg(*arguments):
    """Runs dpkg once nobody else holds its lock."""
    def attempt():
        done = subprocess.run(["dpkg", *arguments], capture_output=True, check=False, text=True)
        assert done.returncode == 0 or "lock" in done.stderr, done.stderr
        return done.returncode == 0
    support.until(attempt, "dpkg's lock")


class Packages(support.Case):
    def known(self):
        return {key: fact["value"] for key, fact in self.place.facts("package/dpkg/").items()}


class Told(Packages):
    @unittest.skipUnless(os.path.exists("/var/lib/dpkg/status"), "no dpkg here")
    def test_every_package_is_known_as_dpkg_knows_it(self):
        self.place.json("scan")
        told = told_by_dpkg()
        self.assertGreater(len(told), 50)
        self.assertEqual(self.known(), told)
        manager = self.place.facts("package/dpkg")["package/dpkg"]
        self.assertEqual(manager["status"], "present")
        self.assertEqual(manager["value"]["version"],
                         told_by_dpkg("dpkg")[next(iter(told_by_dpkg("dpkg")))]["version"])


@unittest.skipUnless(support.IS_ROOT, "installing packages takes root")
class Installing(Packages):
    def build(self, version):
        tree = self.place.at(f"tree-{version.replace(':', '-').replace('~', '-')}")
        os.makedirs(os.path.join(tree, "DEBIAN"))
        support.write_whole(os.path.join(tree, "DEBIAN", "control"), "\n".join([
            f"Package: {NAME}", f"Version: {version}", "Architecture: all",
            f"Source: {NAME}-source (0.9)", "Maintainer: Nobody <nobody@example.invalid>",
            "Description: exists for moments only", ""]))
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, tree + ".deb"],
                       check=True, capture_output=True)
        return tree + ".deb"

    def tearDown(self):
        if told_by_dpkg(NAME):
            dpkg("--purge", NAME)

    def wait_package(self, **expected):
        """Waits until the test's package is known with these fields; seconds since dpkg ended."""
        ended = time.monotonic()
        key = f"package/dpkg/{NAME}:all"

        def look():
            value = (self.place.facts(key).get(key) or {}).get("value") or {}
            return all(value.get(name) == text for name, text in expected.items())
        support.until(look, f"{NAME} {expected}", state=lambda: self.place.facts(key))
        took = time.monotonic() - ended
        if expected.get("version"):
            self.assertEqual(self.known()[key], told_by_dpkg(NAME)[key])
        return took

    def test_installed_upgraded_and_removed_while_it_watches(self):
        old, new = self.build("1.0"), self.build("2:1.1~rc1-1")
        self.place.serve()
        support.until(lambda: self.place.rows("assets", "list") and len(self.known())
                      == len(told_by_dpkg()), "all packages")
        took = []
        dpkg("--install", old)
        took.append(self.wait_package(version="1.0", state="ii", source=f"{NAME}-source",
                                      source_version="0.9"))
        dpkg("--install", new)
        took.append(self.wait_package(version="2:1.1~rc1-1", state="ii"))
        dpkg("--remove", NAME)
        key = f"package/dpkg/{NAME}:all"
        support.until(lambda: key not in self.place.facts(key), "its removal")
        changes = [(support.value_of(change["before"], "version"),
                    support.value_of(change["after"], "version"))
                   for change in self.place.rows("changes", "--key", key)]
        self.assertEqual(changes, [(None, "1.0"), ("1.0", "2:1.1~rc1-1"),
                                   ("2:1.1~rc1-1", None)])
        self.assertEqual(self.known(), told_by_dpkg())
        print("from dpkg's end to known: " + ", ".join(f"{t * 1000:.0f} ms" for t in took))
        self.assertLess(max(took), 20)


    def transactions(self):
        """What became of transaction/dpkg, the oldest first."""
        return [support.value_of(change["after"], "state")
                for change in self.place.rows("changes", "--key", "transaction/dpkg")]

    def wait_transaction(self, count):
        """Waits until COUNT transactions are known to have begun and ended."""
        support.until(lambda: self.transactions().count("running") >= count
                      and self.transactions()[-1] == "idle", f"{count} transactions",
                      state=self.transactions)

    def test_while_the_locks_are_held_a_transaction_runs(self):
        self.place.serve()
        support.until(lambda: self.place.rows("assets", "list")
                      and self.place.facts("transaction/"), "the fact")
        dpkg("--install", self.build("1.0"))
        self.wait_transaction(1)
        dpkg("--purge", NAME)
        self.wait_transaction(2)
        states = self.transactions()
        self.assertEqual(states, ["running", "idle"] * (len(states) // 2))
        self.assertEqual(self.place.facts("transaction/")["transaction/dpkg"]["value"],
                         {"state": "idle"})


class Broken(Packages):
    """A dpkg-query that is not what it should be."""

    def fake(self, script):
        path = self.place.at("dpkg-query")
        if os.path.exists(path):
            os.unlink(path)
        support.write_whole(path, "#!/bin/sh\n" + script)
        os.chmod(path, 0o755)
        self.place.configure(packages={"dpkg_query": path, "reread": "1s"})

    def manager(self):
        return self.place.facts("package/dpkg").get("package/dpkg")

    def test_a_failure_says_why_and_forgets_nothing(self):
        self.fake("printf 'one\\tall\\t1\\tone\\t1\\tii \\ntwo\\tall\\t2\\ttwo\\t2\\tii \\n'\n")
        process = self.place.serve()
        support.until(lambda: self.place.rows("assets", "list") and len(self.known()) == 2,
                      "two packages")
        known = self.known()
        for script, reason in (
                ("echo 'error: parsing file near line 7' >&2; exit 2\n", "near line 7"),
                ("printf 'one\\tall\\t1\\tone\\n'\n", "line 1"),
                ("printf 'one\\tall\\t1\\tone\\t1\\tii \\nhalf a li'\n", "line 2"),
                ("kill -9 $$\n", "signal"),
                ("exit 0\n", "knows no package") if os.path.exists("/var/lib/dpkg/info/dpkg.list")
                else ("exit 3\n", "3")):
            with self.subTest(script):
                before = len(process.events)
                self.fake(script)
                support.until(lambda: any(reason in event["msg"]
                                          for event in process.events[before:]
                                          if event["id"] == "packages-unreadable"),
                              reason, state=process.text)
                support.until(lambda: self.manager()["status"] == "failed", "the fact",
                              state=self.manager)
                self.assertEqual(self.known(), known)
                self.assertEqual(self.place.rows("changes", "--key", "package/dpkg/"), [])
        self.fake("printf 'one\\tall\\t1.1\\tone\\t1.1\\tii \\n'\n")
        support.until(lambda: len(self.known()) == 1, "one package", state=self.known)
        self.assertEqual(self.manager()["status"], "present")
        self.assertEqual(sorted(change["key"] for change in
                                self.place.rows("changes", "--key", "package/dpkg/")),
                         ["package/dpkg/one:all", "package/dpkg/two:all"])

    def test_a_scan_is_complete_and_says_that_it_could_not_look(self):
        self.fake("echo 'cannot open' >&2; exit 2\n")
        for _ in range(2):
            summary = self.place.json("scan")
            self.assertIs(summary["complete"], True)
            self.assertEqual(summary["packages"], 0)
            self.assertEqual(self.manager()["status"], "failed")


if __name__ == "__main__":
    support.main()
