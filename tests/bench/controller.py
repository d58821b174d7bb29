"""Controllers with the unmodified simple_switch_13.py of Ryu, and the codec: answers per second, latency, us per call.

The switches are emulated (`generators/switches.py`). `latency`: each has one packet-in out, and sends the next when it
is answered; `throughput`: as many as the connection takes. The frame is a TCP SYN that the switch has not kept (the
script tells it not to), so the answer is a flow-mod and a packet-out; the latter is counted. The controllers run at the
same time, but those not in turn are stopped.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.bench import codec
from tests.bench.figures import Figure, Settings, scratch
from tests.bench.peers import say
from tests.bench.programs import BenchError, Program, run
from tests.controller import ryu_source

SWITCHES = (1, 16)
MODES = ("latency", "throughput")
ANSWER = "packet-out"
RYU = Path("build/ryu")


class Peer:
    """A controller that runs, and where it listens."""

    def __init__(self, name: str, words: list[str], port: int, log: Path) -> None:
        self.name, self.port = name, port
        self.program = Program(words, log)

    def measure(self, mode: str, switches: int, seconds: float) -> dict[str, float]:
        """What the emulated switches say."""
        generator = [sys.executable, "-m", "tests.bench.generators.switches", f"127.0.0.1:{self.port}"]
        options = ["--mode", mode, "--count", str(switches), "--seconds", str(seconds), "--answer", ANSWER]
        self.program.resume()
        try:
            found: dict[str, float] = json.loads(run(*generator, *options, timeout=120))
        finally:
            self.program.pause()
        if found["errors"] or found["closed"] or not found["rate"]:
            raise BenchError(f"{self.name}: {found}")
        return found


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def simple_switch() -> str:
    """Ryu's script, from its package on PyPI. BenchError without it."""
    RYU.mkdir(parents=True, exist_ok=True)
    try:
        return str(ryu_source.app(RYU.resolve(), "simple_switch_13"))
    except subprocess.CalledProcessError as error:
        raise BenchError(f"no Ryu from PyPI: {error}") from error


def commands(script: str, folder: Path) -> Iterator[tuple[str, int, list[str]]]:
    """Name, port and command line of each."""
    python = [sys.executable, "-m"]
    port = free_port()
    yield "triplane", port, [*python, "triplane.cli", "controller", script, "--listen", f"tcp:127.0.0.1:{port}"]
    port = free_port()
    yield "os-ken", port, [*python, "tests.bench.osken", str(port), script]
    port = free_port()
    words = ["-O", "OpenFlow13", "--no-chdir", f"--unixctl={folder}/ovs.ctl", f"ptcp:{port}:127.0.0.1"]
    yield "ovs", port, ["ovs-testcontroller", *words]


def wait_listening(peer: Peer) -> None:
    """Until it accepts a connection; BenchError if it does not."""
    for _ in range(200):
        if peer.program.child.poll() is not None:
            break
        with socket.socket() as sock:
            sock.settimeout(1)
            if not sock.connect_ex(("127.0.0.1", peer.port)):
                return
        time.sleep(0.05)
    raise BenchError(f"{peer.name} does not serve: {peer.program.complaint()}")


def started(stack: ExitStack, script: str, folder: Path) -> list[Peer]:
    """Those that are installed, paused."""
    peers = []
    for name, port, words in commands(script, folder):
        try:
            peer = Peer(name, words, port, folder / f"{name}.log")
        except OSError as error:
            say(f"left out: {name}: {error.strerror}")
            continue
        stack.callback(peer.program.end)
        try:
            wait_listening(peer)
        except BenchError as error:
            say(f"left out: {error}")
            continue
        peer.program.pause()
        peers.append(peer)
    return peers


def measure_case(peers: list[Peer], mode: str, switches: int, settings: Settings) -> Iterator[Figure]:
    case = f"controller/{mode}, {switches} switch{'es' * (switches > 1)}"
    units = {"rate": "answers/s"} | ({"p50": "us", "p99": "us"} if mode == "latency" else {})
    figures = {
        (peer.name, what): Figure(f"{case}{'' if what == 'rate' else f', {what}'}/{peer.name}", unit)
        for what, unit in units.items()
        for peer in peers
    }
    for _ in range(settings.rounds):
        for peer in peers:
            found = peer.measure(mode, switches, settings.pick(3.0, 0.5))
            for what in units:
                figures[peer.name, what].samples.append(found[what])
    yield from figures.values()


def measure_all(settings: Settings) -> Iterator[Figure]:
    with scratch() as folder, ExitStack() as stack:
        peers = started(stack, simple_switch(), folder)
        for mode in MODES:
            for switches in SWITCHES:
                yield from measure_case(peers, mode, switches, settings)
    yield from codec.measure_all(settings)
