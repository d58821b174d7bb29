"""Ports and their queues (OpenFlow 1.3.5 sections 7.2.1, 7.2.2)."""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow.v1_3 import constants as ofp
from triplane.dataplane.openflow.v1_3 import error_codes as ec
from triplane.dataplane.openflow.wire import (
    Choice,
    Record,
    TupleRecord,
    chars,
    const,
    items,
    length,
    mac,
    numbers,
    pad,
    u16,
    u32,
)

BAD_LEN = (ec.OFPET_BAD_REQUEST, ec.OFPBRC_BAD_LEN)


class OFPPort(TupleRecord):
    """A port as the switch describes it; `name` is bytes, speeds are kbps."""

    port_no: int = u32()
    _pad = pad(4)
    hw_addr: str = mac()
    _pad2 = pad(2)
    name: bytes = chars(ofp.OFP_MAX_PORT_NAME_LEN, "utf-8")
    config: int = u32()
    state: int = u32()
    curr: int = u32()
    advertised: int = u32()
    supported: int = u32()
    peer: int = u32()
    curr_speed: int = u32()
    max_speed: int = u32()


QUEUE_PROPERTIES = Choice(unknown=BAD_LEN, bad_len=BAD_LEN, align=1)


class OFPQueueProp(Record):
    """What a queue property starts with."""

    _choice = QUEUE_PROPERTIES
    property: int = u16(alias="property_")
    len = length()
    _pad = pad(4)

    @classmethod
    def parser(cls, buf: bytes, offset: int) -> Any:
        """The property at `offset`, of whatever class it is."""
        return cls._choice.parser(buf, offset)


OFPQueuePropHeader = OFPQueueProp


class OFPQueuePropMinRate(OFPQueueProp):
    """A guaranteed rate, in tenths of a percent."""

    property = const("H", ofp.OFPQT_MIN_RATE)
    rate: int = u16()
    _pad2 = pad(6)


class OFPQueuePropMaxRate(OFPQueueProp):
    """A rate limit, in tenths of a percent."""

    property = const("H", ofp.OFPQT_MAX_RATE)
    rate: int = u16()
    _pad2 = pad(6)


class OFPQueuePropExperimenter(OFPQueueProp):
    """An experimenter's property; `data` is a list of bytes' values, as in Ryu."""

    property = const("H", ofp.OFPQT_EXPERIMENTER)
    experimenter: int = u32()
    _pad2 = pad(4)
    data: list[int] = numbers("B")


QUEUE_PROPERTIES.classes.update(
    {
        ofp.OFPQT_MIN_RATE: OFPQueuePropMinRate,
        ofp.OFPQT_MAX_RATE: OFPQueuePropMaxRate,
        ofp.OFPQT_EXPERIMENTER: OFPQueuePropExperimenter,
    }
)


class OFPPacketQueue(Record):
    """A queue of a port and its properties."""

    queue_id: int = u32()
    port: int = u32()
    len = length()
    _pad = pad(6)
    properties: list[Any] = items(QUEUE_PROPERTIES)
