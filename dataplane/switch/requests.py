"""Handlers of single requests: each unpacks, checks, asks the data plane, and returns its replies.

A handler raises `OpenFlowError` before it has changed anything; lengths and the slave role have been checked.
Source: OpenFlow 1.3.5 section 7.3; where it is silent, Open vSwitch's behaviour, as noted.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_0.constants import OFPPC_NO_RECV_STP
from triplane.dataplane.openflow.v1_4.constants import OFPRFR_GROUP_MOD, OFPRFR_METER_MOD, OFPT_REQUESTFORWARD
from triplane.dataplane.switch import async_config, wire
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.state import N_TABLES, Switch
from triplane.dataplane.switch.version import admit

CAPABILITIES = (
    ofp.OFPC_FLOW_STATS | ofp.OFPC_TABLE_STATS | ofp.OFPC_PORT_STATS | ofp.OFPC_GROUP_STATS | ofp.OFPC_QUEUE_STATS
)
SHORTEST_FRAME = 14  # an Ethernet header
OFPTC_DEPRECATED_MASK = 3
PORT_FEATURES = 0xFFFF  # OFPPF_10MB_HD to OFPPF_PAUSE_ASYM
PACKET_OUT_PORTS = (ofp.OFPP_CONTROLLER, ofp.OFPP_LOCAL, ofp.OFPP_ANY)  # OFPP_ANY: as Open vSwitch


EXPERIMENTER = Struct("!II")  # experimenter, type


def bad_request(code: int) -> OpenFlowError:
    return OpenFlowError(ofp.OFPET_BAD_REQUEST, code)


def nothing(switch: Switch, request: Request) -> list[bytes]:
    """For messages that ask for nothing: a later hello, an error, an echo reply."""
    return []


def experimenter(switch: Switch, request: Request) -> Iterable[bytes]:
    """An extension's message, by the version's table of them."""
    known = request.conn.version.experimenters
    who, kind = EXPERIMENTER.unpack_from(request.body)
    row = known.get((who, kind))
    if row is None:
        unknown = all(other != who for other, _ in known)
        raise bad_request(ofp.OFPBRC_BAD_EXPERIMENTER if unknown else ofp.OFPBRC_BAD_EXP_TYPE)
    return admit(row, switch, request)


def echo(switch: Switch, request: Request) -> list[bytes]:
    return [request.reply(ofp.OFPT_ECHO_REPLY, request.body)]


def barrier(switch: Switch, request: Request) -> list[bytes]:
    """Every message before it has been carried out when its turn comes: each is, before the next is looked at."""
    return [request.reply(ofp.OFPT_BARRIER_REPLY)]


def features(switch: Switch, request: Request) -> list[bytes]:
    dpid, buffers = switch.identity.dpid, switch.config.buffers
    return [request.wire.features(request.xid, dpid, buffers, N_TABLES, CAPABILITIES)]


def get_config(switch: Switch, request: Request) -> list[bytes]:
    body = wire.CONFIG.pack(switch.fragments, request.conn.miss_send_len)
    return [request.reply(ofp.OFPT_GET_CONFIG_REPLY, body)]


def set_config(switch: Switch, request: Request) -> list[bytes]:
    """Fragment handling is the switch's, and no slave may change it; miss_send_len is the connection's own.

    Any length is good, as for Open vSwitch: one above OFPCML_MAX shows each packet whole.
    """
    flags, miss_send_len = wire.CONFIG.unpack(request.body)
    if flags not in (ofp.OFPC_FRAG_NORMAL, ofp.OFPC_FRAG_DROP):  # reassembly is not among our capabilities
        raise OpenFlowError(ofp.OFPET_SWITCH_CONFIG_FAILED, ofp.OFPSCFC_BAD_FLAGS)
    if flags != switch.fragments:
        if request.conn.role == ofp.OFPCR_ROLE_SLAVE:
            raise bad_request(ofp.OFPBRC_IS_SLAVE)
        switch.datapath.set_fragments(flags)
        switch.fragments = flags
    request.conn.miss_send_len = miss_send_len
    return []


def packet_out(switch: Switch, request: Request) -> list[bytes]:
    buffer_id, in_port, actions_len = wire.PACKET_OUT.unpack_from(request.data, wire.HEADER_SIZE)
    start = wire.HEADER_SIZE + wire.PACKET_OUT.size
    if start + actions_len > len(request.data):
        raise bad_request(ofp.OFPBRC_BAD_LEN)
    if in_port not in PACKET_OUT_PORTS and not switch.has_port(in_port):
        raise bad_request(ofp.OFPBRC_BAD_PORT)
    actions, packet = request.data[start : start + actions_len], request.data[start + actions_len :]
    send_packet(switch, request, buffer_id, in_port, actions, packet)
    return []


def send_packet(switch: Switch, request: Request, buffer_id: int, in_port: int, actions: bytes, packet: bytes) -> None:
    """Send the packet, or the one in the buffer, through the actions, which are of the request's version."""
    version = request.data[0]
    if buffer_id != ofp.OFP_NO_BUFFER:
        switch.release_buffer(buffer_id, in_port, actions, request.now, version=version)
    elif len(packet) < SHORTEST_FRAME:
        raise bad_request(ofp.OFPBRC_BAD_PACKET)
    else:
        switch.datapath.packet_out(in_port, actions, packet, request.now, version=version)


