"""What a port is to the rest of Triplane: how one is asked for, opened, read and closed.

A port is a Linux interface or a file, seen as one row of numbers for each receive queue (`rows`, laid out
by `dataplane.kernels.port`) and two compiled kernels, whose addresses stand in the rows. A kind of port is a
subclass of `Port` in a module of its own and one line in `KINDS`.

A port is asked for with `NAME[:KIND[,opt=val...]]` (`PortSpec`). A *wrapper* kind (`fault`, `record`) holds another
port: option `of` names its kind, and options that the wrapper does not know are the wrapped port's:
`eth1:fault,of=packet,drop=0.1,netns=lab`. `of` may be a chain, outermost first: `of=record+tap`.
"""

from __future__ import annotations

import importlib
import mmap
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from triplane.dataplane.kernels import port as columns
from triplane.dataplane.kernels.compiler import INTERPRETED, Entry
from triplane.dataplane.kernels.pool import Pool
from triplane.tap.libc import MissingSymbol, check_symbols

Words = NDArray[np.int64]

KINDS: dict[str, str] = {  # kind: module and class; imported when first asked for
    "tap": "triplane.tap.tap:TapPort",
    "packet": "triplane.tap.packet:PacketPort",
    "xdp": "triplane.tap.xdp:XdpPort",
    "pcap": "triplane.tap.pcap:PcapPort",
    "fault": "triplane.tap.fault:FaultPort",
    "record": "triplane.tap.record:RecordPort",
}
WRAPPERS = ("fault", "record")
MTU_UNKNOWN = 65535


class PortError(Exception):
    """A port cannot be opened or changed: one line that names the interface and the cause."""

    @classmethod
    def of(cls, name: str, doing: str, error: OSError) -> PortError:
        return cls(f"port {name}: {doing}: {error.strerror or error} (errno {error.errno})")


@dataclass(frozen=True, slots=True)
class PortSpec:
    """One `--port` argument, taken apart."""

    name: str
    kind: str = "auto"
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> PortSpec:
        """From `NAME[:KIND[,opt=val...]]`; raises PortError."""
        name, colon, rest = text.partition(":")
        kind, *words = rest.split(",") if colon else ["auto"]
        if not name or (kind != "auto" and kind not in KINDS):
            raise PortError(f"port {text!r}: want NAME[:KIND[,opt=val...]], KIND one of auto {' '.join(KINDS)}")
        pairs = [word.partition("=") for word in words]
        for key, equals, _ in pairs:
            if not key or not equals:
                raise PortError(f"port {text!r}: option {key!r} is not of the form opt=val")
        return cls(name, kind, {key: value for key, _, value in pairs})

    def check_options(self, known: frozenset[str]) -> None:
        """Refuse an option that nobody would read."""
        unknown = sorted(set(self.options) - known)
        if unknown:
            wanted = ", ".join(sorted(known)) or "none"
            raise PortError(f"port {self.name}: kind {self.kind} has no option {', '.join(unknown)} (it has: {wanted})")

    def number(self, key: str, default: float, low: float = 0, high: float = float("inf")) -> float:
        """A numeric option within bounds."""
        text = self.options.get(key)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise PortError(f"port {self.name}: option {key}={text} is not a number from {low:g} to {high:g}")
        return value

    def inner(self, known: frozenset[str]) -> PortSpec:
        """The spec of the port that a wrapper with options `known` holds."""
        kind, _, chain = self.options.get("of", "auto").partition("+")
        options = {key: value for key, value in self.options.items() if key not in known and key != "of"}
        if chain:
            options["of"] = chain
        if kind != "auto" and kind not in KINDS:
            raise PortError(f"port {self.name}: of={kind}: no such kind (there are: {' '.join(KINDS)})")
        return PortSpec(self.name, kind, options)


class Link(NamedTuple):
    """State and abilities of a link; features are OFPPF_* bits, speeds in kbps (1.3.5 section 7.2.1)."""

    up: bool
    speed: int = 0
    max_speed: int = 0
    curr: int = 0
    advertised: int = 0
    supported: int = 0
    peer: int = 0


