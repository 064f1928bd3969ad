# SPDX-License-Identifier: Apache-2.0
"""What services that run alone have given up, by the kernel's word on each of their threads."""
import glob
import os
import pwd

import support

ROLES = ("log", "sink", "processor", "gateway")


class Privileges(support.Case):
    def setUp(self):
        super().setUp()
        ports = {name: f"tcp://127.0.0.1:{support.free_port()}"
                 for name in ("gateways", "readers", "sinks")}
        self.place.configure(gateway={"listen": "tcp://127.0.0.1:*", "log": ports["gateways"]},
                             log={"agents": ports["gateways"], "readers": ports["readers"]},
                             processor={"log": ports["readers"], "verdicts": ports["sinks"]},
                             sink={"processor": ports["sinks"]})
        self.user = pwd.getpwnam("nobody")

    def statuses(self, process):
        """/proc's status of each thread, as a dictionary."""
        for path in glob.glob(f"/proc/{process.pid}/task/*/status"):
            with open(path, encoding="utf-8") as file:
                yield dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

    def start_all(self):
        for role in ROLES:
            process = self.place.start(role)
            process.wait_for(f"{role}-ready")
            support.running.append(process)
            yield role, process

    def have_given_up(self, user):
        for role, process in self.start_all():
            statuses = list(self.statuses(process))
            self.assertGreater(len(statuses), 1, role)
            for status in statuses:
                with self.subTest(role, thread=status["Name"]):
                    self.assertEqual(status["NoNewPrivs"], "1")
                    self.assertEqual(status["Seccomp"], "2")  # by a filter
                    self.assertEqual(int(status["CapEff"], 16), 0)
                    self.assertEqual(int(status["CapPrm"], 16), 0)
                    self.assertEqual(set(status["Uid"].split()), {str(user)})
                    if support.IS_ROOT:
                        self.assertEqual(int(status["CapBnd"], 16), 0)

    def lend(self):
        """The data directory is another user's, and what is above it can be passed."""
        os.chmod(self.place.path, 0o755)
        os.mkdir(self.place.data, 0o750)
        os.chown(self.place.data, self.user.pw_uid, self.user.pw_gid)

    def test_no_thread_has_a_capability_or_a_way_to_one(self):
        self.have_given_up(os.geteuid())

    @support.unittest.skipUnless(support.IS_ROOT, "only root can become another user")
    def test_services_become_the_owner_of_the_data_directory(self):
        self.lend()
        self.have_given_up(self.user.pw_uid)

    @support.unittest.skipUnless(support.IS_ROOT, "only root can become another user")
    def test_a_data_directory_is_made_for_the_user_that_is_named(self):
        os.chmod(self.place.path, 0o755)
        self.place.configure(service={"run_as": "nobody"})
        self.have_given_up(self.user.pw_uid)
        self.assertEqual(os.stat(self.place.data).st_uid, self.user.pw_uid)

    @support.unittest.skipUnless(support.IS_ROOT, "only root can become another user")
    def test_a_data_directory_of_somebody_else_is_refused(self):
        os.mkdir(self.place.data)
        self.place.configure(service={"run_as": "nobody"})
        self.place.run("log", code=4)
        self.assertIn("belongs to somebody else", self.place.complaints)

    @support.unittest.skipUnless(support.IS_ROOT, "only root can become another user")
    def test_a_user_that_is_not_there_is_refused(self):
        self.place.configure(service={"run_as": "nobody-of-that-name"})
        self.place.run("log", code=65)
        self.assertIn("there is no such user", self.place.complaints)


if __name__ == "__main__":
    support.main()
