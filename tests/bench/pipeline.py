"""The pipeline alone: parse, classify, act and emit, with frames that lie in memory. ns of the processor per packet."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from tests.bench import frames, rules
from tests.bench.figures import Figure, Settings
from tests.bench.null_port import NullPort
from tests.bench.programs import BenchError
from triplane.dataplane.kernels.engine import breathe
from triplane.dataplane.kernels.port import P_TX_PACKETS
from triplane.dataplane.node import Node

Case = tuple[str, bytes, frames.Frames]  # name, flow-mods, frames


def one_mask() -> bytes:
    return rules.flow_mod(rules.rewrite(), ipv4_dst=rules.prefix(frames.SINK, 24))


def cases(packets: int, rounds: int) -> Iterator[Case]:
    """Made one by one: the frames of one fill a hundred megabytes."""
    for count in (1, 1_000, 10_000, 100_000):
        yield f"{count:,} flow{'s'[: count > 1]}, 1 mask", one_mask(), frames.flows(count)
    for count in (10_000, 100_000):
        yield f"{count:,} exact rules", rules.exact(count), frames.flows(count)
    for count in (1, 24, 200, 500):
        yield f"{count} mask{'s'[: count > 1]}, 65,536 flows", rules.masked(count), frames.masked_flows(count)
    for count in (1, 5, 20):
        yield f"{count} table{'s'[: count > 1]}, 10,000 flows", rules.chain(count), frames.flows(10_000)
    yield "new flows, 1 mask", one_mask(), frames.new_flows(packets * rounds)
    yield "new flows, 500 masks", rules.masked(500), frames.masked_flows(500, packets * rounds)


def measure(name: str, mods: bytes, played: frames.Frames, packets: int, rounds: int) -> Figure:
    """Play frames through a node of our own, in this thread."""
    node = Node()
    try:
        outcome = node.flow_mods(mods, 0, len(mods), time.monotonic_ns())
        if outcome.errors or outcome.consumed != len(mods):
            raise BenchError(f"{name}: flow-mods refused: {outcome.errors[:1]}")
        source, sink = NullPort(1, node.state.pool, played), NullPort(2, node.state.pool)
        node.add_port(source)
        node.add_port(sink)
        node.workers.assign([source.rows[0]])
        figure = Figure(f"pipeline/{name}/triplane", "ns/packet")
        for _ in range(rounds):
            figure.samples.append(play(node, source, packets))
        sent = int(sink.rows[0][P_TX_PACKETS])
    finally:
        node.close()
    if sent != packets * rounds:
        raise BenchError(f"{name}: {sent:,} of {packets * rounds:,} packets came out")
    return figure


def play(node: Node, source: NullPort, packets: int) -> float:
    """ns for each packet, of this thread's processor time."""
    worker, state = node.state.rows[0], node.state.node
    source.play(packets)
    start = time.thread_time_ns()
    while breathe(state, worker):
        pass
    return (time.thread_time_ns() - start) / packets


def measure_all(settings: Settings) -> Iterator[Figure]:
    packets, rounds = settings.count(500_000, 100_000), settings.rounds + 1
    for name, mods, played in cases(packets, rounds):
        figure = measure(name, mods, np.ascontiguousarray(played), packets, rounds)
        if not name.startswith("new"):
            del figure.samples[0]  # the caches fill
        yield figure