def make_rows(count: int) -> list[Words]:
    """`count` zeroed port rows in memory of their own, page-aligned, that never moves."""
    stride = columns.PORT_WORDS
    memory = np.frombuffer(mmap.mmap(-1, count * stride * 8), dtype=np.int64)
    return [memory[i * stride : (i + 1) * stride] for i in range(count)]


class Port:
    """A port that is open. Subclasses set `receive`, `transmit`, `options` and open in `__init__`.

    `rows` has one int64[PORT_WORDS] for each queue. Transmit through any of them, under its P_LOCK.
    """

    kind: ClassVar[str] = ""
    receive: ClassVar[Entry]
    transmit: ClassVar[Entry]
    options: ClassVar[frozenset[str]] = frozenset()  # names of the options that the kind understands

    def __init__(self, spec: PortSpec, slot: int, pool: Pool, queues: int) -> None:
        spec.check_options(self.options)
        self.spec = spec
        self.name = spec.name
        self.slot = slot
        self.pool = pool
        self.hw_addr = bytes(6)
        self.index = 0  # of the interface, 0: none
        self.rows = make_rows(queues)
        for queue, row in enumerate(self.rows):
            row[columns.P_FD] = -1
            row[columns.P_SLOT] = slot
            row[columns.P_QUEUE] = queue
            row[columns.P_MTU] = MTU_UNKNOWN
            row[columns.P_RECEIVE] = self.receive.address
            row[columns.P_TRANSMIT] = self.transmit.address

    def link(self) -> Link:
        """State of the link now; a port whose device is gone is down."""
        return Link(True)

    def refresh(self) -> Link:
        """Read the link, and tell the kernels: P_UP, P_MTU. Called at start and after each link event."""
        link = self.link()
        for row in self.rows:
            row[columns.P_UP] = int(link.up)
        return link

    def reopen(self) -> None:
        """Take up the device again after it was gone and is back; counters go on. Raises PortError."""

    def set_up(self, up: bool) -> None:
        """Bring the interface up or down, as OFPPC_PORT_DOWN asks. Raises PortError."""

    def close(self) -> None:
        """Give back the device, and to the pool every frame that the port holds. No kernel may run."""


def resolve(kind: str) -> type[Port]:
    """The class of a kind."""
    module, _, name = KINDS[kind].partition(":")
    found: type[Port] = getattr(importlib.import_module(module), name)
    return found


def open_port(spec: PortSpec, slot: int, pool: Pool, queues: int = 1, netns: str | None = None) -> Port:
    """Open the port that `spec` asks for in slot `slot` (its OpenFlow number); raises PortError.

    `queues` receive queues where the kind can (`len(port.rows)` tells). `netns`, the name of a network namespace or
    a path, is where interfaces are, unless option `netns` says otherwise; by default that of the process.
    """
    if INTERPRETED:
        raise PortError(f"port {spec.name}: ports run compiled only, unset NUMBA_DISABLE_JIT")
    try:
        check_symbols()
    except MissingSymbol as error:
        raise PortError(f"port {spec.name}: {error}") from error
    kind = automatic(spec, netns) if spec.kind == "auto" else spec.kind
    options = dict(spec.options)
    if netns is not None:
        options.setdefault("netns", netns)
    if kind not in WRAPPERS and "netns" not in resolve(kind).options:
        options.pop("netns", None)  # a file is in no namespace
    try:
        return resolve(kind)(PortSpec(spec.name, kind, options), slot, pool, queues)
    except OSError as error:
        raise PortError.of(spec.name, f"cannot open as {kind}", error) from error


def automatic(spec: PortSpec, netns: str | None) -> str:
    """A device that exists becomes `packet`; one that does not is created as a `tap`."""
    from triplane.tap.device import Device

    device = Device(spec.name, spec.options.get("netns", netns))
    try:
        return "packet" if device.exists() else "tap"
    finally:
        device.close()


def never_ready() -> int:
    """A descriptor that poll(2) never finds ready: stands in for that of a device that is gone."""
    return os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)


def always_ready() -> int:
    """A descriptor that poll(2) always finds ready: that of a file with more to read."""
    return os.eventfd(1, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
