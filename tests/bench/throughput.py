"""Packets of 60 bytes per second through each forwarder, offered all that the generator can: thousands at the sink."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.bench import frames, rules
from tests.bench.figures import Figure, Settings, scratch
from tests.bench.forwarders import Forwarder
from tests.bench.peers import paused, say, turn
from tests.bench.programs import BenchError, Program

SWITCHES = ("xdp", "ovs-afxdp", "packet", "ovs-packet")
KERNEL = ("bridge", "router")


class Case(NamedTuple):
    name: str
    rules: bytes
    frames: frames.Frames
    who: tuple[str, ...]
    new: bool = False  # every packet a new flow


def cases(quick: bool) -> Iterator[Case]:
    few, many = (1_000, 10_000) if quick else (10_000, 100_000)
    yield Case("1 flow", rules.routes(), frames.flows(1), SWITCHES)
    yield Case("10,000 flows", rules.routes(), frames.flows(few), SWITCHES + KERNEL)
    yield Case("100,000 exact rules", rules.exact(many), frames.flows(many), SWITCHES)
    yield Case("1 mask", rules.masked(1), frames.masked_flows(1), ("xdp",))
    yield Case("500 masks", rules.masked(500), frames.masked_flows(500), SWITCHES)
    yield Case("new flows", rules.routes(), frames.flows(1), SWITCHES, new=True)


class Lane:
    """A forwarder, a generator for it, and what came of it."""

    def __init__(self, case: Case, forwarder: Forwarder, generator: Program) -> None:
        self.forwarder, self.generator = forwarder, generator
        self.figure = Figure(f"throughput/{case.name}/{forwarder.name}", "kpps")
        self.offered: list[float] = []

    def run(self, warm: float, seconds: float) -> tuple[float, float]:
        """kpps at the sink and at the device."""
        pair = self.forwarder.pair
        with turn(self.forwarder):
            self.generator.resume()
            try:
                time.sleep(warm)
                start, received, offered = time.monotonic(), pair.received(), pair.offered()
                time.sleep(seconds)
                passed = 1000 * (time.monotonic() - start)
                return (pair.received() - received) / passed, (pair.offered() - offered) / passed
            finally:
                self.generator.pause()

    def round(self, warm: float, seconds: float) -> None:
        received, offered = self.run(warm, seconds)
        self.figure.samples.append(received)
        self.offered.append(offered)

    def finish(self) -> Figure:
        offered = sorted(self.offered)[len(self.offered) // 2]
        self.figure.note = f"offered {offered:,.0f}"
        return self.figure


def prepare(case: Case, forwarder: Forwarder, folder: Path) -> Program:
    """Load the entries and write the frames; the generator."""
    with turn(forwarder):
        forwarder.load(rules.delete_all() + case.rules)
    played = frames.flows(len(case.frames), frames.SINK_MAC) if forwarder.name == "bridge" else case.frames
    path = folder / f"{forwarder.name}.frames"
    path.write_bytes(played.tobytes())
    return forwarder.pair.generator("live", path, *(["--new"] if case.new else []))


def measure(case: Case, running: Mapping[str, Forwarder], settings: Settings, folder: Path) -> Iterator[Figure]:
    """The rounds go around, so that what disturbs the machine disturbs all."""
    with ExitStack() as stack:
        lanes = []
        for name in case.who:
            if name in running:
                generator = prepare(case, running[name], folder)
                stack.callback(generator.end)
                lanes.append(Lane(case, running[name], generator))
        for lane in lanes:
            lane.run(settings.pick(2.0, 0.3), 0)  # caches and flow tables fill
        for _ in range(settings.rounds):
            for lane in lanes:
                lane.round(settings.pick(0.5, 0.2), settings.pick(1.3, 0.3))
    for lane in lanes:
        yield lane.finish()


def measure_all(settings: Settings) -> Iterator[Figure]:
    with scratch() as folder, paused(folder, *SWITCHES, *KERNEL) as found:
        running = {forwarder.name: forwarder for forwarder in found}
        for forwarder in found:
            forwarder.pair.drop_udp()
        for case in cases(settings.quick):
            try:
                yield from measure(case, running, settings, folder)
            except BenchError as error:
                say(f"left out: throughput, {case.name}: {error}")
