"""`triplane port`: ports that come and go while a dataplane runs."""

from __future__ import annotations

import argparse

from triplane.commands import arguments as shared
from triplane.control_client import ask
from triplane.nodes.options import StartError, default_run_dir

DESCRIPTION = """\
Add a port to a running dataplane, or remove one. Controllers are told (OFPT_PORT_STATUS).

  add NAME[:KIND[,opt=val...]]   under the lowest free number, which is printed
  remove NUMBER                  close it; flows that name it stay
"""

EPILOG = """\
examples:
  triplane port add eth3:xdp
  triplane port remove 4 --run-dir /run/triplane/edge
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("what", choices=["add", "remove"], metavar="add|remove")
    parser.add_argument("port", metavar="PORT", help="what to add, or the number of the port to remove")
    shared.add_run_dir(parser)


def run(arguments: argparse.Namespace) -> int:
    run_dir = arguments.run_dir or default_run_dir()
    if arguments.what == "add":
        print(ask(run_dir, "port-add", {"spec": arguments.port}))
    elif arguments.port.isdigit():
        ask(run_dir, "port-remove", {"port": int(arguments.port)})
    else:
        raise StartError(f"{arguments.port!r} is not the number of a port")
    return 0
