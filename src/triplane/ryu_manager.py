"""`ryu-manager`, and `ryu.cmd.manager` for launchers: `triplane controller` with Ryu's defaults.

The console script has Ryu's name because Dockerfiles, Mininet scripts and shell scripts call it so. An installed Ryu
has one of that name too, and pip lets the package that comes last have it. They meet in an environment that has both,
for which Ryu 4.34 must have been built with a setuptools older than 68; there `triplane controller` is always ours.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from triplane import __version__
from triplane.commands import controller as command
from triplane.commands.arguments import Parser
from triplane.nodes.options import default_run_dir

if TYPE_CHECKING:
    from triplane.controller.options import Defaults

INTERRUPTED = 130  # as shells say it
DESCRIPTION = """\
Run Ryu apps: `triplane controller` with the defaults of Ryu's manager.

Switches connect at 0.0.0.0, ports 6653 and 6633, if an app wants to hear of them; REST is
served at 0.0.0.0:8080. An APP is a Python file or a module name; none: switches connect and
nothing more happens.
"""

EPILOG = """\
examples:
  ryu-manager --verbose ./simple_switch_13.py
  ryu-manager --ofp-tcp-listen-port 6699 --observe-links ryu.app.rest_topology
"""


def make_parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(prog=prog, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    command.configure(parser, listen="0.0.0.0, ports 6653 and 6633", rest="0.0.0.0:8080")
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    version = f"{prog} 4.34 (Triplane {__version__})"  # Ryu's, for those who compare it
    parser.add_argument("--version", action="version", version=version)
    return parser


def main(args: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Run what a command line says (none given: `sys.argv`), as Ryu's does; returns when that has ended.

    Raises SystemExit if it cannot start, for a line on stderr has said why, and after --help.
    """
    from triplane.controller import main as controller

    words = list(sys.argv[1:] if args is None else args)
    try:
        status = controller.run(make_parser(prog or "ryu-manager"), words, defaults())
    except KeyboardInterrupt:  # before it was ready
        status = INTERRUPTED
    if status or not {"-h", "--help"}.isdisjoint(words):
        raise SystemExit(status)


def console() -> None:
    """The console script."""
    from triplane.controller import main as controller

    main()
    controller.leave(0)


def run_apps(apps: list[str]) -> None:
    """`AppManager.run_apps`. Raises AppError, OSError or ValueError if they cannot run."""
    from triplane.controller import main as controller
    from triplane.controller import options

    controller.run_apps(options.set_up_for(apps, defaults()))


def defaults() -> Defaults:
    from triplane.controller.options import RYU

    return RYU._replace(run_dir=default_run_dir())


if __name__ == "__main__":
    console()
