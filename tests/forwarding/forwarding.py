# SPDX-License-Identifier: Apache-2.0
"""What the tests of sinks to the outside stand on: a feed of verdicts, a `fettle sink`, receivers.

Nothing waits for time to pass: whoever waits names what for.  A receiver notes the title of every
event, which is the number of its verdict, so that "nothing is missing" is a comparison of sets.
"""
import hashlib
import http.server
import json
import os
import shutil
import signal
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

SKIPPED = 77
PATIENCE = 60
TOP = os.environ.get("FETTLE_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get("FETTLE_BUILD") or os.path.join(TOP, "build", "dev")
ACCUSATIONS = ("AddressSanitizer", "LeakSanitizer", "runtime error:", "REQUIRE")


def until(condition, what, state=lambda: ""):
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE} s in vain for {what}; instead: {state()}")
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


def event_id(number):
    return hashlib.blake2b(f"event {number}".encode(), digest_size=16).hexdigest()


class Feed:
    """verdict_feed, in the place of a processor."""

    def __init__(self, data, assets=20, *more):
        self.port = free_port()
        self.acked = {}
        self._process = subprocess.Popen(
            [os.path.join(BUILD, "tests", "forwarding", "verdict_feed"),
             f"tcp://127.0.0.1:{self.port}", data, str(assets), *more],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline() == "listening\n"
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            _, name, number = line.split()
            self.acked[name] = int(number)

    def say(self, head, tail=None):
        self._process.stdin.write(f"{head} {tail}\n" if tail else f"{head}\n")
        self._process.stdin.flush()

    def end(self):
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self._process.stdout.close()


class Case(unittest.TestCase):
    def setUp(self):
        self.path = tempfile.mkdtemp(prefix="fettle-")
        self.addCleanup(shutil.rmtree, self.path, ignore_errors=True)
        self.config = self.at("fettle.yaml")
        self.feed = None
        self.sink = None
        self.log = None

    def at(self, *names):
        return os.path.join(self.path, *names)

    def configure(self, **sections):
        sections["sink"] = {"processor": f"tcp://127.0.0.1:{self.feed.port}"}
        with open(self.at("fettle.yaml"), "w", encoding="utf-8") as file:
            json.dump(sections, file)

    def begin_feed(self, assets=20, *more):
        self.feed = Feed(self.at("data"), assets, *more)
        self.addCleanup(self.feed.end)

    def command(self, *arguments):
        return [os.path.join(BUILD, "fettle"), "--data", self.at("data"), "--config",
                self.config, *arguments]

    def environment(self):
        clean = {k: v for k, v in os.environ.items()
                 if not k.startswith("FETTLE_") and not k.lower().endswith("_proxy")}
        return dict(clean, LC_ALL="C.UTF-8")

    def start_sink(self, *arguments):
        self.log = open(self.at("log"), "ab")
        self.sink = subprocess.Popen(self.command(*(arguments or ["sink"])), stderr=self.log,
                                     stdin=subprocess.DEVNULL, env=self.environment())
        self.addCleanup(self.end_sink)

    def end_sink(self, number=signal.SIGTERM):
        if self.sink is None:
            return
        self.sink.send_signal(number)
        code = self.sink.wait(PATIENCE)
        self.sink = None
        self.log.close()
        self.assertEqual(code, 0 if number == signal.SIGTERM else -number, self.said())
        for accusation in ACCUSATIONS:
            self.assertNotIn(accusation, self.said())

    def said(self):
        with open(self.at("log"), encoding="utf-8") as file:
            return file.read()

    def fettle(self, *arguments, code=0):
        done = subprocess.run(self.command("--format", "json", *arguments), check=False,
                              capture_output=True, env=self.environment(), timeout=PATIENCE)
        self.assertEqual(done.returncode, code, done.stderr.decode())
        return json.loads(done.stdout)

    def wait_acked(self, name, number):
        until(lambda: self.feed.acked.get(f"sink/{name}") == number,
              f"{name} to acknowledge {number}", lambda: (self.feed.acked, self.said()[-2000:]))

    def is_complete(self, seen, last, first=1):
        self.assertEqual({event["event_id"] for event in seen if event["event"] in
                          ("finding", "alert", "job")},
                         {event_id(number) for number in range(first, last + 1)})


class TcpReceiver:
    """Takes octet-counted syslog.  Killed, it closes whatever it has without reading it."""

    def __init__(self, port, family=socket.AF_INET):
        self.events = []
        self.messages = []
        self._sockets = []
        self._lock = threading.Lock()
        self._listener = socket.socket(family)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
        self._listener.listen()
        self._is_killed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self._is_killed:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._sockets.append(connection)
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection):
        waiting = b""
        while not self._is_killed:
            try:
                part = connection.recv(16384)
            except OSError:
                return
            if not part:
                return
            waiting += part
            while b" " in waiting[:10]:
                size, rest = waiting.split(b" ", 1)
                if len(rest) < int(size):
                    break
                self._take(rest[:int(size)])
                waiting = rest[int(size):]

    def _take(self, message):
        text = message.decode("utf-8")
        self.messages.append(text)
        self.events.append(json.loads(text[text.index("{"):]))

    def kill(self):
        self._is_killed = True
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        with self._lock:
            for connection in self._sockets:
                try:
                    # A reset, as from a process that is killed with bytes unread.
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                          b"\x01\0\0\0\0\0\0\0")
                    connection.close()
                except OSError:
                    pass


