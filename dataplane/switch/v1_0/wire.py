"""What the switch says in OpenFlow 1.0.0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct

from triplane.dataplane.openflow import nicira_ext as nx
from triplane.dataplane.openflow import ofproto_v1_0 as ofp10
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.ofproto_common import NX_EXPERIMENTER_ID
from triplane.dataplane.openflow.v1_4 import error_codes as ec
from triplane.dataplane.switch.datapath import PacketIn, PortCounters, PortInfo, Removed
from triplane.dataplane.switch.nicira_wire import MONITOR_HEAD, NiciraWire, untagged_as_tci
from triplane.dataplane.switch.v1_0.actions import ACTIONS, to_ofp10
from triplane.dataplane.switch.v1_0.match import to_ofp10 as match_to_ofp10
from triplane.dataplane.switch.v1_0.numbers import narrow_port, port_features
from triplane.dataplane.switch.wire import ERROR_CODE, EXPERIMENTER, MAX_MESSAGE, PORT_STATUS, Wire

PACKET_IN = Struct("!BBHIIHHBx")  # header, buffer_id, total_len, in_port, reason
FLOW_REMOVED = Struct("!QHBxIIH2xQQ")
FEATURES = Struct("!QIB3xII")
PORT = Struct("!H6s16s6I")
STATS = Struct("!HH")  # type, flags
FLOW_STATS_1_3 = Struct("!HBxIIHHHH4xQQQ")  # length, table, times, priority, timeouts, flags, cookie, counts
FLOW_STATS = Struct("!HBx40sIIHHH6xQQQ")
TABLE_STATS = Struct("!B3x32sIIIQQ")
PORT_STATS = Struct("!H6x12Q")
QUEUE_STATS = Struct("!H2xIQQQ")
MATCH_LENGTH = Struct("!2xH")
NX_FLOW_REMOVED = Struct("!QHBBIIHHQQ")
NX_ERROR = Struct("!HHIHH")
NXET_VENDOR, NXVC_VENDOR_ERROR = 0xB0C2, 0
CAPABILITIES = (
    ofp10.OFPC_FLOW_STATS
    | ofp10.OFPC_TABLE_STATS
    | ofp10.OFPC_PORT_STATS
    | ofp10.OFPC_QUEUE_STATS
    | ofp10.OFPC_ARP_MATCH_IP
)
PORT_CONFIG = 0x7F  # OFPPC_PORT_DOWN to OFPPC_NO_PACKET_IN
NOT_SUPPORTED = (ofp10.OFPET_FLOW_MOD_FAILED, ofp10.OFPFMFC_UNSUPPORTED)
NO_PERMISSION = (ofp10.OFPET_BAD_REQUEST, ofp10.OFPBRC_EPERM)

# types of 1.3 that 1.0 has, by their codes; a code that is not here is its own number if 1.0 has it
_ERRORS: Mapping[int, Mapping[int, tuple[int, int]]] = {
    ofp.OFPET_BAD_REQUEST: {ofp.OFPBRC_BAD_PACKET: (ofp10.OFPET_BAD_REQUEST, ofp10.OFPBRC_BAD_LEN)},
    ofp.OFPET_BAD_ACTION: {
        ofp.OFPBAC_BAD_SET_TYPE: (ofp10.OFPET_BAD_ACTION, ofp10.OFPBAC_BAD_TYPE),
        ofp.OFPBAC_BAD_SET_LEN: (ofp10.OFPET_BAD_ACTION, ofp10.OFPBAC_BAD_LEN),
    },
    ofp.OFPET_FLOW_MOD_FAILED: {
        ofp.OFPFMFC_TABLE_FULL: (ofp10.OFPET_FLOW_MOD_FAILED, ofp10.OFPFMFC_ALL_TABLES_FULL),
        ofp.OFPFMFC_OVERLAP: (ofp10.OFPET_FLOW_MOD_FAILED, ofp10.OFPFMFC_OVERLAP),
        ofp.OFPFMFC_EPERM: (ofp10.OFPET_FLOW_MOD_FAILED, ofp10.OFPFMFC_EPERM),
        ofp.OFPFMFC_BAD_TIMEOUT: (ofp10.OFPET_FLOW_MOD_FAILED, ofp10.OFPFMFC_BAD_EMERG_TIMEOUT),
        ofp.OFPFMFC_BAD_COMMAND: (ofp10.OFPET_FLOW_MOD_FAILED, ofp10.OFPFMFC_BAD_COMMAND),
    },
    ofp.OFPET_PORT_MOD_FAILED: {
        code: (ofp10.OFPET_PORT_MOD_FAILED, code) for code in (ofp.OFPPMFC_BAD_PORT, ofp.OFPPMFC_BAD_HW_ADDR)
    },
    ofp.OFPET_QUEUE_OP_FAILED: {
        code: (ofp10.OFPET_QUEUE_OP_FAILED, code)
        for code in (ofp.OFPQOFC_BAD_PORT, ofp.OFPQOFC_BAD_QUEUE, ofp.OFPQOFC_EPERM)
    },
}
# types whose first codes have the same numbers in both versions: the last of them, and what stands for others
_SAME = {
    ofp.OFPET_HELLO_FAILED: (ofp10.OFPHFC_EPERM, NO_PERMISSION),
    ofp.OFPET_BAD_REQUEST: (ofp10.OFPBRC_BUFFER_UNKNOWN, NO_PERMISSION),
    ofp.OFPET_BAD_ACTION: (ofp10.OFPBAC_BAD_QUEUE, (ofp10.OFPET_BAD_ACTION, ofp10.OFPBAC_BAD_ARGUMENT)),
}


def error_of(kind: int, code: int) -> tuple[int, int]:
    """The error of 1.0 that is closest to one of 1.3."""
    found = _ERRORS.get(kind, {}).get(code)
    if found is not None:
        return found
    last, otherwise = _SAME.get(kind, (-1, NOT_SUPPORTED))
    return (kind, code) if code <= last else otherwise


class Wire10(NiciraWire):
    """See the module."""

    version = ofp10.OFP_VERSION
    types: Mapping[int, int] = {
        ofp.OFPT_MULTIPART_REPLY: ofp10.OFPT_STATS_REPLY,
        ofp.OFPT_BARRIER_REPLY: ofp10.OFPT_BARRIER_REPLY,
        ofp.OFPT_QUEUE_GET_CONFIG_REPLY: ofp10.OFPT_QUEUE_GET_CONFIG_REPLY,
    }
    reasons: Mapping[tuple[int, int], int] = {
        **Wire.reasons,
        (ofp.OFPT_FLOW_REMOVED, ofp.OFPRR_GROUP_DELETE): ofp10.OFPRR_DELETE,
    }
    multipart = STATS
    monitor_head = MONITOR_HEAD + bytes(4)
    nicira_codes = 499
    monitor_errors: Mapping[int, int] = {
        ec.OFPMOFC_MONITOR_EXISTS: 517,
        ec.OFPMOFC_BAD_FLAGS: 518,
        ec.OFPMOFC_UNKNOWN_MONITOR: 519,
    }

    def nicira_error(self, code: int) -> bytes:
        """struct nx_vendor_error; the errors are of OFPET_BAD_REQUEST."""
        return NX_ERROR.pack(NXET_VENDOR, NXVC_VENDOR_ERROR, NX_EXPERIMENTER_ID, ofp.OFPET_BAD_REQUEST, code)

    def actions_of(self, instructions: bytes) -> bytes:
        return to_ofp10(instructions)

    def standard_error(self, kind: int, code: int, xid: int, data: bytes) -> bytes:
        return self.message(ofp.OFPT_ERROR, xid, ERROR_CODE.pack(*error_of(kind, code)) + data)

    def packet_in(self, packet: PacketIn, buffer_id: int, limit: int) -> bytes:
        data = packet.data[: min(limit, MAX_MESSAGE - PACKET_IN.size)]
        head = PACKET_IN.pack(
            self.version,
            ofp.OFPT_PACKET_IN,
            PACKET_IN.size + len(data),
            0,
            buffer_id,
            min(len(packet.data), 0xFFFF),
            narrow_port(packet.in_port),
            self.reason(ofp.OFPT_PACKET_IN, packet.reason),
        )
        return head + data

    def flow_removed(self, gone: Removed) -> bytes:
        body = FLOW_REMOVED.pack(
            gone.cookie,
            gone.priority,
            self.reason(ofp.OFPT_FLOW_REMOVED, gone.reason),
            gone.duration_sec,
            gone.duration_nsec,
            gone.idle_timeout,
            gone.packet_count,
            gone.byte_count,
        )
        return self.message(ofp.OFPT_FLOW_REMOVED, 0, match_to_ofp10(gone.match) + body)

    def features(self, xid: int, dpid: int, buffers: int, tables: int, capabilities: int) -> bytes:
        """Without the ports, which `features_with_ports` adds."""
        return self.features_with_ports(xid, dpid, buffers, tables, ())

    def features_with_ports(self, xid: int, dpid: int, buffers: int, tables: int, ports: Iterable[PortInfo]) -> bytes:
        """OFPT_FEATURES_REPLY, 5.3.1."""
        body = FEATURES.pack(dpid, buffers, tables, CAPABILITIES, ACTIONS)
        return self.message(ofp.OFPT_FEATURES_REPLY, xid, body + b"".join(map(self.port, ports)))

    def port(self, info: PortInfo) -> bytes:
        """ofp_phy_port, 5.2.1."""
        name = info.name.encode()[: ofp10.OFP_MAX_PORT_NAME_LEN - 1]
        features = (info.curr, info.advertised, info.supported, info.peer)
        return PORT.pack(
            narrow_port(info.port_no),
            info.hw_addr,
            name,
            info.config & PORT_CONFIG,
            info.state & ofp10.OFPPS_LINK_DOWN,
            *map(port_features, features),
        )

    def port_status(self, reason: int, info: PortInfo) -> bytes:
        body = self.port(info)
        return PORT_STATUS.pack(self.version, ofp.OFPT_PORT_STATUS, PORT_STATUS.size + len(body), 0, reason) + body

    def flow_stats(self, record: bytes) -> bytes:
        """ofp_flow_stats, 5.3.5."""
        _, table, seconds, ns, priority, idle, hard, _, cookie, packets, octets = FLOW_STATS_1_3.unpack_from(record)
        start = FLOW_STATS_1_3.size
        end = start + (MATCH_LENGTH.unpack_from(record, start)[0] + 7 & ~7)
        match, actions = match_to_ofp10(record[start:end]), to_ofp10(record[end:])
        counts = (cookie, packets, octets)
        times = (seconds, ns, priority, idle, hard)
        return FLOW_STATS.pack(FLOW_STATS.size + len(actions), table, match, *times, *counts) + actions

    def port_stats(self, row: PortCounters) -> bytes:
        return PORT_STATS.pack(narrow_port(row.port_no), *row[1:9], 0, 0, 0, 0)

    def queue_stats(self, row: tuple[int, int, int, int, int, int]) -> bytes:
        return QUEUE_STATS.pack(narrow_port(row[0]), *row[1:5])


class Wire10Nxm(Wire10):
    """To a controller that has asked for flow entries with NXM matches, by NXT_SET_FLOW_FORMAT."""

    def flow_removed(self, gone: Removed) -> bytes:
        """NXT_FLOW_REMOVED."""
        fields = untagged_as_tci(gone.match[MATCH_LENGTH.size : MATCH_LENGTH.unpack_from(gone.match)[0]])
        body = NX_FLOW_REMOVED.pack(
            gone.cookie,
            gone.priority,
            self.reason(ofp.OFPT_FLOW_REMOVED, gone.reason),
            gone.table_id + 1,
            gone.duration_sec,
            gone.duration_nsec,
            gone.idle_timeout,
            len(fields),
            gone.packet_count,
            gone.byte_count,
        )
        head = EXPERIMENTER.pack(NX_EXPERIMENTER_ID, nx.NXT_FLOW_REMOVED)
        return self.message(ofp.OFPT_EXPERIMENTER, 0, head + body + fields + bytes(-len(fields) % 8))


WIRE = Wire10()
WIRES: Mapping[int, Wire10] = {nx.NXFF_OPENFLOW10: WIRE, nx.NXFF_NXM: Wire10Nxm()}
