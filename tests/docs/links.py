#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a page links to a file of this tree that is not there."""
import pathlib
import re
import sys

LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def main(source):
    pages = [page for page in sorted(source.rglob("*.md"))
             if page.relative_to(source).parts[0] not in ("build", "data")]
    links = [(page, link) for page in pages
             for link in LINK.findall(page.read_text(encoding="utf-8"))
             if "://" not in link and not link.startswith("mailto:")]
    wrong = [f"{page.relative_to(source)}: there is no {link}"
             for page, link in links if not (page.parent / link).exists()]
    if not links:
        wrong.append("no link was found at all")
    print("\n".join(wrong) or f"{len(links)} links in {len(pages)} pages")
    return 1 if wrong else 0


sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
