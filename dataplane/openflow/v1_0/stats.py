"""Statistics requests and replies (OpenFlow 1.0.0 section 5.3.5)."""

from __future__ import annotations

from typing import Any, ClassVar

from triplane.dataplane.openflow.ofproto_parser import MsgBase, MultipartReader
from triplane.dataplane.openflow.v1_0 import constants as ofp
from triplane.dataplane.openflow.v1_0 import error_codes as ec
from triplane.dataplane.openflow.v1_0.actions import ACTIONS
from triplane.dataplane.openflow.v1_0.match import OFPMatch
from triplane.dataplane.openflow.v1_0.messages import MESSAGES
from triplane.dataplane.openflow.wire import (
    Choice,
    Record,
    TupleRecord,
    chars,
    const,
    items,
    length,
    nested,
    one,
    pad,
    rest,
    u8,
    u16,
    u32,
    u64,
)

SHORTEST = 12  # bytes: header, type, flags
BAD_STAT = (ec.OFPET_BAD_REQUEST, ec.OFPBRC_BAD_STAT)
BAD_LEN = (ec.OFPET_BAD_REQUEST, ec.OFPBRC_BAD_LEN)
REQUESTS = Choice(unknown=BAD_STAT, bad_len=BAD_LEN)
REPLIES = Choice(unknown=BAD_STAT, bad_len=BAD_LEN)


# what replies are made of


class OFPDescStats(TupleRecord):
    """Who made the switch; bytes."""

    mfr_desc: bytes = chars(ofp.DESC_STR_LEN, "ascii")
    hw_desc: bytes = chars(ofp.DESC_STR_LEN, "ascii")
    sw_desc: bytes = chars(ofp.DESC_STR_LEN, "ascii")
    serial_num: bytes = chars(ofp.SERIAL_NUM_LEN, "ascii")
    dp_desc: bytes = chars(ofp.DESC_STR_LEN, "ascii")


class OFPFlowStats(Record):
    """A flow entry and its counters."""

    length = length()
    table_id: int | None = u8(default=None)
    _pad = pad(1)
    match: Any = nested(OFPMatch, default=None)
    duration_sec: int | None = u32(default=None)
    duration_nsec: int | None = u32(default=None)
    priority: int | None = u16(default=None)
    idle_timeout: int | None = u16(default=None)
    hard_timeout: int | None = u16(default=None)
    _pad2 = pad(6)
    cookie: int | None = u64(default=None)
    packet_count: int | None = u64(default=None)
    byte_count: int | None = u64(default=None)
    actions: list[Any] = items(ACTIONS, default=None)


class OFPAggregateStats(TupleRecord):
    packet_count: int = u64()
    byte_count: int = u64()
    flow_count: int = u32()
    _pad = pad(4)


class OFPTableStats(TupleRecord):
    """A table; `wildcards` are those it can do."""

    table_id: int = u8()
    _pad = pad(3)
    name: bytes = chars(ofp.OFP_MAX_TABLE_NAME_LEN, "utf-8")
    wildcards: int = u32()
    max_entries: int = u32()
    active_count: int = u32()
    lookup_count: int = u64()
    matched_count: int = u64()


class OFPPortStats(TupleRecord):
    port_no: int = u16()
    _pad = pad(6)
    rx_packets: int = u64()
    tx_packets: int = u64()
    rx_bytes: int = u64()
    tx_bytes: int = u64()
    rx_dropped: int = u64()
    tx_dropped: int = u64()
    rx_errors: int = u64()
    tx_errors: int = u64()
    rx_frame_err: int = u64()
    rx_over_err: int = u64()
    rx_crc_err: int = u64()
    collisions: int = u64()


class OFPQueueStats(TupleRecord):
    port_no: int = u16()
    _pad = pad(2)
    queue_id: int = u32()
    tx_bytes: int = u64()
    tx_packets: int = u64()
    tx_errors: int = u64()


class OFPVendorStats(TupleRecord):
    """What a vendor says, its id first."""

    specific_data: bytes = rest()


