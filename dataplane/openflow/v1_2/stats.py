"""Statistics of OpenFlow 1.2 (section A.3.6). Every reply is an OFPStatsReply, as in Ryu: its type says of what."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Any, ClassVar

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.ofproto_parser import HEADER, MsgBase, MultipartReader
from triplane.dataplane.openflow.v1_2 import constants as ofp
from triplane.dataplane.openflow.v1_2.match import OFPMatch
from triplane.dataplane.openflow.v1_2.messages import MESSAGES
from triplane.dataplane.openflow.v1_3 import constants as v1_3
from triplane.dataplane.openflow.v1_3 import error_codes as ec
from triplane.dataplane.openflow.v1_3.groups import OFPBucket
from triplane.dataplane.openflow.v1_3.instructions import INSTRUCTIONS
from triplane.dataplane.openflow.v1_3.stats import OFPBucketCounter as OFPBucketCounter  # noqa: PLC0414 # exported
from triplane.dataplane.openflow.v1_3.stats import OFPDescStats as OFPDescStats  # noqa: PLC0414
from triplane.dataplane.openflow.wire import (
    Choice,
    Record,
    TupleRecord,
    chars,
    const,
    ints,
    items,
    length,
    match_tail,
    pad,
    rest,
    u8,
    u16,
    u32,
    u64,
)

_HEAD = Struct("!HH4x")  # type, flags
BAD_STAT = (ec.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_STAT)
REQUESTS = Choice(unknown=BAD_STAT, bad_len=(ec.OFPET_BAD_REQUEST, ec.OFPBRC_BAD_LEN))


# requests


class OFPStatsRequest(MsgBase, msg_type=ofp.OFPT_STATS_REQUEST):
    """What every request starts with; no flag is defined."""

    _choice: ClassVar[Choice] = REQUESTS
    _order: ClassVar[tuple[str, ...]] = (
        *("table_id", "port_no", "queue_id", "group_id", "out_port", "out_group"),
        *("cookie", "cookie_mask", "match", "flags"),
    )
    type = const("H")
    flags: int = u16(default=0)
    _pad = pad(4)

    def stringify_attrs(self) -> Iterator[tuple[str, Any]]:
        return ((name, value) for name, value in super().stringify_attrs() if name != "type")

    @classmethod
    def parser(cls, datapath: Any, version: int, msg_type: int, msg_len: int, xid: int, buf: bytes) -> Any:
        """The request, of the class for its type."""
        return MultipartReader(REQUESTS)._read(bytes(buf), datapath, version, msg_type, msg_len, xid)


class OFPDescStatsRequest(OFPStatsRequest, type=ofp.OFPST_DESC):
    pass


class OFPFlowStatsRequest(OFPStatsRequest, type=ofp.OFPST_FLOW):
    """Chooses flow entries: by table, output, cookie and (non-strict) match."""

    table_id: int = u8(default=v1_3.OFPTT_ALL)
    _pad2 = pad(3)
    out_port: int = u32(default=v1_3.OFPP_ANY)
    out_group: int = u32(default=v1_3.OFPG_ANY)
    _pad3 = pad(4)
    cookie: int = u64(default=0)
    cookie_mask: int = u64(default=0)
    match: Any = match_tail(OFPMatch, strict=True, default=None)


class OFPAggregateStatsRequest(OFPFlowStatsRequest, type=ofp.OFPST_AGGREGATE):
    pass


class OFPTableStatsRequest(OFPStatsRequest, type=ofp.OFPST_TABLE):
    pass


class OFPPortStatsRequest(OFPStatsRequest, type=ofp.OFPST_PORT):
    port_no: int = u32(default=v1_3.OFPP_ANY)
    _pad2 = pad(4)


class OFPQueueStatsRequest(OFPStatsRequest, type=ofp.OFPST_QUEUE):
    port_no: int = u32(default=v1_3.OFPP_ANY)
    queue_id: int = u32(default=v1_3.OFPQ_ALL)


class OFPGroupStatsRequest(OFPStatsRequest, type=ofp.OFPST_GROUP):
    group_id: int = u32(default=v1_3.OFPG_ALL)
    _pad2 = pad(4)


class OFPGroupDescStatsRequest(OFPStatsRequest, type=ofp.OFPST_GROUP_DESC):
    pass


class OFPGroupFeaturesStatsRequest(OFPStatsRequest, type=ofp.OFPST_GROUP_FEATURES):
    pass


# what replies are made of


class OFPFlowStats(Record):
    """A flow entry and its counters."""

    length = length()
    table_id: int = u8()
    _pad = pad(1)
    duration_sec: int = u32()
    duration_nsec: int = u32()
    priority: int = u16()
    idle_timeout: int = u16()
    hard_timeout: int = u16()
    _pad2 = pad(6)
    cookie: int = u64()
    packet_count: int = u64()
    byte_count: int = u64()
    match: Any = match_tail(OFPMatch)
    instructions: list[Any] = items(INSTRUCTIONS, default=None)


class OFPAggregateStatsReply(TupleRecord):
    """Not a message: the body of the reply has this name in Ryu."""

    packet_count: int = u64()
    byte_count: int = u64()
    flow_count: int = u32()
    _pad = pad(4)


class OFPTableStats(TupleRecord):
    """A table: what it takes, as bits, and its counters."""

    table_id: int = u8()
    _pad = pad(7)
    name: bytes = chars(v1_3.OFP_MAX_TABLE_NAME_LEN, "utf-8")
    match: int = u64()
    wildcards: int = u64()
    write_actions: int = u32()
    apply_actions: int = u32()
    write_setfields: int = u64()
    apply_setfields: int = u64()
    metadata_match: int = u64()
    metadata_write: int = u64()
    instructions: int = u32()
    config: int = u32()
    max_entries: int = u32()
    active_count: int = u32()
    lookup_count: int = u64()
    matched_count: int = u64()


class OFPPortStats(TupleRecord):
    port_no: int = u32()
    _pad = pad(4)
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
    port_no: int = u32()
    queue_id: int = u32()
    tx_bytes: int = u64()
    tx_packets: int = u64()
    tx_errors: int = u64()


class OFPGroupStats(Record):
    """A group's counters."""

    length = length()
    _pad = pad(2)
    group_id: int = u32()
    ref_count: int = u32()
    _pad2 = pad(4)
    packet_count: int = u64()
    byte_count: int = u64()
    bucket_counters: list[Any] = items(OFPBucketCounter)


