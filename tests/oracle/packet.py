"""One packet on its way through the pipeline, a port, and what the controller is told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from tests.oracle.action_set import Action, output_of
from tests.oracle.flow_table import Flow
from tests.oracle.parse import parse

NO_MATCH, ACTION, INVALID_TTL, ACTION_SET, GROUP, PACKET_OUT = range(6)  # OFPR_*
PORT_DOWN, NO_RECV, NO_FLOOD, NO_FWD, NO_PACKET_IN = 1, 4, 16, 32, 64  # OFPPC_*


@dataclass
class Port:
    config: int = 0
    up: bool = True
    longest: int = 65535  # bytes without VLAN tags

    @property
    def live(self) -> bool:
        return self.up and not self.config & PORT_DOWN


class Gone(Exception):
    """The packet was dropped, for this reason."""


class PacketIn(NamedTuple):
    reason: int
    table: int
    cookie: int
    in_port: int
    metadata: int
    tunnel: int
    max_len: int
    data: bytes
    registers: dict[str, int]


@dataclass
class Packet:
    data: bytes
    in_port: int
    metadata: int = 0
    tunnel: int = 0
    table: int = 0
    flow: Flow | None = None
    in_bucket: bool = False
    reason: int = ACTION  # of a packet-in: what executes the action
    registers: dict[str, int] = field(default_factory=dict)
    values: list[int] = field(default_factory=list)
    action_set: dict[object, Action] = field(default_factory=dict)
    resubmits: int = 0
    depth: int = 0
    sent: bool = False  # it was sent somewhere, or tried to be
    leaving: int | None = None  # the port it leaves by, once it is in the egress tables

    def fields(self, in_port: int | None = None) -> dict[str, int]:
        port = self.in_port if in_port is None else in_port
        own = {"in_port": port, "in_phy_port": port, "metadata": self.metadata, "tunnel_id": self.tunnel}
        return parse(self.data).fields | own | self.registers | {"actset_output": self.output_in_set}

    @property
    def output_in_set(self) -> int:
        return output_of(self.action_set) if self.leaving is None else self.leaving

    def copy(self, **changes: Any) -> Packet:
        """One that goes its own way."""
        own = {"registers": dict(self.registers), "action_set": dict(self.action_set), "values": list(self.values)}
        return replace(self, depth=0, sent=False, **own | changes)
