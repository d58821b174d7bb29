"""What the switch says in OpenFlow 1.5 otherwise than in 1.4. Sections are of OpenFlow 1.5.1."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar

from triplane.dataplane.openflow.v1_5 import constants as ofp
from triplane.dataplane.openflow.v1_5 import oxs_headers as oxs
from triplane.dataplane.switch.connection import Connection
from triplane.dataplane.switch.datapath import Removed
from triplane.dataplane.switch.v1_4.properties import pack_property
from triplane.dataplane.switch.v1_4.wire import Wire14

RECORD = Struct("!HBxIIHHHHH2xQQQ")  # the data plane's: 1.4's ofp_flow_stats before the match
FLOW_DESC = Struct("!H2xBxHHHHHQ")  # length, table_id, priority, idle, hard, flags, importance, cookie
FLOW_STATS = Struct("!H2xBBH")  # length, table_id, reason, priority
FLOW_REMOVED = Struct("!BBHHHQ")  # table_id, reason, priority, idle, hard, cookie
STATISTICS = Struct("!HHIIIIQIQ")  # ofp_stats with duration, packet_count, byte_count
TOTALS = Struct("!HHIIIQIQ4x")  # ofp_stats with flow_count, packet_count, byte_count
TOTALS_LENGTH = TOTALS.size - 4
CONTROLLER_STATUS = Struct("!HHIBB6x")  # length, short_id, role, reason, channel_status

MORE_CAPABILITIES = ofp.OFPC_BUNDLES | ofp.OFPC_FLOW_MONITORING


def statistics(seconds: int, nanoseconds: int, packets: int, octets: int) -> bytes:
    """ofp_stats of one flow entry, 7.2.4."""
    counted = (oxs.OXS_OF_PACKET_COUNT, packets, oxs.OXS_OF_BYTE_COUNT, octets)
    return STATISTICS.pack(0, STATISTICS.size, oxs.OXS_OF_DURATION, seconds, nanoseconds, *counted)


def totals(packets: int, octets: int, flows: int) -> bytes:
    """ofp_stats of several, 7.3.5.4."""
    counted = (oxs.OXS_OF_PACKET_COUNT, packets, oxs.OXS_OF_BYTE_COUNT, octets)
    return TOTALS.pack(0, TOTALS_LENGTH, oxs.OXS_OF_FLOW_COUNT, flows, *counted)


def split_record(record: bytes) -> tuple[bytes, bytes]:
    """Match, with its padding, and instructions of a flow record."""
    length = int.from_bytes(record[RECORD.size + 2 : RECORD.size + 4], "big")
    end = RECORD.size + length + -length % 8
    return record[RECORD.size : end], record[end:]


class Wire15(Wire14):
    """See the module."""

    version = 6
    forwards: ClassVar[frozenset[int]] = frozenset((6,))

    def features(self, xid: int, dpid: int, buffers: int, tables: int, capabilities: int) -> bytes:
        """OFPT_FEATURES_REPLY, 7.3.1: bundles and flow monitors have bits now."""
        return super().features(xid, dpid, buffers, tables, capabilities | MORE_CAPABILITIES)

    def flow_desc(self, record: bytes) -> bytes:
        """ofp_flow_desc of the data plane's record, 7.3.5.2."""
        _, table, sec, nsec, priority, idle, hard, flags, importance, cookie, packets, octets = RECORD.unpack_from(
            record
        )
        match, instructions = split_record(record)
        counters = statistics(sec, nsec, packets, octets)
        length = FLOW_DESC.size + len(match) + len(counters) + len(instructions)
        head = FLOW_DESC.pack(length, table, priority, idle, hard, flags, importance, cookie)
        return b"".join((head, match, counters, instructions))

    def flow_counters(self, record: bytes, reason: int) -> bytes:
        """ofp_flow_stats of the data plane's record, 7.3.5.3."""
        _, table, sec, nsec, priority, *_, packets, octets = RECORD.unpack_from(record)
        match, _ = split_record(record)
        counters = statistics(sec, nsec, packets, octets)
        length = FLOW_STATS.size + len(match) + len(counters)
        return FLOW_STATS.pack(length, table, reason, priority) + match + counters

    def stat_trigger(self, record: bytes) -> bytes:
        """The OFPMP_FLOW_STATS reply that a trigger sends (7.2.5)."""
        told = self.flow_counters(record, ofp.OFPFSR_STAT_TRIGGER)
        return self.multipart_reply(ofp.OFPMP_FLOW_STATS, 0, 0, [told])

    def flow_removed(self, gone: Removed) -> bytes:
        """OFPT_FLOW_REMOVED, 7.4.2."""
        reason = self.reason(ofp.OFPT_FLOW_REMOVED, gone.reason)
        head = FLOW_REMOVED.pack(
            gone.table_id, reason, gone.priority, gone.idle_timeout, gone.hard_timeout, gone.cookie
        )
        counters = statistics(gone.duration_sec, gone.duration_nsec, gone.packet_count, gone.byte_count)
        return self.message(ofp.OFPT_FLOW_REMOVED, 0, head + gone.match + counters)

    def controller_state(self, conn: Connection, reason: int) -> bytes:
        """ofp_controller_status of one connection, 7.4.8."""
        status = ofp.OFPCT_STATUS_DOWN if conn.closing else ofp.OFPCT_STATUS_UP
        address = pack_property(ofp.OFPCSPT_URI, conn.name.encode())
        length = CONTROLLER_STATUS.size + len(address)
        return CONTROLLER_STATUS.pack(length, conn.short_id, conn.role, reason, status) + address

    def controller_status(self, conn: Connection, reason: int) -> bytes:
        """OFPT_CONTROLLER_STATUS, 7.4.8."""
        return self.message(ofp.OFPT_CONTROLLER_STATUS, 0, self.controller_state(conn, reason))
