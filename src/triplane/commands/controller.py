"""`triplane controller`: the command line of the control plane."""

from __future__ import annotations

import argparse

from triplane.commands import arguments as shared

DESCRIPTION = """\
Run Ryu-style apps that program switches over OpenFlow 1.3.

An APP is a Python file or a module name; the scripts written for Ryu run as they are
(`from ryu.base import app_manager` works).
"""

EPILOG = """\
examples:
  triplane controller triplane.controller.apps.learning_switch
  triplane controller ./simple_switch_13.py --listen tcp:0.0.0.0:6653
"""

DEFAULT_LISTEN = "tcp:127.0.0.1:6653"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    add = parser.add_argument
    add("apps", nargs="+", metavar="APP", help="a file, or a module name")
    add(
        "--listen",
        action="append",
        metavar="tcp:HOST:PORT|tls:HOST:PORT|unix:PATH",
        help=f"where switches connect; repeat for more (default {DEFAULT_LISTEN})",
    )
    add(
        "--connect",
        action="append",
        default=[],
        metavar="tcp:HOST:PORT|tls:HOST:PORT|unix:PATH",
        help="a switch that listens; repeat for more",
    )
    add("--rest", metavar="HOST:PORT", help="serve the northbound REST API there")
    shared.add_tls(parser)
    add("-v", "--verbose", action="store_true", help="log more")


def run(arguments: argparse.Namespace) -> int:
    from triplane.controller import main as controller

    return controller.run(
        arguments.apps,
        arguments.listen or [DEFAULT_LISTEN],
        arguments.rest,
        arguments.verbose,
        private_key=arguments.private_key,
        certificate=arguments.certificate,
        ca_cert=arguments.ca_cert,
        connect=arguments.connect,
    )
