"""The table of 1.3's requests: for each message type its handler, its length, and whether a slave may send it.

Types that are not here (the switch's own, and numbers without meaning) answer OFPBRC_BAD_TYPE.
"""

from __future__ import annotations

from collections.abc import Iterable

from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.switch import requests, roles
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.multipart import multipart_request
from triplane.dataplane.switch.state import Switch
from triplane.dataplane.switch.version import Row, admit

ROWS = {
    ofp.OFPT_HELLO: Row(requests.nothing, longer=True),
    ofp.OFPT_ERROR: Row(requests.nothing, longer=True),
    ofp.OFPT_ECHO_REQUEST: Row(requests.echo, longer=True),
    ofp.OFPT_ECHO_REPLY: Row(requests.nothing, longer=True),
    ofp.OFPT_EXPERIMENTER: Row(requests.experimenter, 16, longer=True),
    ofp.OFPT_FEATURES_REQUEST: Row(requests.features),
    ofp.OFPT_GET_CONFIG_REQUEST: Row(requests.get_config),
    ofp.OFPT_SET_CONFIG: Row(requests.set_config, 12),
    ofp.OFPT_PACKET_OUT: Row(requests.packet_out, 24, longer=True, writes=True, bundled=True),
    ofp.OFPT_FLOW_MOD: Row(requests.flow_mod, 56, longer=True, writes=True, bundled=True),
    ofp.OFPT_GROUP_MOD: Row(requests.group_mod, 16, longer=True, writes=True, bundled=True),
    ofp.OFPT_PORT_MOD: Row(requests.port_mod, 40, writes=True, bundled=True),
    ofp.OFPT_TABLE_MOD: Row(requests.table_mod, 16, writes=True, bundled=True),
    ofp.OFPT_MULTIPART_REQUEST: Row(multipart_request, 16, longer=True),
    ofp.OFPT_BARRIER_REQUEST: Row(requests.barrier),
    ofp.OFPT_QUEUE_GET_CONFIG_REQUEST: Row(requests.queue_get_config, 16),
    ofp.OFPT_ROLE_REQUEST: Row(roles.role_request, 24),
    ofp.OFPT_GET_ASYNC_REQUEST: Row(requests.get_async),
    ofp.OFPT_SET_ASYNC: Row(requests.set_async, 32),
    ofp.OFPT_METER_MOD: Row(requests.meter_mod, 16, longer=True, writes=True, bundled=True),
}


def answer(switch: Switch, request: Request) -> Iterable[bytes]:
    """The replies to one request of an established connection. Raises OpenFlowError, having changed nothing."""
    version = request.conn.version
    if request.data[0] != version.number:
        raise requests.bad_request(ofp.OFPBRC_BAD_VERSION)
    row = version.requests.get(request.kind)
    if row is None:
        raise requests.bad_request(ofp.OFPBRC_BAD_TYPE)
    return admit(row, switch, request)
