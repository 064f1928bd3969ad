#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""burst - thirty-two agents with large facts at once: more than a store's first map has room for.

Nothing may end, and check.py must find every fact once.  Facts larger than a frame go in pieces.

    burst.py --build build/dev [--agents 32] [--facts 50] [--value-size 24000]
"""
import argparse
import os
import shutil
import subprocess
import sys

import check
import kill


def run(system, agents_count, facts, value_size):
    agents = os.path.dirname(system.journal)
    common = ["--directory", agents, "--agents", str(agents_count), "--seed", "burst", "--count",
              str(facts), "--value-size", str(value_size), "--lane", "3"]
    subprocess.run([system.generator, *common, "--only", "produce"], check=True,
                   stderr=system.output["generator"])
    for role in kill.SERVERS:
        system.start(role)
    key = os.path.join(system.data, "keys/server.pub")
    kill.wait_until("the server's key", lambda: os.path.exists(key))
    system.admit(*(os.path.join(agents, str(agent + 1)) for agent in range(agents_count)))
    system.running["generator"] = subprocess.Popen(
        [system.generator, *common, "--only", "send", "--server", system.gateway, "--server-key",
         key], stderr=system.output["generator"])
    produced = {}
    for agent in range(agents_count):
        produced.update(check.read_journal(os.path.join(agents, str(agent + 1), "journal")))
    system.settle(len(produced) - 1)
    for role in kill.SERVERS:
        if system.running[role].poll() is not None:
            raise kill.Failure(f"{role} ended by itself")
    left = check.collect(system.fettle, system.data)
    verdict = check.judge(produced, left)
    for complaint in verdict.complaints[:20]:
        print(complaint)
    print(check.summary(produced, left, verdict))
    if verdict.complaints or len(produced) != agents_count * (facts + 1):
        raise kill.Failure("what was kept is not what was produced")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--agents", type=int, default=32)
    parser.add_argument("--facts", type=int, default=50)
    parser.add_argument("--value-size", type=int, default=24000)
    arguments = parser.parse_args()
    system = kill.System(os.path.abspath(arguments.build))
    try:
        run(system, arguments.agents, arguments.facts, arguments.value_size)
    except (kill.Failure, subprocess.CalledProcessError) as failure:
        print(f"failed: {failure}; everything is kept in {system.directory}")
        return 1
    finally:
        system.end()
    shutil.rmtree(system.directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
