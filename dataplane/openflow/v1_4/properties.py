"""What 1.4's properties have in common: a type, a length without the padding, padding to 8 (1.4.1 section 7.2.8)."""

from __future__ import annotations

from typing import ClassVar

from triplane.dataplane.openflow.v1_4 import error_codes as ec
from triplane.dataplane.openflow.wire import Choice, Record, length, numbers, rest, u16, u32

BAD_TYPE = (ec.OFPET_BAD_PROPERTY, ec.OFPBPC_BAD_TYPE)
BAD_LEN = (ec.OFPET_BAD_PROPERTY, ec.OFPBPC_BAD_LEN)
EXPERIMENTER = 0xFFFF  # OFP*PT_EXPERIMENTER of each family


class OFPPropBase(Record):
    """Type and length, which every property starts with, and which come first in its constructor."""

    _bad_len = BAD_LEN
    _pad_to_8 = "uncounted"
    _order: ClassVar[tuple[str, ...]] = ("type", "length")
    type: int | None = u16(default=None, alias="type_")
    length = length()


class OFPPropUnknown(OFPPropBase):
    """A property of a type that is not known, kept as bytes."""

    buf: bytes | None = rest(default=None)


class OFPPropCommonExperimenter4ByteData(OFPPropBase):
    """An experimenter's property; `data` is a list of u32, as in Ryu."""

    experimenter: int | None = u32(default=None)
    exp_type: int | None = u32(default=None)
    data: list[int] = numbers("I", default=None)


def family() -> Choice:
    """A family of properties. What an extension defines is passed on as it stands."""
    choice = Choice(unknown=BAD_TYPE, bad_len=BAD_LEN, align=1, default=OFPPropUnknown)
    choice.padded = True
    return choice
