#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill - every role a process of its own, each killed with -9 inside bursts of facts.

A cycle is a burst of 1,000 new facts in which every role (the generator too) is killed once, at a
random moment and in a random order, and started again.  After each cycle, once all is quiet,
check.py compares what everybody kept.  At the end the checker itself is tested: each of a list of
small falsifications of what it reads must make it complain.

    kill.py --build build/dev [--cycles 3] [--seed N] [--keep]
"""
import argparse
import copy
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import check

SERVERS = ("log", "sink", "processor", "gateway")
ROLES = SERVERS + ("generator",)
FACTS_A_CYCLE = 1000
DEADLINE_S = 90


class Failure(Exception):
    pass


def wait_until(what, has_come, deadline_s=DEADLINE_S):
    end = time.monotonic() + deadline_s
    while not has_come():
        if time.monotonic() > end:
            raise Failure(f"{what} has not come in {deadline_s} s")
        time.sleep(0.02)


def free_ports(count):
    """Ports that nobody has now, and that the system gives to nobody who asks for any."""
    ports = []
    while len(ports) < count:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


class System:
    """All processes, in one temporary directory."""

    def __init__(self, build, enrols=False):
        self.fettle = os.path.join(build, "fettle")
        self.generator = os.path.join(build, "tests/faults/fettle-generator")
        self.directory = tempfile.mkdtemp(prefix="fettle-kill-")
        self.data = os.path.join(self.directory, "data")
        self.journal = os.path.join(self.directory, "agent/journal")
        gateway, agents, readers, verdicts = (f"tcp://127.0.0.1:{p}" for p in free_ports(4))
        self.gateway = gateway
        self.enrolment = f"tcp://127.0.0.1:{free_ports(1)[0]}" if enrols else ""
        self.config = os.path.join(self.directory, "fettle.yaml")
        with open(self.config, "w", encoding="ascii") as config:
            config.write(f"gateway: {{listen: '{gateway}', log: '{agents}', readers: '{readers}', "
                         f"enrolment: '{self.enrolment}'}}\n"
                         f"log: {{agents: '{agents}', readers: '{readers}'}}\n"
                         f"processor: {{log: '{readers}', verdicts: '{verdicts}'}}\n"
                         f"sink: {{processor: '{verdicts}'}}\n"
                         "inventory: {announce_after: 100ms}\n")
        self.running = {}
        self.output = {role: open(os.path.join(self.directory, f"{role}.log"), "ab")
                       for role in ROLES}

    def command(self, role, count, rate):
        if role != "generator":
            return [self.fettle, "--data", self.data, "--config", self.config, role]
        return [self.generator, "--directory", os.path.dirname(self.journal), "--server",
                self.gateway, "--server-key", os.path.join(self.data, "keys/server.pub"),
                "--seed", "kill", "--count", str(count), "--rate", str(rate)]

    def start(self, role, count=0, rate=0):
        self.running[role] = subprocess.Popen(self.command(role, count, rate),
                                              stderr=self.output[role])

    def admit(self, *directories):
        keys = [os.path.join(directory, "keys/agent.pub") for directory in directories]
        keys_and_log = [*keys, os.path.join(self.data, "control.sock")]
        wait_until("the agents' keys", lambda: all(map(os.path.exists, keys_and_log)))
        subprocess.run([self.fettle, "--data", self.data, "agents", "admit", *keys], check=True,
                       stderr=subprocess.DEVNULL)

    def kill(self, role):
        """False where it had ended by itself."""
        process = self.running[role]
        if role != "generator" and process.poll() is not None:
            raise Failure(f"{role} ended by itself with {process.returncode}")
        process.send_signal(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL

    def produced(self):
        """The number in the journal's last whole line; -1: none."""
        try:
            with open(self.journal, "rb") as journal:
                journal.seek(max(0, os.path.getsize(self.journal) - 4096))
                lines = journal.read().split(b"\n")
        except FileNotFoundError:
            return -1
        return int(lines[-2].split()[0]) if len(lines) > 1 else -1

    def status(self):
        out = subprocess.run([self.fettle, "--data", self.data, "status", "--format", "json"],
                             stdout=subprocess.PIPE, check=False)
        return check.json.loads(out.stdout) if out.returncode == 0 else None

    def is_quiet(self, facts):
        status = self.status()
        if status is None or None in (status["log"], status["processor"], status["store"]):
            return False
        log, processor, store = status["log"], status["processor"], status["store"]
        return (processor["observations_read"] == log["appended"] and status["facts"] == facts
                and store["position"] == processor["verdicts"] and store["changes"] >= facts)

    def settle(self, count):
        generator = self.running["generator"]
        wait_until("the end of the generator", lambda: generator.poll() is not None)
        if generator.returncode != 0:
            raise Failure(f"the generator ended with {generator.returncode}")
        wait_until("quiet", lambda: self.is_quiet(count + 1))

    def check(self):
        produced = check.read_journal(self.journal)
        left = check.collect(self.fettle, self.data)
        return produced, left, check.judge(produced, left)

    def end(self):
        for process in self.running.values():
            if process.poll() is None:
                process.kill()
            process.wait()


