"""Command line: which suite, which target, how many lanes, how many tests must pass."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.conformance import lane as lanes
from tests.conformance import results as counted
from tests.conformance import suite

NEEDED = {
    "ovs-vswitchd": "openvswitch-switch",
    "ovsdb-tool": "openvswitch-switch",
    "ip": "iproute2",
    "ethtool": "ethtool",
}
EPILOG = """\
examples:
  python -m tests.conformance                           Open vSwitch itself as the target (696 of 991 for 1.3)
  python -m tests.conformance --filter match/ --target 'triplane dataplane --dpid {dpid} --run-dir {run_dir}
      --port {if1}:packet --port {if2}:packet --port {if3}:packet --controller tcp:{controller}'
"""


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance",
        description="Run the public OpenFlow switch suite against a switch program. Needs root and Open vSwitch.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--target",
        default="",
        help="command line of the switch; {dpid} {dpid16} {if1} {if2} {if3} {controller} {run_dir}",
    )
    add("--version", default="13", choices=["10", "13", "14"], help="OpenFlow version (default 13)")
    add("--filter", default="", metavar="REGEX", help="only test files whose path matches, such as match/ or action/17")
    add(
        "--lanes",
        type=int,
        default=3 * (os.cpu_count() or 1),
        help="pairs of switches that run at once; most of the time they wait",
    )
    add("--duration", type=float, default=10, help="seconds of each throughput test (the suite's own: 30)")
    add(
        "--settle",
        type=float,
        default=0.05,
        help="pause before a packet: the tester forgets its old flows a little late",
    )
    add("--miss-wait", type=float, help="pause before table-miss counters are read (0.2; for Open vSwitch 1)")
    add("--wait", type=float, default=10, help="seconds after which a reply counts as missing")
    add("--repeats", type=int, default=3, help="more runs of a test that measured a wrong rate or waited")
    add("--require", type=int, metavar="N", help="exit with status 1 when fewer than N tests pass")
    add("--logs", type=Path, help="folder for the lanes' logs (default: a temporary one)")
    return parser.parse_args(argv)


def timing(chosen: argparse.Namespace) -> lanes.Timing:
    """Open vSwitch as the target counts a miss a little after the packet; another need not."""
    miss_wait = 0.2 if chosen.target else 1.0
    return lanes.Timing(
        duration=chosen.duration,
        settle=chosen.settle,
        miss_wait=miss_wait if chosen.miss_wait is None else chosen.miss_wait,
        wait=chosen.wait,
        repeats=chosen.repeats,
    )


class Told:
    """Collects results from all lanes and says how far they are."""

    EVERY = 100

    def __init__(self, total: int) -> None:
        self.total = total
        self.results: list[counted.Result] = []
        self.lock = threading.Lock()

    def __call__(self, result: counted.Result) -> None:
        with self.lock:
            self.results.append(result)
            if not result.passed:
                print(f"FAIL {result.file} / {result.test}: {result.verdict[:100]}", file=sys.stderr)
            if len(self.results) % self.EVERY == 0:
                print(f"{len(self.results)}/{self.total} run, {counted.passed(self.results)} passed", file=sys.stderr)


def check_programs() -> None:
    missing = sorted({package for program, package in NEEDED.items() if not shutil.which(program)})
    if os.geteuid() != 0:
        raise SystemExit("conformance: needs root, it makes network namespaces")
    if missing:
        raise SystemExit(f"conformance: install first: {' '.join(missing)}")


def interrupt(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def main() -> int:
    chosen = arguments()
    check_programs()
    signal.signal(signal.SIGTERM, interrupt)
    files = suite.files(suite.suite_folder(chosen.version), chosen.filter)
    if not files:
        raise SystemExit(f"conformance: no test file matches {chosen.filter!r}")
    logs = chosen.logs or Path(tempfile.mkdtemp(prefix="conformance-"))
    logs.mkdir(parents=True, exist_ok=True)
    told, start = Told(counted.total(files)), time.monotonic()
    shares = suite.deal(files, chosen.lanes, chosen.duration)
    work = [
        lanes.Lane(number, share, chosen.target, chosen.version, timing(chosen), logs)
        for number, share in enumerate(shares)
    ]
    troubles = lanes.run_all(work, sys.executable, told)
    print(counted.report(files, told.results, time.monotonic() - start))
    for trouble in troubles:
        print(f"conformance: {trouble}", file=sys.stderr)
    print(f"logs in {logs}", file=sys.stderr)
    if chosen.require is not None and counted.passed(told.results) < chosen.require:
        print(f"conformance: {chosen.require} must pass", file=sys.stderr)
        return 1
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
