"""Which asynchronous messages a controller asked for (OpenFlow 1.3.5 sections 6.3.6 and 7.3.10).

Of each kind a mask of reasons for the roles master and equal, and one for slave. A bit is `1 << reason`.
The defaults are Open vSwitch's: a slave hears of ports only, and invalid TTLs must be asked for.
"""

from __future__ import annotations

from typing import NamedTuple

from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.switch.wire import ASYNC

PACKET_IN = 0  # kinds: index of the pair in ofp_async_config
PORT_STATUS = 1
FLOW_REMOVED = 2

_PORT_REASONS = 1 << ofp.OFPPR_ADD | 1 << ofp.OFPPR_DELETE | 1 << ofp.OFPPR_MODIFY
_FLOW_REASONS = (
    1 << ofp.OFPRR_IDLE_TIMEOUT | 1 << ofp.OFPRR_HARD_TIMEOUT | 1 << ofp.OFPRR_DELETE | 1 << ofp.OFPRR_GROUP_DELETE
)
_PACKET_REASONS = 1 << ofp.OFPR_NO_MATCH | 1 << ofp.OFPR_ACTION


class AsyncConfig(NamedTuple):
    """The six words of ofp_async_config."""

    masks: tuple[int, ...] = (_PACKET_REASONS, 0, _PORT_REASONS, _PORT_REASONS, _FLOW_REASONS, 0)

    def wants(self, kind: int, role: int, reason: int) -> bool:
        return bool(self.masks[2 * kind + (role == ofp.OFPCR_ROLE_SLAVE)] >> reason & 1)

    def encode(self) -> bytes:
        return ASYNC.pack(*self.masks)


def decode(body: bytes) -> AsyncConfig:
    """Reasons that this version does not know may be set: they never occur."""
    return AsyncConfig(ASYNC.unpack(body))
