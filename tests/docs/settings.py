#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""settings.py SOURCE FETTLE [--write] - the tables in docs/settings.md are what the program says.

Above the marker people write; below it stands what `fettle settings` prints.
"""
import pathlib
import subprocess
import sys

MARKER = "<!-- below: fettle settings -->\n"


def main(source, fettle, write):
    path = pathlib.Path(source) / "docs/settings.md"
    head, marker, tables = path.read_text(encoding="utf-8").partition(MARKER)
    says = "\n" + subprocess.run([fettle, "settings"], check=True, capture_output=True,
                                 text=True).stdout
    if not marker or says.strip() == "":
        print(f"{path}: no marker, or the program says nothing")
        return 1
    if write:
        path.write_text(head + marker + says, encoding="utf-8")
    elif tables != says:
        print("docs/settings.md is not what `fettle settings` prints; "
              "`cmake --build BUILD --target docs-settings` writes it anew")
        return 1
    return 0


sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:] == ["--write"]))
