"""Handlers of OpenFlow 1.0's requests: each becomes the data plane's of 1.3 (OpenFlow 1.0.0 sections 5.3, 5.4).

Where the specification is silent, Open vSwitch's behaviour.
"""

from __future__ import annotations

from struct import Struct

from triplane.dataplane.openflow import ofproto_v1_0 as ofp10
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.ofproto_common import NX_EXPERIMENTER_ID
from triplane.dataplane.switch import async_config, requests, roles, wire
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.multipart import multipart_request
from triplane.dataplane.switch.state import N_TABLES, Switch
from triplane.dataplane.switch.v1_0.actions import to_1_3
from triplane.dataplane.switch.v1_0.match import MATCH, Known, to_oxm
from triplane.dataplane.switch.v1_0.numbers import wide_port
from triplane.dataplane.switch.v1_0.wire import PORT_CONFIG, WIRE
from triplane.dataplane.switch.version import Row

FLOW_MOD = Struct("!QHHHHIHH")  # cookie, command, timeouts, priority, buffer_id, out_port, flags
FLOW_MOD_1_3 = Struct("!BBHIQQBBHHHIIIH2x")
APPLY_ACTIONS = Struct("!HH4x")
PACKET_OUT = Struct("!IHH")  # buffer_id, in_port, actions_len
PORT_MOD = Struct("!H6sIII4x")
QUEUE_CONFIG = Struct("!H2x")
QUEUE_CONFIG_REPLY = Struct("!H6x")
PACKET_QUEUE = Struct("!IH2x")
NICIRA = Struct("!II")  # vendor, subtype
NICIRA_NUMBER = Struct("!I")
HIGHEST_PRIORITY = 0xFFFF
FIRST_TABLE = 0
FLAGS = ofp10.OFPFF_SEND_FLOW_REM | ofp10.OFPFF_CHECK_OVERLAP  # the same bits in 1.3
NO_TIMEOUT = 0


def failed(code: int) -> OpenFlowError:
    return OpenFlowError(ofp.OFPET_FLOW_MOD_FAILED, code)


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


# flow-mods


def flow_mod(switch: Switch, request: Request) -> list[bytes]:
    return carry_out(switch, request, flow_mod_1_3(request.data), loose=True)


def carry_out(switch: Switch, request: Request, message: bytes, loose: bool = False) -> list[bytes]:
    """What the request asks for, by the flow-mod of 1.3 that does the same."""
    outcome = switch.datapath.flow_mods(message, 0, len(message), request.now, loose)
    for _, kind, code in outcome.errors:
        raise OpenFlowError(kind, code)
    switch.flows_changed(outcome.removed, request.conn, lambda at: request.xid)
    for _, buffer_id in outcome.buffers:
        switch.release_to_table(request, buffer_id)
    return []


def flow_mod_1_3(data: bytes) -> bytes:
    """The flow-mod of 1.3 that does the same. Raises OpenFlowError."""
    at = wire.HEADER_SIZE + MATCH.size
    cookie, command, idle, hard, priority, buffer_id, out_port, flags = FLOW_MOD.unpack_from(data, at)
    check_emergency(flags, idle, hard)
    if command > ofp10.OFPFC_DELETE_STRICT:
        raise failed(ofp.OFPFMFC_BAD_COMMAND)
    deletes = command >= ofp10.OFPFC_DELETE
    match = to_oxm(data[wire.HEADER_SIZE : at])
    actions = to_1_3(data[at + FLOW_MOD.size :], match.known)
    instructions = b"" if deletes or not actions else apply(actions)
    flags &= FLAGS
    flags |= ofp.OFPFF_RESET_COUNTS if command == ofp10.OFPFC_ADD else 0  # an add begins anew (4.6)
    head = FLOW_MOD_1_3.pack(
        *(ofp.OFP_VERSION, ofp.OFPT_FLOW_MOD, FLOW_MOD_1_3.size + len(match.match) + len(instructions), 0),
        *(cookie, 0, ofp.OFPTT_ALL if deletes else FIRST_TABLE, command, idle, hard),
        *(HIGHEST_PRIORITY if match.exact else priority, buffer_id),
        *(wide_port(out_port) if deletes else ofp.OFPP_ANY, ofp.OFPG_ANY, flags),
    )
    return head + match.match + instructions


def check_emergency(flags: int, idle: int, hard: int) -> None:
    """There is no table for emergency entries: it is full, as in Open vSwitch. They may have no timeouts (4.6)."""
    if flags & ofp10.OFPFF_EMERG:
        raise failed(ofp.OFPFMFC_BAD_TIMEOUT if (idle, hard) != (NO_TIMEOUT, NO_TIMEOUT) else ofp.OFPFMFC_TABLE_FULL)


def apply(actions: bytes) -> bytes:
    """An apply-actions instruction."""
    return APPLY_ACTIONS.pack(ofp.OFPIT_APPLY_ACTIONS, APPLY_ACTIONS.size + len(actions)) + actions


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


# Nicira's messages


def vendor(switch: Switch, request: Request) -> list[bytes]:
    """Roles, which messages to send, and formats (Open vSwitch, nicira-ext.h)."""
    if len(request.body) < NICIRA.size:
        raise requests.bad_request(ofp.OFPBRC_BAD_EXPERIMENTER)
    number, subtype = NICIRA.unpack_from(request.body)
    if number != NX_EXPERIMENTER_ID:
        raise requests.bad_request(ofp.OFPBRC_BAD_EXPERIMENTER)
    body = request.body[NICIRA.size :]
    if subtype == ofp10.NXT_ROLE_REQUEST and len(body) == NICIRA_NUMBER.size:
        return role_request(switch, request, NICIRA_NUMBER.unpack(body)[0])
    if subtype == ofp10.NXT_SET_ASYNC_CONFIG and len(body) == wire.ASYNC.size:
        request.conn.async_config = async_config.decode(body)
        return []
    if subtype == ofp10.NXT_SET_CONTROLLER_ID and len(body) == 8:
        request.conn.controller_id = int.from_bytes(body[6:], "big")
        return []
    formats = (ofp10.NXT_SET_FLOW_FORMAT, ofp10.NXT_SET_PACKET_IN_FORMAT)
    if subtype in formats and body == NICIRA_NUMBER.pack(ofp10.NXFF_OPENFLOW10):
        return []
    raise requests.bad_request(ofp.OFPBRC_BAD_EXP_TYPE)


_ROLES = {
    ofp10.NX_ROLE_OTHER: ofp.OFPCR_ROLE_EQUAL,
    ofp10.NX_ROLE_MASTER: ofp.OFPCR_ROLE_MASTER,
    ofp10.NX_ROLE_SLAVE: ofp.OFPCR_ROLE_SLAVE,
}


def role_request(switch: Switch, request: Request, role: int) -> list[bytes]:
    """There are no generations in 1.0: whoever asks is master."""
    if role not in _ROLES:
        raise requests.bad_request(ofp.OFPBRC_EPERM)
    request.conn.role = _ROLES[role]
    if role == ofp10.NX_ROLE_MASTER:
        roles.demote_master(switch, request.conn)
    body = NICIRA.pack(NX_EXPERIMENTER_ID, ofp10.NXT_ROLE_REPLY) + NICIRA_NUMBER.pack(role)
    return [request.reply(ofp.OFPT_EXPERIMENTER, body)]


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
    ofp10.OFPT_STATS_REQUEST: Row(multipart_request, 12, longer=True),
    ofp10.OFPT_BARRIER_REQUEST: Row(requests.barrier),
    ofp10.OFPT_QUEUE_GET_CONFIG_REQUEST: Row(queue_get_config, 12),
}
