# SPDX-License-Identifier: Apache-2.0
"""What the pipeline tests stand on: real processes in a directory of their own.

Nothing here waits for time to pass.  Whoever waits names what for, and fails by saying what was
there instead.  A process that is still running when its test ends is ended, and whatever a
sanitizer said of any process fails the test, whichever way the process went.
"""
import json
import os
import shutil
import signal
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import unittest

SKIPPED = 77
PATIENCE = 45  # seconds, for what takes well below one: two builds may share a busy machine

QUIET = ["updates", "mounts", "sockets"]
TOP = os.environ.get("FETTLE_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get("FETTLE_BUILD") or os.path.join(TOP, "build", "dev")
ACCUSATIONS = ("AddressSanitizer", "LeakSanitizer", "runtime error:", "REQUIRE")
IS_ROOT = os.geteuid() == 0


running = []  # every process that is meant to run on until its test ends it


def until(condition, what, patience=PATIENCE, state=None):
    """The first true value of CONDITION(); STATE() is shown where it never comes."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        for process in running:
            assert not process.has_ended(), f"it ended while waiting for {what}:\n" \
                f"{process.text()}"
        if time.monotonic() > deadline:
            seen = "" if state is None else f"; instead: {state()}"
            raise AssertionError(f"waited {patience} s in vain for {what}{seen}")
        time.sleep(0.01)


def free_port():
    """A port that nobody has now, and that the system gives to nobody who asks for any."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def without_override(command):
    """COMMAND, for which file modes count even where root runs it."""
    if not IS_ROOT:
        return command
    less = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={less}", f"--inh-caps={less}"] + command


class Process:
    """A running program, its log lines read as they come."""

    def __init__(self, command, environment):
        self.command = command
        self.lines = []   # as they are
        self.events = []  # those that are JSON
        self.is_checked = False
        self._process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for raw in self._process.stderr:
            line = raw.decode("utf-8", "backslashreplace").rstrip("\n")
            if line.startswith("{"):
                self.events.append(json.loads(line))
            self.lines.append(line)

    @property
    def pid(self):
        return self._process.pid

    def text(self):
        return "\n".join(self.lines)

    def said(self, event_id, since=0, **fields):
        """The first line with this id and these fields, from the SINCEth line on."""
        for event in list(self.events)[since:]:
            if event["id"] == event_id and all(event.get(k) == v for k, v in fields.items()):
                return event
        return None

    def wait_for(self, event_id, since=0, patience=PATIENCE, **fields):
        def look():
            return self.said(event_id, since, **fields) or self.has_ended()
        until(look, f"the log line {event_id} {fields or ''}", patience, self.text)
        found = self.said(event_id, since, **fields)
        if found is None:
            self._reader.join(PATIENCE)
            found = self.said(event_id, since, **fields)
        assert found, f"it ended ({self._process.returncode}) without {event_id}:\n{self.text()}"
        return found

    def has_ended(self):
        return self._process.poll() is not None

    def signal(self, number):
        self._process.send_signal(number)

    def wait(self, patience=PATIENCE):
        """Its exit code, once it has ended and all that it said has been read."""
        if self in running:  # whoever waits for it knows
            running.remove(self)
        try:
            code = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"it did not end within {patience} s:\n{self.text()}") from None
        self._reader.join(PATIENCE)
        self._process.stderr.close()
        self.is_checked = True
        refuse_accusations(self.command, self.text())
        return code

    def stop(self, code=0):
        """Ends it as a service manager does; the seconds that it took."""
        before = time.monotonic()
        self.signal(signal.SIGTERM)
        got = self.wait()
        assert got == code, f"ended with {got}, not {code}:\n{self.text()}"
        return time.monotonic() - before

    def clean_up(self):
        if not self.has_ended():
            self._process.kill()
        if not self.is_checked:
            self.wait()


def refuse_accusations(command, text):
    for accusation in ACCUSATIONS:
        assert accusation not in text, f"{' '.join(command)}:\n{text}"


