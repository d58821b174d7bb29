"""`triplane COMMAND ...`: finds the command's module and runs it.

Only the chosen command is imported, and it imports its plane inside `run`: a switch must be ready in a second,
and `--help` needs neither numba nor asyncio.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from triplane import __version__
from triplane.commands.arguments import Parser
from triplane.nodes.options import StartError

COMMANDS = {
    "dataplane": "forward packets between ports, programmed over OpenFlow",
    "controller": "run Ryu-style apps that program the switches",
    "lab": "hosts and switches in network namespaces, to play and test in",
    "show": "ports, flows, groups, meters and other state of a running dataplane, or of a controller",
    "port": "add a port to a running dataplane, or remove one",
    "trace": "which rules and actions a packet meets, without sending it",
    "warm": "compile and cache the kernels",
}

EPILOG = """\
examples:
  triplane lab star --hosts 4             a switch, a controller and four hosts to try things with
  triplane dataplane --dpid 1 --port eth1 --port eth2 --controller tcp:127.0.0.1:6653
  triplane controller triplane.controller.apps.learning_switch
  triplane show flows

`triplane COMMAND --help` says more about each command.
"""


class Command(Protocol):
    """What each module in `triplane.commands` offers."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Describe the command and add its options."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it; the result is the exit status. `words` is the whole command line, `tail` its end from `--` on, which
        only a module with `TAKES_TAIL = True` gets. One with `TAKES_ANY_OPTION = True` gets no options, but `parser`
        and what stands after the command, `rest_of_line`.
        """


def load(name: str) -> Command:
    return cast(Command, importlib.import_module(f"triplane.commands.{name}"))


def top_parser() -> argparse.ArgumentParser:
    listing = "\n".join(f"  {name:<12}{text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="triplane",
        usage="triplane [-h] [--version] COMMAND ...",
        description=f"A network element with its three planes kept apart.\n\ncommands:\n{listing}",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=True,
    )
    parser.add_argument("--version", action="version", version=f"triplane {__version__}")
    parser.add_argument("command", choices=list(COMMANDS), metavar="COMMAND", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def command_parser(name: str, command: Command) -> argparse.ArgumentParser:
    parser = Parser(prog=f"triplane {name}", formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    command.configure(parser)
    return parser


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """What stands before `--`, and from it on; argparse mixes the two up where options come in between."""
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at:]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; errors that a user can act on become one line on stderr and status 1."""
    words, tail = split(list(sys.argv[1:] if argv is None else argv))
    top = top_parser().parse_args(words)
    command = load(top.command)
    parser = command_parser(top.command, command)
    arguments = argparse.Namespace(tail=tail, words=[*words, *tail], parser=parser, rest_of_line=top.rest)
    if not getattr(command, "TAKES_ANY_OPTION", False):
        parser.parse_args(top.rest, arguments)
    if tail and not getattr(command, "TAKES_TAIL", False):
        parser.error("nothing may stand after --")
    try:
        return command.run(arguments)
    except BrokenPipeError:  # `triplane show flows | head`: not an error, but the interpreter would complain at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (StartError, OSError) as error:
        print(f"triplane {top.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