# messages


class _Stats(MsgBase):
    _choice: ClassVar[Choice]

    @classmethod
    def parser(cls, datapath: Any, version: int, msg_type: int, msg_len: int, xid: int, buf: bytes) -> Any:
        """The message, of the class for its type; its data reaches to the end of `buf`."""
        found = MultipartReader(cls._choice, SHORTEST)._read(bytes(buf), datapath, version, msg_type, len(buf), xid)
        found.msg_len = msg_len
        return found


class OFPStatsRequest(_Stats, msg_type=ofp.OFPT_STATS_REQUEST):
    """What every request starts with; no flag is defined."""

    _choice = REQUESTS
    type = const("H")
    flags: int = u16(default=0)


class OFPDescStatsRequest(OFPStatsRequest, type=ofp.OFPST_DESC):
    pass


class OFPFlowStatsRequestBase(OFPStatsRequest):
    """Chooses flow entries: by match (not strict), table and output."""

    match: Any = nested(OFPMatch, default=None)
    table_id: int = u8(default=0xFF)
    _pad = pad(1)
    out_port: int = u16(default=ofp.OFPP_NONE)


class OFPFlowStatsRequest(OFPFlowStatsRequestBase, type=ofp.OFPST_FLOW):
    pass


class OFPAggregateStatsRequest(OFPFlowStatsRequestBase, type=ofp.OFPST_AGGREGATE):
    pass


class OFPTableStatsRequest(OFPStatsRequest, type=ofp.OFPST_TABLE):
    pass


class OFPPortStatsRequest(OFPStatsRequest, type=ofp.OFPST_PORT):
    port_no: int = u16(default=ofp.OFPP_NONE)
    _pad = pad(6)


class OFPQueueStatsRequest(OFPStatsRequest, type=ofp.OFPST_QUEUE):
    port_no: int = u16(default=ofp.OFPP_ALL)
    _pad = pad(2)
    queue_id: int = u32(default=ofp.OFPQ_ALL)


class OFPVendorStatsRequest(OFPStatsRequest, type=ofp.OFPST_VENDOR):
    vendor: int | None = u32(default=None)
    specific_data: bytes | None = rest(default=None)


class OFPStatsReply(_Stats, msg_type=ofp.OFPT_STATS_REPLY):
    """What every reply starts with; `flags` is OFPSF_REPLY_MORE or 0.

    `body` is a list, or the one record of a reply that has just one. A list may hold records that are bytes already.
    """

    _choice = REPLIES
    _order: ClassVar[tuple[str, ...]] = ("body", "flags")
    type = const("H")
    flags: int = u16(default=0)


class OFPDescStatsReply(OFPStatsReply, type=ofp.OFPST_DESC):
    body: Any = one(OFPDescStats, default=None)


class OFPFlowStatsReply(OFPStatsReply, type=ofp.OFPST_FLOW):
    body: list[Any] = items(OFPFlowStats, default=None)


class OFPAggregateStatsReply(OFPStatsReply, type=ofp.OFPST_AGGREGATE):
    """A list of one, as in Ryu."""

    body: list[Any] = items(OFPAggregateStats, default=None)


class OFPTableStatsReply(OFPStatsReply, type=ofp.OFPST_TABLE):
    body: list[Any] = items(OFPTableStats, default=None)


class OFPPortStatsReply(OFPStatsReply, type=ofp.OFPST_PORT):
    body: list[Any] = items(OFPPortStats, default=None)


class OFPQueueStatsReply(OFPStatsReply, type=ofp.OFPST_QUEUE):
    body: list[Any] = items(OFPQueueStats, default=None)


class OFPVendorStatsReply(OFPStatsReply, type=ofp.OFPST_VENDOR):
    body: Any = one(OFPVendorStats, default=None)


MESSAGES.classes[ofp.OFPT_STATS_REQUEST] = MultipartReader(REQUESTS, SHORTEST)
MESSAGES.classes[ofp.OFPT_STATS_REPLY] = MultipartReader(REPLIES, SHORTEST)
