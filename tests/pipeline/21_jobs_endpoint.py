# SPDX-License-Identifier: Apache-2.0
"""Jobs at the endpoint: fettle-helper upgrades a package once, and tells the truth about it.
"""
import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

import local_packages
import support

NAME = local_packages.own("fettle-pipeline-job")
NOBODY = 65534
REFUSED, UNKNOWN, BUSY, RUNNING, ENDED, INTERRUPTED = range(1, 7)
HOUR_MS = 3600 * 1000


# ---- the helper's protocol, by hand: what is tested is not what tests it ----

def varint(number):
    out = bytearray()
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def decode(data):
    """Field number -> value, the last of each; sint64 are given as they stand."""
    fields, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if not byte & 0x80:
                return value
    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            fields[tag >> 3] = number()
        else:
            size = number()
            fields[tag >> 3] = data[at:at + size]
            at += size
    return fields


def unzigzag(value):
    return value >> 1 ^ -(value & 1)


class Reply:
    def __init__(self, data):
        fields = decode(data)
        self.state = fields.get(3)
        self.exit_code = unzigzag(fields[4]) if 4 in fields else None
        self.reason = fields.get(5, b"").decode()
        self.output = fields.get(6, b"").decode("utf-8", "replace")

    def __repr__(self):
        return f"<state {self.state} exit {self.exit_code} {self.reason!r} {self.output!r}>"


