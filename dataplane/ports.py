"""The node's port slots: what OpenFlow sees of the ports that someone opened for us."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

from triplane.dataplane.kernels import node as n
from triplane.dataplane.kernels import port as p
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.publish import publish
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.state import State
from triplane.dataplane.switch.datapath import PortCounters, PortInfo

OFPP_LOCAL = 0xFFFFFFFE
OFPP_ANY = 0xFFFFFFFF
OFPPS_LINK_DOWN, OFPPS_LIVE = 1, 4
OFPPC_NO_STP = 1 << 1  # of OpenFlow 1.0, as NO_RECV_STP and NO_FLOOD; no spanning tree runs here anyway
OFPPC_1_0 = OFPPC_NO_STP | n.OFPPC_NO_RECV_STP | n.OFPPC_NO_FLOOD
OFPPC_ALL = n.OFPPC_PORT_DOWN | n.OFPPC_NO_RECV | n.OFPPC_NO_FWD | n.OFPPC_NO_PACKET_IN
OFPET_PORT_MOD_FAILED = 7
OFPPMFC_BAD_PORT, OFPPMFC_BAD_HW_ADDR, OFPPMFC_BAD_CONFIG = 0, 1, 2
OFPET_BAD_REQUEST, OFPBRC_BAD_PORT = 1, 11


class LinkState(Protocol):
    """What a port tells of its link; OFPPF_* bits and kbps."""

    @property
    def up(self) -> bool: ...
    @property
    def speed(self) -> int: ...
    @property
    def max_speed(self) -> int: ...
    @property
    def curr(self) -> int: ...
    @property
    def advertised(self) -> int: ...
    @property
    def supported(self) -> int: ...
    @property
    def peer(self) -> int: ...


class OpenPort(Protocol):
    """A port as `triplane.tap` opens it; rows as in `kernels.port`, in one piece of memory, or none: it only exists."""

    name: str
    slot: int
    hw_addr: bytes
    rows: list[Words]

    def refresh(self) -> LinkState: ...
    def set_up(self, up: bool) -> None: ...
    def reopen(self) -> None: ...
    def close(self) -> None: ...


def number_of(slot: int) -> int:
    return OFPP_LOCAL if slot == 0 else slot


class Ports:
    """Slots, their state and config."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.open: dict[int, OpenPort] = {}
        self._links: dict[int, LinkState] = {}
        self._since: dict[int, int] = {}

    def add(self, port: OpenPort) -> None:
        """Put an open port into its slot. Workers must be stopped, or learn of its queues later."""
        at = port.slot * n.OUT_WORDS
        out = self.state.ports
        out[at + n.OUT_QUEUES], out[at + n.OUT_CONFIG] = len(port.rows), 0
        out[at + n.OUT_NUMBER] = number_of(port.slot)
        self.open[port.slot] = port
        self._since[port.slot] = time.monotonic_ns()
        self.refresh(port.slot)
        publish(out, at + n.OUT_ROWS, port.rows[0].ctypes.data if port.rows else 0)
        self.state.node[n.N_TOP_PORT] = max(self.open)

    def remove(self, slot: int) -> OpenPort:
        """Take a port out of its slot; the caller closes it. Workers must be stopped."""
        port = self.open.pop(slot)
        at = slot * n.OUT_WORDS
        self.state.ports[at : at + n.OUT_WORDS] = 0
        self.state.live[slot] = 0
        self.state.node[n.N_TOP_PORT] = max(self.open, default=0)
        self.state.macs.flush(slot)
        return port

    def queues(self) -> list[Words]:
        """All receive queue rows."""
        return [row for port in self.open.values() for row in port.rows]

    def refresh(self, slot: int) -> bool:
        """Read a port's link again; True if it changed."""
        link = self.open[slot].refresh()
        changed = self._links.get(slot) != link
        self._links[slot] = link
        self._set_live(slot)
        return changed

    def config(self, slot: int) -> int:
        return int(self.state.ports[slot * n.OUT_WORDS + n.OUT_CONFIG])

    def configs(self) -> dict[int, int]:
        """OFPPC_* of each slot."""
        return {slot: self.config(slot) for slot in self.open}

    def set_configs(self, configs: dict[int, int]) -> None:
        """Give ports the configuration that they had."""
        for slot, config in configs.items():
            if self.config(slot) != config:
                self._configure(slot, config)

    def _set_live(self, slot: int) -> None:
        live = self._links[slot].up and not self.config(slot) & n.OFPPC_PORT_DOWN
        publish(self.state.live, slot, int(live))
        if not live:
            self.state.macs.flush(slot)

    def mod(self, port_no: int, hw_addr: bytes, config: int, mask: int) -> None:
        """OFPT_PORT_MOD; raises OpenFlowError."""
        slot = 0 if port_no == OFPP_LOCAL else port_no
        if slot not in self.open:
            raise OpenFlowError(OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_PORT)
        if hw_addr != self.open[slot].hw_addr:
            raise OpenFlowError(OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_HW_ADDR)
        if (config | mask) & ~(OFPPC_ALL | OFPPC_1_0):
            raise OpenFlowError(OFPET_PORT_MOD_FAILED, OFPPMFC_BAD_CONFIG)
        self._configure(slot, self.config(slot) & ~mask | config & mask)

    def _configure(self, slot: int, after: int) -> None:
        before = self.config(slot)
        publish(self.state.ports, slot * n.OUT_WORDS + n.OUT_CONFIG, after)
        if (before ^ after) & n.OFPPC_PORT_DOWN:
            self.open[slot].set_up(not after & n.OFPPC_PORT_DOWN)
            self.refresh(slot)
        self._set_live(slot)

    def info(self, slot: int) -> PortInfo:
        port, link = self.open[slot], self._links[slot]
        state = 0 if link.up else OFPPS_LINK_DOWN
        state |= OFPPS_LIVE if self.state.live[slot] else 0
        features = (link.curr, link.advertised, link.supported, link.peer, link.speed, link.max_speed)
        return PortInfo(number_of(slot), port.hw_addr, port.name, self.config(slot), state, *features)

    def infos(self) -> list[PortInfo]:
        return [self.info(slot) for slot in sorted(self.open, key=number_of)]

    def counters(self, port_no: int) -> list[PortCounters]:
        """OFPMP_PORT_STATS of one port or OFPP_ANY; raises OpenFlowError."""
        return [self._counters(slot) for slot in self.chosen(port_no)]

    def chosen(self, port_no: int) -> Iterator[int]:
        """Slots that a request's port number means; raises OpenFlowError."""
        slot = 0 if port_no == OFPP_LOCAL else port_no
        if port_no != OFPP_ANY and slot not in self.open:
            raise OpenFlowError(OFPET_BAD_REQUEST, OFPBRC_BAD_PORT)
        return iter(sorted(self.open, key=number_of) if port_no == OFPP_ANY else [slot])

    def _counters(self, slot: int) -> PortCounters:
        rows = self.open[slot].rows

        def total(*columns: int) -> int:
            return sum(int(row[column]) for row in rows for column in columns)

        return PortCounters(
            port_no=number_of(slot),
            rx_packets=total(p.P_RX_PACKETS),
            tx_packets=total(p.P_TX_PACKETS),
            rx_bytes=total(p.P_RX_BYTES),
            tx_bytes=total(p.P_TX_BYTES),
            rx_dropped=total(p.P_RX_DROPPED),
            tx_dropped=total(p.P_TX_DROPPED, p.P_TX_TOO_LONG),
            rx_errors=total(p.P_RX_ERRORS, p.P_RX_TRUNCATED),
            tx_errors=total(p.P_TX_ERRORS),
            duration_ns=time.monotonic_ns() - self._since[slot],
        )
