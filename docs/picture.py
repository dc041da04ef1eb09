"""Draws the pictures of the README from a real run: `make picture`, which takes as long as the demo.

The command runs on a pseudo-terminal; what it writes is played into a screen, and two screens are kept: one halfway, one at
the end. Each becomes an SVG that names no font to be fetched.
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

DOCS = Path(__file__).parent
COLUMNS, ROWS = 100, 40
COMMAND = ["demo"]
HALFWAY = 0.25  # of the screens that were drawn: later ones audit what was read
CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|(\r)|(\n)|([^\x1b\r\n]+)")


def record() -> str:
    """Everything that the command writes to its terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environ = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    command = [sys.executable, "-m", "hdscan", *COMMAND]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environ) as process:  # noqa: S603 - our own
        os.close(theirs)
        written = bytearray()
        try:
            while piece := os.read(ours, 65536):
                written += piece
        except OSError:
            pass  # Linux: nobody holds the other end any more
    os.close(ours)
    if process.returncode:
        tail = "\n".join(screens(written.decode())[-1][-8:])
        sys.exit(f"the command ended with {process.returncode}; the pictures stay as they were:\n{tail}\x1b[0m")
    return written.decode()


def screens(written: str) -> list[list[str]]:
    """Every screen that was seen: lines with their colours. It knows what rich's live display needs, and no more."""
    lines: list[str] = [""]
    row = 0
    drawn = False  # something was written since the last screen
    seen: list[list[str]] = []
    for code, verb, back, down, text in (found.groups(default="") for found in CONTROL.finditer(written)):
        if drawn and verb in ("A", "K"):  # what was drawn is going to be erased
            seen.append(list(lines))
            drawn = False
        if down:
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif verb == "A":
            row -= int(code or 1)
        elif verb == "K":
            lines[row] = ""
        elif verb == "m":
            lines[row] += f"\x1b[{code}m"
        elif text and not back:
            lines[row] += text
            drawn = True
    return [*seen, lines]


def draw(lines: list[str], title: str, path: Path) -> None:
    """Write a screen as an SVG, for light and dark pages alike."""
    while lines and not Text.from_ansi(lines[-1]).plain.strip():
        lines = lines[:-1]
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(Text("$ hdscan " + " ".join(COMMAND), style="bold"))
        for line in lines:
            console.print(Text.from_ansi(line))
        svg = console.export_svg(title=title, unique_id=path.stem)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code", "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono")
    path.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")


def main() -> None:
    """Run the demo and draw it."""
    seen = screens(record())
    draw(seen[int(len(seen) * HALFWAY)], "hdscan demo, halfway", DOCS / "demo-running.svg")
    draw(seen[-1], "hdscan demo, at its end", DOCS / "demo-done.svg")


if __name__ == "__main__":
    main()
