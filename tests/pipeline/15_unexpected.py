# SPDX-License-Identifier: Apache-2.0
"""What is done by hand is one alert, at a SIEM and at a webhook, within moments; what packages do is
none.  The shipped detections and watch list, the machine's own files, Debian's rsyslog."""
import os
import subprocess
import sys
import time
import unittest

import support

sys.path.insert(0, os.path.join(support.TOP, "tests", "forwarding"))
import forwarding  # noqa: E402

NAME = "fettle-alerts-test"
MARK = "fettlealerts"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUJmtqHHiAVOPqiFCoQGbnJWmZkBvfGoXiDvPVnKtGp " + NAME
PRELOAD = "/etc/ld.so.preload"
KEYS = "/root/.ssh/authorized_keys"


def sh(*command):
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"


def patient_sh(*command):
    """Once nobody else holds the lock that it takes."""
    def attempt():
        done = subprocess.run(command, capture_output=True, check=False, text=True)
        assert done.returncode == 0 or "lock" in done.stderr, done.stderr
        return done.returncode == 0
    support.until(attempt, f"{command[0]}'s lock")


def remove(path):
    if os.path.lexists(path):
        os.unlink(path)


def put(path, text, mode=0o644):
    """A whole file at once, as editors and tools put it."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path + ".new", mode)
    os.rename(path + ".new", path)


class Deed:
    """Something done by hand, and how to take it back."""

    def __init__(self, name, do, undo, key, technique, severity):
        self.name, self.do, self.undo = name, do, undo
        self.key, self.technique, self.severity = key, technique, severity


def put_key():
    os.makedirs(os.path.dirname(KEYS), mode=0o700, exist_ok=True)
    support.append_line(KEYS, KEY)


def take_key():
    with open(KEYS, encoding="utf-8") as file:
        lines = [line for line in file if NAME not in line]
    put(KEYS, "".join(lines), 0o600)


CRON, UNIT, RULE = f"/etc/cron.d/{NAME}", f"/etc/systemd/system/{NAME}.service", \
    f"/etc/sudoers.d/{NAME}"
DEEDS = [
    Deed("another account with user id 0",
         lambda: patient_sh("useradd", "--non-unique", "--uid", "0", "--no-create-home", MARK),
         lambda: patient_sh("userdel", "--force", MARK),
         f"user/{MARK}", "T1136.001", "critical"),
    Deed("a key that may log in as root", put_key, take_key,
         "authorized_key/root/", "T1098.004", "high"),
    Deed("a cron job", lambda: put(CRON, "1 2 3 4 * root /bin/true\n"), lambda: remove(CRON),
         "cron" + CRON, "T1053.003", "medium"),
    Deed("a unit", lambda: put(UNIT, "[Service]\nExecStart=/bin/true\n"), lambda: remove(UNIT),
         f"unit/{NAME}.service", "T1543.002", "medium"),
    Deed("a sudo rule", lambda: put(RULE, f"{MARK} ALL=(ALL) /bin/true\n", 0o440),
         lambda: remove(RULE), "sudo/", "T1548.003", "high"),
    Deed("a library in every program", lambda: put(PRELOAD, "\n"), lambda: remove(PRELOAD),
         "file" + PRELOAD, "T1574.006", "critical"),
]


@unittest.skipUnless(support.IS_ROOT, "these are root's files")
class Alerts(support.Case):
    def setUp(self):
        super().setUp()
        if forwarding.RSYSLOG is None:
            self.skipTest("rsyslogd is not installed")
        self.rsyslog = forwarding.Rsyslog(self.place.path)
        self.rsyslog.start()
        self.addCleanup(self.rsyslog.stop)
        port = forwarding.free_port()
        self.hook = forwarding.HookServer(port)
        self.addCleanup(self.hook.kill)
        self.place.use_shipped("detections", "watchlist")
        # Lists of sections are no sections.
        self.place.settings["siem"] = [{"name": "soc", "target": self.rsyslog.target,
                                        "format": "json"}]
        self.place.settings["webhook"] = [{"name": "ir", "url": f"http://127.0.0.1:{port}/",
                                           "format": "cloudevents"}]
        self.place.configure()

    def watch(self):
        """Returns once everything has been looked at by the plan that has the watch list."""
        self.place.serve()
        support.until(self.has_looked_at_everything, "a look at everything by the plan",
                      state=self.looks)
        self.place.wait_quiet()

    def looks(self):
        if not self.place.rows("assets", "list"):
            return []
        return self.place.json("assets", "show", self.place.asset())["looks"]

    def has_looked_at_everything(self):
        done = {look["prefix"] for look in self.looks() if look["is_current"]}
        return {"file/", "user/", "sudo/", "authorized_key/", "cron/", "unit/", "package/dpkg/"} \
            <= done and self.place.facts("file/etc/pam.d/")

    def alerts(self):
        return self.place.rows("alerts", "list", "--all")

    @staticmethod
    def told(events, key, state):
        return [event for event in events
                if event["event"] == "alert" and event["key"].startswith(key)
                and event["state"] == state]

    def wait_told(self, deed, state):
        """At both receivers; the seconds that it took."""
        began = time.monotonic()
        for events in (self.rsyslog.events, lambda: list(self.hook.events)):
            support.until(lambda: self.told(events(), deed.key, state),
                          f"{deed.name} to be told as {state}",
                          state=lambda: [(alert["key"], alert["title"], alert["state"])
                                         for alert in self.alerts()])
        return time.monotonic() - began

    def done_and_undone(self, deed):
        known = {alert["id"] for alert in self.alerts()}
        self.addCleanup(lambda: self.make_sure_of_undone(deed))
        deed.do()
        took = self.wait_told(deed, "open")
        event = self.told(self.rsyslog.events(), deed.key, "open")[0]
        self.assertIn(deed.technique, event["techniques"])
        self.assertEqual(event["severity"], deed.severity)
        self.assertNotEqual(event["before"], event["after"])
        self.assertEqual(event["after"]["status"], "present")
        deed.undo()
        undone = self.wait_told(deed, "undone")
        self.place.wait_quiet()
        # What waits for facts to tell of it would have spoken by now.
        new = [alert for alert in self.alerts() if alert["id"] not in known]
        self.assertEqual([(alert["key"].startswith(deed.key), alert["state"]) for alert in new],
                         [(True, "undone")], new)
        print(f"{deed.name}: told after {took * 1000:.0f} ms, undone after {undone * 1000:.0f} ms")
        return took

    @staticmethod
    def make_sure_of_undone(deed):
        try:
            deed.undo()
        except (AssertionError, OSError):
            pass  # it is undone already

    def test_what_is_done_by_hand_is_one_alert_each_and_its_undoing_is_told(self):
        self.assertFalse(os.path.exists(PRELOAD), "this machine has one of its own")
        self.watch()
        took = [self.done_and_undone(deed) for deed in DEEDS]
        self.assertLess(max(took), 20)

    # ---- packages ----

    def build(self):
        """A package that does what packages do: a cron file, a unit, a sudo rule, an account."""
        tree = self.place.at("tree")
        files = {CRON: "1 2 3 4 * root /bin/true\n", RULE: f"{MARK} ALL=(ALL) /bin/true\n",
                 f"/lib/systemd/system/{NAME}.service": "[Service]\nExecStart=/bin/true\n",
                 f"/etc/pam.d/{NAME}": "auth required pam_deny.so\n"}
        for path, text in files.items():
            os.makedirs(os.path.dirname(tree + path), exist_ok=True)
            support.write_whole(tree + path, text)
        os.chmod(tree + RULE, 0o440)
        os.mkdir(os.path.join(tree, "DEBIAN"))
        control = {"control": "\n".join([
            f"Package: {NAME}", "Version: 1.0", "Architecture: all",
            "Maintainer: Nobody <nobody@example.invalid>", "Description: exists for moments", ""]),
            "conffiles": "".join(f"{path}\n" for path in files if path.startswith("/etc")),
            "postinst": "#!/bin/sh\nset -e\ngetent passwd " + MARK + " >/dev/null || useradd "
                        "--system --no-create-home " + MARK + "\n"
                        "ln -sf /etc/init.d/none /etc/rc2.d/S99" + NAME + "\n",
            "postrm": "#!/bin/sh\nset -e\nrm -f /etc/rc2.d/S99" + NAME + "\n"
                      "if [ \"$1\" = purge ] && getent passwd " + MARK + " >/dev/null; then "
                      "userdel " + MARK + "; fi\n"}
        for name, text in control.items():
            path = os.path.join(tree, "DEBIAN", name)
            support.write_whole(path, text)
            os.chmod(path, 0o755 if text.startswith("#!") else 0o644)
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, tree + ".deb"],
                       check=True, capture_output=True)
        return tree + ".deb"

    @staticmethod
    def purge():
        if subprocess.run(["dpkg-query", "--show", NAME], capture_output=True,
                          check=False).returncode == 0:
            patient_sh("dpkg", "--purge", NAME)

    def expected(self, key):
        """What the last change of a fact is expected by; None: it is not judged yet."""
        changes = [change["expected_by"] for change in self.place.rows("changes", "--key", key)
                   if change["key"].startswith(key)]
        changes = [by for by in changes if by != "a look at whose file it is"]
        return changes[-1] if changes else None

    def test_what_a_package_brings_and_takes_is_expected(self):
        package = self.build()
        self.addCleanup(self.purge)
        self.watch()
        patient_sh("dpkg", "--install", package)
        for key in ("file" + CRON, "file" + RULE, f"file/etc/pam.d/{NAME}", f"unit/{NAME}.service",
                    "cron" + CRON, "sudo/"):
            support.until(lambda: self.expected(key) == f"package {NAME}",
                          f"{key} to be expected by its package",
                          state=lambda: (self.expected(key), self.alerts()))
        support.until(lambda: self.expected(f"user/{MARK}") == "a transaction of packages",
                      "the account to be expected", state=self.alerts)
        patient_sh("dpkg", "--purge", NAME)
        support.until(lambda: self.expected(f"file/etc/pam.d/{NAME}") == "the removal of package "
                      + NAME or self.expected(f"file/etc/pam.d/{NAME}")
                      == "a transaction of packages", "its removal", state=lambda:
                      self.expected(f"file/etc/pam.d/{NAME}"))
        self.place.wait_quiet()
        self.assertEqual(self.alerts(), [])


if __name__ == "__main__":
    support.main()
