#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when README.md leads to a page of docs/ by no link."""
import pathlib
import re
import sys


def main(source):
    linked = set(re.findall(r"\]\((docs/[^)#]+\.md)", (source / "README.md").read_text("utf-8")))
    pages = {f"docs/{page.name}" for page in (source / "docs").glob("*.md")}
    wrong = [f"README.md has no link to {page}" for page in sorted(pages - linked)]
    if not linked:
        wrong.append("no link was found at all")
    print("\n".join(wrong) or f"{len(pages)} pages")
    return 1 if wrong else 0


sys.exit(main(pathlib.Path(sys.argv[1])))
