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
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.bench import controller, flowmods, lab, latency, pipeline, process, report, tcp, throughput
from tests.bench.figures import Figure, Settings
from tests.bench.peers import say
from tests.bench.programs import BenchError

PIECES: Mapping[str, Callable[[Settings], Iterator[Figure]]] = {
    "pipeline": pipeline.measure_all,
    "throughput": throughput.measure_all,
    "tcp": tcp.measure_all,
    "latency": latency.measure_all,
    "flow-mods": flowmods.measure_all,
    "process": process.measure_all,
    "controller": controller.measure_all,
}
STOPS = (signal.SIGINT, signal.SIGTERM)


def parse(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.partition("\n\n")[0])
    add = parser.add_argument
    add("--only", default="", metavar="REGEX", help=f"only the pieces it is found in: {', '.join(PIECES)}")
    add("--rounds", type=int, default=3, metavar="N", help="how often each figure is measured (default 3)")
    add("--quick", action="store_true", help="short rounds and small tables: to see that it works")
    add("--markdown", action="store_true", help="print the table in Markdown")
    add("--json", type=Path, default=Path("build/bench.json"), metavar="FILE", help="default build/bench.json")
    return parser.parse_args(words)


def collect(settings: Settings, only: str, measured: list[Figure]) -> int:
    """Append to `measured` as it comes, so that an interrupted run shows what it has; how many pieces broke off."""
    start, broken = time.monotonic(), 0
    for name, piece in PIECES.items():
        if not re.search(only, name):
            continue
        say(f"{name} ...")
        try:
            for figure in piece(settings):
                say(f"{time.monotonic() - start:5.0f} s  {report.line(figure)}")
                measured.append(figure)
        except (BenchError, OSError) as error:
            say(f"{name} broke off: {error}")
            broken += 1
    return broken


def interrupt(*_: object) -> None:
    """The first signal ends the run; what follows it must not end the cleaning up."""
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    arguments = parse()
    if os.geteuid() != 0:
        say("needs root, for namespaces and XDP: try sudo")
        return 2
    for number in STOPS:
        signal.signal(number, interrupt)
    lab.remove_leftovers()
    measured: list[Figure] = []
    try:
        status = min(1, collect(Settings(arguments.rounds, arguments.quick), arguments.only, measured))
    except KeyboardInterrupt:
        say("interrupted")
        status = 130
    print(report.markdown(measured) if arguments.markdown else report.text(measured))
    report.write_json(measured, arguments.json)
    return status


if __name__ == "__main__":
    sys.exit(main())
