"""One TCP stream through each forwarder, Gbit/s at the receiver (iperf3). Segments stay whole where the port can."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

from tests.bench import rules
from tests.bench.figures import Figure, Settings, scratch
from tests.bench.forwarders import Forwarder
from tests.bench.lab import SINK_IP
from tests.bench.peers import paused, say, turn
from tests.bench.programs import BenchError, Program, run

WHO = ("packet", "ovs-tso", "tap", "ovs-tap", "xdp", "ovs-afxdp", "bridge", "router")


def stream(forwarder: Forwarder, seconds: float) -> float:
    """Gbit/s."""
    client = ["iperf3", "--client", SINK_IP, "--time", f"{seconds:g}", "--omit", "0", "--json"]
    log = forwarder.pair.folder / f"iperf3-{forwarder.name}.log"
    server = Program(["iperf3", "--server", "--one-off", "--forceflush"], log, forwarder.pair.sink)
    try:
        wait_listening(server)
        said = run(*client, netns=forwarder.pair.source, timeout=seconds + 15)
    finally:
        server.end()
    return float(json.loads(said)["end"]["sum_received"]["bits_per_second"]) / 1e9


def wait_listening(server: Program) -> None:
    """iperf3 prints a line about it."""
    assert server.child.stdout is not None
    for line in server.child.stdout:
        if b"listening" in line:
            return
    raise BenchError(f"iperf3: {server.complaint()}")


def streams(settings: Settings) -> Iterator[Figure]:
    with scratch() as folder, paused(folder, *WHO) as found:
        figures = {forwarder.name: Figure(f"tcp/1 stream/{forwarder.name}", "Gbit/s") for forwarder in found}
        for forwarder in found:
            with turn(forwarder):
                forwarder.load(rules.routes())
        for _ in range(settings.rounds):
            for forwarder in found:
                with turn(forwarder):
                    try:
                        figures[forwarder.name].samples.append(stream(forwarder, settings.pick(2, 1)))
                    except BenchError as error:
                        say(f"tcp, {forwarder.name}: {error}")
        yield from (figure for figure in figures.values() if figure.samples)


def measure_all(settings: Settings) -> Iterator[Figure]:
    if not shutil.which("iperf3"):
        say("left out: tcp: iperf3 is not installed")
        return
    yield from streams(settings)
