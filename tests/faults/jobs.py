#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""jobs - every role killed with -9 at every step of a job, with real packages, apt and dpkg.

A job is held at a step before the package manager runs, and at one after it began; at each, one role
is killed and started again.  So each (victim, step) comes once a cycle, in pairs that chance makes.
Two more jobs are made to be lost.  Whatever it was, each has to end in the truth: its postinst ran
once, nothing was begun while the outcome of another was unknown, its history is what happened, and
every change of its package is known to be its own.

Roles are processes of their own; the agent is an ordinary user's, the helper is root's.  Jobs are
applied one after another, as dpkg's lock allows no other.

    jobs.py --build build/dev [--cycles 1] [--seed N] [--keep]
"""
import argparse
import collections
import copy
import datetime
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pipeline"))
import check
import local_packages
import support

SERVERS = ("log", "sink", "processor", "gateway")
VICTIMS = ("agent", "helper", "processor", "log", "gateway", "sink")
EARLY = ("proposed", "scheduled", "leased")
LATE = ("applying", "ended", "verifying")
NOBODY = 65534
PACKAGES = local_packages.own("fettle-fault")
OVER = ("rejected", "confirmed", "failed", "cancelled", "superseded")
OBSERVED = ("os", "packages", "updates")

# What apt-get would upgrade of our packages alone, and at once.
APT_GET = """#!/bin/sh
[ "$1" = --print-uris ] || exit 0
dpkg-query --show --showformat='${Package} ${Version}\\n' 'PACKAGES-*' 2>/dev/null |
	sed -n "s|^\\\\([^ ]*\\\\) 1\\\\.0$|'file:/\\\\1' \\\\1_1.1_all.deb 10 |p"
