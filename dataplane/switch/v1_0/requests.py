"""Handlers of OpenFlow 1.0's requests: each becomes the data plane's of 1.3 (OpenFlow 1.0.0 sections 5.3, 5.4).

Where the specification is silent, Open vSwitch's behaviour.
"""

from __future__ import annotations

from struct import Struct

from triplane.dataplane.openflow import ofproto_v1_0 as ofp10
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.switch import requests, wire
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.state import N_TABLES, Switch
from triplane.dataplane.switch.v1_0.actions import to_1_3
from triplane.dataplane.switch.v1_0.flow_mods import flow_mod
from triplane.dataplane.switch.v1_0.match import Known
from triplane.dataplane.switch.v1_0.nicira import stats_request, vendor
from triplane.dataplane.switch.v1_0.numbers import wide_port
from triplane.dataplane.switch.v1_0.wire import PORT_CONFIG, WIRE
from triplane.dataplane.switch.version import Row

PACKET_OUT = Struct("!IHH")  # buffer_id, in_port, actions_len
PORT_MOD = Struct("!H6sIII4x")
QUEUE_CONFIG = Struct("!H2x")
QUEUE_CONFIG_REPLY = Struct("!H6x")
PACKET_QUEUE = Struct("!IH2x")


def features(switch: Switch, request: Request) -> list[bytes]:
    dpid, buffers = switch.identity.dpid, switch.config.buffers
    return [WIRE.features_with_ports(request.xid, dpid, buffers, N_TABLES, switch.datapath.ports())]


def set_config(switch: Switch, request: Request) -> list[bytes]:
    """Reassembly is not among our capabilities; 1.0 has no error for that, and fragments are handled as they were."""
    flags, miss_send_len = wire.CONFIG.unpack(request.body)
    if flags & ofp10.OFPC_FRAG_MASK not in (ofp.OFPC_FRAG_NORMAL, ofp.OFPC_FRAG_DROP):
        flags = switch.fragments
    body = wire.CONFIG.pack(flags & ofp10.OFPC_FRAG_MASK, miss_send_len)
    return requests.set_config(switch, request._replace(data=request.data[: wire.HEADER_SIZE] + body))


# packets and ports


def packet_out(switch: Switch, request: Request) -> list[bytes]:
    buffer_id, port, actions_len = PACKET_OUT.unpack_from(request.data, wire.HEADER_SIZE)
    start = wire.HEADER_SIZE + PACKET_OUT.size
    if start + actions_len > len(request.data):
        raise requests.bad_request(ofp.OFPBRC_BAD_LEN)
    in_port = wide_port(port)
    if in_port not in requests.PACKET_OUT_PORTS and not switch.has_port(in_port):
        raise requests.bad_request(ofp.OFPBRC_BAD_PORT)
    actions, packet = to_1_3(request.data[start : start + actions_len], Known()), request.data[start + actions_len :]
    if buffer_id != ofp10.OFP_NO_BUFFER:
        kept_port = None if port == ofp10.OFPP_NONE else in_port
        switch.release_buffer(buffer_id, kept_port, actions, request.now, loose=True)
    elif len(packet) < requests.SHORTEST_FRAME:
        raise requests.bad_request(ofp.OFPBRC_BAD_PACKET)
    else:
        switch.datapath.packet_out(in_port, actions, packet, request.now, loose=True)
    return []


def port_mod(switch: Switch, request: Request) -> list[bytes]:
    """All controllers hear of the change. No spanning tree runs here: OFPPC_NO_STP is kept by nobody."""
    port, hw_addr, config, mask, _ = PORT_MOD.unpack(request.body)
    port_no = wide_port(port)
    requests.check_port(switch, port_no, hw_addr)
    known = PORT_CONFIG & ~ofp10.OFPPC_NO_STP
    requests.set_port(switch, port_no, hw_addr, config & known, mask & known)
    return []


def queue_get_config(switch: Switch, request: Request) -> list[bytes]:
    """Queues with their guaranteed rates: 1.0 knows no others."""
    (port,) = QUEUE_CONFIG.unpack(request.body)
    port_no = wide_port(port)
    if not switch.has_port(port_no):
        raise OpenFlowError(ofp.OFPET_QUEUE_OP_FAILED, ofp.OFPQOFC_BAD_PORT)
    queues = b""
    for _, queue_id, min_rate, _ in switch.datapath.queue_config(port_no):
        rate = wire.QUEUE_RATE.pack(ofp10.OFPQT_MIN_RATE, wire.QUEUE_RATE.size, min_rate)
        queues += PACKET_QUEUE.pack(queue_id, PACKET_QUEUE.size + len(rate)) + rate
    return [request.reply(ofp.OFPT_QUEUE_GET_CONFIG_REPLY, QUEUE_CONFIG_REPLY.pack(port) + queues)]


ROWS = {
    ofp10.OFPT_HELLO: Row(requests.nothing, longer=True),
    ofp10.OFPT_ERROR: Row(requests.nothing, longer=True),
    ofp10.OFPT_ECHO_REQUEST: Row(requests.echo, longer=True),
    ofp10.OFPT_ECHO_REPLY: Row(requests.nothing, longer=True),
    ofp10.OFPT_VENDOR: Row(vendor, 12, longer=True),
    ofp10.OFPT_FEATURES_REQUEST: Row(features),
    ofp10.OFPT_GET_CONFIG_REQUEST: Row(requests.get_config),
    ofp10.OFPT_SET_CONFIG: Row(set_config, 12),
    ofp10.OFPT_PACKET_OUT: Row(packet_out, 16, longer=True, writes=True),
    ofp10.OFPT_FLOW_MOD: Row(flow_mod, 72, longer=True, writes=True),
    ofp10.OFPT_PORT_MOD: Row(port_mod, 32, writes=True),
    ofp10.OFPT_STATS_REQUEST: Row(stats_request, 12, longer=True),
    ofp10.OFPT_BARRIER_REQUEST: Row(requests.barrier),
    ofp10.OFPT_QUEUE_GET_CONFIG_REQUEST: Row(queue_get_config, 12),
}
