"""Flow monitors (OpenFlow 1.5.1 section 7.3.5.17): as in 1.4, with 1.5's matches and instructions."""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow.v1_4 import monitor as v1_4
from triplane.dataplane.openflow.v1_5 import constants as ofp
from triplane.dataplane.openflow.v1_5.instructions import INSTRUCTIONS
from triplane.dataplane.openflow.v1_5.match import OFPMatch
from triplane.dataplane.openflow.wire import items, match_tail

UPDATES = v1_4.UPDATES.derive()


class OFPFlowUpdateFull(
    v1_4.OFPFlowUpdateFull,
    types=(ofp.OFPFME_INITIAL, ofp.OFPFME_ADDED, ofp.OFPFME_REMOVED, ofp.OFPFME_MODIFIED),
):
    _choice = UPDATES
    match: Any = match_tail(OFPMatch, default=None)
    instructions: list[Any] = items(INSTRUCTIONS, default=None)