"""
# Facts of packages come when they are let: verifying is a step to be killed at, too.
DPKG_QUERY = """#!/bin/sh
while [ -e {held} ]; do sleep 0.05; done
exec /usr/bin/dpkg-query "$@"
"""

# What may follow what in a history.
FOLLOWS = {
    "proposed": {"approved"},
    "approved": {"approved", "scheduled"},
    "scheduled": {"leased", "applying", "lost", "scheduled"},
    "leased": {"applying", "lost", "scheduled"},
    "applying": {"verifying", "lost"},
    "verifying": {"confirmed", "lost"},
    "lost": {"lost", "scheduled", "leased", "applying", "verifying", "confirmed"},
    "confirmed": {"confirmed"},
}


class Failure(Exception):
    pass


def demand(condition, *about):
    if not condition:
        raise Failure(" ".join(map(str, about)))


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def write_program(path, text):
    support.write_whole(path, text)
    os.chmod(path, 0o755)


class Job:
    """One job of one package, and what was done to it."""

    def __init__(self, package, early=None, late=None):
        self.package, self.early, self.late = package, early, late
        self.id = None
        self.outcome = None   # what `jobs show` said in the end
        self.ended = None     # when the package manager's end was seen

    def __str__(self):
        kills = [" at ".join(kill) for kill in (self.early, self.late) if kill]
        return f"{self.package.name} ({' and '.join(kills) or 'nothing'} killed)"


class System:
    """All processes, in one temporary directory."""

    def __init__(self, names):
        self.place = support.Place()
        os.chmod(self.place.path, 0o755)
        self.held = self.place.at("held")
        self.agent_data = self.place.at("agent")
        self.processes, self.old = {}, collections.defaultdict(list)
        self.kills = self.begun = 0
        ports = {name: f"tcp://127.0.0.1:{support.free_port()}"
                 for name in ("agents", "gateways", "readers", "sinks")}
        self.server = ports["agents"]
        self.place.configure(
            gateway={"listen": ports["agents"], "log": ports["gateways"],
                     "readers": ports["readers"]},
            log={"agents": ports["gateways"], "readers": ports["readers"]},
            processor={"log": ports["readers"], "verdicts": ports["sinks"]},
            sink={"processor": ports["sinks"]}, inventory={"announce_after": "100ms"})
        self.set_limits("1m", "2m")
        self.prepare_agent()
        self.repository = local_packages.Repository(names)

    def set_limits(self, lease, apply_limit):
        self.place.configure(dispatch={"lease": lease, "apply_limit": apply_limit,
                                       "settle": "1s"})

    def prepare_agent(self):
        """Programs and a configuration that an ordinary user may read."""
        apt_get, dpkg_query = self.place.at("apt-get"), self.place.at("dpkg-query")
        write_program(apt_get, APT_GET.replace("PACKAGES", PACKAGES))
        write_program(dpkg_query, DPKG_QUERY.format(held=self.held))
        self.program = shutil.copy(os.path.join(support.BUILD, "fettle-agent"), self.place.path)
        os.mkdir(self.agent_data)
        os.chown(self.agent_data, NOBODY, NOBODY)
        rows = self.place.rows("collectors")
        self.config = self.place.at("agent.yaml")
        # An agent that says nothing learns of a new session with its next word, and commands wait
        # for that: it is made to say something every second.
        support.write_whole(self.config, json.dumps({
            "agent": {"heartbeat": "1s",
                      "skip": [row["collector"] for row in rows
                               if row["collector"] not in OBSERVED]},
            "packages": {"dpkg_query": dpkg_query},
            "updates": {"apt_get": apt_get, "apt_cache": "/bin/true"}}))

    # ---- processes ----

    def command(self, role):
        tail = ["--log-format", "json"]
        if role == "helper":
            return [os.path.join(support.BUILD, "fettle-helper"), "--data", self.agent_data] + tail
        if role == "agent":
            return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                    self.program, "--data", self.agent_data, "--config", self.config, "--server",
                    self.server, "--server-key", self.place.at("server.pub")] + tail
        return [os.path.join(support.BUILD, "fettle"), "--data", self.place.data, "--config",
                self.place.config] + tail + [role]

    def start(self, role):
        process = support.Process(self.command(role), self.place.environment())
        self.place.processes.append(process)
        self.processes[role] = process
        self.old[role].append(process)
        process.wait_for(f"{role}-ready")
        support.running.append(process)

    def start_all(self):
        for role in SERVERS:
            self.start(role)
        support.write_whole(self.place.at("server.pub"), open(os.path.join(
            self.place.data, "keys", "server.pub"), encoding="ascii").read())
        self.start("helper")
        self.start("agent")
        self.place.admit(self.agent_data)

    def kill(self, role):
        process = self.processes.pop(role)
        demand(not process.has_ended(), role, "ended by itself:", process.text())
        process.signal(signal.SIGKILL)
        process.wait()
        self.kills += 1

    def crash(self, role):
        """Killed, and started again; what was gone already is only started."""
        if role in self.processes:
            self.kill(role)
        self.start(role)

    def restart(self, role):
        support.running.remove(self.processes[role])
        self.processes.pop(role).stop()
        self.start(role)

    def end(self):
        for process in self.processes.values():
            process.signal(signal.SIGCONT)
        try:
            self.repository.remove()
        finally:
            support.running.clear()
            for process in self.place.processes:
                process.clean_up()

    # ---- jobs ----

    def job(self, job):
        return self.place.json("jobs", "show", job.id)

    def wait_state(self, job, *states):
        return support.until(lambda: (lambda told: told["state"] in states and told)(
            self.job(job)), f"{job} to be {states}", state=lambda: self.job(job))

    def plan(self, job):
        planned = self.place.rows("remediations", "plan", job.package.name)
        demand(len(planned) == 1 and len(planned[0]["packages"]) == 1, job, planned)
        job.id = planned[0]["id"]
        self.wait_state(job, "proposed")

    def approve(self, job):
        self.place.run("remediations", "approve", job.id)

    def is_applying(self, job):
        """Whether apt-get is at work; what has ended has no command line."""
        wanted = f"{job.package.name}:all=1.1".encode()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    if wanted in file.read().split(b"\0"):
                        return True
            except OSError:
                pass
        return False

    def wait_applied(self, job):
        support.until(lambda: not self.is_applying(job), f"the end of apt-get of {job}")
        job.ended = time.time()

    def wait_pending(self, packages):
        """Until the patch of each is missing, and nothing is still on its way."""
        wanted = {f"dpkg/{package.name}:all" for package in packages}
        support.until(lambda: wanted <= set(self.place.findings()), "the missing patches",
                      state=lambda: self.place.findings().keys())
        self.place.wait_quiet()


# ---- a job, and the kills ----

def be_approved(system, job):
    """Up to approval, or what comes next, with the kill before the package manager runs."""
    victim, step = job.early or (None, None)
    system.plan(job)
    if step == "proposed":
        system.crash(victim)
    elif step == "scheduled":
        system.processes["agent"].signal(signal.SIGSTOP)
    elif step == "leased":
        system.kill("helper")
    system.approve(job)
    if step in ("scheduled", "leased"):
        system.wait_state(job, step)
        system.crash(victim)
    if step == "scheduled":
        system.processes["agent"].signal(signal.SIGCONT)
    elif step == "leased" and victim != "helper":
        system.start("helper")


def be_applied(system, job):
    """Up to the end, with the kill since it has begun."""
    victim, step = job.late or (None, None)
    if step == "verifying":
        told = system.wait_state(job, "verifying")
        demand(told["exit_code"] == 0, job, told)
        system.crash(victim)
        os.unlink(system.held)
        return
    if step is None:
        return
    job.package.wait_held()
    system.wait_state(job, "applying")
    if step == "ended":
        system.kill(victim)
    else:
        system.crash(victim)
    job.package.let_go()
    if step == "ended":
        system.wait_applied(job)
        system.start(victim)


def run(system, job):
    if job.late and job.late[1] == "verifying":
        support.write_whole(system.held, "")
    elif job.late:
        job.package.hold()
    be_approved(system, job)
    be_applied(system, job)
    job.outcome = system.wait_state(job, *OVER)


def run_lost(system, begun, not_begun, waiting):
    """The agent is gone for longer than a job may be: one that has begun, and one that has not."""
    system.set_limits("3s", "2s")
    system.restart("processor")
    begun.package.hold()
    system.plan(begun)
    system.plan(waiting)
    system.approve(begun)
    begun.package.wait_held()
    system.kill("agent")
    system.approve(waiting)
    system.wait_state(begun, "lost")
    demand(system.job(waiting)["state"] == "approved", "it did not wait:", system.job(waiting))
    begun.package.let_go()
    system.wait_applied(begun)
    demand(system.job(begun)["state"] == "lost", "known although nobody said it:", begun)
    system.start("agent")
    for job in (begun, waiting):
        job.outcome = system.wait_state(job, *OVER)

    system.kill("helper")
    system.plan(not_begun)
    system.approve(not_begun)
    system.wait_state(not_begun, "leased")
    system.kill("agent")
    system.wait_state(not_begun, "lost")
    system.start("helper")
    system.start("agent")
    not_begun.outcome = system.wait_state(not_begun, *OVER)
    demand(not_begun.outcome["attempt"] == 2, "offered", not_begun.outcome["attempt"], "times")
    system.set_limits("1m", "2m")
    system.restart("processor")


# ---- the truth ----

def check_history(job):
    history = job.outcome["history"]
    states = [step["state"] for step in history]
    times = [step["at"] for step in history]
    demand(times == sorted(times), job, "times run backwards:", times)
    for one, next_one in zip(states, states[1:]):
        demand(next_one in FOLLOWS[one], job, one, "is followed by", next_one)
    leases = [step for step in history if step["state"] == "scheduled"]
    demand(len(leases) == job.outcome["attempt"], job, len(leases), "leases and",
           job.outcome["attempt"], "attempts")
    for lease in leases[1:]:
        demand("offered again" in lease["note"], job, "another lease without a refusal:", lease)
    demand(states.count("applying") == 1, job, "began not once:", states)


def check_job(job):
    told = job.outcome
    demand(told["state"] == "confirmed", job, "ended as", told["state"], told["reason"])
    demand(job.package.ran() == ["1.0", "1.1"], job, "ran", job.package.ran())
    demand(job.package.state() == "ii 1.1", job, "is at", job.package.state())
    demand([(package["before"], package["observed"]) for package in told["packages"]]
           == [("1.0", "1.1")], job, told["packages"])
    # Who was killed meanwhile cannot say how it ended; all others do.
    unseen = job.late in (("helper", "applying"), ("helper", "ended"))
    demand(told["exit_code"] == (None if unseen else 0), job, "exit code", told["exit_code"])
    check_history(job)


def check_one_at_a_time(jobs):
    """No lease was given while the outcome of another was unknown."""
    spans = []
    for job in jobs:
        out = [step["at"] for step in job.outcome["history"] if step["state"] == "scheduled"]
        known = [step["at"] for step in job.outcome["history"] if step["state"] == "confirmed"]
        spans.append((out[0], known[0], job))
    spans.sort(key=lambda span: span[0])
    for (_, known, one), (out, _, next_one) in zip(spans, spans[1:]):
        demand(out >= known, next_one, "was leased before the outcome was known of", one)


def check_changes(jobs, changes):
    """Each change of a package, and of what is pending of it, is its job's."""
    for job in jobs:
        for table in ("package", "update"):
            found = [change for change in changes
                     if change["key"] == f"{table}/dpkg/{job.package.name}:all"]
            demand(found, job, "no change of", table)
            for change in found:
                demand(change["expected_by"] == f"job {job.id[:12]}", job, change)