class Place:
    """A data directory, a configuration, policies and watched files, all below one directory."""

    def __init__(self, base=None):
        # Short, because a local socket's path has at most 107 characters.
        self.path = tempfile.mkdtemp(prefix="fettle-", dir=base)
        self.data = self.at("data")
        self.config = self.at("fettle.yaml")
        self.settings = {}
        self.processes = []
        os.mkdir(self.at("policies"))
        os.mkdir(self.at("watched"))
        os.mkdir(self.at("detections"))
        write_whole(self.at("watchlist.yaml"), "attack_version: '18.1'\npaths: []\n")
        # Asking apt takes seconds, and what is mounted or listens here is not ours to foresee; nor
        # is what others do to the files that are watched for security.
        self.configure(content={"policies": [self.at("policies")],
                                "detections": [self.at("detections")],
                                "watchlist": self.at("watchlist.yaml")},
                       agent={"skip": QUIET},
                       gateway={"enrolment": "tcp://127.0.0.1:*"})

    def use_shipped(self, *names):
        """What is shipped in place of the test's own: "detections", "watchlist", "policies"."""
        for name in names:
            del self.settings["content"][name]
        self.configure()

    def at(self, *names):
        return os.path.join(self.path, *names)

    def configure(self, **sections):
        """Sections of the configuration file; JSON is YAML, too."""
        for name, section in sections.items():
            self.settings.setdefault(name, {}).update(section)
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump(self.settings, file, indent=1)

    def environment(self, **variables):
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith("FETTLE_")}
        clean.update(LC_ALL="C.UTF-8", **variables)
        return clean

    # ---- running ----

    def run(self, *arguments, code=0, data=None, program="fettle", wrap=None, **variables):
        """Runs to the end; what it wrote to standard output, in bytes."""
        command = [os.path.join(BUILD, program), "--data", data or self.data,
                   "--config", self.config, *arguments]
        command = wrap(command) if wrap else command
        done = subprocess.run(command, env=self.environment(**variables), timeout=100,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        self.complaints = done.stderr.decode("utf-8", "backslashreplace")
        refuse_accusations(command, self.complaints)
        assert done.returncode == code, (f"{' '.join(command)} ended with {done.returncode}, not "
                                         f"{code}:\n{self.complaints}{done.stdout.decode()[:2000]}")
        return done.stdout

    def json(self, *arguments, **options):
        return json.loads(self.run(*arguments, "--format", "json", **options))

    def rows(self, *arguments, **options):
        lines = self.run(*arguments, "--limit", "0", "--format", "ndjson", **options)
        return [json.loads(line) for line in lines.splitlines()]

    def start(self, *arguments, data=None, program="fettle", wrap=None, **variables):
        command = [os.path.join(BUILD, program), "--data", data or self.data,
                   "--config", self.config, "--log-format", "json", *arguments]
        process = Process(wrap(command) if wrap else command, self.environment(**variables))
        self.processes.append(process)
        return process

    def serve(self, *arguments, **options):
        """Everything in one process, on a port that is free; returns once it observes."""
        process = self.start("serve", "--listen", "tcp://127.0.0.1:*", *arguments, **options)
        process.wait_for("agent-ready")
        running.append(process)
        return process

    def admit(self, *directories):
        """The agents of these data directories, once each has made its key."""
        keys = [os.path.join(directory, "keys", "agent.pub") for directory in directories]
        until(lambda: all(os.path.exists(key) for key in keys), "the agents' keys")
        self.run("agents", "admit", *keys)

    def clean_up(self):
        try:
            for process in self.processes:
                process.clean_up()
        finally:
            shutil.rmtree(self.path, ignore_errors=True)

    # ---- looking ----

    def status(self):
        return self.json("status")

    def asset(self):
        """The id of the only asset there is."""
        assets = self.rows("assets", "list")
        assert len(assets) == 1, assets
        return assets[0]["asset_id"]

    def facts(self, prefix):
        return {fact["key"]: fact for fact in self.rows("facts", self.asset(), prefix)}

    def findings(self, *options):
        return {finding["subject"]: finding
                for finding in self.rows("findings", "list", *options)}

    def changes(self, path):
        """The changes of one file, the oldest first."""
        key = "file" + path
        return [change for change in self.rows("changes", "--key", key) if change["key"] == key]

    def is_quiet(self):
        """Whether everything that came has been judged and stored."""
        status = self.status()
        log, processor, store = status["log"], status["processor"], status["store"]
        return (log and processor and store and log["appended"] > 0
                and log["appended"] == processor["observations_read"]
                and log["intent"] == processor["intent_read"]
                and processor["work_waiting"] == 0
                and store["position"] == processor["verdicts"]) and status

    def wait_quiet(self):
        return until(self.is_quiet, "everything to be judged and stored", state=self.status)

    def wait_facts(self, *paths):
        """Waits until the files at PATHS have been looked at."""
        keys = {"file" + path for path in paths}
        until(lambda: keys <= set(self.facts("file/")) if self.rows("assets", "list") else False,
              f"facts of {sorted(keys)}", state=lambda: self.rows("assets", "list"))
        return self.wait_quiet()

    # ---- writing ----

    def write_policy(self, name, checks, head="dialect: fettle"):
        """A policy whose checks are {id: [rules]}, or {id: (condition, [rules])}."""
        lines = [head, "policy:", f"  id: {name}", f"  name: {name}", "checks:"]
        for check, rules in checks.items():
            condition, rules = rules if isinstance(rules, tuple) else ("all", rules)
            lines += [f"  - id: {check}", f"    title: {check} of {name}",
                      f"    condition: {condition}", "    rules:"]
            lines += [f"      - '{rule}'" for rule in rules]
        path = self.at("policies", name + ".yaml")
        write_whole(path, "\n".join(lines) + "\n")
        return path


def write_whole(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def append_line(path, line):
    with open(path, "a", encoding="utf-8") as file:
        file.write(line + "\n")


def value_of(side, field):
    """A field of one side of a change, or of a fact."""
    return ((side or {}).get("value") or {}).get(field)


def median(numbers):
    return statistics.median(numbers)


class Case(unittest.TestCase):
    """A test with a place of its own."""

    def setUp(self):
        self.place = Place()
        self.addCleanup(self.place.clean_up)


# ---- running the cases of a file ----

class Report(unittest.TextTestResult):
    """Says how each case went as the unit tests do, so that one reader understands both."""

    def startTest(self, test):
        unittest.TestResult.startTest(self, test)
        self.stream.writeln(f"[ RUN      ] {test._testMethodName}")
        self.stream.flush()

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.stream.writeln(f"[       OK ] {test._testMethodName}")

    def addSkip(self, test, reason):
        unittest.TestResult.addSkip(self, test, reason)
        self.stream.writeln(f"[  SKIPPED ] {test._testMethodName}")
        self.stream.writeln(f"             {reason}")

    def addError(self, test, err):
        unittest.TestResult.addError(self, test, err)
        self.stream.writeln(f"[  FAILED  ] {test._testMethodName}")

    def addFailure(self, test, err):
        unittest.TestResult.addFailure(self, test, err)
        self.stream.writeln(f"[  FAILED  ] {test._testMethodName}")


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    if len(sys.argv) > 1:
        cases = [case for group in suite for case in group
                 if any(word in case._testMethodName for word in sys.argv[1:])]
        suite = unittest.TestSuite(cases)
    runner = unittest.TextTestRunner(stream=sys.stdout, resultclass=Report, verbosity=2)
    result = runner.run(suite)
    if not result.wasSuccessful() or result.testsRun == 0:
        sys.exit(1)
    sys.exit(SKIPPED if len(result.skipped) == result.testsRun else 0)
