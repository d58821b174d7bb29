"""Text for people: colour only on a terminal, progress, tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import IO, Literal

Style = Literal["bold", "dim", "green", "red", "yellow", "cyan"]
CODES: dict[Style, str] = {"bold": "1", "dim": "2", "green": "32", "red": "31", "yellow": "33", "cyan": "36"}


def colourful(stream: IO[str]) -> bool:
    """As https://no-color.org asks, and never into a file."""
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def paint(text: str, style: Style, stream: IO[str] | None = None) -> str:
    return f"\x1b[{CODES[style]}m{text}\x1b[0m" if colourful(stream or sys.stdout) else text


class Progress:
    """Counts steps: one line that rewrites itself on a terminal, now and then a line in a log.

    `step(name, done, total)` is the callback; `done` counts from 1.
    """

    LOG_EVERY = 10  # percent

    def __init__(self, title: str, quiet: bool = False, stream: IO[str] | None = None) -> None:
        self.title = title
        self.quiet = quiet
        self.stream = stream or sys.stderr
        self.logged = -1

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.quiet and self.stream.isatty():
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def step(self, name: str, done: int, total: int) -> None:
        if self.quiet:
            return
        if self.stream.isatty():
            bar = "#" * (done * 30 // max(total, 1))
            self.stream.write(f"\r\x1b[K{self.title} [{bar:<30}] {done}/{total} {name[:40]}")
        elif done * 100 // max(total, 1) // self.LOG_EVERY != self.logged:
            self.logged = done * 100 // max(total, 1) // self.LOG_EVERY
            self.stream.write(f"{self.title}: {done}/{total} {name}\n")
        self.stream.flush()


def columns(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Aligned lines: numbers to the right, text to the left, the last column as long as it is."""
    cells = [[str(cell) for cell in row] for row in rows]
    numeric = [
        bool(rows) and all(isinstance(row[i], int | float) or row[i] in ("", "-") for row in rows)
        for i in range(len(heads))
    ]
    widths = [max(len(line[i]) for line in [list(heads), *cells]) for i in range(len(heads))]

    def align(line: Sequence[str]) -> str:
        padded = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ]
        return "  ".join(padded).rstrip()

    return [align(heads), *[align(line) for line in cells]]
