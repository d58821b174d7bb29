"""What multipart replies are made of (OpenFlow 1.3.5 section 7.3.5)."""

from __future__ import annotations

from typing import Any, ClassVar

from triplane.dataplane.openflow.match import OFPMatch
from triplane.dataplane.openflow.v1_3 import constants as ofp
from triplane.dataplane.openflow.v1_3.groups import BANDS, OFPBucket
from triplane.dataplane.openflow.v1_3.instructions import INSTRUCTIONS
from triplane.dataplane.openflow.wire import (
    Record,
    TupleRecord,
    chars,
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
    duration_sec: int | None = u32(default=None)
    duration_nsec: int | None = u32(default=None)
    priority: int | None = u16(default=None)
    idle_timeout: int | None = u16(default=None)
    hard_timeout: int | None = u16(default=None)
    flags: int | None = u16(default=None)
    _pad2 = pad(4)
    cookie: int | None = u64(default=None)
    packet_count: int | None = u64(default=None)
    byte_count: int | None = u64(default=None)
    match: Any = match_tail(OFPMatch, default=None)
    instructions: list[Any] = items(INSTRUCTIONS, default=None)


class OFPAggregateStats(TupleRecord):
    packet_count: int = u64()
    byte_count: int = u64()
    flow_count: int = u32()
    _pad = pad(4)


class OFPTableStats(TupleRecord):
    table_id: int = u8()
    _pad = pad(3)
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
    duration_sec: int = u32()
    duration_nsec: int = u32()


class OFPQueueStats(TupleRecord):
    port_no: int = u32()
    queue_id: int = u32()
    tx_bytes: int = u64()
    tx_packets: int = u64()
    tx_errors: int = u64()
    duration_sec: int = u32()
    duration_nsec: int = u32()


class OFPBucketCounter(Record):
    packet_count: int = u64()
    byte_count: int = u64()


class OFPGroupStats(Record):
    """A group's counters; `length` is the first argument, as in Ryu."""

    _order: ClassVar[tuple[str, ...]] = ("length",)
    length = length()
    _pad = pad(2)
    group_id: int | None = u32(default=None)
    ref_count: int | None = u32(default=None)
    _pad2 = pad(4)
    packet_count: int | None = u64(default=None)
    byte_count: int | None = u64(default=None)
    duration_sec: int | None = u32(default=None)
    duration_nsec: int | None = u32(default=None)
    bucket_stats: list[Any] = items(OFPBucketCounter, default=None)


class OFPGroupDescStats(Record):
    length = length()
    type: int | None = u8(default=None, alias="type_")
    _pad = pad(1)
    group_id: int | None = u32(default=None)
    buckets: list[Any] = items(OFPBucket, default=None)


class OFPGroupFeaturesStats(TupleRecord):
    """`max_groups` and `actions` have one number for each group type."""

    types: int = u32()
    capabilities: int = u32()
    max_groups: list[int] = ints(4)
    actions: list[int] = ints(4)


class OFPMeterBandStats(Record):
    packet_band_count: int = u64()
    byte_band_count: int = u64()


class OFPMeterStats(Record):
    meter_id: int | None = u32(default=None)
    len = length()
    _pad = pad(6)
    flow_count: int | None = u32(default=None)
    packet_in_count: int | None = u64(default=None)
    byte_in_count: int | None = u64(default=None)
    duration_sec: int | None = u32(default=None)
    duration_nsec: int | None = u32(default=None)
    band_stats: list[Any] = items(OFPMeterBandStats, default=None)


class OFPMeterConfigStats(Record):
    length = length()
    flags: int | None = u16(default=None)
    meter_id: int | None = u32(default=None)
    bands: list[Any] = items(BANDS, default=None)


class OFPMeterFeaturesStats(TupleRecord):
    max_meter: int = u32()
    band_types: int = u32()
    capabilities: int = u32()
    max_bands: int = u8()
    max_color: int = u8()
    _pad = pad(2)


class OFPExperimenterMultipart(TupleRecord):
    experimenter: int = u32()
    exp_type: int = u32()
    data: bytes = rest()