RSYSLOG = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin:" + os.environ.get("PATH", ""))


class Rsyslog:
    """Debian's rsyslog, which writes every message that it takes to a file."""

    def __init__(self, directory):
        self.port = free_port()
        self.target = f"tcp://127.0.0.1:{self.port}"
        self._directory = directory
        self._received = os.path.join(directory, "received")
        self._daemon = None
        with open(os.path.join(directory, "rsyslog.conf"), "w", encoding="utf-8") as file:
            file.write(f'''global(workDirectory="{directory}" maxMessageSize="256k")
module(load="imtcp")
template(name="message" type="string" string="%msg%\\n")
input(type="imtcp" address="127.0.0.1" port="{self.port}" ruleset="all")
ruleset(name="all") {{ action(type="omfile" file="{self._received}" template="message") }}
''')

    def start(self):
        self._daemon = subprocess.Popen(
            [RSYSLOG, "-n", "-f", os.path.join(self._directory, "rsyslog.conf"), "-i",
             os.path.join(self._directory, "rsyslog.pid")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        if self._daemon is not None:
            self._daemon.send_signal(signal.SIGTERM)
            self._daemon.wait(PATIENCE)
            self._daemon = None

    def events(self):
        if not os.path.exists(self._received):
            return []
        with open(self._received, encoding="utf-8") as file:
            return [json.loads(line[line.index("{"):]) for line in file if line.endswith("}\n")]


class HookServer:
    """Answers POST as ANSWER(event, headers) says: a code, or a code and headers."""

    def __init__(self, port, answer=lambda event, headers: 200):
        receiver = self
        self.events = []    # that were answered with 2xx, in the order of the answers
        self.requests = 0
        self.headers = []
        self._lock = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                event = json.loads(body)
                said = answer(event, self.headers)
                code, headers = said if isinstance(said, tuple) else (said, {})
                with receiver._lock:
                    receiver.requests += 1
                    receiver.headers.append(dict(self.headers.items()))
                    if 200 <= code < 300:
                        receiver.events.append(event.get("data", event))
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def process_request(self, request, address):
                receiver._connections.append(request)
                super().process_request(request, address)

            def handle_error(self, request, address):
                pass  # a connection that kill() closed

        self._connections = []
        self._server = Server(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def kill(self):
        self._server.shutdown()
        self._server.server_close()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


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
        suite = unittest.TestSuite(case for group in suite for case in group
                                   if any(word in case.id() for word in sys.argv[1:]))
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Report, verbosity=2).run(suite)
    if not result.wasSuccessful() or result.testsRun == 0:
        sys.exit(1)
    sys.exit(SKIPPED if len(result.skipped) == result.testsRun else 0)