def flow_mod(switch: Switch, request: Request) -> list[bytes]:
    """Runs of flow-mods go from the agent to the data plane at once; only one it would not look at comes here."""
    raise bad_request(ofp.OFPBRC_BAD_LEN)


def group_mod(switch: Switch, request: Request) -> list[bytes]:
    command, kind, group_id = wire.GROUP_MOD.unpack_from(request.data, wire.HEADER_SIZE)
    buckets = request.data[wire.HEADER_SIZE + wire.GROUP_MOD.size :]
    switch.flows_changed(
        switch.datapath.group_mod(command, kind, group_id, buckets, request.now), request.conn, lambda at: request.xid
    )
    forward(switch, request, OFPRFR_GROUP_MOD)
    return []


def meter_mod(switch: Switch, request: Request) -> list[bytes]:
    command, flags, meter_id = wire.METER_MOD.unpack_from(request.data, wire.HEADER_SIZE)
    bands = request.data[wire.HEADER_SIZE + wire.METER_MOD.size :]
    switch.flows_changed(
        switch.datapath.meter_mod(command, flags, meter_id, bands, request.now), request.conn, lambda at: request.xid
    )
    forward(switch, request, OFPRFR_METER_MOD)
    return []


def forward(switch: Switch, request: Request, reason: int) -> None:
    """Show what a controller has changed to others that asked for it (OpenFlow 1.4.1 section 7.4.6)."""
    switch.tell(OFPT_REQUESTFORWARD, reason, lambda wire: wire.request_forward(request.data), but=request.conn)


def port_mod(switch: Switch, request: Request) -> list[bytes]:
    """All controllers hear of the change by port-status, the one that asked for it too, as from Open vSwitch."""
    change_port(switch, *wire.PORT_MOD.unpack(request.body))
    return []


def change_port(switch: Switch, port_no: int, hw_addr: bytes, config: int, mask: int, advertise: int) -> None:
    """Change the bits `mask` of a port's configuration. `advertise`: OFPPF_*; 0: as before."""
    check_port(switch, port_no, hw_addr)
    if (config | mask) & ~wire.PORT_CONFIG:
        raise OpenFlowError(ofp.OFPET_PORT_MOD_FAILED, ofp.OFPPMFC_BAD_CONFIG)
    if advertise & ~PORT_FEATURES:
        raise OpenFlowError(ofp.OFPET_PORT_MOD_FAILED, ofp.OFPPMFC_BAD_ADVERTISE)
    set_port(switch, port_no, hw_addr, receiving(config), receiving(mask))


