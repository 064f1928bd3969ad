#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fleet_return - how soon a fleet is back after its gateway was killed, and what it takes in memory.

Every agent is a key, a CURVE connection and a link of its own; they stand in other processes.  Each
delivers a record, and has it acknowledged by the log; then the gateway is killed with -9 and started
again, and each delivers another.  Beside it, in the same run: a bare ROUTER of libzmq with the same
options, for which an agent is back once its handshake is done.

On the loopback agents dial again after 50 ms to a second, and not after 1 to 5 seconds as from other
machines: they come at once.

    fleet_return.py --build build/release [--agents 5000]
"""
import argparse
import os
import shutil
import subprocess
import tempfile
import threading
import time

import whole_way

A_PROCESS = 250
IDLE_S = 10
PATIENCE_S = 300
PAGE = os.sysconf("SC_PAGE_SIZE")


def memory(process):
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * PAGE


class Lines:
    """What a program prints, waited for."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.last, self.changed = "", threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.last = line.strip()
                self.changed.notify_all()

    def wait_for(self, is_it):
        with self.changed:
            if not self.changed.wait_for(lambda: is_it(self.last), PATIENCE_S):
                raise SystemExit(f"waited in vain; the last was `{self.last}`")

    def end(self):
        self.process.kill()
        self.process.wait()


class Fleet:
    def __init__(self, arguments, keys, endpoint, server_key):
        tool = os.path.join(arguments.build, "bench/fettle-fleet")
        self.parts = [Lines([tool, "send", str(first), str(min(A_PROCESS, arguments.agents - first)),
                             keys, endpoint, server_key])
                      for first in range(0, arguments.agents, A_PROCESS)]

    def begin_round(self):
        for part in self.parts:
            part.process.stdin.write("\n")
            part.process.stdin.flush()

    def wait_for_round(self, number):
        for part in self.parts:
            part.wait_for(lambda line: line == f"round {number}")

    def end(self):
        for part in self.parts:
            part.end()


def start_gateway(server):
    with open(os.path.join(server.directory, "server.log"), "ab") as log:
        server.roles["gateway"] = subprocess.Popen(
            [server.fettle, "--data", server.data, "--config",
             os.path.join(server.directory, "fettle.yaml"), "gateway"], stderr=log)


def measure(arguments, keys):
    server = whole_way.Server(arguments, ("log", "gateway"))
    fleet = None
    try:
        for first in range(0, arguments.agents, 1000):
            last = min(first + 1000, arguments.agents)
            subprocess.run([server.fettle, "--data", server.data, "--quiet", "agents", "admit",
                            *(os.path.join(keys, f"{i}.pub") for i in range(first, last))],
                           check=True)
        server.wait_until_quiet()
        empty = memory(server.roles["gateway"])
        begin = time.monotonic()
        fleet = Fleet(arguments, keys, server.gateway, server.key())
        fleet.begin_round()
        fleet.wait_for_round(1)
        first = time.monotonic() - begin
        taken = (memory(server.roles["gateway"]) - empty) / arguments.agents
        ticks = server.ticks()["gateway"]
        time.sleep(IDLE_S)  # what an idle fleet takes of a core
        idle = (server.ticks()["gateway"] - ticks) / whole_way.TICKS_S / IDLE_S
        server.roles["gateway"].kill()
        server.roles["gateway"].wait()
        begin = time.monotonic()
        fleet.begin_round()
        start_gateway(server)
        fleet.wait_for_round(2)
        back = time.monotonic() - begin
        ticks = server.ticks()["gateway"] / whole_way.TICKS_S
    finally:
        if fleet is not None:
            fleet.end()
        server.end()
    return {"first": first, "back": back, "memory": taken, "idle": idle, "cpu": ticks,
            "empty": empty}


def ceiling(arguments, keys):
    """The same for libzmq alone."""
    tool = os.path.join(arguments.build, "bench/fettle-fleet")
    port = whole_way.free_ports(1)[0]
    home = tempfile.mkdtemp(prefix="fettle-bench-")
    command = [tool, "bare", str(port), home]
    enough = arguments.agents // 100 * 100
    fleet = None

    def is_whole(line):
        return line.startswith("peers ") and int(line.split()[1]) >= enough
    try:
        router = Lines(command)
        key = os.path.join(home, "server.pub")
        while not os.path.exists(key):
            time.sleep(0.01)
        empty = memory(router.process)
        fleet = Fleet(arguments, keys, f"tcp://127.0.0.1:{port}", key)
        router.wait_for(is_whole)
        taken = (memory(router.process) - empty) / arguments.agents
        router.end()
        begin = time.monotonic()
        router = Lines(command)
        router.wait_for(is_whole)
        return {"back": time.monotonic() - begin, "memory": taken}
    finally:
        if fleet is not None:
            fleet.end()
        router.end()
        shutil.rmtree(home)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--agents", type=int, default=5000)
    parser.add_argument("--directory", default="/var/tmp", help="on the disk to measure")
    arguments = parser.parse_args()
    arguments.build = os.path.abspath(arguments.build)
    keys = tempfile.mkdtemp(prefix="fettle-bench-", dir="/dev/shm")
    try:
        subprocess.run([os.path.join(arguments.build, "bench/fettle-fleet"), "keys", "0",
                        str(arguments.agents), keys], check=True)
        bare = ceiling(arguments, keys)
        ours = measure(arguments, keys)
    finally:
        shutil.rmtree(keys)
    print(f"{arguments.agents} agents: first connected and delivered in {ours['first']:.1f} s; "
          f"idle the gateway takes {ours['idle']:.2%} of a core")
    print(f"back and delivered after kill -9   {ours['back']:6.1f} s   libzmq alone, back "
          f"{bare['back']:6.1f} s   ratio {ours['back'] / bare['back']:.2f}   "
          f"(gateway: {ours['cpu']:.1f} s of CPU)")
    print(f"memory an agent in the gateway     {ours['memory'] / 1024:6.1f} KiB libzmq alone      "
          f"{bare['memory'] / 1024:6.1f} KiB ratio {ours['memory'] / bare['memory']:.2f}   "
          f"(empty: {ours['empty'] / 1024 / 1024:.1f} MiB)")


if __name__ == "__main__":
    main()