class Caller:
    """One connection to a helper."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.settimeout(support.PATIENCE)

    def send(self, message):
        self.socket.sendall(struct.pack(">I", len(message)) + message)

    def take(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def reply(self):
        return Reply(self.take(struct.unpack(">I", self.take(4))[0]))

    def run(self, job, attempt, packages, valid_ms=HOUR_MS, kind=1, manager="dpkg"):
        action = field(1, kind) + field(2, manager)
        for name, version in packages:
            action += field(3, field(1, name) + field(2, version))
        until = max(0, int(time.time() * 1000) + valid_ms)
        self.send(field(1, field(1, job) + field(2, attempt) + field(3, action)
                        + field(4, until)))
        return self.reply()

    def query(self, job, attempt):
        self.send(field(2, field(1, job) + field(2, attempt)))
        return self.reply()


def job_id(word):
    return hashlib.sha256(word.encode()).digest()


# ---- the helper ----

class Helped(support.Case):
    def setUp(self):
        super().setUp()
        os.chmod(self.place.path, 0o755)
        os.mkdir(self.place.data)
        os.chmod(self.place.data, 0o755)
        self.start()

    def helper(self):
        process = support.Process([os.path.join(support.BUILD, "fettle-helper"), "--data",
                                   self.place.data, "--log-format", "json"],
                                  self.place.environment())
        self.place.processes.append(process)
        return process

    def start(self):
        self.process = self.helper()
        self.process.wait_for("helper-ready")

    def crash(self):
        self.process.signal(signal.SIGKILL)
        self.process.wait()

    def path(self):
        return os.path.join(self.place.data, "helper", "socket")

    def call(self):
        caller = Caller(self.path())
        self.addCleanup(caller.socket.close)
        return caller


class Requests(Helped):
    def test_an_attempt_that_was_never_asked_for_is_unknown(self):
        self.assertEqual(self.call().query(job_id("never"), 1).state, UNKNOWN)

    def test_what_could_be_more_than_a_package_and_a_version_is_refused(self):
        good = ("bash", "1")
        for packages in ([], [good] * 2, [("bash", "1")] + [(f"p{i}", "1") for i in range(500)],
                         [("-o", "1")], [("--purge", "1")], [("a/../b", "1")], [("ba=sh", "1")],
                         [("bash ", "1")], [("Bash", "1")], [("b", "1")], [("^bash", "1")],
                         [("ba*", "1")], [("bash:", "1")], [("bash:a:b", "1")],
                         [("bash", "")], [("bash", "1-")], [("bash", "1+")], [("bash", "-1")],
                         [("bash", "1/x")], [("bash", "1 2")], [("bash", "*")],
                         [("bash", "1\n")], [("b" * 200, "1")], [("bash", "1" * 200)]):
            with self.subTest(packages[:2]):
                reply = self.call().run(job_id("bad"), 1, packages)
                self.assertEqual(reply.state, REFUSED)
                self.assertNotEqual(reply.reason, "")
        for options in ({"kind": 2}, {"kind": 0}, {"manager": "rpm"}, {"manager": ""}):
            with self.subTest(options):
                self.assertEqual(self.call().run(job_id("bad"), 1, [good], **options).state,
                                 REFUSED)
        self.assertEqual(self.call().query(job_id("bad"), 1).state, UNKNOWN)

    def test_a_lease_that_has_expired_is_refused(self):
        reply = self.call().run(job_id("late"), 1, [("bash", "1")], valid_ms=-1)
        self.assertEqual((reply.state, "expired" in reply.reason), (REFUSED, True))

    def test_rubbish_is_refused_and_the_helper_goes_on(self):
        for rubbish in (b"GET / HTTP/1.1\r\n\r\n", struct.pack(">I", 0), b"\xff" * 64,
                        struct.pack(">I", 3) + b"\x0a\x7f\x00",
                        struct.pack(">I", 6) + field(2, field(1, b"ab")),
                        struct.pack(">I", 4) + field(1, b"") + field(2, b"")):
            with self.subTest(rubbish):
                caller = self.call()
                caller.socket.sendall(rubbish)
                self.assertEqual(caller.reply().state, REFUSED)
                self.assertRaises(EOFError, caller.reply)
        half = self.call()
        half.socket.sendall(b"\0\0")
        self.assertEqual(self.call().query(job_id("after"), 1).state, UNKNOWN)

    def test_many_connections_that_ask_nothing_keep_nobody_out(self):
        idle = [self.call() for _ in range(30)]
        self.assertEqual(self.call().query(job_id("last"), 1).state, UNKNOWN)
        del idle

    def ask_as_nobody(self):
        message = field(2, field(1, job_id("x")) + field(2, 1))
        message = struct.pack(">I", len(message)) + message
        script = (f"import os, socket; os.setgroups([]); os.setgid({NOBODY}); "
                  f"os.setuid({NOBODY}); s = socket.socket(socket.AF_UNIX); "
                  f"s.connect({self.path()!r}); "
                  f"s.sendall({message!r}); "
                  "print(len(s.recv(9)))")
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                              check=False, timeout=support.PATIENCE)

    def test_only_root_and_the_owner_of_the_data_are_served(self):
        self.assertEqual(os.stat(self.path()).st_mode & 0o777, 0o600)
        self.assertIn("PermissionError", self.ask_as_nobody().stderr)
        os.chmod(self.path(), 0o666)
        self.assertNotEqual(self.ask_as_nobody().stdout, "9\n")
        self.process.wait_for("helper-stranger", uid=NOBODY)
        self.process.stop()
        os.chown(self.place.data, NOBODY, NOBODY)
        self.start()
        self.assertEqual(self.ask_as_nobody().stdout, "9\n")
        self.assertEqual(self.call().query(job_id("x"), 1).state, UNKNOWN)

    def test_a_directory_that_is_somebody_elses_is_not_used(self):
        self.process.stop()
        os.chown(os.path.join(self.place.data, "helper"), NOBODY, NOBODY)
        self.assertEqual(self.helper().wait(), 4)

    def test_a_second_helper_ends_quietly(self):
        second = self.helper()
        self.assertEqual(second.wait(), 0)
        self.assertEqual(second.lines, [])
        self.assertEqual(self.call().query(job_id("still"), 1).state, UNKNOWN)

    def test_it_ends_when_it_is_told_to_and_when_its_directory_is_gone(self):
        self.process.stop()
        self.assertFalse(os.path.exists(self.path()))
        self.start()
        # It may be faster with its socket.
        shutil.rmtree(os.path.dirname(self.path()), ignore_errors=True)
        begin = time.monotonic()
        self.assertEqual(self.process.wait(), 0)
        self.assertLess(time.monotonic() - begin, 2)


# ---- real packages ----

class Applying(Helped):
    @classmethod
    def setUpClass(cls):
        cls.repository = local_packages.Repository([NAME])
        cls.addClassCleanup(cls.repository.remove)

    def setUp(self):
        super().setUp()
        self.package = self.repository[NAME]
        self.addCleanup(self.repository.purge)
        self.package.install_old()

    def state(self):
        return self.package.state()

    def ran(self):
        return self.package.ran()

    def begin_slowly(self, word):
        """Begins the upgrade, and returns once its postinst waits."""
        self.package.hold()
        caller = self.call()
        self.assertEqual(caller.run(job_id(word), 1, [(NAME, "1.1")]).state, RUNNING)
        self.package.wait_held()
        return caller

    def process_of(self, word, attempt=1):
        name = f"{job_id(word).hex()}.{attempt}"
        with open(os.path.join(self.place.data, "helper", name), "rb") as file:
            return decode(file.read())[7]

    def test_upgrades_once_however_often_it_is_asked(self):
        self.assertEqual(self.state(), "ii 1.0")
        caller, job = self.call(), job_id("upgrade")
        self.assertEqual(caller.run(job, 1, [(NAME, "1.1")]).state, RUNNING)
        first = caller.reply()
        self.assertEqual((first.state, first.exit_code, first.reason), (ENDED, 0, ""), first)
        self.assertEqual(self.state(), "ii 1.1")
        self.assertIn("configuring 1.1 as noninteractive", first.output)
        for again in (caller.run(job, 1, [(NAME, "1.1")]), caller.query(job, 1),
                      caller.run(job, 1, [(NAME, "1.0")]), caller.run(job, 1, [("--bad", "")])):
            self.assertEqual((again.state, again.exit_code, again.output),
                             (ENDED, 0, first.output))
        self.crash()
        self.start()
        self.assertEqual(self.call().run(job, 1, [(NAME, "1.1")]).output, first.output)
        self.assertEqual(self.ran(), ["1.0", "1.1"])
        self.assertEqual(self.call().query(job, 2).state, UNKNOWN)

    def test_what_cannot_be_had_fails_in_the_words_of_apt(self):
        for word, package in (("version", (NAME, "1.05")), ("name", (NAME + "-not", "1.0")),
                              ("older", (NAME, "0.9"))):
            caller = self.call()
            self.assertEqual(caller.run(job_id(word), 1, [package]).state, RUNNING)
            reply = caller.reply()
            self.assertEqual((reply.state, reply.exit_code), (ENDED, 100), reply)
            self.assertIn("E: ", reply.output)
        self.assertEqual(self.state(), "ii 1.0")

    def test_what_is_not_installed_stays_so(self):
        self.repository.purge()
        caller = self.call()
        self.assertEqual(caller.run(job_id("absent"), 1, [(NAME, "1.1")]).state, RUNNING)
        self.assertEqual(caller.reply().state, ENDED)
        self.assertEqual(self.state(), "")

    def test_the_helper_killed_meanwhile_says_that_nobody_saw_the_end(self):
        self.begin_slowly("killed")
        self.crash()
        self.start()
        self.process.wait_for("helper-found")
        caller, job = self.call(), job_id("killed")
        self.assertEqual(caller.run(job, 1, [(NAME, "1.1")]).state, RUNNING)
        self.assertEqual(self.call().run(job_id("other"), 1, [(NAME, "1.1")]).state, BUSY)
        self.package.let_go()
        reply = caller.reply()
        self.assertEqual((reply.state, reply.exit_code), (INTERRUPTED, None), reply)
        self.assertIn("configuring 1.1", reply.output)
        support.until(lambda: self.state() == "ii 1.1", "1.1 to be configured", state=self.state)
        self.assertEqual(self.ran(), ["1.0", "1.1"])
        self.crash()
        self.start()
        self.assertEqual(self.call().run(job, 1, [(NAME, "1.1")]).state, INTERRUPTED)
        self.assertEqual(self.ran(), ["1.0", "1.1"])

    def test_it_ended_while_no_helper_was_there(self):
        self.begin_slowly("unseen")
        pid = self.process_of("unseen")
        self.crash()
        self.package.let_go()

        def is_over():
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                    return file.read().rpartition(")")[2].split()[0] == "Z"
            except FileNotFoundError:
                return True
        support.until(is_over, "apt-get's end")
        self.start()
        self.assertEqual(self.call().query(job_id("unseen"), 1).state, INTERRUPTED)
        self.assertEqual(self.ran(), ["1.0", "1.1"])

    def test_told_to_end_it_sees_the_end_of_what_it_applies_first(self):
        caller = self.begin_slowly("ending")
        self.process.signal(signal.SIGTERM)
        self.process.wait_for("helper-ending")
        self.assertEqual(self.call().run(job_id("more"), 1, [(NAME, "1.1")]).state, BUSY)
        self.package.let_go()
        reply = caller.reply()
        self.assertEqual((reply.state, reply.exit_code), (ENDED, 0), reply)
        self.assertEqual(self.process.wait(), 0)

    def test_an_interrupted_dpkg_is_completed_before_the_next_job(self):
        caller = self.begin_slowly("cut off")
        os.killpg(self.process_of("cut off"), signal.SIGKILL)
        reply = caller.reply()
        self.assertEqual((reply.state, reply.exit_code), (ENDED, -signal.SIGKILL), reply)
        self.assertNotEqual(self.state(), "ii 1.1")
        self.package.let_go()
        self.assertEqual(caller.run(job_id("cut off"), 2, [(NAME, "1.1")]).state, RUNNING)
        reply = caller.reply()
        self.assertEqual((reply.state, reply.exit_code), (ENDED, 0), reply)
        self.assertEqual(self.state(), "ii 1.1")


# ---- who keeps it running ----

class Kept(support.Case):
    def pid(self):
        """The process that listens; None: nobody does."""
        try:
            caller = Caller(os.path.join(self.place.data, "helper", "socket"))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        with caller.socket:
            peer = caller.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return struct.unpack("3i", peer)[0]

    def wait_gone(self, pid):
        support.until(lambda: not os.path.exists(f"/proc/{pid}"), "the helper's end")
        self.assertIsNone(self.pid())

    def test_serve_keeps_one_running_and_ends_it(self):
        server = self.place.serve()
        server.wait_for("helper-ready", role="helper")
        first = self.pid()
        os.kill(first, signal.SIGKILL)
        server.wait_for("helper-restart", signal=int(signal.SIGKILL))
        support.until(self.pid, "another helper")
        second = self.pid()
        self.assertNotEqual(first, second)
        self.assertLess(server.stop(), 2)
        self.wait_gone(second)

    def test_it_outlives_an_agent_that_is_killed_and_is_found_again(self):
        server = self.place.serve()
        server.wait_for("helper-ready")
        pid = self.pid()
        server.signal(signal.SIGKILL)
        server.wait()
        self.assertEqual(self.pid(), pid)
        server = self.place.serve()
        self.place.wait_quiet()
        self.assertEqual(self.pid(), pid)
        self.assertLess(server.stop(), 2)
        self.wait_gone(pid)
        self.assertIsNone(server.said("helper-ready"))

    def test_where_it_is_off_and_in_a_scan_there_is_none(self):
        self.place.json("scan")
        self.assertFalse(os.path.exists(os.path.join(self.place.data, "helper")))
        self.place.configure(agent={"helper": "off"})
        server = self.place.serve()
        self.place.wait_quiet()
        self.assertFalse(os.path.exists(os.path.join(self.place.data, "helper")))
        server.stop()


if __name__ == "__main__":
    if not support.IS_ROOT:
        print("applying jobs takes root")
        sys.exit(support.SKIPPED)
    support.main()