def burst(system, chance, count, kills):
    """One cycle; counts the kills that came while the burst was not yet produced to its end."""
    rate = chance.choice((500, 1000, 2000))
    length_s = FACTS_A_CYCLE / rate
    moments = sorted((chance.uniform(0, length_s), role) for role in ROLES)
    begin = time.monotonic()
    system.start("generator", count, rate)
    for moment, role in moments:
        time.sleep(max(0, begin + moment - time.monotonic()))  # the moment is what is tested
        is_within = system.produced() < count
        if not system.kill(role):
            continue
        kills[role] += is_within
        system.start(role, count, rate)


def mutants():
    """Name, and what falsifies (produced, left) in place."""
    def first(rows):
        return next(i for i, row in enumerate(rows) if row["key"].startswith("test/"))

    def drop(name):
        return lambda _, left: left[name].pop(first(left[name]))

    def repeat(name):
        return lambda _, left: left[name].append(left[name][first(left[name])])

    def change(name, field, value):
        return lambda _, left: left[name][first(left[name])].__setitem__(field, value)

    def journal(change_one):
        return lambda produced, _: change_one(produced, next(iter(produced)))

    return {
        "one more produced": journal(lambda p, key: p.update({key + "x": p[key]})),
        "one produced is forgotten": journal(lambda p, key: p.pop(key)),
        "another event": journal(lambda p, key: p.update({key: ("0" * 32, p[key][1])})),
        "another value": journal(lambda p, key: p.update({key: (p[key][0], "0" * 32)})),
        "logged twice": repeat("log"),
        "not logged": drop("log"),
        "logged under another number": change("log", "sequence", 1 << 40),
        "logged in another epoch": change("log", "epoch", 2),
        "logged under an event id of another": lambda _, left: left["log"][first(left["log"])].update(
            event_id=left["log"][-1]["event_id"]),
        "not known": drop("facts"),
        "known twice": repeat("facts"),
        "an older revision": change("facts", "revision", 0),
        "known as absent": change("facts", "status", "absent"),
        "not stored": drop("changes"),
        "stored twice": repeat("changes"),
        "stored with a before": change("changes", "before", {"status": "present"}),
        "counted twice": lambda _, left: left["assets"][0].__setitem__(
            "facts", left["assets"][0]["facts"] + 1),
        "one quarantined": lambda _, left: left["status"].__setitem__("quarantined", 1),
    }


def missed_mutants(produced, left):
    missed = []
    for name, falsify in mutants().items():
        other_produced, other_left = copy.deepcopy((produced, left))
        falsify(other_produced, other_left)
        if not check.judge(other_produced, other_left).complaints:
            missed.append(name)
    return missed


def run(system, cycles, chance, kills):
    for role in SERVERS:
        system.start(role)
    wait_until("the server's key", lambda: os.path.exists(
        os.path.join(system.data, "keys/server.pub")))
    system.start("generator")
    system.admit(os.path.dirname(system.journal))
    system.settle(0)
    count = done = 0
    while min(kills.values()) < cycles:
        count, done = count + FACTS_A_CYCLE, done + 1
        burst(system, chance, count, kills)
        system.settle(count)
        produced, left, verdict = system.check()
        for complaint in verdict.complaints[:20]:
            print(complaint)
        print(f"cycle={done} " + check.summary(produced, left, verdict), flush=True)
        if verdict.complaints or len(produced) != count + 1:
            raise Failure("what was kept is not what was produced")
    missed = missed_mutants(produced, left)
    print(f"cycles={done} kills " + " ".join(f"{role}={kills[role]}" for role in ROLES) + " "
          + check.summary(produced, left, verdict)
          + f" mutants_caught={len(mutants()) - len(missed)}/{len(mutants())}")
    if missed:
        raise Failure(f"the checker does not notice: {', '.join(missed)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--cycles", type=int, default=3, help="kills a role")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--keep", action="store_true", help="keep the directory")
    arguments = parser.parse_args()
    system = System(os.path.abspath(arguments.build))
    print(f"seed={arguments.seed} directory={system.directory}")
    has_failed = False
    try:
        run(system, arguments.cycles, random.Random(arguments.seed), dict.fromkeys(ROLES, 0))
    except (Failure, subprocess.CalledProcessError) as failure:
        print(f"failed: {failure}; {system.status()}")
        has_failed = True
    finally:
        system.end()
    if has_failed or arguments.keep:
        print(f"everything is kept in {system.directory}")
    else:
        shutil.rmtree(system.directory)
    return 1 if has_failed else 0


if __name__ == "__main__":
    sys.exit(main())
