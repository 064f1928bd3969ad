#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when docs/collectors.md is not about the collectors that the program has."""
import json
import pathlib
import re
import subprocess
import sys


def mistakes_in(section, collector):
    """What the SECTION of one collector leaves out, or has wrong."""
    name = collector["collector"]
    if section.split("\n")[0] != collector["summary"]:
        yield f"`{name}` is not introduced as `fettle collectors` does: {collector['summary']}"
    for prefix in collector["keys"]:
        if f"`{prefix}" not in section:
            yield f"`{name}` has keys `{prefix}…`"
    said = set(re.findall(r"`([a-z_]+)`", section.partition("Settings:")[2]))
    if said != set(collector["settings"]):
        yield f"`{name}` has the settings {sorted(collector['settings'])}, not {sorted(said)}"


def main(source, fettle):
    page = (pathlib.Path(source) / "docs/collectors.md").read_text(encoding="utf-8")
    collectors = json.loads(subprocess.run([fettle, "collectors", "--format", "json"], check=True,
                                           capture_output=True, text=True).stdout)
    head, *parts = re.split(r"^## `([a-z_]+)`\n\n", page, flags=re.M)
    sections = dict(zip(parts[::2], parts[1::2]))
    rows = re.findall(r"^\| `([a-z_]+)` \|", head, re.M)
    names = [collector["collector"] for collector in collectors]
    wrong = [] if rows == names else [f"the table has {rows}, the program {names}"]
    if list(sections) != names:
        wrong.append(f"the sections are {list(sections)}, the program has {names}")
    for collector in collectors:
        wrong += mistakes_in(sections.get(collector["collector"], ""), collector)
    if not collectors:
        wrong.append("`fettle collectors` shows none: this test no longer understands it")
    print("\n".join(f"docs/collectors.md: {what}" for what in wrong) or f"{len(names)} collectors")
    return 1 if wrong else 0


sys.exit(main(sys.argv[1], sys.argv[2]))
