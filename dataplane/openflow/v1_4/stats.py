"""What multipart replies of OpenFlow 1.4.1 are made of, as far as it is not as in 1.3 (section 7.3.5)."""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow.v1_3 import stats as v1_3
from triplane.dataplane.openflow.v1_4.groups import OFPBucket
from triplane.dataplane.openflow.v1_4.instructions import INSTRUCTIONS
from triplane.dataplane.openflow.v1_4.match import OFPMatch
from triplane.dataplane.openflow.wire import Record, items, length, match_tail, pad, u8, u16, u32, u64


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
    importance: int | None = u16(default=None)
    _pad2 = pad(2)
    cookie: int | None = u64(default=None)
    packet_count: int | None = u64(default=None)
    byte_count: int | None = u64(default=None)
    match: Any = match_tail(OFPMatch, default=None)
    instructions: list[Any] = items(INSTRUCTIONS, default=None)


class OFPGroupDescStats(v1_3.OFPGroupDescStats):
    buckets: list[Any] = items(OFPBucket, default=None)
