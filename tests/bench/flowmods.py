"""Flow entries per second over the channel while traffic flows, and what a million of them take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from tests.bench import forwarders, frames, rules
from tests.bench.channel import Channel
from tests.bench.figures import Figure, Settings, scratch
from tests.bench.forwarders import Forwarder
from tests.bench.peers import say
from tests.bench.programs import BenchError

TRAFFIC = 100_000  # packets per second
LABELS = {"xdp": "triplane", "ovs-afxdp": "ovs"}


def starts(folder: Path) -> Iterator[AbstractContextManager[Forwarder]]:
    """Not bound to a processor: who takes flow-mods in another thread may use it."""
    yield forwarders.triplane(folder, "xdp", cpu=None)
    if forwarders.has_ovs():
        yield forwarders.ovs(folder, "afxdp", cpu=None)


def pipelined(channel: Channel, count: int) -> float:
    """Entries per second, one barrier after all."""
    messages = rules.distinct(count)
    return count / channel.load(messages)


def one_by_one(channel: Channel, count: int) -> float:
    """Entries per second, a barrier after each."""
    messages = rules.distinct(count)
    size = len(messages) // count
    return count / sum(channel.load(messages[at : at + size]) for at in range(0, len(messages), size))


def clear(channel: Channel) -> None:
    channel.load(rules.delete_all() + rules.routes())


def with_traffic(forwarder: Forwarder, settings: Settings) -> Iterator[Figure]:
    who = LABELS[forwarder.name]
    many, single = (settings.count(100_000, 10_000), settings.count(3_000, 500))
    path = forwarder.pair.folder / "traffic.frames"
    path.write_bytes(frames.flows(1_000).tobytes())
    forwarder.pair.drop_udp()
    assert forwarder.openflow is not None
    generator = forwarder.pair.generator("ring", path, "--pps", str(TRAFFIC))
    try:
        with Channel(forwarder.openflow) as channel:
            clear(channel)
            generator.resume()
            before = forwarder.pair.received()
            for name, rate, count in (
                ("pipelined, 1 barrier", pipelined, many),
                ("one by one", one_by_one, single),
            ):
                figure = Figure(f"flow-mods/{name}/{who}", "flows/s")
                for _ in range(settings.rounds):
                    figure.samples.append(rate(channel, count))
                    clear(channel)
                yield figure
            if forwarder.pair.received() == before:
                raise BenchError(f"no traffic came through {who}")
    finally:
        generator.end()


def held(forwarder: Forwarder, count: int) -> Iterator[Figure]:
    """Load `count` entries and see how the process grew."""
    who = LABELS[forwarder.name]
    assert forwarder.openflow is not None
    with Channel(forwarder.openflow) as channel:
        clear(channel)
        before = forwarder.main.resident()
        seconds = channel.load(rules.distinct(count))
        grown = forwarder.main.resident() - before
    yield Figure(f"flow-mods/{count:,} held/{who}", "flows/s", [count / seconds])
    yield Figure(f"flow-mods/{count:,} held, each/{who}", "bytes", [grown / count])


def measure_all(settings: Settings) -> Iterator[Figure]:
    with scratch() as folder:
        for start in starts(folder):
            try:
                with start as forwarder:
                    yield from with_traffic(forwarder, settings)
            except BenchError as error:
                say(f"left out: flow-mods: {error}")
        for start in starts(folder):  # anew: memory that the entries before have left would hide what these take
            try:
                with start as forwarder:
                    yield from held(forwarder, settings.count(1_000_000, 50_000))
            except BenchError as error:
                say(f"left out: flow-mods: {error}")
