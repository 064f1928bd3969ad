#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""critical_under_bulk - how long a critical fact takes from the spool to the stored verdict.

One agent's spool holds a million bulk records, each of which ends as a change in the store, and the
server has everything to do with them.  Meanwhile a critical fact is appended every 100 ms, to the
same spool; what is measured is until it can be read in the store.  Beside it the same with an empty
spool: what the way takes where nothing is in front.

    critical_under_bulk.py --build build/release [--events 1000000] [--probes 300]
"""
import argparse
import os
import shutil
import subprocess

import whole_way

LIMIT_MS = 250


def quantile(sorted_values, part):
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * part))]


def latencies(arguments, events):
    """Milliseconds of each probe with EVENTS before them, and how many of these still waited."""
    arguments.events, arguments.agents = events, 1
    spools = whole_way.fill_spools(arguments, ("--value-size", str(whole_way.INLINE_SIZE)))
    server = whole_way.Server(arguments, ("log", "sink", "processor", "gateway"))
    try:
        server.admit(spools)
        watcher = subprocess.Popen(
            [os.path.join(arguments.build, "bench/fettle-latency"), server.data, "bench",
             str(arguments.probes)], stdout=subprocess.PIPE)
        sender = subprocess.Popen(
            whole_way.generator(arguments, spools, "--only", "send", "--server", server.gateway,
                                "--server-key", server.key(), "--probes", str(arguments.probes)),
            stderr=subprocess.DEVNULL)
        seen = watcher.communicate()[0]
        waiting = events - (server.status()["store"] or {"changes": 0})["changes"]
        sender.wait()
    finally:
        server.end()
        shutil.rmtree(spools)
    found = sorted(int(line) for line in seen.split())
    if watcher.returncode != 0:
        raise SystemExit(f"{len(found)} of {arguments.probes} probes were stored in time: {found[-20:]}")
    return found, waiting


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--events", type=int, default=1000000)
    parser.add_argument("--probes", type=int, default=300)
    parser.add_argument("--directory", default="/var/tmp", help="on the disk to measure")
    arguments = parser.parse_args()
    arguments.build = os.path.abspath(arguments.build)
    for what, events in (("an empty spool", 1), (f"{arguments.events:,} bulk records",
                                                arguments.events)):
        found, waiting = latencies(arguments, events)
        print(f"critical, before it {what:24} p50 {quantile(found, 0.5):5} ms   "
              f"p99 {quantile(found, 0.99):5} ms   most {found[-1]:5} ms   "
              f"({waiting if waiting > 0 else 0:,} still waited)", flush=True)
    if quantile(found, 0.99) > LIMIT_MS:
        raise SystemExit(f"more than {LIMIT_MS} ms")


if __name__ == "__main__":
    main()