def check_all(jobs, changes):
    for job in jobs:
        check_job(job)
    check_one_at_a_time(jobs)
    check_changes(jobs, changes)


def check_rest(system, jobs):
    """As the store, the log and the helper have it."""
    for job in jobs:
        demand(system.job(job)["history"] == job.outcome["history"], job, "changed afterwards")
    status = system.place.status()
    demand((status["lost"], status["quarantined"]) == (0, 0), status)
    begun = sum(event["id"] == "helper-begun" for process in system.old["helper"]
                for event in process.events)
    demand(begun == system.begun, "begun", begun, "times, not", system.begun)
    verdict = check.Verdict()
    rows = system.place.rows("log", "dump")
    check.check_flows(verdict, [row for row in rows if row["lane"] != 0])
    demand(not verdict.complaints, verdict.complaints[:5])
    demand(len({row["event_id"] for row in rows}) == len(rows), "logged twice")


# ---- the checks themselves ----

def mutants():
    """Name, and what falsifies (jobs, changes) in place."""
    def history(change):
        return lambda jobs, _: change(jobs[0].outcome["history"])

    def told(field, value):
        return lambda jobs, _: jobs[0].outcome.__setitem__(field, value)

    def began_before_the_end_of_another(jobs, _):
        jobs[0].outcome["history"] = copy.deepcopy(jobs[1].outcome["history"])

    return {
        "failed": told("state", "failed"),
        "another attempt": told("attempt", 9),
        "another exit code": told("exit_code", 100),
        "another version": told("packages", [{"before": "1.0", "observed": "1.0"}]),
        "applied twice": lambda jobs, _: jobs[0].package.__setattr__("ran", lambda: ["1.1"] * 2),
        "not configured": lambda jobs, _: jobs[0].package.__setattr__("state", lambda: "iF 1.1"),
        "leased again": history(lambda steps: steps.insert(3, steps[2])),
        "began again": history(lambda steps: steps.insert(5, steps[4])),
        "not approved": history(lambda steps: steps.pop(1)),
        "backwards": history(lambda steps: steps[-1].__setitem__("at", steps[0]["at"])),
        "two at a time": began_before_the_end_of_another,
        "a change is lacking": lambda jobs, changes: changes.clear(),
        "a change is unexpected": lambda _, changes: changes[0].__setitem__("expected_by", None),
        "expected by another": lambda _, changes: changes[0].__setitem__("expected_by", "job 0"),
    }


