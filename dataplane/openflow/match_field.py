"""Match fields as objects: Ryu's interface of before the keywords, which old scripts still use.

`match.fields` lists them, each of a class of its own (`MTEthType`), and a set-field action can be made from one.
"""

from __future__ import annotations

from struct import Struct
from typing import Any, ClassVar

from triplane.dataplane.openflow.oxm import Table
from triplane.dataplane.openflow.text import StringifyMixin
from triplane.dataplane.openflow.v1_3.oxm_fields import OXM
from triplane.dataplane.openflow.values import Kind

_EIGHT_WORDS = Struct("!8H")
_VLAN_VID, _PRESENT = OXM.by_name["vlan_vid"].num, 0x1000
_FORMATS = {"int1": "!B", "int2": "!H", "int3": "!3s", "int4": "!I", "int8": "!Q", "mac": "!6s", "ipv4": "!I"}
_NAMES = (  # of the classes, by field number
    *("MTInPort", "MTInPhyPort", "MTMetadata", "MTEthDst", "MTEthSrc", "MTEthType", "MTVlanVid", "MTVlanPcp"),
    *("MTIPDscp", "MTIPECN", "MTIPProto", "MTIPV4Src", "MTIPV4Dst", "MTTCPSrc", "MTTCPDst", "MTUDPSrc", "MTUDPDst"),
    *("MTSCTPSrc", "MTSCTPDst", "MTICMPV4Type", "MTICMPV4Code", "MTArpOp", "MTArpSpa", "MTArpTpa", "MTArpSha"),
    *("MTArpTha", "MTIPv6Src", "MTIPv6Dst", "MTIPv6Flabel", "MTICMPV6Type", "MTICMPV6Code", "MTIPv6NdTarget"),
    *("MTIPv6NdSll", "MTIPv6NdTll", "MTMplsLabel", "MTMplsTc", "MTMplsBos", "MTPbbIsid", "MTTunnelId", "MTIPv6ExtHdr"),
)


class OFPMatchField(StringifyMixin):
    """One match field: `header` is an OXM_OF_* number; values are ints, bytes, or lists of 16-bit words."""

    _attributes = ("mask", "value")
    _FIELDS_HEADERS: ClassVar[dict[int, type[OFPMatchField]]] = {}  # by header; the name is Ryu's
    pack_str: ClassVar[str]  # of the value

    def __init__(self, header: int, value: Any = None, mask: Any = None) -> None:
        self.header = header
        self.value = value
        self.mask = mask
        self.n_bytes = (header & 0xFF) >> (header >> 8 & 1)

    @property
    def length(self) -> int:
        return 4 + self.oxm_len()

    @staticmethod
    def make(header: int, value: Any, mask: Any = None) -> OFPMatchField:
        """Of the class that the header has."""
        return OFPMatchField._FIELDS_HEADERS.get(header, OFPMatchField)(header, value, mask)

    @classmethod
    def of_wire(cls, header: int, kind: Kind | None, value: bytes, mask: bytes | None) -> OFPMatchField:
        """Of what stands in a TLV."""
        plain = _old(kind, value)
        if header >> 9 == _VLAN_VID:
            plain &= ~_PRESENT  # as in Ryu
        return cls.make(header, plain, None if mask is None else _old(kind, mask))

    def __eq__(self, other: object) -> bool:
        mine = (self.header, self.value, self.mask)
        return isinstance(other, OFPMatchField) and mine == (other.header, other.value, other.mask)

    def __hash__(self) -> int:
        return hash((self.header, str(self.value), str(self.mask)))

    def oxm_len(self) -> int:
        """Bytes of value and mask."""
        return self.header & 0xFF

    def to_bytes(self, table: Table = OXM) -> bytes:
        """The TLV."""
        value = self.value if self.mask is None else (self.value, self.mask)
        return table.by_number[self.header >> 9].encode(value)

    def serialize(self, buf: bytearray, offset: int) -> None:
        """Put the TLV into `buf`."""
        data = self.to_bytes()
        buf.extend(bytes(max(0, offset - len(buf))))
        buf[offset : offset + len(data)] = data


def _old(kind: Kind | None, raw: bytes) -> Any:
    if kind is None or kind.name == "mac":
        return raw
    return list(_EIGHT_WORDS.unpack(raw)) if kind.name == "ipv6" and len(raw) == 16 else int.from_bytes(raw, "big")


def _make(number: int, name: str) -> type[OFPMatchField]:
    field = OXM.by_number[0x8000 << 7 | number]
    made = type(name, (OFPMatchField,), {"pack_str": _FORMATS.get(field.kind.name, "!8H"), "__module__": __name__})
    for header in (field.plain, field.masked):
        OFPMatchField._FIELDS_HEADERS[int.from_bytes(header, "big")] = made
    return made


FIELD_CLASSES = {name: _make(number, name) for number, name in enumerate(_NAMES)}