def check_port(switch: Switch, port_no: int, hw_addr: bytes) -> None:
    """Raise OpenFlowError if there is no such port, or if it has another address."""
    if not switch.has_port(port_no):
        raise OpenFlowError(ofp.OFPET_PORT_MOD_FAILED, ofp.OFPPMFC_BAD_PORT)
    if hw_addr != switch.ports[port_no].hw_addr:
        raise OpenFlowError(ofp.OFPET_PORT_MOD_FAILED, ofp.OFPPMFC_BAD_HW_ADDR)


def set_port(switch: Switch, port_no: int, hw_addr: bytes, config: int, mask: int) -> None:
    """Configure a port, and tell all controllers of it. Links are not told what to advertise."""
    switch.datapath.port_mod(port_no, hw_addr, config, mask, 0)
    for info in switch.datapath.ports():
        if info.port_no == port_no:
            switch.port_changed(ofp.OFPPR_MODIFY, info)


def receiving(config: int) -> int:
    """OFPPC_NO_RECV is for all frames; the data plane has 1.0's bit for those of the spanning tree, too."""
    return config | OFPPC_NO_RECV_STP if config & ofp.OFPPC_NO_RECV else config


def table_mod(switch: Switch, request: Request) -> list[bytes]:
    """1.3 has no table configuration left but two deprecated bits, which are kept and shown (7.3.3)."""
    table_id, config = wire.TABLE_MOD.unpack(request.body)
    tables = tables_meant(table_id)
    if config & ~OFPTC_DEPRECATED_MASK:
        raise table_mod_failed(ofp.OFPTMFC_BAD_CONFIG)
    for table in tables:
        switch.table_config[table] = switch.table_config[table] & ~OFPTC_DEPRECATED_MASK | config
    return []


def tables_meant(table_id: int) -> Iterable[int]:
    """One table, or all of them. Raises OpenFlowError."""
    if N_TABLES <= table_id < ofp.OFPTT_ALL:
        raise table_mod_failed(ofp.OFPTMFC_BAD_TABLE)
    return range(N_TABLES) if table_id == ofp.OFPTT_ALL else (table_id,)


def table_mod_failed(code: int) -> OpenFlowError:
    return OpenFlowError(ofp.OFPET_TABLE_MOD_FAILED, code)


def queue_get_config(switch: Switch, request: Request) -> list[bytes]:
    (port_no,) = wire.QUEUE_CONFIG.unpack(request.body)
    if port_no != ofp.OFPP_ANY and not switch.has_port(port_no):
        raise OpenFlowError(ofp.OFPET_QUEUE_OP_FAILED, ofp.OFPQOFC_BAD_PORT)
    head = wire.QUEUE_CONFIG.pack(port_no)
    room = wire.MAX_MESSAGE - wire.HEADER_SIZE - len(head)
    queues = b""
    for row in switch.datapath.queue_config(port_no):
        queue = packet_queue(*row)
        if len(queues) + len(queue) > room:
            break  # this reply has no "more" flag: what does not fit is seen port by port
        queues += queue
    return [request.reply(ofp.OFPT_QUEUE_GET_CONFIG_REPLY, head + queues)]


def packet_queue(port_no: int, queue_id: int, min_rate: int, max_rate: int) -> bytes:
    """ofp_packet_queue with its two rates, 7.2.2."""
    rates = wire.QUEUE_RATE.pack(ofp.OFPQT_MIN_RATE, wire.QUEUE_RATE.size, min_rate)
    rates += wire.QUEUE_RATE.pack(ofp.OFPQT_MAX_RATE, wire.QUEUE_RATE.size, max_rate)
    return wire.PACKET_QUEUE.pack(queue_id, port_no, wire.PACKET_QUEUE.size + len(rates)) + rates


def get_async(switch: Switch, request: Request) -> list[bytes]:
    return [request.reply(ofp.OFPT_GET_ASYNC_REPLY, request.conn.async_config.encode())]


def set_async(switch: Switch, request: Request) -> list[bytes]:
    request.conn.async_config = async_config.decode(request.body)
    return []