def check_the_checks(jobs, changes):
    for name, falsify in mutants().items():
        others = copy.deepcopy((jobs, changes))
        falsify(*others)
        try:
            check_all(*others)
        except Failure:
            continue
        raise Failure(f"the checks do not notice: {name}")
    print(f"mutants_caught={len(mutants())}", flush=True)


# ---- all of it ----

def ended_at(system, job):
    """When the package manager ended: as the helper said, or where it was killed, as seen here."""
    for process in system.old["helper"]:
        event = process.said("helper-ended", job=job.id)
        if event:
            return min(seconds(event["time"]), job.ended or float("inf"))
    return job.ended


def tell(system, job, figures):
    confirmed = next(step["at"] for step in job.outcome["history"] if step["state"] == "confirmed")
    ended = ended_at(system, job)
    took = seconds(confirmed) - ended if ended else None
    print(f"{job.outcome['state']}  {'?' if took is None else format(took, '.2f')} s after the end"
          f"  {job}", flush=True)
    if took is not None:
        figures[job.late].append(took)


def cycle(system, chance, figures):
    packages = list(system.repository.packages.values())
    early = [(victim, step) for victim in VICTIMS for step in EARLY]
    late = [(victim, step) for victim in VICTIMS for step in LATE]
    chance.shuffle(early)
    chance.shuffle(late)
    jobs = [Job(package, *pair) for package, pair in zip(packages[4:], zip(early, late))]
    plain, lost = Job(packages[0]), [Job(package) for package in packages[1:4]]
    for job in [plain] + jobs:
        run(system, job)
        tell(system, job, figures)
    run_lost(system, *lost)
    jobs = [plain] + jobs + lost
    system.begun += len(jobs)
    support.until(lambda: not system.place.findings(), "the end of all findings")
    system.place.wait_quiet()
    return jobs


