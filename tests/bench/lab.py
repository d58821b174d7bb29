"""Where traffic is measured: a source, a device under test and a sink, each in a namespace of its own.

    source [e1] ---- [p1] device [p2] ---- [e2] sink
    10.1.0.1/24                              10.2.0.2/24

The source's gateway is the MAC address of p1, the sink's that of p2: for a bridge, each other's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.frames import PORT_MACS, SINK_MAC, SOURCE_MAC
from tests.bench.programs import SOURCE_CPU, BenchError, Program, run
from triplane.lab.processes import TRIPLANE
from triplane.tap import namespaces as ns

PREFIX = "tpb"
SOURCE_IP, SINK_IP = "10.1.0.1", "10.2.0.2"
SINK_TABLE = """table netdev f {
 chain i { type filter hook ingress device "e2" priority 0; meta l4proto udp drop; }
}
"""


def remove_leftovers() -> None:
    """Namespaces of a bench that was killed."""
    found = ns.NETNS.glob(f"{PREFIX}*-*") if ns.NETNS.exists() else []
    for path in found:
        pid = path.name[len(PREFIX) :].split("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists():
            ns.remove(path.name)


class Pair:
    """The three namespaces, and the two cables between them."""

    def __init__(self, name: str, folder: Path) -> None:
        self.source, self.device, self.sink = (f"{PREFIX}{os.getpid()}-{name}-{end}" for end in "sdt")
        self.name, self.folder = name, folder

    @contextmanager
    def made(self, cables: bool = True) -> Iterator[Pair]:
        """Without `cables` the forwarder has to make e1 and e2."""
        with ns.namespaces(self.source, self.device, self.sink):
            for netns in (self.source, self.device, self.sink):
                ns.set_sysctl(netns, "net/ipv6/conf/all/disable_ipv6", "1")
                ns.set_sysctl(netns, "net/ipv6/conf/default/disable_ipv6", "1")
            if cables:
                self._plug()
            yield self

    def _plug(self) -> None:
        ns.veth("p1", self.device, "e1", self.source)
        ns.veth("p2", self.device, "e2", self.sink)
        for number in (1, 2):
            run("ip", "link", "set", f"p{number}", "address", PORT_MACS[number], "promisc", "on", netns=self.device)
            # live frames reach a veth whose own end does GRO or XDP; what it merges, TCP, comes merged from the source
            run("ethtool", "-K", f"p{number}", "gro", "on", netns=self.device)

    def address(self, gateways: tuple[str, str] = (PORT_MACS[1], PORT_MACS[2])) -> None:
        """Give e1 and e2 their addresses, and static neighbours: nothing has to be learned."""
        ends = ((self.source, "e1", SOURCE_MAC, "10.1.0"), (self.sink, "e2", SINK_MAC, "10.2.0"))
        for (netns, device, mac, network), gateway in zip(ends, gateways, strict=True):
            host = SOURCE_IP if device == "e1" else SINK_IP
            run("ip", "link", "set", device, "address", mac, "up", netns=netns)
            run("ip", "addr", "add", f"{host}/24", "dev", device, netns=netns)
            run("ip", "neigh", "replace", f"{network}.254", "lladdr", gateway, "dev", device, netns=netns)
            run("ip", "route", "add", "default", "via", f"{network}.254", netns=netns)

    def checksums(self, on: bool) -> None:
        """Whether the ends hand over segments without checksum: AF_XDP cannot carry such."""
        for netns, device in ((self.source, "e1"), (self.sink, "e2")):
            run("ethtool", "-K", device, "tx", "on" if on else "off", netns=netns)

    def drop_udp(self) -> None:
        """At the sink's end, after it was counted."""
        run("nft", "-f", "-", netns=self.sink, stdin=SINK_TABLE)

    def generator(self, kind: str, frames: Path, *options: str) -> Program:
        """A generator, paused: `kind` is live or ring."""
        words = [TRIPLANE[0], "-m", f"tests.bench.generators.{kind}", "e1", str(frames), *options]
        program = Program(words, self.folder / f"{self.name}-{kind}.log", self.source, SOURCE_CPU)
        try:
            program.wait_ready(20)
        except BenchError:
            program.end()
            raise
        program.pause()
        return program

    def received(self) -> int:
        """Packets that reached the sink."""
        return packets(self.sink, "e2")

    def offered(self) -> int:
        """Packets that reached the device."""
        return packets(self.device, "p1")


def packets(netns: str, device: str) -> int:
    """That an interface received."""

    def read() -> str:
        return Path("/proc/thread-self/net/dev").read_text()

    for line in ns.in_namespace(netns, read).splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == device:
            return int(numbers.split()[1])
    raise BenchError(f"no interface {device} in {netns}")
