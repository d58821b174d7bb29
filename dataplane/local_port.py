"""OFPP_LOCAL: the port to the switch's own network stack, which this switch has not; so its link is down for good.

It is listed because controllers take the switch's own MAC address from it: Ryu's LACP and IGMP libraries, for
instance, send in its name. As with Open vSwitch the address is the lower 48 bits of the datapath id.
"""

from __future__ import annotations

from typing import NamedTuple

from triplane.dataplane.kernels.pool import Words

LOCAL_SLOT = 0


class NoLink(NamedTuple):
    up: bool = False
    speed: int = 0
    max_speed: int = 0
    curr: int = 0
    advertised: int = 0
    supported: int = 0
    peer: int = 0


class LocalPort:
    """An `OpenPort` without queues: kernels see no port in its slot, and drop what is sent there."""

    slot = LOCAL_SLOT
    name = kind = "local"

    def __init__(self, dpid: int) -> None:
        self.hw_addr = dpid.to_bytes(8, "big")[2:]
        self.rows: list[Words] = []

    def refresh(self) -> NoLink:
        return NoLink()

    def set_up(self, up: bool) -> None:
        """There is no device to set."""

    def reopen(self) -> None:
        """Nor one that comes back."""

    def close(self) -> None:
        """Nor one to close."""
