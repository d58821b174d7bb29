"""Controller status (OpenFlow 1.5.1 sections 7.3.5.20, 7.4.7): what a switch knows of its controllers."""

from __future__ import annotations

from typing import Any, ClassVar

from triplane.dataplane.openflow.v1_4.properties import (
    EXPERIMENTER,
    OFPPropBase,
    OFPPropCommonExperimenter4ByteData,
    family,
)
from triplane.dataplane.openflow.v1_5 import constants as ofp
from triplane.dataplane.openflow.wire import Record, items, length, pad, rest, u8, u16, u32

STATUS_PROPERTIES = family()


class OFPControllerStatusProp(OFPPropBase):
    _choice = STATUS_PROPERTIES


class OFPControllerStatusPropUri(OFPControllerStatusProp, type=ofp.OFPCSPT_URI):
    """The address of the connection; bytes."""

    _texts: ClassVar[dict[str, str]] = {"uri": "ascii"}
    uri: bytes | str | None = rest(default=None)


class OFPControllerStatusPropExperimenter(OFPPropCommonExperimenter4ByteData, type=EXPERIMENTER):
    _choice = STATUS_PROPERTIES


class OFPControllerStatusStats(Record):
    length = length()
    short_id: int | None = u16(default=None)
    role: int | None = u32(default=None)
    reason: int | None = u8(default=None)
    channel_status: int | None = u8(default=None)
    _pad = pad(6)
    properties: list[Any] = items(STATUS_PROPERTIES, default=None)
