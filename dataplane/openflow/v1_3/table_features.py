"""Table features and their properties (OpenFlow 1.3.5 section 7.3.5.5)."""

from __future__ import annotations

from struct import Struct
from typing import Any, ClassVar

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.oxm import Table
from triplane.dataplane.openflow.v1_3 import constants as ofp
from triplane.dataplane.openflow.v1_3 import error_codes as ec
from triplane.dataplane.openflow.v1_3.oxm_fields import OXM
from triplane.dataplane.openflow.wire import Choice, Record, chars, items, length, numbers, pad, u8, u16, u32, u64

BAD_LEN = (ec.OFPET_TABLE_FEATURES_FAILED, ec.OFPTFFC_BAD_LEN)
BAD_TYPE = (ec.OFPET_TABLE_FEATURES_FAILED, ec.OFPTFFC_BAD_TYPE)
_OXM_EXPERIMENTER = Struct("!II")
_OXM = Struct("!I")

PROPERTIES = Choice(unknown=BAD_TYPE, bad_len=BAD_LEN, align=1)
PROPERTIES.padded = True


class OFPInstructionId(Record):
    """An instruction that a table takes: its type and length only."""

    _bad_len = BAD_LEN
    type: int = u16(alias="type_")
    len = length()


class OFPActionId(Record):
    """An action that a table takes: its type and length only."""

    _bad_len = BAD_LEN
    type: int = u16(alias="type_")
    len = length()


class OFPOxmId(Record):
    """A field that a table takes. `type` is its name; `length` is 0 unless told otherwise, as in Ryu."""

    _oxm: ClassVar[Table] = OXM
    _of_experimenter: ClassVar[Any]
    _attributes: ClassVar[tuple[str, ...]] = ("hasmask", "length", "type")
    _texts: ClassVar[dict[str, str]] = {"type": "ascii"}

    def __init__(self, type_: str, hasmask: bool | int = False, length: int | None = None) -> None:
        self.type = type_
        self.hasmask = hasmask
        self.length = length

    def _pack(self) -> bytes:
        self.length = self.length or 0
        plain = self._oxm.named(self.type).plain
        header = int.from_bytes(plain[:4], "big") & ~0x1FF | int(self.hasmask) << 8 | self.length
        return _OXM.pack(header)

    @classmethod
    def _end(cls, buf: bytes, start: int, limit: int) -> int:
        experimenter = limit - start >= 4 and buf[start] == 0xFF and buf[start + 1] == 0xFF
        end = start + (8 if experimenter else 4)
        if end > limit:
            raise OpenFlowError(*BAD_LEN)
        return end

    @classmethod
    def _read(cls, buf: bytes, start: int, end: int) -> Any:
        (header,) = _OXM.unpack_from(buf, start)
        mask, size = header >> 8 & 1, header & 0xFF
        if end - start == 8:
            experimenter = _OXM_EXPERIMENTER.unpack_from(buf, start)[1]
            field = cls._oxm.by_number.get((experimenter, header >> 9))
            return cls._of_experimenter(field.name if field else f"field_{header >> 9}", experimenter, mask, size)
        field = cls._oxm.by_number.get(header >> 9)
        return cls(field.name if field else f"field_{header >> 9}", mask, size)


class OFPExperimenterOxmId(OFPOxmId):
    """A field of an experimenter."""

    _attributes: ClassVar[tuple[str, ...]] = ("exp_id", "hasmask", "length", "type")

    def __init__(self, type_: str, exp_id: int, hasmask: bool | int = False, length: int | None = None) -> None:
        super().__init__(type_, hasmask, length)
        self.exp_id = exp_id

    def _pack(self) -> bytes:
        return super()._pack() + self.exp_id.to_bytes(4, "big")


OFPOxmId._of_experimenter = OFPExperimenterOxmId


class OFPTableFeatureProp(Record):
    """What every property starts with. Its length leaves the padding out."""

    _choice = PROPERTIES
    _bad_len = BAD_LEN
    _pad_to_8 = "uncounted"
    _order: ClassVar[tuple[str, ...]] = ("type", "length")
    type: int | None = u16(default=None, alias="type_")
    length = length()


class OFPTableFeaturePropInstructions(
    OFPTableFeatureProp, types=(ofp.OFPTFPT_INSTRUCTIONS, ofp.OFPTFPT_INSTRUCTIONS_MISS)
):
    instruction_ids: list[Any] = items(OFPInstructionId, default=None)


class OFPTableFeaturePropNextTables(OFPTableFeatureProp, types=(ofp.OFPTFPT_NEXT_TABLES, ofp.OFPTFPT_NEXT_TABLES_MISS)):
    """`table_ids` is a list of ints."""

    table_ids: list[int] = numbers("B", default=None)


class OFPTableFeaturePropActions(
    OFPTableFeatureProp,
    types=(
        ofp.OFPTFPT_WRITE_ACTIONS,
        ofp.OFPTFPT_WRITE_ACTIONS_MISS,
        ofp.OFPTFPT_APPLY_ACTIONS,
        ofp.OFPTFPT_APPLY_ACTIONS_MISS,
    ),
):
    action_ids: list[Any] = items(OFPActionId, default=None)


class OFPTableFeaturePropOxm(
    OFPTableFeatureProp,
    types=(
        ofp.OFPTFPT_MATCH,
        ofp.OFPTFPT_WILDCARDS,
        ofp.OFPTFPT_WRITE_SETFIELD,
        ofp.OFPTFPT_WRITE_SETFIELD_MISS,
        ofp.OFPTFPT_APPLY_SETFIELD,
        ofp.OFPTFPT_APPLY_SETFIELD_MISS,
    ),
):
    oxm_ids: list[Any] = items(OFPOxmId, default=None)


class OFPTableFeaturePropExperimenter(
    OFPTableFeatureProp, types=(ofp.OFPTFPT_EXPERIMENTER, ofp.OFPTFPT_EXPERIMENTER_MISS)
):
    """`data` is a list of u32, as in Ryu."""

    experimenter: int | None = u32(default=None)
    exp_type: int | None = u32(default=None)
    data: list[int] = numbers("I", default=None)


class OFPTableFeaturesStats(Record):
    """One table: what it takes, and its size."""

    _bad_len = BAD_LEN
    length = length()
    table_id: int | None = u8(default=None)
    _pad = pad(5)
    name: bytes | None = chars(ofp.OFP_MAX_TABLE_NAME_LEN, "utf-8", default=None)
    metadata_match: int | None = u64(default=None)
    metadata_write: int | None = u64(default=None)
    config: int | None = u32(default=None)
    max_entries: int | None = u32(default=None)
    properties: list[Any] = items(PROPERTIES, default=None)
