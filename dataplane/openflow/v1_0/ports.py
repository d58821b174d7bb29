"""Ports and their queues (OpenFlow 1.0.0 sections 5.2.1, 5.2.2)."""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow.v1_0 import constants as ofp
from triplane.dataplane.openflow.v1_0 import error_codes as ec
from triplane.dataplane.openflow.wire import (
    Choice,
    Record,
    TupleRecord,
    chars,
    const,
    items,
    length,
    mac,
    pad,
    u16,
    u32,
)

BAD_LEN = (ec.OFPET_BAD_REQUEST, ec.OFPBRC_BAD_LEN)


class OFPPhyPort(TupleRecord):
    """A port as the switch describes it; `name` is bytes."""

    port_no: int = u16()
    hw_addr: str = mac()
    name: bytes = chars(ofp.OFP_MAX_PORT_NAME_LEN, "utf-8")
    config: int = u32()
    state: int = u32()
    curr: int = u32()
    advertised: int = u32()
    supported: int = u32()
    peer: int = u32()


QUEUE_PROPERTIES = Choice(unknown=BAD_LEN, bad_len=BAD_LEN)


class OFPQueuePropHeader(Record):
    """What a queue property starts with."""

    _choice = QUEUE_PROPERTIES
    property = const("H")
    len = length()
    _pad = pad(4)


class OFPQueuePropNone(OFPQueuePropHeader):
    property = const("H", ofp.OFPQT_NONE)


class OFPQueuePropMinRate(OFPQueuePropHeader):
    """A guaranteed rate, in tenths of a percent."""

    property = const("H", ofp.OFPQT_MIN_RATE)
    rate: int = u16()
    _pad2 = pad(6)


QUEUE_PROPERTIES.classes.update({ofp.OFPQT_NONE: OFPQueuePropNone, ofp.OFPQT_MIN_RATE: OFPQueuePropMinRate})


class OFPPacketQueue(Record):
    """A queue of a port and its properties."""

    queue_id: int = u32()
    len = length()
    _pad = pad(2)
    properties: list[Any] = items(QUEUE_PROPERTIES, default=None)

    def __init__(self, queue_id: int, len_: int | None = None, properties: list[Any] | None = None) -> None:
        self.queue_id = queue_id
        self.len = len_
        self.properties = properties or []
