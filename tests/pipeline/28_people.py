# SPDX-License-Identifier: Apache-2.0
"""People: who may do what, that what needs two takes two, and the audit that says who did what."""
import importlib
import json
import os
import shutil
import stat
import sys

import support

NOGROUP, ANNA, BERT, CARA = 65534, 65534, 54321, 54322
fakes = importlib.import_module("16_alerts_and_jobs").fakes


def person(uid):
    """Runs a command as UID, in the group that the data directory belongs to."""
    return lambda command: ["setpriv", f"--reuid={uid}", f"--regid={NOGROUP}", "--clear-groups",
                            *command]


class People(support.Case):
    def setUp(self):
        super().setUp()
        os.chmod(self.place.path, 0o755)
        os.mkdir(self.place.data)
        os.chown(self.place.data, 0, NOGROUP)
        os.chmod(self.place.data, 0o2750)
        for name, text in fakes().items():
            support.write_whole(self.place.at(name), text)
            os.chmod(self.place.at(name), 0o755)
        self.place.configure(agent={"skip": ["mounts", "sockets"], "helper": "later"},
                             updates={name: self.place.at(name) for name in fakes()})

    def serve(self):
        process = self.place.serve()
        support.until(lambda: len(self.place.findings()) == 3, "three patches missing",
                      state=lambda: self.place.findings().keys())
        self.place.wait_quiet()
        return process

    def run_as(self, uid, *arguments, **options):
        return self.place.run(*arguments, wrap=person(uid), **options)

    def add(self, name, uid, roles, **options):
        return self.place.run("operators", "add", name, "--uid", str(uid), "--role", roles,
                              **options)

    def operators(self, *options):
        return {row["name"]: row for row in self.place.rows("operators", *options)}

    def audit(self, *options):
        return self.place.rows("audit", *options)

    def wait_audit(self, *wanted):
        """Until the audit has entries of these: (who begins so, what)."""
        def has_all():
            rows = [(row["principal"], row["action"]) for row in self.audit()]
            return all(any(who.startswith(name) and action == did for who, action in rows)
                       for name, did in wanted)
        support.until(has_all, f"audit entries {wanted}", state=self.audit)

    def plan(self, uid, package, **options):
        rows = self.run_as(uid, "remediations", "plan", package, "--format", "ndjson",
                           **options).splitlines()
        return json.loads(rows[0])["id"] if rows else None

    # ---- who may ----

    def test_roles_say_who_may_and_what_needs_two_takes_two(self):
        self.serve()
        self.assertEqual(list(self.operators()), ["root"])
        self.plan(ANNA, "cure", code=4)
        self.assertIn("nobody (uid 65534) may not propose jobs", self.place.complaints)
        self.assertIn("operator", self.place.complaints)

        self.add("anna", ANNA, "operator,approver")
        self.add("bert", BERT, "approver")
        self.add("dora", BERT, "viewer", code=65)
        self.assertIn("bert's", self.place.complaints)
        listed = self.operators()
        self.assertEqual((listed["anna"]["uid"], listed["anna"]["roles"]),
                         (ANNA, ["operator", "approver"]))
        self.assertEqual(listed["root"]["note"], "the last resort")
        self.assertIn("uid 0", listed["bert"]["by"])

        job = self.plan(ANNA, "cure")
        self.run_as(ANNA, "remediations", "approve", job, code=1)
        self.assertIn("who proposed it may not", self.place.complaints)
        path = self.place.write_policy("more", {"sky": ["f:/etc/passwd"]})
        self.run_as(BERT, "policies", "load", path, code=4)
        self.assertIn("bert (uid 54321) may not change policies: that takes the role operator",
                      self.place.complaints)
        self.assertIn("who may: anna", self.place.complaints)
        self.run_as(BERT, "remediations", "approve", job)
        decided = self.place.json("jobs", "show", job)
        self.assertEqual((decided["proposed_by"], decided["decided_by"]),
                         ("anna (uid 65534)", "bert (uid 54321)"))
        self.run_as(ANNA, "jobs", "cancel", job)
        self.run_as(BERT, "jobs", "cancel", job, code=1)

        self.wait_audit(("anna", "intent job proposal"), ("bert", "denied policy"),
                        ("bert", "intent job decision"), ("bert", "job approved"),
                        ("agent", "job leased"), ("anna", "job cancelled"), ("root", "operator"))
        self.assertEqual({row["principal"] for row in self.audit("--principal", "bert")},
                         {"bert (uid 54321)"})
        self.assertTrue(all(row["asset_id"] == self.place.asset()
                            for row in self.audit("--action", "job ")))

    def test_who_has_no_role_is_refused_before_what_they_send_is_read(self):
        self.serve()
        checks = {f"check-{number}": ["f:/etc/passwd"] for number in range(2000)}
        path = self.place.write_policy("more", checks)
        self.run_as(BERT, "policies", "load", path, code=4)
        self.assertIn("may send no more than 64 KiB", self.place.complaints)
        self.wait_audit((f"uid {BERT}", "denied order"))
        self.add("bert", BERT, "operator")
        self.run_as(BERT, "policies", "load", path)

    def test_only_an_admin_decides_who_may_and_the_last_one_stays(self):
        self.serve()
        self.add("anna", ANNA, "admin")
        self.run_as(ANNA, "operators", "add", "bert", "--uid", str(BERT), "--role", "operator")
        self.run_as(BERT, "operators", "add", "cara", "--uid", str(CARA), "--role", "admin",
                    code=4)
        self.assertIn("that takes the role admin", self.place.complaints)
        self.run_as(ANNA, "operators", "revoke", "anna", code=65)
        self.assertIn("last admin", self.place.complaints)
        self.add("anna", ANNA, "operator", code=65)
        self.assertIn("last admin", self.place.complaints)
        path = self.place.write_policy("more", {"sky": ["f:/etc/passwd"]})
        self.run_as(BERT, "policies", "load", path)
        self.run_as(ANNA, "operators", "revoke", "bert")
        self.assertNotIn("bert", self.operators())
        self.assertTrue(self.operators("--all")["bert"]["revoked_at"])
        self.run_as(BERT, "policies", "remove", "more", code=4)
        self.place.run("operators", "revoke", "nobody", code=1)
        self.place.run("policies", "remove", "more")
        self.wait_audit(("root", "intent policy removed"), ("bert", "intent policy"))
        last = [row for row in self.audit() if row["action"] == "intent policy removed"][-1]
        self.assertEqual(last["detail"], "as root, the last resort")

    def test_who_was_added_is_known_after_a_restart_and_what_is_shipped_still_comes(self):
        self.serve().stop()
        support.running.clear()
        self.place.serve()
        self.add("anna", ANNA, "admin")
        self.place.processes[-1].stop()
        support.running.clear()
        self.place.write_policy("more", {"sky": ["f:/etc/passwd"]})
        self.place.serve()
        self.place.wait_quiet()
        self.assertIn("more", {row["policy"] for row in self.place.rows("policies")})
        self.assertEqual(set(self.operators()), {"anna", "root"})

    def test_a_persons_key_is_made_locked_and_never_overwritten(self):
        self.serve()
        key, words = self.place.at("anna.key"), self.place.at("words")
        self.place.run("operators", "keygen", "--out", key, code=4)
        support.write_whole(words, "short\n")
        self.place.run("operators", "keygen", "--out", key, "--passphrase-file", words, code=65)
        self.assertFalse(os.path.exists(key))
        support.write_whole(words, "correct horse battery\n")
        self.place.run("operators", "keygen", "--out", key, "--passphrase-file", words)
        self.assertEqual(stat.S_IMODE(os.stat(key).st_mode), 0o600)
        with open(key + ".pub", encoding="utf-8") as file:
            public = file.read().strip()
        before = open(key, encoding="utf-8").read()
        self.place.run("operators", "keygen", "--out", key, "--passphrase-file", words, code=1)
        self.assertEqual(open(key, encoding="utf-8").read(), before)
        self.place.run("operators", "add", "anna", "--user", "nobody", "--role", "viewer",
                       "--key", key, code=65)
        self.place.run("operators", "add", "anna", "--user", "nobody", "--role", "viewer",
                       "--key", key + ".pub")
        self.assertEqual(self.operators()["anna"]["key"], public)

    # ---- the audit ----

    def export(self, name, *options):
        path = self.place.at(name)
        with open(path, "wb") as file:
            file.write(self.place.run("audit", "export", *options))
        return path

    def verify(self, *arguments, code=0):
        """What `audit verify` says, and that it ends with CODE."""
        return self.place.json("audit", "verify", *arguments, code=code)

    def edited(self, path, edit):
        """A copy of the file at PATH whose lines went through EDIT."""
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        edit(lines)
        copy = path + ".edited"
        support.write_whole(copy, "\n".join(lines) + "\n")
        return copy

    def test_what_was_exported_is_verified_anywhere_and_every_change_is_found(self):
        process = self.serve()
        self.add("anna", ANNA, "admin")
        self.wait_audit(("root", "operator"))
        process.stop()
        support.running.clear()
        public = os.path.join(self.place.data, "keys", "audit.pub")
        whole = self.verify()
        self.assertEqual((whole["whole"], whole["held_to_log"]), (True, True))
        self.assertEqual(whole["vouched"], whole["entries"])
        path = self.export("audit.ndjson")
        elsewhere = self.place.at("elsewhere")
        os.mkdir(elsewhere)
        for name in (path, public):
            shutil.copy(name, elsewhere)
        shutil.move(self.place.data, self.place.at("gone"))
        path, public = (os.path.join(elsewhere, os.path.basename(name))
                        for name in (path, public))
        alone = self.verify(path, "--key", public)
        self.assertEqual((alone["whole"], alone["entries"]), (True, whole["entries"]))

        def edit(lines):
            lines[3] = lines[3].replace("root", "bert")

        def swap(lines):
            lines[3], lines[4] = lines[4], lines[3]

        def truncate(lines):
            del lines[-4:]

        for change, bad in ((edit, 3), (lambda lines: lines.pop(3), 3), (swap, 3)):
            said = self.verify(self.edited(path, change), "--key", public, code=1)
            self.assertEqual((said["whole"], said["bad"]), (False, bad), said)
        said = self.verify(self.edited(path, truncate), code=1)
        self.assertIn("no end", said["what"])
        other = self.place.at("other.pub")
        support.write_whole(other, "5" * 64 + "\n")
        said = self.verify(path, "--key", other, code=1)
        self.assertIn("another key", said["what"])
        support.write_whole(path, "not an audit\n")
        self.verify(path, code=1)

    def test_a_restore_is_entered_and_a_branch_is_found_by_what_was_exported(self):
        process = self.serve()
        self.add("anna", ANNA, "admin")
        self.wait_audit(("root", "operator"))
        self.place.wait_quiet()
        backup = self.place.at("backup")
        self.place.run("data", "backup", backup)
        self.add("bert", BERT, "operator")
        support.until(lambda: any(row["subject"] == "bert" for row in self.audit()), "bert's entry")
        process.stop()
        support.running.clear()
        later = self.export("later.ndjson")
        self.assertTrue(self.verify("--against", later)["whole"])

        self.place.run("data", "restore", backup)
        self.assertEqual(self.audit()[-1]["action"], "restored")
        self.place.run("data", "verify")
        process = self.place.serve()
        self.assertNotIn("bert", self.operators())
        self.add("cara", CARA, "operator")
        support.until(lambda: any(row["subject"] == "cara" for row in self.audit()), "cara's entry")
        self.place.wait_quiet()
        process.stop()
        support.running.clear()
        self.assertTrue(self.verify()["whole"])
        said = self.verify("--against", later, code=1)
        self.assertRegex(said["what"], "branches|was exported")


if __name__ == "__main__":
    if not support.IS_ROOT or shutil.which("setpriv") is None:
        print("being several people takes root, and setpriv")
        sys.exit(support.SKIPPED)
    support.main()
