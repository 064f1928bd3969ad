#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""agent - memory and idle CPU of fettle-agent on this machine, connected to a server.

It waits for the first inventory to be over, then watches for half a minute.  The floor beside it is
that of a loop, a CURVE socket and a watch, and nothing else.

    agent.py --build build/release [--seconds 30]
"""
import argparse
import os
import re
import shutil
import subprocess
import tempfile
import time

from whole_way import TICKS_S, Server, cpu_ticks

FLOOR = "6.2 MB, 0.055 % of a core"
SETTLED_S = 5


def memory_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        text = status.read()
    return {name: int(re.search(rf"{name}:\s+(\d+) kB", text).group(1)) / 1024
            for name in ("VmRSS", "RssAnon", "VmHWM")}


def start_agent(arguments, server, directory):
    with open(os.path.join(directory, "agent.log"), "ab") as log:
        return subprocess.Popen([os.path.join(arguments.build, "fettle-agent"), "--data", directory,
                                 "--server", server.gateway, "--server-key", server.key()],
                                stderr=log)


def wait_until_settled(pid):
    before, since = cpu_ticks(pid), time.monotonic()
    while time.monotonic() - since < SETTLED_S:
        time.sleep(0.1)
        if cpu_ticks(pid) > before + 2:
            before, since = cpu_ticks(pid), time.monotonic()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--directory", default="/var/tmp")
    arguments = parser.parse_args()
    arguments.build = os.path.abspath(arguments.build)
    directory = tempfile.mkdtemp(prefix="fettle-bench-", dir=arguments.directory)
    server = Server(arguments, ("log", "sink", "processor", "gateway"))
    agent = start_agent(arguments, server, directory)
    while not os.path.exists(os.path.join(directory, "keys/agent.pub")):
        time.sleep(0.01)
    server.admit(directory)
    wait_until_settled(agent.pid)
    first = cpu_ticks(agent.pid)
    time.sleep(arguments.seconds)
    idle = (cpu_ticks(agent.pid) - first) / TICKS_S / arguments.seconds
    memory = memory_mb(agent.pid)
    agent.terminate()
    agent.wait()
    server.end()
    shutil.rmtree(directory)
    print(f"agent  {memory['VmRSS']:.1f} MB resident ({memory['RssAnon']:.1f} MB its own, "
          f"{memory['VmHWM']:.1f} MB at most), {first / TICKS_S:.2f} s of CPU for its first "
          f"inventory, {idle:.3%} of a core idle over {arguments.seconds} s; floor {FLOOR}")


if __name__ == "__main__":
    main()
