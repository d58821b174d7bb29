"""The process: how soon it is ready, and what it takes while nothing happens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.bench.figures import Figure, Settings, scratch
from tests.bench.forwarders import start_triplane
from tests.bench.lab import Pair
from tests.bench.peers import say
from tests.bench.programs import BenchError, Program
from triplane.tap import namespaces as ns

PORTS = ("p1:xdp", "p2:xdp", "p3:packet", "p4:tap")


def start(stack: ExitStack, folder: Path, pair: Pair, cache: Path | None = None) -> tuple[Program, float]:
    """A switch with four ports, and the seconds until it was ready. `cache`: where compiled kernels are kept."""
    env = {"XDG_CACHE_HOME": str(cache)} if cache else None
    begin = time.monotonic()
    program, _ = start_triplane(stack, folder, "process", PORTS, pair.device, env=env)
    program.wait_ready()
    return program, time.monotonic() - begin


def warm_starts(folder: Path, pair: Pair, rounds: int) -> Figure:
    figure = Figure("process/warm start/triplane", "s")
    for _ in range(rounds):
        with ExitStack() as stack:
            figure.samples.append(start(stack, folder, pair)[1])
    return figure


def idle(folder: Path, pair: Pair, settings: Settings) -> Iterator[Figure]:
    cpu, memory = Figure("process/idle/triplane", "% of a core"), Figure("process/memory/triplane", "MB")
    with ExitStack() as stack:
        program, _ = start(stack, folder, pair)
        time.sleep(1)  # what the start stirred up
        for _ in range(settings.rounds):
            seconds = settings.pick(4, 1)
            before = program.cpu_seconds()
            time.sleep(seconds)
            cpu.samples.append(100 * (program.cpu_seconds() - before) / seconds)
            memory.samples.append(program.resident() / 1e6)
    yield from (cpu, memory)


def first_start(folder: Path, pair: Pair) -> Iterator[Figure]:
    """As on a new machine: nothing is compiled."""
    with ExitStack() as stack:
        _, seconds = start(stack, folder, pair, folder / "cache")
    yield Figure("process/first start/triplane", "s", [seconds])


def measure_all(settings: Settings) -> Iterator[Figure]:
    with scratch() as folder, Pair("pr", folder).made() as pair:
        ns.veth("p3", pair.device, "e3", pair.source)
        try:
            with ExitStack() as stack:
                start(stack, folder, pair)  # compiles what has to be
            yield warm_starts(folder, pair, settings.rounds)
            yield from idle(folder, pair, settings)
            if not settings.quick:
                yield from first_start(folder, pair)
        except BenchError as error:
            say(f"left out: process: {error}")