class OFPGroupDescStats(Record):
    length = length()
    type: int = u8(alias="type_")
    _pad = pad(1)
    group_id: int = u32()
    buckets: list[Any] = items(OFPBucket)


class OFPGroupFeaturesStats(Record):
    """`max_groups` and `actions` have one number for each group type."""

    types: int = u32()
    capabilities: int = u32()
    max_groups: list[int] = ints(4)
    actions: list[int] = ints(4)
    _attributes: ClassVar[tuple[str, ...]] = ("actions", "capabilities", "length", "max_groups", "types")

    def __init__(
        self, types: int, capabilities: int, max_groups: list[int], actions: list[int], length: int | None = None
    ) -> None:
        self.types, self.capabilities = types, capabilities
        self.max_groups, self.actions = max_groups, actions

    @property
    def length(self) -> int:
        return self._size


BODIES: dict[int, tuple[Any, bool]] = {  # by type: records of which class, and whether there is but one
    ofp.OFPST_DESC: (OFPDescStats, True),
    ofp.OFPST_FLOW: (OFPFlowStats, False),
    ofp.OFPST_AGGREGATE: (OFPAggregateStatsReply, True),
    ofp.OFPST_TABLE: (OFPTableStats, False),
    ofp.OFPST_PORT: (OFPPortStats, False),
    ofp.OFPST_QUEUE: (OFPQueueStats, False),
    ofp.OFPST_GROUP: (OFPGroupStats, False),
    ofp.OFPST_GROUP_DESC: (OFPGroupDescStats, False),
    ofp.OFPST_GROUP_FEATURES: (OFPGroupFeaturesStats, True),
}


class OFPStatsReply(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_STATS_REPLY):
    """`body` is a list of records, or the one record of a reply that has just one. `flags`: OFPSF_REPLY_MORE or 0."""

    type: int | None = u16(default=None, alias="type_")
    flags: int | None = u16(default=0)
    _pad = pad(4)
    body: Any = rest(default=None)

    def _after_read(self) -> None:
        cls, single = BODIES.get(self.type or 0, (None, False))
        if cls is None:
            raise OpenFlowError(*BAD_STAT)
        found = cls.read_list(self.body, 0, len(self.body))
        if single and len(found) != 1:
            raise OpenFlowError(*REQUESTS.bad_len)
        self.body = found[0] if single else found

    def _pack(self) -> bytes:
        records = self.body if isinstance(self.body, list) else [self.body]
        body = b"".join(item if isinstance(item, bytes) else item._pack() for item in records if item is not None)
        size = HEADER.size + _HEAD.size + len(body)
        self.set_headers(self.datapath.ofproto.OFP_VERSION, self.cls_msg_type, size, self.xid or 0)
        head = HEADER.pack(self.version, self.msg_type, self.msg_len, self.xid)
        return head + _HEAD.pack(self.type, self.flags) + body


MESSAGES.classes[ofp.OFPT_STATS_REQUEST] = MultipartReader(REQUESTS)
