#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""terminal.py COMMAND < output-with-colours > picture.svg - a terminal's text as a picture.

    script -qec 'fettle --color=always scan' /dev/null | docs/images/terminal.py 'fettle scan'
"""
import html
import re
import sys

WIDTH, CHARACTER, LINE, MARGIN, TOP = 80, 8.42, 19, 18, 44
CLASSES = {"1": "b", "2": "d", "31": "r", "32": "p", "33": "y", "36": "c"}
STYLE = """
text { font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #d8dee4;
  white-space: pre }
.b { font-weight: bold } .d { fill: #8b949e } .r { fill: #ff7b72 } .y { fill: #e3b341 }
.c { fill: #76c7e8 } .p { fill: #7ee787 }"""


def spans(line):
    """The line as tspans; a piece with `ESC[1;31m` before it gets the classes b and r."""
    classes = []
    for index, piece in enumerate(re.split(r"\x1b\[([0-9;]*)m", line)):
        if index % 2:
            classes = [CLASSES[code] for code in piece.split(";") if code in CLASSES]
        elif piece:
            text = html.escape(piece)
            yield f'<tspan class="{" ".join(classes)}">{text}</tspan>' if classes else text


def main(command):
    lines = [line.rsplit("\x1b[K", 1)[-1].strip("\r")
             for line in sys.stdin.read().rstrip().split("\n")]
    width, height = round(WIDTH * CHARACTER + 2 * MARGIN), TOP + LINE * (len(lines) + 1) + MARGIN
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
          f'width="{width}" height="{height}" role="img" aria-label="{html.escape(command)}">')
    print(f"<style>{STYLE}\n</style>")
    print(f'<rect width="{width}" height="{height}" rx="9" fill="#0d1117"/>')
    for x, colour in ((20, "#ff5f57"), (40, "#febc2e"), (60, "#28c840")):
        print(f'<circle cx="{x}" cy="19" r="6" fill="{colour}"/>')
    print(f'<text x="{MARGIN}" y="{TOP + 10}"><tspan class="p">$</tspan> '
          f'{html.escape(command)}</text>')
    for number, line in enumerate(lines, 1):
        if line:
            print(f'<text x="{MARGIN}" y="{TOP + 10 + LINE * number}" xml:space="preserve">'
                  f'{"".join(spans(line))}</text>')
    print("</svg>")


main(sys.argv[1])
