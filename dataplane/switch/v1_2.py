"""OpenFlow 1.2 toward controllers: what is not as in 1.3 (sections are of OpenFlow 1.2).

Flow-mods, groups, matches and actions have the same bytes. A packet that nothing matches goes to the controllers; what
a table-mod says about that (A.3.3) is kept and told, but not followed, as in Open vSwitch's default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct

from triplane.dataplane.openflow import ofproto_v1_2 as ofp12
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.ofproto_common import NX_EXPERIMENTER_ID
from triplane.dataplane.openflow.v1_4 import error_codes as ec
from triplane.dataplane.switch import handlers, monitors, multipart, requests, wire
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.datapath import PacketIn, PortCounters, PortInfo
from triplane.dataplane.switch.nicira_wire import NiciraWire
from triplane.dataplane.switch.state import N_TABLES, Switch
from triplane.dataplane.switch.v1_0.flow_mods import carry_out
from triplane.dataplane.switch.version import MultipartRow, Row

FEATURES = Struct("!QIB3xI4x")  # dpid, n_buffers, n_tables, capabilities
PACKET_IN = Struct("!BBHIIHBB")  # header, buffer_id, total_len, reason, table_id
PORT_STATS = Struct("!I4x12Q")
QUEUE_STATS = Struct("!IIQQQ")
GROUP_STATS_1_3 = Struct("!H2xII4xQQII")  # length, group_id, references, packets, bytes, seconds, nanoseconds
GROUP_STATS = Struct("!H2xII4xQQ")
TABLE_STATS = Struct("!B7x32sQQIIQQQQIIIIQQ")
FLAGS_AT = slice(20, 22)  # of ofp_flow_stats: 1.2 has padding there
FIELDS = (1 << ofp.OFPXMT_OFB_MPLS_TC + 1) - 1
ACTIONS = sum(1 << kind for kind in (0, *range(11, 13), *range(15, 26)))
INSTRUCTIONS = sum(1 << kind for kind in range(1, 6))
ALL64 = (1 << 64) - 1
NO_PERMISSION = (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_EPERM)
LAST_ERROR = ofp.OFPET_ROLE_REQUEST_FAILED


class Wire12(NiciraWire):
    """What the switch says."""

    version = ofp12.OFP_VERSION
    error_codes: Mapping[tuple[int, int], tuple[int, int]] = {
        **wire.Wire.error_codes,
        (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_MULTIPART_BUFFER_OVERFLOW): NO_PERMISSION,
    }

    monitor_errors: Mapping[int, int] = {
        ec.OFPMOFC_MONITOR_EXISTS: 6,
        ec.OFPMOFC_BAD_FLAGS: 7,
        ec.OFPMOFC_UNKNOWN_MONITOR: 8,
    }

    def nicira_error(self, code: int) -> bytes:
        return wire.EXPERIMENTER_ERROR.pack(ofp.OFPET_EXPERIMENTER, code, NX_EXPERIMENTER_ID)

    def actions_of(self, instructions: bytes) -> bytes:
        """Those that are applied."""
        return b"".join(content[4:] for kind, content in monitors.tlvs(instructions) if kind == ofp.OFPIT_APPLY_ACTIONS)

    def standard_error(self, kind: int, code: int, xid: int, data: bytes) -> bytes:
        known = kind <= LAST_ERROR
        return super().standard_error(*((kind, code) if known else NO_PERMISSION), xid, data)

    def packet_in(self, packet: PacketIn, buffer_id: int, limit: int) -> bytes:
        room = wire.MAX_MESSAGE - PACKET_IN.size - len(packet.match) - len(wire.PACKET_IN_PAD)
        data = packet.data[: min(limit, room)]
        reason = self.reason(ofp.OFPT_PACKET_IN, packet.reason)
        head = (self.version, ofp.OFPT_PACKET_IN, wire.MAX_MESSAGE - room + len(data), 0)
        whole = min(len(packet.data), 0xFFFF)
        packed = PACKET_IN.pack(*head, buffer_id, whole, reason, packet.table_id)
        return b"".join((packed, packet.match, wire.PACKET_IN_PAD, data))

    def features_with_ports(self, xid: int, dpid: int, buffers: int, ports: Iterable[PortInfo]) -> bytes:
        """OFPT_FEATURES_REPLY, A.3.1."""
        body = FEATURES.pack(dpid, buffers, N_TABLES, requests.CAPABILITIES)
        return self.message(ofp.OFPT_FEATURES_REPLY, xid, body + b"".join(map(self.port, ports)))

    def flow_stats(self, record: bytes) -> bytes:
        return record[: FLAGS_AT.start - 2] + bytes(4) + record[FLAGS_AT.stop :]

    def port_stats(self, row: PortCounters) -> bytes:
        return PORT_STATS.pack(*row[:9], 0, 0, 0, 0)

    def queue_stats(self, row: tuple[int, int, int, int, int, int]) -> bytes:
        return QUEUE_STATS.pack(*row[:5])


WIRE = Wire12()


def features(switch: Switch, request: Request) -> list[bytes]:
    dpid, buffers = switch.identity.dpid, switch.config.buffers
    return [WIRE.features_with_ports(request.xid, dpid, buffers, switch.datapath.ports())]


def set_config(switch: Switch, request: Request) -> list[bytes]:
    """Packets with an invalid TTL are asked for by a flag (A.3.2)."""
    flags, miss_send_len = wire.CONFIG.unpack(request.body)
    body = wire.CONFIG.pack(flags & ~ofp12.OFPC_INVALID_TTL_TO_CONTROLLER, miss_send_len)
    requests.set_config(switch, request._replace(data=request.data[: wire.HEADER_SIZE] + body))
    masks = dict(request.conn.async_config.masks)
    active, slave = masks[ofp.OFPT_PACKET_IN]
    bit = 1 << ofp.OFPR_INVALID_TTL
    wanted = flags & ofp12.OFPC_INVALID_TTL_TO_CONTROLLER
    masks[ofp.OFPT_PACKET_IN] = (active | bit if wanted else active & ~bit, slave)
    request.conn.async_config = request.conn.async_config._replace(masks=masks)
    return []


def flow_mod(switch: Switch, request: Request) -> list[bytes]:
    """The bytes are those of 1.3, but for the version."""
    return carry_out(switch, request, bytes((ofp.OFP_VERSION,)) + request.data[1:])


def table_stats(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    """Each table takes everything; bits are those of OXM fields, actions and instructions (A.3.6.3)."""
    able = (FIELDS, FIELDS, ACTIONS, ACTIONS, FIELDS, FIELDS, ALL64, ALL64, INSTRUCTIONS)
    return [
        TABLE_STATS.pack(table, switch.table_names[table], *able, switch.table_config[table], most, *counts)
        for most in (switch.config.max_entries,)
        for table, *counts in switch.datapath.table_stats()
    ]


def group_stats(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    """Without the duration."""
    found = []
    for record in multipart.group_stats(switch, request, body):
        length, *head, _, _ = GROUP_STATS_1_3.unpack_from(record)
        less = GROUP_STATS_1_3.size - GROUP_STATS.size
        found.append(GROUP_STATS.pack(length - less, *head) + record[GROUP_STATS_1_3.size :])
    return found


REQUESTS = {
    kind: row
    for kind, row in handlers.ROWS.items()
    if kind not in (ofp.OFPT_METER_MOD, ofp.OFPT_GET_ASYNC_REQUEST, ofp.OFPT_SET_ASYNC)
} | {
    ofp.OFPT_FEATURES_REQUEST: Row(features),
    ofp.OFPT_SET_CONFIG: Row(set_config, 12),
    ofp.OFPT_FLOW_MOD: Row(flow_mod, 56, longer=True, writes=True),
}
STATS = {kind: multipart.ROWS[kind] for kind in range(ofp12.OFPST_GROUP_FEATURES + 1)} | {
    ofp12.OFPST_TABLE: MultipartRow(table_stats, 0),
    ofp12.OFPST_GROUP: MultipartRow(group_stats, wire.ONE_NUMBER.size),
    ofp12.OFPST_EXPERIMENTER: multipart.ROWS[ofp.OFPMP_EXPERIMENTER],
}
