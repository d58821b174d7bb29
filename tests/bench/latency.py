"""Round trip of a ping through each forwarder that has nothing else to do: microseconds."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator

from tests.bench import rules
from tests.bench.figures import Figure, Settings, scratch
from tests.bench.forwarders import Forwarder
from tests.bench.lab import SINK_IP
from tests.bench.peers import paused, say, turn
from tests.bench.programs import BenchError, run

WHO = ("xdp", "ovs-afxdp", "packet", "ovs-packet", "bridge", "router")
INTERVAL = 0.001  # seconds
TIME = re.compile(r"time=([\d.]+) ms")


def ping(forwarder: Forwarder, count: int) -> list[float]:
    """Round trips in microseconds, sorted."""
    words = ["ping", "-n", "-i", f"{INTERVAL}", "-c", str(count), "-W", "1", SINK_IP]
    said = run(*words, netns=forwarder.pair.source, timeout=30)
    return sorted(1000 * float(found) for found in TIME.findall(said))


def measure_all(settings: Settings) -> Iterator[Figure]:
    with scratch() as folder, paused(folder, *WHO) as found:
        medians = {forwarder.name: Figure(f"latency/ping median/{forwarder.name}", "us") for forwarder in found}
        tails = {forwarder.name: Figure(f"latency/ping p99/{forwarder.name}", "us") for forwarder in found}
        for forwarder in found:
            with turn(forwarder):
                forwarder.load(rules.routes())
        for _ in range(settings.rounds):
            for forwarder in found:
                with turn(forwarder):
                    try:
                        times = ping(forwarder, settings.count(1500, 300))
                    except BenchError as error:
                        say(f"latency, {forwarder.name}: {error}")
                        continue
                medians[forwarder.name].samples.append(statistics.median(times))
                tails[forwarder.name].samples.append(times[len(times) * 99 // 100])
        yield from (figure for figure in (*medians.values(), *tails.values()) if figure.samples)
