"""Start several forwarders at once, of which one at a time runs; those that are not installed are left out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path

from tests.bench import forwarders as f
from tests.bench.programs import BenchError

Start = Callable[[Path], AbstractContextManager[f.Forwarder]]

STARTS: Mapping[str, Start] = {
    "xdp": partial(f.triplane, kind="xdp"),
    "packet": partial(f.triplane, kind="packet"),
    "tap": partial(f.triplane, kind="tap"),
    "ovs-afxdp": partial(f.ovs, kind="afxdp"),
    "ovs-packet": partial(f.ovs, kind="packet"),
    "ovs-tso": partial(f.ovs, kind="tso"),
    "ovs-tap": partial(f.ovs, kind="tap"),
    "bridge": f.bridge,
    "router": f.router,
}


def say(text: str) -> None:
    """Progress and complaints; the results alone go to standard output."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def paused(folder: Path, *names: str) -> Iterator[list[f.Forwarder]]:
    """Forwarders, paused."""
    with ExitStack() as stack:
        found = []
        for name in names:
            try:
                forwarder = stack.enter_context(STARTS[name](folder))
            except BenchError as error:
                say(f"left out: {name}: {error}")
                continue
            forwarder.pause()
            found.append(forwarder)
        yield found


@contextmanager
def turn(forwarder: f.Forwarder) -> Iterator[f.Forwarder]:
    """It runs, for the time of the block."""
    forwarder.resume()
    try:
        yield forwarder
    finally:
        forwarder.pause()
