"""The switch's messages as bytes: one `Struct` for each record, and the encoders of what a switch sends.

Big-endian, OpenFlow 1.3.5 section 7. The layouts of fixed records stand here once; handlers unpack with them.
Objects of the codec are not used: a packet-in, a reply, a barrier costs one `pack`.
"""

from __future__ import annotations

from struct import Struct

from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.switch.datapath import PacketIn, PortInfo, Removed

VERSION = ofp.OFP_VERSION
HEADER = Struct("!BBHI")  # version, type, length, xid
HEADER_SIZE = HEADER.size
MAX_MESSAGE = 0xFFFF  # ofp_header.length
ERROR_DATA = 64  # bytes of the failed request that an error quotes, 7.4.4

ERROR = Struct("!BBHIHH")
FEATURES = Struct("!QIBB2xII")  # dpid, n_buffers, n_tables, auxiliary_id, capabilities, reserved
CONFIG = Struct("!HH")  # flags, miss_send_len
PACKET_OUT = Struct("!IIH6x")  # buffer_id, in_port, actions_len
GROUP_MOD = Struct("!HBxI")  # command, type, group_id
METER_MOD = Struct("!HHI")  # command, flags, meter_id
PORT_MOD = Struct("!I4x6s2xIII4x")  # port_no, hw_addr, config, mask, advertise
TABLE_MOD = Struct("!B3xI")  # table_id, config
ROLE = Struct("!I4xQ")  # role, generation_id
ASYNC = Struct("!6I")  # packet-in, port-status, flow-removed: each master or equal, then slave
MULTIPART = Struct("!BBHIHH4x")  # header, type, flags
QUEUE_CONFIG = Struct("!I4x")  # port
PACKET_QUEUE = Struct("!IIH6x")  # queue_id, port, len
QUEUE_RATE = Struct("!HH4xH6x")  # property, len, rate in tenths of a percent

PORT = Struct("!I4x6s2x16s8I")
PORT_STATUS = Struct("!BBHIB7x")
PACKET_IN = Struct("!BBHIIHBBQ")  # header, buffer_id, total_len, reason, table_id, cookie
FLOW_REMOVED = Struct("!BBHIQHBBIIHHQQ")

DESC = Struct("!256s256s256s32s256s")
FLOW_STATS_REQUEST = Struct("!B3xII4xQQ")  # table_id, out_port, out_group, cookie, cookie_mask
AGGREGATE = Struct("!QQI4x")  # packets, bytes, flows
TABLE_STATS = Struct("!B3xIQQ")  # table_id, active, lookups, matched
PORT_STATS = Struct("!I4x12QII")
QUEUE_STATS_REQUEST = Struct("!II")  # port_no, queue_id
QUEUE_STATS = Struct("!IIQQQII")  # port_no, queue_id, bytes, packets, errors, seconds, nanoseconds
ONE_NUMBER = Struct("!I4x")  # the request for statistics of one port, group or meter

SECOND = 1_000_000_000  # ns

PACKET_IN_PAD = bytes(2)  # aligns the frame's IP header, 7.4.1
HELLO = HEADER.pack(VERSION, ofp.OFPT_HELLO, 16, 0) + Struct("!HHI").pack(ofp.OFPHET_VERSIONBITMAP, 8, 1 << VERSION)


def message(kind: int, xid: int, body: bytes = b"") -> bytes:
    """One message: header and body."""
    return HEADER.pack(VERSION, kind, HEADER_SIZE + len(body), xid) + body


def error(kind: int, code: int, xid: int, data: bytes) -> bytes:
    """OFPT_ERROR; `data` is the failed request (its start is quoted) or text."""
    return ERROR.pack(VERSION, ofp.OFPT_ERROR, ERROR.size + len(data), xid, kind, code) + data


def port(info: PortInfo) -> bytes:
    """ofp_port, 7.2.1. A name of more than 15 bytes is cut."""
    name = info.name.encode()[: ofp.OFP_MAX_PORT_NAME_LEN - 1]
    return PORT.pack(info.port_no, info.hw_addr, name, *info[3:])


def port_status(reason: int, info: PortInfo) -> bytes:
    body = port(info)
    return PORT_STATUS.pack(VERSION, ofp.OFPT_PORT_STATUS, PORT_STATUS.size + len(body), 0, reason) + body


def packet_in(packet: PacketIn, buffer_id: int, limit: int) -> bytes:
    """OFPT_PACKET_IN with at most `limit` bytes of the packet, and never more than a message can hold."""
    room = MAX_MESSAGE - PACKET_IN.size - len(packet.match) - len(PACKET_IN_PAD)
    data = packet.data[: min(limit, room)]
    head = PACKET_IN.pack(
        VERSION,
        ofp.OFPT_PACKET_IN,
        MAX_MESSAGE - room + len(data),
        0,
        buffer_id,
        min(len(packet.data), 0xFFFF),
        packet.reason,
        packet.table_id,
        packet.cookie,
    )
    return b"".join((head, packet.match, PACKET_IN_PAD, data))


def flow_removed(gone: Removed) -> bytes:
    return (
        FLOW_REMOVED.pack(
            VERSION,
            ofp.OFPT_FLOW_REMOVED,
            FLOW_REMOVED.size + len(gone.match),
            0,
            gone.cookie,
            gone.priority,
            gone.reason,
            gone.table_id,
            gone.duration_sec,
            gone.duration_nsec,
            gone.idle_timeout,
            gone.hard_timeout,
            gone.packet_count,
            gone.byte_count,
        )
        + gone.match
    )
