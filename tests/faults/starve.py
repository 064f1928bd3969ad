#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""starve - one call of one role fails: memory, a write, or what makes it durable.

A cycle: one role runs with failing.c preloaded, by which its N-th call of a kind fails, and a burst of
facts comes.  The role may go on or end, but not by a wild pointer of its own code (libraries of others
have some); where it ends it is started again without.  Once all is quiet, check.py compares what everybody kept.  N is drawn from all the calls that
such a cycle has.

    starve.py --build build/dev [--cycles 20] [--seed N] [--only log] [--keep]
"""
import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import check
import kill

KINDS = ("memory", "space", "error", "short")
FACTS_A_CYCLE = 200
RATE = 1000
FIRST_CALLS = 300  # half of the draws are from these: how a role begins
WILD = {-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL}


class System(kill.System):
    def __init__(self, build):
        super().__init__(build)
        self.library = os.path.join(build, "tests/faults/libfailing.so")
        self.note = os.path.join(self.directory, "failing")
        self.ends = 0

    def start_failing(self, role, kind, number, count):
        environment = {**os.environ, "LD_PRELOAD": self.library,
                       "FETTLE_FAILING": f"{kind}:{number}:{self.note}"}
        if os.path.exists(self.note):
            os.remove(self.note)
        self.running[role] = subprocess.Popen(
            self.command(role, count, RATE), stderr=self.output[role], env=environment)

    def stop(self, role):
        """Its exit code; one that has ended already is fine."""
        process = self.running[role]
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        return process.wait(kill.DEADLINE_S)

    def notes(self):
        try:
            with open(self.note, encoding="ascii") as lines:
                return [line.split() for line in lines]
        except FileNotFoundError:
            return []

    def judge_end(self, role, code):
        wild = [words[1] for words in self.notes() if words[0] == "wild"]
        if code in WILD and (not wild or os.path.basename(wild[0]) == os.path.basename(
                self.command(role, 0, 0)[0])):
            raise kill.Failure(f"{role} ended by {signal.Signals(-code).name} in its own code")

    def look_after(self, role, count):
        """True once it has ended by the failure; then it runs again, without."""
        code = self.running[role].poll()
        if code is None or (role == "generator" and code == 0):
            return False
        self.judge_end(role, code)
        self.ends += 1
        self.start(role, count, RATE)
        return True


def cycle(system, role, kind, number, count):
    """Whether the call failed, and how many calls there were where that is known."""
    if role != "generator":
        system.stop(role)
        system.start_failing(role, kind, number, count)
        system.start("generator", count, RATE)
    else:
        system.start_failing(role, kind, number, count)
    end, has_ended = time.monotonic() + kill.DEADLINE_S, False
    while not has_ended and time.monotonic() < end:
        has_ended = system.look_after(role, count)
        if system.running["generator"].poll() == 0 and system.is_quiet(count + 1):
            break
        time.sleep(0.02)
    system.settle(count)
    if not has_ended and role != "generator":
        system.judge_end(role, system.stop(role))
        system.start(role)
    notes = system.notes()
    return ["failed"] in notes, int(notes[-1][0]) if notes and notes[-1][0].isdigit() else 0


def begun_anew(log):
    """The log as if it began with what it still has: on a full disk it drops what all have read."""
    first = {}
    for row in log:
        flow = row["writer_id"], row["epoch"], row["lane"]
        first[flow] = min(row["sequence"], first.get(flow, row["sequence"]))
    return [{**row, "sequence": row["sequence"] + 1
             - first[row["writer_id"], row["epoch"], row["lane"]]} for row in log]


def judge(produced, left):
    verdict = check.Verdict()
    kept = {row["key"] for row in left["log"] if row["kind"] == "fact_set"}
    revisions = {row["key"]: row["revision"] for row in left["facts"] if row["key"] not in kept}
    revisions.update(check.check_log(
        verdict, {key: made for key, made in produced.items() if key in kept},
        begun_anew(left["log"])))
    check.check_state(verdict, produced, revisions, left["facts"])
    check.check_store(verdict, produced, left["changes"])
    check.check_sums(verdict, produced, left)
    return verdict


def verify(system, count):
    kill.wait_until("quiet", lambda: system.is_quiet(count + 1))
    produced = check.read_journal(system.journal)
    left = check.collect(system.fettle, system.data)
    verdict = judge(produced, left)
    for complaint in verdict.complaints[:20]:
        print(complaint)
    if verdict.complaints or len(produced) != count + 1:
        raise kill.Failure("what was kept is not what was produced")
    return check.summary(produced, left, verdict)


def draw(chance, most):
    return chance.randint(1, min(most, FIRST_CALLS) if chance.random() < 0.5 else max(most, 1))


def begin(system):
    for role in kill.SERVERS:
        system.start(role)
    key = os.path.join(system.data, "keys/server.pub")
    kill.wait_until("the server's key", lambda: os.path.exists(key))
    system.start("generator")
    system.admit(os.path.dirname(system.journal))
    system.settle(0)


def run(system, cycles, chance, roles):
    begin(system)
    count = injected = 0
    calls, summary = {}, ""
    for done in range(cycles):
        role, kind = roles[done % len(roles)], KINDS[(done // len(roles) + done % len(roles)) % len(KINDS)]
        if role == "gateway":
            kind = "memory"  # it writes nothing
        if (role, kind) not in calls:
            count += FACTS_A_CYCLE
            calls[role, kind] = cycle(system, role, kind, 0, count)[1]
        count += FACTS_A_CYCLE
        number = draw(chance, calls[role, kind])
        print(f"cycle={done + 1} {role}: {kind} {number} of {calls[role, kind]}", flush=True)
        injected += cycle(system, role, kind, number, count)[0]
        summary = verify(system, count)
    print(f"cycles={cycles} injected={injected} ended={system.ends} {summary}")
    if injected == 0:
        raise kill.Failure("no call was made to fail")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--only", default="", help="roles, with commas")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--keep", action="store_true", help="keep the directory")
    arguments = parser.parse_args()
    roles = [role for role in arguments.only.split(",") if role] or list(kill.ROLES)
    chance = random.Random(arguments.seed)
    chance.shuffle(roles)
    system = System(os.path.abspath(arguments.build))
    print(f"seed={arguments.seed} directory={system.directory}")
    has_failed = False
    try:
        run(system, arguments.cycles, chance, roles)
    except (kill.Failure, subprocess.CalledProcessError, subprocess.TimeoutExpired) as failure:
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
