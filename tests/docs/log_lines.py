#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when an id of a log line in the code has no row in docs/log-lines.md, or the other way."""
import pathlib
import re
import sys

PARTS = ("core", "brokers", "collectors", "processors", "sinks", "console")
# The functions that take an id, and how many arguments come before it.
WRITERS = {
    "log_write": 1, "log_error": 0, "log_warn": 0, "log_info": 0, "log_debug": 0,
    "kv_lmdb_log_failure": 0, "kv_transaction_fail": 1,
}
CALL = re.compile(r"\b(%s)\(" % "|".join(WRITERS))
ROW = re.compile(r"^\| `([a-z0-9-]+)` \|", re.MULTILINE)


def ids_of(path):
    """The ids in one file; an id that is a parameter is counted where it is passed."""
    text = path.read_text(encoding="utf-8")
    for call in CALL.finditer(text):
        after = r"\s*(?:[^,()]+,\s*){%d}" % WRITERS[call.group(1)]
        literal = re.compile(after + r'"([a-z0-9-]+)"').match(text, call.end())
        if literal:
            yield literal.group(1)


def main(source):
    in_code = {}
    for part in PARTS:
        for path in sorted((source / part).rglob("*.c")):
            for name in ids_of(path):
                in_code.setdefault(name, path.relative_to(source))
    page = set(ROW.findall((source / "docs/log-lines.md").read_text(encoding="utf-8")))
    wrong = [f"{in_code[name]}: `{name}` has no row in docs/log-lines.md"
             for name in sorted(set(in_code) - page)]
    wrong += [f"docs/log-lines.md: nothing logs `{name}`" for name in sorted(page - set(in_code))]
    if not in_code:
        wrong.append("no log line was found at all: this test no longer sees the code")
    print("\n".join(wrong) or f"{len(in_code)} ids, all documented")
    return 1 if wrong else 0


sys.exit(main(pathlib.Path(sys.argv[1])))
