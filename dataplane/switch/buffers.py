"""Packets kept in the switch while a controller, shown only their start, decides (OpenFlow 1.3.5 section 7.4.1).

A buffer id names a slot and the packet's turn in it, so that a late id is told from a live one. A slot whose
packet was never asked for is taken again only after `KEEP`: until then new packets travel whole instead.
"""

from __future__ import annotations

from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.switch.datapath import PacketIn

KEEP = 5_000_000_000  # ns; a controller answers a packet-in within this


class PacketBuffers:
    """`count` slots, a power of two; 0: none, as a switch that never buffers."""

    def __init__(self, count: int) -> None:
        if count & (count - 1):
            raise ValueError(f"{count} packet buffers: must be a power of two, or 0")
        self.count = count
        self._ids = [ofp.OFP_NO_BUFFER] * count
        self._packets: list[PacketIn | None] = [None] * count
        self._since = [0] * count
        self._next = count  # so that 0, which scripts send by mistake, is no early id

    def keep(self, packet: PacketIn, now: int) -> int:
        """The id under which `packet` waits; OFP_NO_BUFFER when there is no room."""
        if not self.count:
            return ofp.OFP_NO_BUFFER
        slot = self._next % self.count
        if self._packets[slot] is not None and now - self._since[slot] < KEEP:
            return ofp.OFP_NO_BUFFER
        self._ids[slot], self._packets[slot], self._since[slot] = self._next, packet, now
        self._next = (self._next + 1) & 0x7FFFFFFF  # stays clear of OFP_NO_BUFFER
        return self._ids[slot]

    def look(self, buffer_id: int) -> PacketIn:
        """The packet, which stays. Raises OpenFlowError: BUFFER_EMPTY (used before) or BUFFER_UNKNOWN."""
        slot = buffer_id % self.count if self.count else 0
        if not self.count or self._ids[slot] != buffer_id:
            raise OpenFlowError(ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BUFFER_UNKNOWN)
        packet = self._packets[slot]
        if packet is None:
            raise OpenFlowError(ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BUFFER_EMPTY)
        return packet

    def packets(self) -> list[PacketIn | None]:
        """What is kept, for `put_back` after releases that have not happened."""
        return list(self._packets)

    def put_back(self, packets: list[PacketIn | None]) -> None:
        self._packets = packets

    def release(self, buffer_id: int) -> None:
        """The packet has been sent on; its id now answers BUFFER_EMPTY."""
        self._packets[buffer_id % self.count] = None
