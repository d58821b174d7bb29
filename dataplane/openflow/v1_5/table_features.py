"""Table features of OpenFlow 1.5.1 (section 7.3.5.18): flags, commands, packet types, fields to copy."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Any, ClassVar, Self

from triplane.dataplane.openflow.field_list import FieldList
from triplane.dataplane.openflow.match import oxm_from_jsondict, oxm_to_jsondict
from triplane.dataplane.openflow.v1_4 import table_features as v1_4
from triplane.dataplane.openflow.v1_5 import constants as ofp
from triplane.dataplane.openflow.v1_5.match import OFPMatch
from triplane.dataplane.openflow.v1_5.oxm_fields import OXM
from triplane.dataplane.openflow.wire import Record, chars, items, length, u8, u32, u64

PROPERTIES = v1_4.PROPERTIES.derive()
_PROPERTY = Struct("!HH")


class OFPOxmId(v1_4.OFPOxmId):
    """A field. `length` is that of its value (and mask), as in Ryu's 1.5."""

    _oxm = OXM

    def _pack(self) -> bytes:
        if not self.length:
            field = self._oxm.named(self.type)
            self.length = len(field.prefix) + (field.kind.size << int(self.hasmask))
        return super()._pack()


class OFPExperimenterOxmId(v1_4.OFPExperimenterOxmId):
    _oxm = OXM


OFPOxmId._of_experimenter = OFPExperimenterOxmId

OXM_PROPERTIES = (
    *v1_4.OXM_PROPERTIES,
    ofp.OFPTFPT_WRITE_COPYFIELD,
    ofp.OFPTFPT_WRITE_COPYFIELD_MISS,
    ofp.OFPTFPT_APPLY_COPYFIELD,
    ofp.OFPTFPT_APPLY_COPYFIELD_MISS,
)


class OFPTableFeaturePropOxm(v1_4.OFPTableFeaturePropOxm, types=OXM_PROPERTIES):
    _choice = PROPERTIES
    oxm_ids: list[Any] = items(OFPOxmId, default=None)


class OFPTableFeaturePropOxmValues(FieldList):
    """Fields with their values: `OFPTableFeaturePropOxmValues(packet_type=0)`."""

    _oxm = OXM

    def __init__(
        self,
        type_: int | None = None,
        length: int | None = None,
        _ordered_values: list[tuple[str, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        self.type = type_
        self._wire = OFPMatch(_ordered_fields=_ordered_values, **kwargs).fields_bytes
        self._user = None

    def _pack(self) -> bytes:
        return _PROPERTY.pack(self.type, self.length) + self._wire + bytes(-self.length % 8)

    @classmethod
    def _read(cls, buf: bytes, start: int, end: int) -> Self:
        made = cls.from_fields(buf[start + _PROPERTY.size : end])
        made.type = _PROPERTY.unpack_from(buf, start)[0]
        return made

    @property
    def oxm_values(self) -> list[tuple[str, Any]]:
        """Names and values, in the order of the wire."""
        return self.items()

    def stringify_attrs(self) -> Iterator[tuple[str, Any]]:
        yield "oxm_values", dict(self.items())

    def to_jsondict(self, *_: Any) -> dict[str, Any]:
        values = [oxm_to_jsondict(name, value) for name, value in self.items()]
        return {"OFPTableFeaturePropOxmValues": {"length": self.length, "oxm_values": values, "type": self.type}}

    @classmethod
    def from_jsondict(cls, dict_: dict[str, Any], *_: Any, **__: Any) -> Self:
        return cls(dict_["type"], _ordered_values=[oxm_from_jsondict(value) for value in dict_["oxm_values"]])


PROPERTIES.classes[ofp.OFPTFPT_PACKET_TYPES] = OFPTableFeaturePropOxmValues


class OFPTableFeaturesStats(Record):
    """One table: what it takes, and its size; `command` (OFPTFC_*) and `features` (OFPTFF_*) change the pipeline."""

    _bad_len: ClassVar[tuple[int, int]] = v1_4.OFPTableFeaturesStats._bad_len
    length = length()
    table_id: int | None = u8(default=None)
    command: int | None = u8(default=None)
    features: int | None = u32(default=None)
    name: bytes | None = chars(ofp.OFP_MAX_TABLE_NAME_LEN, "utf-8", default=None)
    metadata_match: int | None = u64(default=None)
    metadata_write: int | None = u64(default=None)
    capabilities: int | None = u32(default=None)
    max_entries: int | None = u32(default=None)
    properties: list[Any] = items(PROPERTIES, default=None)
