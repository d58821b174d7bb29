"""The figures as a table for people, in Markdown, or as JSON."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.bench.figures import Figure
from tests.bench.goals import GOALS

HEAD = ("figure", "", "median", "spread", "unit", "ratio to the others", "goal")
Row = Sequence[str]
MARKS = {True: "met", False: "MISSED", None: "no peer"}


def machine() -> str:
    """One line on where it ran."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} CPUs ({model}), Linux {platform.release()}, load {load:.1f}, {time.strftime('%Y-%m-%d')}"


def number(value: float) -> str:
    """With three digits that count, or more where it has no fraction."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(figure: Figure) -> str:
    """Nothing, if it was measured once."""
    low, high = figure.spread
    return f"{number(low)}-{number(high)}" if len(figure.samples) > 1 else ""


def line(figure: Figure) -> str:
    """For those who watch it run."""
    return f"{figure.name}: {number(figure.median)} {figure.unit}  {spread(figure)}  {figure.note}".rstrip()


def ratios(figure: Figure, figures: Mapping[str, Figure]) -> str:
    """Of one of ours, to each of the others of the same piece and case."""
    case, _, who = figure.name.rpartition("/")
    if not ours(who):
        return ""
    found = []
    for other in figures.values():
        other_case, _, peer = other.name.rpartition("/")
        if other_case == case and not ours(peer) and other.median:
            found.append(f"{figure.median / other.median:.2f} x {peer}")
    return ", ".join(found)


def ours(who: str) -> bool:
    return who in ("triplane", "xdp", "packet", "tap")


def goals(figure: Figure, figures: Mapping[str, Figure]) -> str:
    return "; ".join(f"{goal}: {MARKS[goal.met(figure, figures)]}" for goal in GOALS.get(figure.name, []))


def row(figure: Figure, figures: Mapping[str, Figure]) -> Row:
    case, _, who = figure.name.rpartition("/")
    note = f" ({figure.note})" if figure.note else ""
    return (
        case.replace("/", ": ") + note,
        who,
        number(figure.median),
        spread(figure),
        figure.unit,
        ratios(figure, figures),
        goals(figure, figures),
    )


def rows(measured: Iterable[Figure]) -> list[Row]:
    figures = {figure.name: figure for figure in measured}
    return [row(figure, figures) for figure in figures.values()]


def text(measured: Iterable[Figure]) -> str:
    """Aligned columns."""
    table = [HEAD, *rows(measured)]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]
    return "\n".join(lines)


def markdown(measured: Iterable[Figure]) -> str:
    lines = [HEAD, ["---"] * len(HEAD), *rows(measured)]
    return "\n".join([f"On {machine()}.", "", *("| " + " | ".join(line) + " |" for line in lines)])


def write_json(measured: Iterable[Figure], path: Path) -> None:
    figures = {figure.name: {"unit": figure.unit, "samples": figure.samples} for figure in measured}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), "figures": figures}, indent=1) + "\n")
