"""Which asynchronous messages a controller asked for (OpenFlow 1.3.5 sections 6.3.6 and 7.3.10).

A kind is a message type. Of each there is a mask of reasons for the roles master and equal, and one for slave; a bit
is `1 << reason`, a reason as the controller's version has it. The defaults are Open vSwitch's: a slave hears of
ports only, and invalid TTLs must be asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.switch.wire import ASYNC

Masks = tuple[int, int]  # for master and equal, for slave
_PORT_REASONS = 1 << ofp.OFPPR_ADD | 1 << ofp.OFPPR_DELETE | 1 << ofp.OFPPR_MODIFY
_FLOW_REASONS = (
    1 << ofp.OFPRR_IDLE_TIMEOUT | 1 << ofp.OFPRR_HARD_TIMEOUT | 1 << ofp.OFPRR_DELETE | 1 << ofp.OFPRR_GROUP_DELETE
)
_PACKET_REASONS = 1 << ofp.OFPR_NO_MATCH | 1 << ofp.OFPR_ACTION
_IN_1_3 = (ofp.OFPT_PACKET_IN, ofp.OFPT_PORT_STATUS, ofp.OFPT_FLOW_REMOVED)  # in the order of ofp_async_config

DEFAULT: Mapping[int, Masks] = {
    ofp.OFPT_PACKET_IN: (_PACKET_REASONS, 0),
    ofp.OFPT_PORT_STATUS: (_PORT_REASONS, _PORT_REASONS),
    ofp.OFPT_FLOW_REMOVED: (_FLOW_REASONS, 0),
}


class AsyncConfig(NamedTuple):
    """Masks by message type; none for a type: nothing of it."""

    masks: Mapping[int, Masks] = DEFAULT

    def wants(self, kind: int, role: int, reason: int) -> bool:
        return bool(self.masks.get(kind, (0, 0))[role == ofp.OFPCR_ROLE_SLAVE] >> reason & 1)

    def encode(self) -> bytes:
        """The six words of 1.3's ofp_async_config."""
        return ASYNC.pack(*(mask for kind in _IN_1_3 for mask in self.masks[kind]))


def decode(body: bytes) -> AsyncConfig:
    """From those. Reasons that 1.3 does not know may be set: they never occur."""
    words = ASYNC.unpack(body)
    return AsyncConfig({kind: (words[2 * at], words[2 * at + 1]) for at, kind in enumerate(_IN_1_3)})
