"""Options and value types that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, without all the options in front of it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; `{self.prog} --help` lists the options\n")


def dpid(text: str) -> int:
    """A datapath id as people write it: `1`, `0x1`, or the 16 hex digits that Open vSwitch prints."""
    try:
        value = int(text, 16) if len(text) == 16 else int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a datapath id (decimal, 0x..., or 16 hex digits)") from None
    if not 0 < value < 1 << 64:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 2**64 - 1")
    return value


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


def number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number, 0 or above")
    return int(text)


def existing_file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text}: no such file")
    return path


def add_run_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--run-dir",
        type=Path,
        metavar="DIR",
        help="folder of the Unix sockets (default: /run/triplane for root, else in $XDG_RUNTIME_DIR)",
    )


def add_tls(parser: argparse.ArgumentParser) -> None:
    """The PEM files of OpenFlow over TLS, under the names that ovs-ofctl gives them."""
    group = parser.add_argument_group("OpenFlow over TLS (tls: addresses)")
    group.add_argument("--private-key", type=existing_file, metavar="PEM", help="own private key")
    group.add_argument("--certificate", type=existing_file, metavar="PEM", help="own certificate")
    group.add_argument("--ca-cert", type=existing_file, metavar="PEM", help="certificate that must sign the peer's")
