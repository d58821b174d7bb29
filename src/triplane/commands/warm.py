"""`triplane warm`: compile the kernels now, so that the first start of a switch does not."""

from __future__ import annotations

import argparse
import time

from triplane.terminal import Progress

DESCRIPTION = """\
Compile the data plane's kernels and cache them (in $XDG_CACHE_HOME/triplane, or ~/.cache/triplane).

Takes about a minute on a new machine with two processors, and a few seconds when nothing has changed. A
switch that starts without it does the same by itself.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("--if-needed", action="store_true", help="only if it was not done before for these sources")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing, but still fail loudly")


def run(arguments: argparse.Namespace) -> int:
    from triplane.nodes import warm

    if arguments.if_needed and warm.is_warm():
        return 0
    started = time.monotonic()
    with Progress("compiling kernels", quiet=arguments.quiet) as progress:
        warm.run(progress.step)
    if not arguments.quiet:
        print(f"kernels ready in {time.monotonic() - started:.1f} s")
    return 0
