"""Actions of OpenFlow 1.4.1: those of 1.3, set-field with 1.4's fields."""

from __future__ import annotations

from triplane.dataplane.openflow.v1_3 import actions as v1_3
from triplane.dataplane.openflow.v1_4 import constants as ofp
from triplane.dataplane.openflow.v1_4.oxm_fields import OXM

ACTIONS = v1_3.ACTIONS.derive()


class OFPActionSetField(v1_3.OFPActionSetField, type=ofp.OFPAT_SET_FIELD):
    _choice = ACTIONS
    _oxm = OXM
