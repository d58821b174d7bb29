"""Nicira's statistics in OpenFlow 1.0: flows with NXM matches (Open vSwitch, nicira-ext.h)."""

from __future__ import annotations

from struct import Struct
from typing import Any

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.ofproto_common import NX_EXPERIMENTER_ID
from triplane.dataplane.openflow.v1_0 import constants as ofp
from triplane.dataplane.openflow.v1_0 import nicira_constants as nx
from triplane.dataplane.openflow.v1_0.actions import ACTIONS
from triplane.dataplane.openflow.v1_0.nicira import NXMatch
from triplane.dataplane.openflow.v1_0.stats import (
    REPLIES,
    REQUESTS,
    OFPStatsReply,
    OFPStatsRequest,
    OFPVendorStatsReply,
    OFPVendorStatsRequest,
)
from triplane.dataplane.openflow.wire import (
    Record,
    TupleRecord,
    const,
    fields_tail,
    items,
    length,
    pad,
    sizeof,
    u8,
    u16,
    u32,
    u64,
)

_NICIRA = Struct("!II")


class NXFlowStats(Record):
    """A flow entry and its counters; ages are seconds since it was used and since it changed."""

    length = length()
    table_id: int | None = u8(default=None)
    _pad = pad(1)
    duration_sec: int | None = u32(default=None)
    duration_nsec: int | None = u32(default=None)
    priority: int | None = u16(default=None)
    idle_timeout: int | None = u16(default=None)
    hard_timeout: int | None = u16(default=None)
    match_len = sizeof("match")
    idle_age: int | None = u16(default=None)
    hard_age: int | None = u16(default=None)
    cookie: int | None = u64(default=None)
    packet_count: int | None = u64(default=None)
    byte_count: int | None = u64(default=None)
    match: Any = fields_tail(NXMatch, default=None)
    actions: list[Any] = items(ACTIONS, default=None)

    @property
    def fields(self) -> list[Any]:
        """The match's fields by header, as Ryu has them."""
        return [] if self.match is None else list(self.match.fields)


class NXAggregateStats(TupleRecord):
    packet_count: int = u64()
    byte_count: int = u64()
    flow_count: int = u32()
    _pad = pad(4)


class NXStatsRequest(OFPStatsRequest):
    """What Nicira's requests start with."""

    type = const("H", ofp.OFPST_VENDOR)
    vendor = const("I", NX_EXPERIMENTER_ID)
    subtype = const("I")
    _pad_nx = pad(4)


class NXFlowStatsRequest(NXStatsRequest):
    """Chooses flow entries by match, table and output."""

    subtype = const("I", nx.NXST_FLOW)
    out_port: int = u16(default=ofp.OFPP_NONE)
    match_len = sizeof("rule")
    table_id: int = u8(default=0xFF)
    _pad_table = pad(3)
    rule: Any = fields_tail(NXMatch, default=None)


class NXAggregateStatsRequest(NXFlowStatsRequest):
    subtype = const("I", nx.NXST_AGGREGATE)


class NXStatsReply(OFPStatsReply):
    """What Nicira's replies start with."""

    type = const("H", ofp.OFPST_VENDOR)
    vendor = const("I", NX_EXPERIMENTER_ID)
    subtype = const("I")
    _pad_nx = pad(4)


class NXFlowStatsReply(NXStatsReply):
    subtype = const("I", nx.NXST_FLOW)
    body: list[Any] = items(NXFlowStats, default=None)


class NXAggregateStatsReply(NXStatsReply):
    """A list of one, as in Ryu."""

    subtype = const("I", nx.NXST_AGGREGATE)
    body: list[Any] = items(NXAggregateStats, default=None)


class _Reader:
    """Stands for the class of vendors' statistics where messages are read: it chooses the class by the subtype."""

    def __init__(self, other: Any, nicira: dict[int, Any]) -> None:
        self.other = other
        self.nicira = nicira

    def _read(self, buf: bytes, datapath: Any, version: int, msg_type: int, msg_len: int, xid: int) -> Any:
        if msg_len < 16:
            raise OpenFlowError(*REQUESTS.bad_len)
        cls = self.other
        if msg_len >= 20:
            vendor, subtype = _NICIRA.unpack_from(buf, 12)
            cls = self.nicira.get(subtype, cls) if vendor == NX_EXPERIMENTER_ID else cls
        return cls._read(buf, datapath, version, msg_type, msg_len, xid)


NICIRA_REQUESTS: dict[int, Any] = {nx.NXST_FLOW: NXFlowStatsRequest, nx.NXST_AGGREGATE: NXAggregateStatsRequest}
NICIRA_REPLIES: dict[int, Any] = {nx.NXST_FLOW: NXFlowStatsReply, nx.NXST_AGGREGATE: NXAggregateStatsReply}
REQUESTS.classes[ofp.OFPST_VENDOR] = _Reader(OFPVendorStatsRequest, NICIRA_REQUESTS)
REPLIES.classes[ofp.OFPST_VENDOR] = _Reader(OFPVendorStatsReply, NICIRA_REPLIES)
