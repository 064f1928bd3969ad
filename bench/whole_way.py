#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""whole_way - events a second, from synthetic agents in another process to the stored result.

Three runs on one disk, one after the other: the ceiling (bench/ceiling.c); ingest alone, agents ->
gateway -> log; and the whole way on to the processor and the store.  Every step is the user's:
CURVE with a key an agent, the real spool and link, synced commits, each event a changed fact that
ends as a change in the store.  The spools are filled before the clock starts, and are on tmpfs:
they stand for machines of their own.

    whole_way.py --build build/release [--events 400000] [--agents 8] [--directory /var/tmp]
"""
import argparse
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

VALUE_SIZE = 170   # a record of about 300 bytes as the log keeps it
INLINE_SIZE = 44   # a value that stands inline in the state
QUIET_S = 1.0
TICKS_S = os.sysconf("SC_CLK_TCK")


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


class Server:
    """The roles, each in a process of its own, in a fresh directory."""

    def __init__(self, arguments, roles):
        self.fettle = os.path.join(arguments.build, "fettle")
        self.directory = tempfile.mkdtemp(prefix="fettle-bench-", dir=arguments.directory)
        self.data = os.path.join(self.directory, "data")
        self.gateway, agents, readers, verdicts = (
            f"tcp://127.0.0.1:{port}" for port in free_ports(4))
        config = os.path.join(self.directory, "fettle.yaml")
        with open(config, "w", encoding="ascii") as out:
            out.write(f"gateway: {{listen: '{self.gateway}', log: '{agents}', "
                      f"readers: '{readers}', enrolment: ''}}\n"
                      f"log: {{agents: '{agents}', readers: '{readers}'}}\n"
                      f"processor: {{log: '{readers}', verdicts: '{verdicts}'}}\n"
                      f"sink: {{processor: '{verdicts}'}}\n")
        with open(os.path.join(self.directory, "server.log"), "ab") as log:
            self.roles = {role: subprocess.Popen(
                [self.fettle, "--data", self.data, "--config", config, role], stderr=log)
                for role in roles}
        socket = os.path.join(self.data, "control.sock")
        while not (os.path.exists(self.key()) and os.path.exists(socket)):
            time.sleep(0.01)
        self.wait_until_quiet()

    def key(self):
        return os.path.join(self.data, "keys/server.pub")

    def admit(self, *directories):
        """The agents of these data directories, which have their keys already."""
        subprocess.run([self.fettle, "--data", self.data, "--quiet", "agents", "admit",
                        *(os.path.join(directory, "keys/agent.pub") for directory in directories)],
                       check=True)

    def ticks(self):
        return {role: cpu_ticks(process.pid) for role, process in self.roles.items()}

    def written(self):
        """Bytes that each has sent to the disk since its start."""
        found = {}
        for role, process in self.roles.items():
            with open(f"/proc/{process.pid}/io", encoding="ascii") as io:
                found[role] = int(io.read().split("\nwrite_bytes: ")[1].split()[0])
        return found

    def wait_until_quiet(self):
        """When the processes last did anything; 10 ms exact, and nothing is asked of them."""
        before, last = sum(self.ticks().values()), time.monotonic()
        while time.monotonic() - last < QUIET_S:
            time.sleep(0.01)
            now = sum(self.ticks().values())
            if now > before + 1:
                before, last = now, time.monotonic()
        return last

    def status(self):
        return json.loads(subprocess.run(
            [self.fettle, "--data", self.data, "status", "--format", "json"],
            check=True, stdout=subprocess.PIPE).stdout)

    def end(self):
        for process in self.roles.values():
            process.terminate()
        for process in self.roles.values():
            process.wait()
        shutil.rmtree(self.directory)


def generator(arguments, spools, *more):
    return [os.path.join(arguments.build, "tests/faults/fettle-generator"), "--directory", spools,
            "--agents", str(arguments.agents), "--no-journal", "--lane", "3", "--seed", "bench",
            "--spool-size", str(8 << 30), *more]


def fill_spools(arguments, values):
    spools = tempfile.mkdtemp(prefix="fettle-bench-", dir="/dev/shm")
    subprocess.run(generator(arguments, spools, "--only", "produce", "--count",
                             str(arguments.events // arguments.agents), *values),
                   check=True, stderr=subprocess.DEVNULL)
    return spools


def describe(arguments, server, ticks_before, seconds):
    """What each role took: of a core, and of the disk an event."""
    ticks_after, written = server.ticks(), server.written()
    return " ".join(f"{role}={(ticks_after[role] - before) / TICKS_S / seconds:.0%},"
                    f"{written[role] / arguments.events:.0f}B"
                    for role, before in ticks_before.items())


def measure(arguments, roles, *values):
    """(events a second until all was acknowledged, and until the last process was done)"""
    spools = fill_spools(arguments, values)
    server = Server(arguments, roles)
    server.admit(*(os.path.join(spools, name) for name in os.listdir(spools))
                 if arguments.agents > 1 else (spools,))
    try:
        before, begin = server.ticks(), time.monotonic()
        subprocess.run(generator(arguments, spools, "--only", "send", "--server", server.gateway,
                                 "--server-key", server.key()), check=True,
                       stderr=subprocess.DEVNULL)
        acknowledged = time.monotonic()
        end = server.wait_until_quiet()
        status = server.status()
        took = describe(arguments, server, before, max(end, acknowledged) - begin)
    finally:
        server.end()
        shutil.rmtree(spools)
    stored = status["store"]["changes"] if status["store"] else 0
    if status["log"]["appended"] < arguments.events or ("sink" in roles
                                                        and stored < arguments.events):
        raise SystemExit(f"events are missing: {status}")
    return arguments.events / (acknowledged - begin), arguments.events / (end - begin), took


def ceiling(arguments):
    directory = tempfile.mkdtemp(prefix="fettle-bench-", dir=arguments.directory)
    out = subprocess.run([os.path.join(arguments.build, "bench/fettle-ceiling"), directory,
                          str(arguments.events * 4)], check=True, stdout=subprocess.PIPE).stdout
    shutil.rmtree(directory)
    return float(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--events", type=int, default=400000)
    parser.add_argument("--agents", type=int, default=8)
    parser.add_argument("--directory", default="/var/tmp", help="on the disk to measure")
    arguments = parser.parse_args()
    arguments.build = os.path.abspath(arguments.build)
    top = ceiling(arguments)
    print(f"{'ceiling':32}{top:9,.0f} events/s")

    def show(what, rate, took):
        print(f"{what:32}{rate:9,.0f} events/s {rate / top:5.2f} of the ceiling   {took}",
              flush=True)

    distinct = ("--value-size", str(VALUE_SIZE))
    rate, _, took = measure(arguments, ("log", "gateway"), *distinct)
    show("ingest, durable in the log", rate, took)
    for what, values in (
            ("inline values", ("--value-size", str(INLINE_SIZE))),
            ("values that all agents share", ("--shared-values", *distinct)),
            ("values that nobody shares", distinct)):
        _, rate, took = measure(arguments, ("log", "sink", "processor", "gateway"), *values)
        show(f"stored, {what}", rate, took)


if __name__ == "__main__":
    main()
