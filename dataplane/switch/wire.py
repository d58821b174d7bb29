"""The switch's messages as bytes: one `Struct` for each record, and `Wire`, the encoders of what a switch sends.

Big-endian, OpenFlow 1.3.5 section 7. The layouts of fixed records stand here once; handlers unpack with them.
Objects of the codec are not used: a packet-in, a reply, a barrier costs one `pack`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct
from typing import TYPE_CHECKING

from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import NICIRA_ERROR
from triplane.dataplane.openflow.ofproto_common import NX_EXPERIMENTER_ID, ONF_EXPERIMENTER_ID
from triplane.dataplane.openflow.v1_3 import onf_constants as onf
from triplane.dataplane.openflow.v1_4.constants import (
    OFPFME_ADDED,
    OFPFME_INITIAL,
    OFPFME_MODIFIED,
    OFPFME_PAUSED,
    OFPFME_REMOVED,
)
from triplane.dataplane.openflow.v1_4.error_codes import OFPET_ASYNC_CONFIG_FAILED, OFPET_BUNDLE_FAILED
from triplane.dataplane.switch.datapath import PacketIn, PortCounters, PortInfo, Removed

if TYPE_CHECKING:
    from triplane.dataplane.switch.connection import Connection

HEADER = Struct("!BBHI")  # version, type, length, xid
HEADER_SIZE = HEADER.size
MAX_MESSAGE = 0xFFFF  # ofp_header.length
ERROR_DATA = 64  # bytes of the failed request that an error quotes, 7.4.4

ERROR_CODE = Struct("!HH")  # type, code
EXPERIMENTER_ERROR = Struct("!HHI")  # type, code, experimenter
FEATURES = Struct("!QIBB2xII")  # dpid, n_buffers, n_tables, auxiliary_id, capabilities, reserved
CONFIG = Struct("!HH")  # flags, miss_send_len
PACKET_OUT = Struct("!IIH6x")  # buffer_id, in_port, actions_len
GROUP_MOD = Struct("!HBxI")  # command, type, group_id
METER_MOD = Struct("!HHI")  # command, flags, meter_id
PORT_MOD = Struct("!I4x6s2xIII4x")  # port_no, hw_addr, config, mask, advertise
TABLE_MOD = Struct("!B3xI")  # table_id, config
ROLE = Struct("!I4xQ")  # role, generation_id
ASYNC = Struct("!6I")  # packet-in, port-status, flow-removed: each master or equal, then slave
MULTIPART = Struct("!HH4x")  # type, flags
QUEUE_CONFIG = Struct("!I4x")  # port
PACKET_QUEUE = Struct("!IIH6x")  # queue_id, port, len
QUEUE_RATE = Struct("!HH4xH6x")  # property, len, rate in tenths of a percent

PORT = Struct("!I4x6s2x16s8I")
PORT_STATUS = Struct("!BBHIB7x")
PACKET_IN = Struct("!BBHIIHBBQ")  # header, buffer_id, total_len, reason, table_id, cookie
FLOW_REMOVED = Struct("!BBHIQHBBIIHHQQ")

DESC = Struct("!256s256s256s32s256s")
FLOW_STATS = Struct("!HBxIIHHHHH2xQQQ")  # what stands before the match of an ofp_flow_stats (1.4)
FLOW_STATS_REQUEST = Struct("!B3xII4xQQ")  # table_id, out_port, out_group, cookie, cookie_mask
AGGREGATE = Struct("!QQI4x")  # packets, bytes, flows
TABLE_STATS = Struct("!B3xIQQ")  # table_id, active, lookups, matched
PORT_STATS = Struct("!I4x12QII")
QUEUE_STATS_REQUEST = Struct("!II")  # port_no, queue_id
QUEUE_STATS = Struct("!IIQQQII")  # port_no, queue_id, bytes, packets, errors, seconds, nanoseconds
ONE_NUMBER = Struct("!I4x")  # the request for statistics of one port, group or meter

EXPERIMENTER = Struct("!II")  # experimenter, type
ONF_MONITOR = EXPERIMENTER.pack(ONF_EXPERIMENTER_ID, onf.ONFMP_FLOW_MONITOR)
ONF_UPDATE = Struct("!HHHHHHHBxQ")  # length, event, reason, priority, idle, hard, match_len, table_id, cookie
ONF_SHORT_UPDATE = Struct("!HHI")  # length, event, xid
ONF_EVENTS = {  # by OFPFME_*: what is there at first is told as if it were added
    OFPFME_INITIAL: onf.ONFFME_ADDED,
    OFPFME_ADDED: onf.ONFFME_ADDED,
    OFPFME_REMOVED: onf.ONFFME_DELETED,
    OFPFME_MODIFIED: onf.ONFFME_MODIFIED,
}

# code of the first error of types that are extensions before 1.4
ONF_ERRORS = {OFPET_BUNDLE_FAILED: ofp.ONFERR_ET_UNKNOWN, OFPET_ASYNC_CONFIG_FAILED: 2370}

SECOND = 1_000_000_000  # ns
PORT_CONFIG = ofp.OFPPC_PORT_DOWN | ofp.OFPPC_NO_RECV | ofp.OFPPC_NO_FWD | ofp.OFPPC_NO_PACKET_IN
MAIN_CONNECTION = 0  # auxiliary_id; auxiliary connections are the switch's to open, and it opens none (6.3.7)
NO_IMPORTANCE = bytes(2)
PACKET_IN_PAD = bytes(2)  # aligns the frame's IP header, 7.4.1
BITMAP = Struct("!HHI")  # OFPHET_VERSIONBITMAP: type, length, versions


def hello(versions: Iterable[int]) -> bytes:
    """The greeting of a switch that speaks these versions: it stands in no version, so no `Wire` says it (6.3.1)."""
    spoken = sorted(versions)
    bitmap = BITMAP.pack(ofp.OFPHET_VERSIONBITMAP, BITMAP.size, sum(1 << version for version in spoken))
    return HEADER.pack(spoken[-1], ofp.OFPT_HELLO, HEADER_SIZE + len(bitmap), 0) + bitmap


class Wire:
    """What the switch says, in OpenFlow 1.3. Other versions are subclasses that say only what differs.

    Callers name message types, errors and reasons by the numbers of 1.3, and by 1.4's or 1.5's where 1.3 has none:
    the tables here give a version's own number where it is another.
    """

    version: int = ofp.OFP_VERSION
    types: Mapping[int, int] = {}  # OFPT_*
    error_codes: Mapping[tuple[int, int], tuple[int, int]] = {  # of 1.4: OFPBIC_DUP_INST, OFPBPC_*
        (3, 9): (ofp.OFPET_BAD_INSTRUCTION, ofp.OFPBIC_UNSUP_INST),
        (14, 0): (ofp.OFPET_TABLE_FEATURES_FAILED, ofp.OFPTFFC_BAD_TYPE),
        (14, 1): (ofp.OFPET_TABLE_FEATURES_FAILED, ofp.OFPTFFC_BAD_LEN),
        (14, 2): (ofp.OFPET_TABLE_FEATURES_FAILED, ofp.OFPTFFC_BAD_ARGUMENT),
    }
    reasons: Mapping[tuple[int, int], int] = {  # by message type and reason
        (ofp.OFPT_PACKET_IN, 3): ofp.OFPR_ACTION,  # 1.4's OFPR_ACTION_SET
        (ofp.OFPT_PACKET_IN, 4): ofp.OFPR_ACTION,  # OFPR_GROUP
        (ofp.OFPT_PACKET_IN, 5): ofp.OFPR_ACTION,  # OFPR_PACKET_OUT
        (ofp.OFPT_FLOW_REMOVED, 4): ofp.OFPRR_DELETE,  # OFPRR_METER_DELETE
        (ofp.OFPT_FLOW_REMOVED, 5): ofp.OFPRR_DELETE,  # OFPRR_EVICTION
    }
    multipart = MULTIPART  # what follows the header: type, flags

    def message(self, kind: int, xid: int, body: bytes = b"") -> bytes:
        """One message: header and body."""
        return HEADER.pack(self.version, self.types.get(kind, kind), HEADER_SIZE + len(body), xid) + body

    def error(self, kind: int, code: int, xid: int, data: bytes) -> bytes:
        """OFPT_ERROR; `data` is the failed request (its start is quoted) or text."""
        kind, code = self.error_codes.get((kind, code), (kind, code))
        if kind in ONF_ERRORS:
            return self._experimenter_error(ONF_ERRORS[kind] + code, ONF_EXPERIMENTER_ID, xid, data)
        return self._error(kind, code, xid, data)

    def _error(self, kind: int, code: int, xid: int, data: bytes) -> bytes:
        """One by this version's own numbers, or Nicira's."""
        if kind == NICIRA_ERROR:
            return self._experimenter_error(code, NX_EXPERIMENTER_ID, xid, data)
        return self.message(ofp.OFPT_ERROR, xid, ERROR_CODE.pack(kind, code) + data)

    def _experimenter_error(self, code: int, experimenter: int, xid: int, data: bytes) -> bytes:
        body = EXPERIMENTER_ERROR.pack(ofp.OFPET_EXPERIMENTER, code, experimenter)
        return self.message(ofp.OFPT_ERROR, xid, body + data)

    # asynchronous messages

    def reason(self, kind: int, reason: int) -> int:
        """The reason, as this version has it, of a message of type `kind`."""
        return self.reasons.get((kind, reason), reason)

    def packet_in(self, packet: PacketIn, buffer_id: int, limit: int) -> bytes:
        """OFPT_PACKET_IN with at most `limit` bytes of the packet, and never more than a message can hold."""
        room = MAX_MESSAGE - PACKET_IN.size - len(packet.match) - len(PACKET_IN_PAD)
        data = packet.data[: min(limit, room)]
        head = PACKET_IN.pack(
            self.version,
            ofp.OFPT_PACKET_IN,
            MAX_MESSAGE - room + len(data),
            0,
            buffer_id,
            min(len(packet.data), 0xFFFF),
            self.reason(ofp.OFPT_PACKET_IN, packet.reason),
            packet.table_id,
            packet.cookie,
        )
        return b"".join((head, packet.match, PACKET_IN_PAD, data))

    def flow_removed(self, gone: Removed) -> bytes:
        head = FLOW_REMOVED.pack(
            self.version,
            ofp.OFPT_FLOW_REMOVED,
            FLOW_REMOVED.size + len(gone.match),
            0,
            gone.cookie,
            gone.priority,
            self.reason(ofp.OFPT_FLOW_REMOVED, gone.reason),
            gone.table_id,
            gone.duration_sec,
            gone.duration_nsec,
            gone.idle_timeout,
            gone.hard_timeout,
            gone.packet_count,
            gone.byte_count,
        )
        return head + gone.match

    def port_status(self, reason: int, info: PortInfo) -> bytes:
        body = self.port(info)
        return PORT_STATUS.pack(self.version, ofp.OFPT_PORT_STATUS, PORT_STATUS.size + len(body), 0, reason) + body

    def role_status(self, role: int, reason: int, generation_id: int) -> bytes:
        """OFPT_ROLE_STATUS, which 1.3 does not have; as table_status, request_forward and controller_status."""
        return b""

    def table_status(self, reason: int, desc: bytes) -> bytes:
        return b""

    def request_forward(self, request: bytes) -> bytes:
        return b""

    def flow_update(self, event: int, reason: int, record: bytes, instructions: bool) -> bytes:
        """What monitors are told of an entry, from its ofp_flow_stats: ONF's EXT-187, whose match Open vSwitch writes
        as an ofp_match."""
        _, table_id, _, _, priority, idle, hard, _, _, cookie, _, _ = FLOW_STATS.unpack_from(record)
        size = int.from_bytes(record[FLOW_STATS.size + 2 : FLOW_STATS.size + 4])
        padded = size + -size % 8
        rest = record[FLOW_STATS.size : None if instructions else FLOW_STATS.size + padded]
        length = ONF_UPDATE.size + len(rest)
        return ONF_UPDATE.pack(length, ONF_EVENTS[event], reason, priority, idle, hard, padded, table_id, cookie) + rest

    def flow_update_abbreviated(self, xid: int) -> bytes:
        """onf_flow_update_abbrev: a change that the controller's own request made."""
        return ONF_SHORT_UPDATE.pack(ONF_SHORT_UPDATE.size, onf.ONFFME_ABBREV, xid)

    def flow_updates_pause(self, event: int) -> bytes:
        """The message that says that a monitor is paused or resumed (OFPFME_*)."""
        kind = onf.ONFT_FLOW_MONITOR_PAUSED if event == OFPFME_PAUSED else onf.ONFT_FLOW_MONITOR_RESUMED
        return self.message(ofp.OFPT_EXPERIMENTER, 0, EXPERIMENTER.pack(ONF_EXPERIMENTER_ID, kind))

    def flow_updates(self, updates: Iterable[bytes]) -> bytes:
        """A reply to a monitor's request, long after it: its transaction is 0."""
        return self.multipart_reply(ofp.OFPMP_EXPERIMENTER, 0, 0, (ONF_MONITOR, *updates))

    def controller_status(self, conn: Connection, reason: int) -> bytes:
        return b""

    def stat_trigger(self, record: bytes) -> bytes:
        """What 1.5 tells of a flow entry, by its ofp_flow_stats, that has reached a threshold."""
        return b""

    # replies and what they are made of

    def features(self, xid: int, dpid: int, buffers: int, tables: int, capabilities: int) -> bytes:
        """OFPT_FEATURES_REPLY, 7.3.1."""
        body = FEATURES.pack(dpid, buffers, tables, MAIN_CONNECTION, capabilities, 0)
        return self.message(ofp.OFPT_FEATURES_REPLY, xid, body)

    def port(self, info: PortInfo) -> bytes:
        """ofp_port, 7.2.1. A name of more than 15 bytes is cut."""
        name = info.name.encode()[: ofp.OFP_MAX_PORT_NAME_LEN - 1]
        return PORT.pack(info.port_no, info.hw_addr, name, info.config & PORT_CONFIG, *info[4:])

    def multipart_reply(self, kind: int, xid: int, flags: int, records: Iterable[bytes]) -> bytes:
        """OFPT_MULTIPART_REPLY."""
        return self.message(ofp.OFPT_MULTIPART_REPLY, xid, self.multipart.pack(kind, flags) + b"".join(records))

    def flow_stats(self, record: bytes) -> bytes:
        """ofp_flow_stats from the data plane's, which is 1.4's: 1.3 knows no importance (7.3.5.2)."""
        return record if record[20:22] == NO_IMPORTANCE else record[:20] + NO_IMPORTANCE + record[22:]

    def table_stats(self, row: tuple[int, int, int, int]) -> bytes:
        """ofp_table_stats of (table_id, active, lookups, matched)."""
        return TABLE_STATS.pack(*row)

    def port_stats(self, row: PortCounters) -> bytes:
        """ofp_port_stats, 7.3.5.6; frame, overrun, CRC errors and collisions are within rx_errors."""
        return PORT_STATS.pack(*row[:9], 0, 0, 0, 0, *divmod(row.duration_ns, SECOND))

    def queue_stats(self, row: tuple[int, int, int, int, int, int]) -> bytes:
        """ofp_queue_stats of (port_no, queue_id, bytes, packets, errors, duration in ns)."""
        return QUEUE_STATS.pack(*row[:5], *divmod(row[5], SECOND))


WIRE = Wire()
