"""`triplane show`: the state of a running dataplane or controller, as tables or as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from triplane.commands import arguments as shared
from triplane.control_client import ask
from triplane.nodes.options import default_run_dir
from triplane.terminal import columns, paint

KINDS = ["ports", "flows", "groups", "meters", "fib", "macs", "neighbours", "punts", "controller"]
DULL = ("cookie", "idle_timeout", "hard_timeout", "config")  # not worth a column that says nothing
LAST = ("match", "actions", "instructions", "buckets", "bands")  # long texts stand at the end of a line

DESCRIPTION = """\
Show state of a running dataplane or controller:
  ports       number, device, kind, link, packets, bytes, drops and errors each way
  flows       the flow tables with their counters
  groups      OpenFlow groups with their buckets and counters
  meters      OpenFlow meters with their bands and counters
  fib         routes and where they lead
  macs        MAC addresses that `normal` has learned, by VLAN and port
  neighbours  IP neighbours
  punts       packets on their way to the controller: sent, and dropped by reason
  controller  a running controller: its switches, its apps, and what it counted
"""

EPILOG = """\
examples:
  triplane show flows
  triplane show controller
  triplane show ports --json --run-dir /run/triplane/lab-run/s1
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("kind", choices=KINDS, metavar="KIND", help=" ".join(KINDS))
    parser.add_argument("--json", action="store_true", help="one JSON array (of a controller an object), for programs")
    shared.add_run_dir(parser)


def heads(rows: Sequence[dict[str, Any]]) -> list[str]:
    """All keys in the order of their first appearance, long texts last, dull ones only where they say something."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    keys = [key for key in keys if key not in DULL or any(row.get(key) not in (0, "0x0", None) for row in rows)]
    return [key for key in keys if key not in LAST] + [key for key in LAST if key in keys]


def cell(value: Any) -> object:
    """A value as a table shows it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(str(cell(item)) for item in value) or "-"
    if isinstance(value, dict):
        return ",".join(f"{key}={cell(item)}" for key, item in value.items()) or "-"
    return value


def table(kind: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    if not rows:
        return [f"no {kind}"]
    keys = heads(rows)
    lines = columns([key.replace("_", " ") for key in keys], [[cell(row.get(key)) for key in keys] for row in rows])
    return [paint(lines[0], "bold"), *lines[1:]]


def controller(told: dict[str, Any]) -> list[str]:
    """Its switches and apps as tables, then what it is and counted as a whole."""
    totals = told["controller"]
    width = max(map(len, totals))
    lines = [f"{key.replace('_', ' '):<{width}}  {cell(value)}" for key, value in totals.items()]
    return [*table("switches", told["switches"]), "", *table("apps", told["apps"]), "", *lines]


def run(arguments: argparse.Namespace) -> int:
    kind, run_dir = arguments.kind, arguments.run_dir or default_run_dir()
    found = ask(run_dir, kind, plane="controller" if kind == "controller" else "dataplane")
    lines = [] if arguments.json else controller(found) if kind == "controller" else table(kind, found)
    print(json.dumps(found, indent=2) if arguments.json else "\n".join(lines))
    return 0
