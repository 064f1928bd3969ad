#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when fettle(1) leaves out a command, or names one that the program does not have."""
import pathlib
import re
import subprocess
import sys


def main(source, fettle):
    overview = subprocess.run([fettle, "help"], check=True, capture_output=True, text=True).stdout
    page = (pathlib.Path(source) / "docs/man/fettle.1.scd").read_text(encoding="utf-8")
    # "  findings show ID           one finding: why, ..."
    has = {" ".join(usage.split()) for usage in re.findall(r"^  (\S.*?)  +\S", overview, re.M)}
    # "*findings show* _ID_"; underscores only set the type.
    part = page.partition("# COMMANDS")[2].partition("\n# ")[0]
    says = {line.replace("*", "").replace("_", "").replace("\\", "").strip()
            for line in re.findall(r"^(\*[a-z].*)$", part, re.M)}
    wrong = [f"docs/man/fettle.1.scd does not have `{name}`" for name in sorted(has - says)]
    wrong += [f"docs/man/fettle.1.scd has `{name}`, the program does not"
              for name in sorted(says - has)]
    if not has:
        wrong.append("`fettle help` shows no command: this test no longer understands it")
    print("\n".join(wrong) or f"{len(has)} commands")
    return 1 if wrong else 0


sys.exit(main(sys.argv[1], sys.argv[2]))
