"""`triplane controller`: the command line of the control plane."""

from __future__ import annotations

import argparse

from triplane.commands import arguments as shared
from triplane.nodes.options import default_run_dir

DESCRIPTION = """\
Run Ryu-style apps that program switches over OpenFlow.

An APP is a Python file or a module name; the scripts written for Ryu run as they are
(`from ryu.base import app_manager` works), and so do their options and Ryu's own, such as
--observe-links, --config-file or --ofp-tcp-listen-port. With --help APP, these are listed.
"""

EPILOG = """\
examples:
  triplane controller triplane.controller.apps.learning_switch
  triplane controller ./simple_switch_13.py --listen tcp:0.0.0.0:6653
"""

TAKES_ANY_OPTION = True  # which options its apps have is known when they have been imported


def configure(
    parser: argparse.ArgumentParser, listen: str = "tcp:127.0.0.1:6653", rest: str = "127.0.0.1:8080"
) -> None:
    """`listen` and `rest` are told as the defaults."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    add = parser.add_argument
    add("apps", nargs="+", metavar="APP", help="a file, or a module name")
    add(
        "--listen",
        action="append",
        metavar="tcp:HOST:PORT|tls:HOST:PORT|unix:PATH",
        help=f"where switches connect; repeat for more (default {listen})",
    )
    add(
        "--connect",
        action="append",
        default=[],
        metavar="tcp:HOST:PORT|tls:HOST:PORT|unix:PATH",
        help="a switch that listens; repeat for more",
    )
    add("--rest", metavar="HOST:PORT", help=f"where the apps' REST APIs are served (default {rest})")
    shared.add_tls(parser)
    shared.add_run_dir(parser)
    add("--reload", action="store_true", help="restart an app when its file changes")
    add("-v", "--verbose", action="store_true", help="log more, and without the limit of --log-rate")
    add(
        "--log-rate",
        type=shared.number,
        default=20,
        metavar="N",
        help="lines a second that one statement of an app may log; 0: no limit (default 20)",
    )


def run(arguments: argparse.Namespace) -> int:
    from triplane.controller import main as controller
    from triplane.controller.options import OURS

    defaults = OURS._replace(run_dir=default_run_dir())
    return controller.leave(controller.run(arguments.parser, arguments.rest_of_line, defaults))
