#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""long - the figures that the quick gate has a small number of: every fault, many times over.

One row of ROWS a fault.  Its command is run from the top of the tree; `{build}` and the like are
filled in, `{cycles}` with --cycles times the row's factor.  What a command says as NAME=NUMBER in
its last line that has any is what the table shows of it; it holds where it ended with 0.

    ./test --faults [--cycles 100] [--only NAME,…]
"""
import argparse
import os
import re
import subprocess
import sys
import time

# name; the build it wants; factor of --cycles; command
ROWS = (
    ("kill -9 of every role", "dev", 1,
     "tests/faults/kill.py --build {build} --cycles {cycles}"),
    ("bursts of large facts", "dev", 0,
     "tests/faults/burst.py --build {build}"),
    ("strangers at the gateway", "dev", 1,
     "tests/faults/strangers.py --build {build} --seconds {cycles} --rate 200"),
    ("facts made to differ", "dev", 10,
     "tests/faults/healing.py --build {build} --facts {cycles}"),
    ("kill -9 within jobs", "dev", 0.1,
     "tests/faults/jobs.py --build {build} --cycles {cycles}"),
    ("one call fails: memory, writes", "dev", 2,
     "tests/faults/starve.py --build {build} --cycles {cycles}"),
    ("hostile input, by target", "fuzz", 0.6,
     "tests/fuzz/fuzz.py --build {build} --seconds {cycles}"),
    ("races", "tsan", 0,
     "tests/faults/races.sh {build}"),
)

# What a column shows: the first of these names that the command said.
COLUMNS = {
    "cycles": ("cycles",),
    "injected": ("injected", "kills", "attempts", "inputs"),
    "produced": ("produced",),
    "stored": ("stored",),
    "gaps": ("gap_counted", "gaps"),
    "quarantined": ("quarantined",),
    "spooled": ("spooled",),
}


def top():
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def figures_of(output):
    for line in reversed(output.splitlines()):
        found = dict(re.findall(r"(\w+)=(\d+)\b", line))
        if found:
            return found
    return {}


def build(preset):
    """Its directory; what it said is in build.log there."""
    directory = os.path.join(top(), "build", preset)
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "build.log"), "w", encoding="utf-8") as log:
        for command in (["cmake", "--preset", preset], ["cmake", "--build", directory]):
            subprocess.run(command, cwd=top(), stdout=log, stderr=log, check=True)
    return directory


def run(name, command, log):
    """(whether it held, its figures, how long it took)"""
    begin = time.monotonic()
    print(f"== {name}: {command}", file=sys.stderr, flush=True)
    done = subprocess.run(command, shell=True, cwd=top(), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    output = done.stdout.decode(errors="replace")
    log.write(f"== {name}: {command}\n{output}\n")
    log.flush()
    if done.returncode not in (0, 77):
        print("\n".join(output.splitlines()[-30:]), file=sys.stderr)
    return done.returncode, figures_of(output), time.monotonic() - begin


def table(rows):
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())


def row_of(name, code, figures, took_s):
    cells = [next((figures[said] for said in names if said in figures), "-")
             for names in COLUMNS.values()]
    return [name, *cells, {0: "yes", 77: "skipped"}.get(code, "NO"), f"{took_s:.0f} s"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--only", default="", help="rows whose names contain one of these words")
    arguments = parser.parse_args()
    words = [word for word in arguments.only.split(",") if word]
    rows = [row for row in ROWS if not words or any(word in row[0] for word in words)]
    log_path = os.path.join(top(), "build", "faults.log")
    results, builds = [["fault", *COLUMNS, "held", "took"]], {}
    os.makedirs(os.path.dirname(log_path), exist_ok=True)
    with open(log_path, "w", encoding="utf-8") as log:
        for name, preset, factor, command in rows:
            if preset not in builds:
                builds[preset] = build(preset)
            cycles = max(1, int(arguments.cycles * factor))
            results.append(row_of(name, *run(name, command.format(
                build=builds[preset], cycles=cycles), log)))
    table(results)
    print(f"what each said is in {log_path}")
    has_failed = any(row[-2] == "NO" for row in results[1:])
    return 1 if has_failed or len(results) == 1 else 0


if __name__ == "__main__":
    sys.exit(main())
