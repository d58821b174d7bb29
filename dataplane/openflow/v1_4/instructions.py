"""Instructions of OpenFlow 1.4.1: those of 1.3, with 1.4's actions."""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow.v1_3 import instructions as v1_3
from triplane.dataplane.openflow.v1_4 import constants as ofp
from triplane.dataplane.openflow.v1_4.actions import ACTIONS
from triplane.dataplane.openflow.wire import items

INSTRUCTIONS = v1_3.INSTRUCTIONS.derive()


class OFPInstructionActions(
    v1_3.OFPInstructionActions, types=(ofp.OFPIT_WRITE_ACTIONS, ofp.OFPIT_APPLY_ACTIONS, ofp.OFPIT_CLEAR_ACTIONS)
):
    _choice = INSTRUCTIONS
    actions: list[Any] = items(ACTIONS, default=None)
