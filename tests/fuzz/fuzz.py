#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fuzz - runs every target of tests/fuzz under libFuzzer for so many seconds each.

What it finds worth keeping on the way stands in BUILD/corpus, and is where the next run begins; an
input that a target dies of is in BUILD/died/TARGET.  The corpora of the tree are not changed.

    fuzz.py --build build/fuzz [--seconds 60] [--only yaml,link]
"""
import argparse
import os
import re
import subprocess
import sys


def targets(build):
    with open(os.path.join(build, "tests/fuzz/targets"), encoding="utf-8") as lines:
        return [(words[0], words[1:]) for words in map(str.split, lines)]


def run(build, name, corpora, seconds):
    """(inputs, reports)"""
    found, died = (os.path.join(build, kind, name) for kind in ("corpus", "died"))
    for directory in (found, died):
        os.makedirs(directory, exist_ok=True)
    begin = [path for path in corpora if os.path.isdir(path)]
    files = [path for path in corpora if os.path.isfile(path)]
    done = subprocess.run(
        [os.path.join(build, "tests/fuzz", f"fuzz_{name}"), f"-max_total_time={seconds}",
         "-max_len=8192", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1",
         "-close_fd_mask=3", "-reload=0", f"-artifact_prefix={died}/",
         *([f"-seed_inputs={','.join(files)}"] if files else []), found, *begin],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    said = done.stdout.decode(errors="replace")
    inputs = re.search(r"stat::number_of_executed_units: +(\d+)", said)
    if done.returncode != 0:
        print("\n".join(said.splitlines()[-60:]))
    return int(inputs[1]) if inputs else 0, done.returncode != 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--seconds", type=int, default=60, help="a target")
    parser.add_argument("--only", default="", help="names of targets, with commas")
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    names = [name for name in arguments.only.split(",") if name]
    total = reports = 0
    for name, corpora in targets(build):
        if names and name not in names:
            continue
        inputs, has_died = run(build, name, corpora, arguments.seconds)
        print(f"{name:16} {inputs:10} inputs{'  DIED' if has_died else ''}", flush=True)
        total, reports = total + inputs, reports + has_died
    print(f"inputs={total} reports={reports}")
    return 1 if reports or total == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
