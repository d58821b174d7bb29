"""`python -m tests.bench`: measure Triplane beside the forwarders that are installed, and print what came of it.

Progress goes to standard error, the table to standard output, all samples to a JSON file. Needs root: traffic runs
in network namespaces that are removed at the end.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.bench import flowmods, lab, latency, pipeline, process, report, tcp, throughput
from tests.bench.figures import Figure, Settings
from tests.bench.peers import say

PIECES: Mapping[str, Callable[[Settings], Iterator[Figure]]] = {
    "pipeline": pipeline.measure_all,
    "throughput": throughput.measure_all,
    "tcp": tcp.measure_all,
    "latency": latency.measure_all,
    "flow-mods": flowmods.measure_all,
    "process": process.measure_all,
}


def parse(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.partition("\n\n")[0])
    add = parser.add_argument
    add("--only", default="", metavar="REGEX", help=f"only the pieces it is found in: {', '.join(PIECES)}")
    add("--rounds", type=int, default=3, metavar="N", help="how often each figure is measured (default 3)")
    add("--quick", action="store_true", help="short rounds and small tables: to see that it works")
    add("--markdown", action="store_true", help="print the table in Markdown")
    add("--json", type=Path, default=Path("build/bench.json"), metavar="FILE", help="default build/bench.json")
    return parser.parse_args(words)


def collect(settings: Settings, only: str, measured: list[Figure]) -> None:
    """Append to `measured` as it comes, so that an interrupted run shows what it has."""
    for name, piece in PIECES.items():
        if not re.search(only, name):
            continue
        say(f"{name} ...")
        for figure in piece(settings):
            low, high = map(report.number, figure.spread)
            say(f"  {figure.name}: {report.number(figure.median)} ({low}-{high}) {figure.unit} {figure.note}")
            measured.append(figure)


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    arguments = parse()
    if os.geteuid() != 0:
        say("needs root, for namespaces and XDP: try sudo")
        return 2
    signal.signal(signal.SIGTERM, interrupt)
    lab.remove_leftovers()
    measured: list[Figure] = []
    status = 0
    try:
        collect(Settings(arguments.rounds, arguments.quick), arguments.only, measured)
    except KeyboardInterrupt:
        say("interrupted")
        status = 130
    print(report.markdown(measured) if arguments.markdown else report.text(measured))
    report.write_json(measured, arguments.json)
    return status


if __name__ == "__main__":
    sys.exit(main())