def run_all(system, cycles, chance):
    figures = collections.defaultdict(list)
    for number in range(cycles):
        system.repository.install_old()
        if number == 0:
            system.start_all()
        system.wait_pending(system.repository.packages.values())
        since = time.time()
        jobs = cycle(system, chance, figures)
        changes = [change for change in system.place.rows("changes")
                   if seconds(change["received_at"]) >= since
                   and f"/{PACKAGES}-" in change["key"]]
        check_all(jobs, changes)
        check_rest(system, jobs)
        print(f"cycle={number + 1} jobs={len(jobs)} kills={system.kills}: each was applied once, "
              "and confirmed", flush=True)
    check_the_checks(jobs, changes)
    for late in sorted(figures, key=str):
        victim, step = late or ("nobody", "any step")
        print(f"{victim:9} killed at {step:9}: confirmed "
              f"{support.median(figures[late]):.2f} s after the package manager's end")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--cycles", type=int, default=1)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--keep", action="store_true", help="keep the directory")
    arguments = parser.parse_args()
    if not support.IS_ROOT or shutil.which("apt-get") is None:
        print("applying jobs takes root, and apt")
        return support.SKIPPED
    support.BUILD = os.path.abspath(arguments.build)
    names = [f"{PACKAGES}-{number}" for number in range(4 + len(VICTIMS) * len(LATE))]
    system = System(names)
    print(f"seed={arguments.seed} directory={system.place.path}", flush=True)
    has_failed = False
    try:
        run_all(system, arguments.cycles, random.Random(arguments.seed))
    except (Failure, AssertionError, subprocess.CalledProcessError) as failure:
        print(f"failed: {failure}")
        has_failed = True
    finally:
        system.end()
    if has_failed or arguments.keep:
        print(f"everything is kept in {system.place.path}")
    else:
        shutil.rmtree(system.place.path)
    return 1 if has_failed else 0


if __name__ == "__main__":
    sys.exit(main())
