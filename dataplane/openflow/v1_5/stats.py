"""What multipart replies of OpenFlow 1.5.1 are made of, as far as it is not as in 1.4 (section 7.3.5)."""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow.v1_3 import stats as v1_3
from triplane.dataplane.openflow.v1_5.groups import GROUP_PROPERTIES, OFPBucket
from triplane.dataplane.openflow.v1_5.instructions import INSTRUCTIONS
from triplane.dataplane.openflow.v1_5.match import OFPMatch
from triplane.dataplane.openflow.v1_5.oxs import OFPStats
from triplane.dataplane.openflow.wire import Record, items, length, match_tail, pad, sizeof, u8, u16, u32, u64


class OFPFlowDesc(Record):
    """A flow entry: all of it."""

    length = length()
    _pad = pad(2)
    table_id: int | None = u8(default=None)
    _pad2 = pad(1)
    priority: int | None = u16(default=None)
    idle_timeout: int | None = u16(default=None)
    hard_timeout: int | None = u16(default=None)
    flags: int | None = u16(default=None)
    importance: int | None = u16(default=None)
    cookie: int | None = u64(default=None)
    match: Any = match_tail(OFPMatch, default=None)
    stats: Any = match_tail(OFPStats, default=None)
    instructions: list[Any] = items(INSTRUCTIONS, default=None)


class OFPFlowStats(Record):
    """A flow entry's counters; `reason` says whether they were asked for or reached a threshold (OFPFSR_*)."""

    length = length()
    _pad = pad(2)
    table_id: int | None = u8(default=None)
    reason: int | None = u8(default=None)
    priority: int | None = u16(default=None)
    match: Any = match_tail(OFPMatch, default=None)
    stats: Any = match_tail(OFPStats, default=None)


class OFPAggregateStats(Record):
    """Sums over flow entries; `length` counts the padding, as in Ryu."""

    _attributes = ("length", "stats")
    stats: Any = match_tail(OFPStats, default=None)

    def __init__(self, stats: Any = None, length: int | None = None) -> None:
        self.stats = OFPStats() if stats is None else stats

    @property
    def length(self) -> int:
        return int(self.stats.length + 7 & ~7)


class OFPGroupDescStats(Record):
    length = length()
    type: int | None = u8(default=None, alias="type_")
    _pad = pad(1)
    group_id: int | None = u32(default=None)
    bucket_array_len = sizeof("buckets")
    _pad2 = pad(6)
    buckets: list[Any] = items(OFPBucket, default=None)
    properties: list[Any] = items(GROUP_PROPERTIES, default=None)


class OFPMeterStats(Record):
    """A meter's counters; `ref_count` flow entries and groups use it."""

    meter_id: int | None = u32(default=None)
    len = length()
    _pad = pad(6)
    ref_count: int | None = u32(default=None)
    packet_in_count: int | None = u64(default=None)
    byte_in_count: int | None = u64(default=None)
    duration_sec: int | None = u32(default=None)
    duration_nsec: int | None = u32(default=None)
    band_stats: list[Any] = items(v1_3.OFPMeterBandStats, default=None)


class OFPMeterDescStats(v1_3.OFPMeterConfigStats):
    """A meter's bands."""


class OFPMeterFeaturesStats(v1_3.OFPMeterFeaturesStats):
    """`features` are OFPMFF_*."""

    features: int = u32()
    _pad2 = pad(4)
