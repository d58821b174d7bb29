"""Nicira's messages that a switch of OpenFlow 1.3 and later takes (Open vSwitch, nicira-ext.h).

A packet that an action sends to a controller by its id goes to the connections that called themselves that; one without
an id has 0, which every connection is called at first.
"""

from __future__ import annotations

from struct import Struct

from triplane.dataplane.openflow import nicira_ext as nx
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.ofproto_common import NX_EXPERIMENTER_ID
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.state import Switch
from triplane.dataplane.switch.version import Row

_ID, _FORMAT = Struct("!8x6xH"), Struct("!8xI")  # behind the experimenter and its type


def set_controller_id(switch: Switch, request: Request) -> list[bytes]:
    """NXT_SET_CONTROLLER_ID: what this connection is called from now on."""
    (request.conn.controller_id,) = _ID.unpack(request.body)
    return []


def set_packet_in_format(switch: Switch, request: Request) -> list[bytes]:
    """NXT_SET_PACKET_IN_FORMAT: OpenFlow's own is the only one."""
    if _FORMAT.unpack(request.body)[0] != nx.NXPIF_OPENFLOW10:
        raise OpenFlowError(ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_EPERM)
    return []


ROWS = {
    (NX_EXPERIMENTER_ID, nx.NXT_SET_CONTROLLER_ID): Row(set_controller_id, 24),
    (NX_EXPERIMENTER_ID, nx.NXT_SET_PACKET_IN_FORMAT): Row(set_packet_in_format, 20),
}
