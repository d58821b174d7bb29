"""Instructions of OpenFlow 1.5.1 (section 7.2.5). The meter instruction is deprecated, but still read."""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow.v1_3.instructions import OFPInstruction
from triplane.dataplane.openflow.v1_4 import instructions as v1_4
from triplane.dataplane.openflow.v1_5 import constants as ofp
from triplane.dataplane.openflow.v1_5.actions import ACTIONS
from triplane.dataplane.openflow.v1_5.oxs import OFPStats
from triplane.dataplane.openflow.wire import items, match_tail, u32

INSTRUCTIONS = v1_4.INSTRUCTIONS.derive()


class OFPInstructionActions(
    v1_4.OFPInstructionActions, types=(ofp.OFPIT_WRITE_ACTIONS, ofp.OFPIT_APPLY_ACTIONS, ofp.OFPIT_CLEAR_ACTIONS)
):
    _choice = INSTRUCTIONS
    actions: list[Any] = items(ACTIONS, default=None)


class OFPInstructionStatTrigger(OFPInstruction, type=ofp.OFPIT_STAT_TRIGGER):
    """Tells the controller when the entry's statistics reach the `thresholds`; `flags` are OFPSTF_*."""

    _choice = INSTRUCTIONS
    flags: int = u32()
    thresholds: Any = match_tail(OFPStats)
