"""Nicira's messages that all versions have in common (Open vSwitch, nicira-ext.h).

A packet that an action sends to a controller by its id goes to the connections that called themselves that; one without
an id has 0, which every connection is called at first.
"""

from __future__ import annotations

from struct import Struct

from triplane.dataplane.openflow import nicira_ext as nx
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.ofproto_common import NX_EXPERIMENTER_ID
from triplane.dataplane.openflow.v1_5.constants import OFPCSR_ROLE
from triplane.dataplane.switch import async_config, requests, roles
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.nicira_packet_in import FORMATS
from triplane.dataplane.switch.nicira_resume import resume
from triplane.dataplane.switch.state import Switch
from triplane.dataplane.switch.v1_4.requests import ASYNC_TYPES, DEFAULT_ASYNC, configure_async
from triplane.dataplane.switch.version import Row
from triplane.dataplane.switch.wire import EXPERIMENTER

BODY = EXPERIMENTER.size  # where a request's own body begins
NUMBER = Struct("!8xI")
CONTROLLER_ID = Struct("!8x6sH")
TABLE_ID = Struct("!8xB7x")
_ROLES = {
    nx.NX_ROLE_OTHER: ofp.OFPCR_ROLE_EQUAL,
    nx.NX_ROLE_MASTER: ofp.OFPCR_ROLE_MASTER,
    nx.NX_ROLE_SLAVE: ofp.OFPCR_ROLE_SLAVE,
}


def refused() -> OpenFlowError:
    """The error for a number that is none of those that there are, as from Open vSwitch."""
    return OpenFlowError(ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_EPERM)


def role_request(switch: Switch, request: Request) -> list[bytes]:
    """NXT_ROLE_REQUEST. It has no generations: whoever asks is master."""
    (role,) = NUMBER.unpack(request.body)
    if role not in _ROLES:
        raise refused()
    if role == nx.NX_ROLE_MASTER:
        roles.demote_master(switch, request.conn)
    if request.conn.role != _ROLES[role]:
        request.conn.role = _ROLES[role]
        switch.controller_changed(request.conn, OFPCSR_ROLE)
    head = EXPERIMENTER.pack(NX_EXPERIMENTER_ID, nx.NXT_ROLE_REPLY)
    return [request.reply(ofp.OFPT_EXPERIMENTER, head + request.body[BODY:])]


def set_async(switch: Switch, request: Request) -> list[bytes]:
    """NXT_SET_ASYNC_CONFIG: the messages that later versions add stay as they are."""
    told = async_config.decode(request.body[BODY:])
    request.conn.async_config = async_config.AsyncConfig({**request.conn.async_config.masks, **told.masks})
    return []


def set_async2(switch: Switch, request: Request) -> list[bytes]:
    """NXT_SET_ASYNC_CONFIG2: as OFPT_SET_ASYNC of 1.4, in versions before that."""
    types = {message: kinds for message, kinds in ASYNC_TYPES.items() if message in DEFAULT_ASYNC}
    configure_async(request.conn, request.body[BODY:], types)
    return []


def set_controller_id(switch: Switch, request: Request) -> list[bytes]:
    """NXT_SET_CONTROLLER_ID: what this connection is called from now on, by actions that send to one controller."""
    _, request.conn.controller_id = CONTROLLER_ID.unpack(request.body)
    return []


def set_packet_in_format(switch: Switch, request: Request) -> list[bytes]:
    """NXT_SET_PACKET_IN_FORMAT: how this connection is shown packets from now on."""
    (kind,) = NUMBER.unpack(request.body)
    if kind not in FORMATS:
        raise refused()
    request.conn.packet_in_format = kind
    return []


def flow_mod_table_id(switch: Switch, request: Request) -> list[bytes]:
    """NXT_FLOW_MOD_TABLE_ID: from now on the upper byte of a flow-mod's command is a table, in OpenFlow 1.0."""
    request.conn.table_ids = TABLE_ID.unpack(request.body)[0] != 0
    return []


ROWS = {
    (NX_EXPERIMENTER_ID, nx.NXT_ROLE_REQUEST): Row(role_request, 20),
    (NX_EXPERIMENTER_ID, nx.NXT_SET_ASYNC_CONFIG): Row(set_async, 40),
    (NX_EXPERIMENTER_ID, nx.NXT_RESUME): Row(resume, 16, longer=True, writes=True),
    (NX_EXPERIMENTER_ID, nx.NXT_SET_CONTROLLER_ID): Row(set_controller_id, 24),
    (NX_EXPERIMENTER_ID, nx.NXT_SET_PACKET_IN_FORMAT): Row(set_packet_in_format, 20),
    (NX_EXPERIMENTER_ID, nx.NXT_FLOW_MOD_TABLE_ID): Row(flow_mod_table_id, 24),
    (NX_EXPERIMENTER_ID, nx.NXT_FLOW_AGE): Row(requests.nothing, 16),  # asks whether ages are told: they always are
}
ROWS_BEFORE_1_4 = ROWS | {
    (NX_EXPERIMENTER_ID, nx.NXT_SET_ASYNC_CONFIG2): Row(set_async2, 16, longer=True),
}
