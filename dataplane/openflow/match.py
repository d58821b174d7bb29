"""OFPMatch: the OXM match of OpenFlow 1.2 and later (1.3.5 section 7.2.3), as Ryu has it.

A match is kept as it stands on the wire; names and values are made when someone looks. So a packet-in whose match
nobody reads costs nothing, and a match built from keywords is encoded once.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from struct import Struct
from typing import Any, ClassVar, Self

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.field_list import FieldList
from triplane.dataplane.openflow.match_field import OFPMatchField as OFPMatchField  # noqa: PLC0414 # as it was
from triplane.dataplane.openflow.oxm import Table
from triplane.dataplane.openflow.v1_3 import error_codes as ec
from triplane.dataplane.openflow.v1_3.oxm_fields import OXM

OFPMT_OXM = 1
_HEADER = Struct("!HH")
_TLV = Struct("!I")
_PADDING = tuple(bytes(size) for size in range(8))


class OFPMatch(FieldList):
    """A match: `OFPMatch(in_port=1, eth_dst=("aa:bb:cc:dd:ee:ff", "ff:ff:ff:00:00:00"))`.

    Bits of a value that its mask leaves out are cleared. Raises KeyError for a field that does not exist.
    """

    type = OFPMT_OXM
    _oxm: ClassVar[Table] = OXM

    def __init__(
        self,
        type_: int | None = None,
        length: int | None = None,
        _ordered_fields: list[tuple[str, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        if _ordered_fields is not None:
            self._wire = b"".join([self._oxm.encode(name, value)[1] for name, value in _ordered_fields])
        else:
            self._wire = self._oxm.pack(kwargs)
        self._user: list[tuple[str, Any]] | None = None

    # bytes

    def _pack(self) -> bytes:
        size = 4 + len(self._wire)
        return _HEADER.pack(OFPMT_OXM, size) + self._wire + _PADDING[-size % 8]

    to_bytes = _pack  # ofp_match with its padding

    @classmethod
    def read_lazy(cls, buf: bytes, pos: int, end: int) -> tuple[Self, int]:
        """The ofp_match at `pos`, and where its padding ends. What is wrong inside shows when it is looked at."""
        if end - pos < 8:
            raise OpenFlowError(ec.OFPET_BAD_MATCH, ec.OFPBMC_BAD_LEN)
        kind, size = _HEADER.unpack_from(buf, pos)
        after = pos + (size + 7 & ~7)
        if kind != OFPMT_OXM:
            raise OpenFlowError(ec.OFPET_BAD_MATCH, ec.OFPBMC_BAD_TYPE)
        if size < 4 or after > end:
            raise OpenFlowError(ec.OFPET_BAD_MATCH, ec.OFPBMC_BAD_LEN)
        match = cls.__new__(cls)
        match._wire = buf[pos + 4 : pos + size]
        match._user = None
        return match, after

    @classmethod
    def read_strict(cls, buf: bytes, pos: int, end: int) -> tuple[Self, int]:
        """As read_lazy, but each field is checked as a switch must."""
        match, after = cls.read_lazy(buf, pos, end)
        cls._oxm.check(match._wire, 0, len(match._wire))
        return match, after

    @classmethod
    def parser(cls, buf: bytes, offset: int) -> Self:
        return cls.read_lazy(bytes(buf), offset, len(buf))[0]

    # text

    def stringify_attrs(self) -> Iterator[tuple[str, Any]]:
        yield "oxm_fields", dict(self.items())

    def to_jsondict(self, encode_string: Any = b64encode) -> dict[str, Any]:
        fields = [oxm_to_jsondict(name, value) for name, value in self.items()]
        return {"OFPMatch": {"oxm_fields": fields, "length": self.length, "type": self.type}}

    @classmethod
    def from_jsondict(cls, dict_: dict[str, Any], *_: Any, **__: Any) -> Self:
        return cls(_ordered_fields=[oxm_from_jsondict(field) for field in dict_["oxm_fields"]])

    # Ryu's interface of before the keywords

    def append_field(self, header: int, value: Any, mask: Any = None) -> None:
        """Add a field by its OXM_OF_* header, with values as bytes, ints, or lists of 16-bit words."""
        self._add(self._oxm.by_number[header >> 9].name, value, mask)

    @property
    def fields(self) -> list[OFPMatchField]:
        """The fields by header, with old-style values."""
        found, pos = [], 0
        while pos < len(self._wire):
            number, header, pos, value, mask = self._oxm.split(self._wire, pos, len(self._wire))
            field = self._oxm.by_number.get(number)
            kind = field.kind if field else None
            found.append(OFPMatchField.of_wire(header, kind, value, mask))
        return found

    def _add(self, name: str, value: Any, mask: Any = None) -> None:
        self._wire += self._oxm.encode(name, value if mask is None else (value, mask))[1]
        self._user = None


def oxm_to_jsondict(name: str, value: Any) -> dict[str, Any]:
    """One match field as JSON."""
    plain, mask = value if isinstance(value, tuple) else (value, None)
    return {"OXMTlv": {"field": name, "value": plain, "mask": mask}}


def oxm_from_jsondict(dict_: dict[str, Any]) -> tuple[str, Any]:
    """Name and value of one match field."""
    tlv = dict_["OXMTlv"]
    mask = tlv.get("mask")
    return tlv["field"], tlv["value"] if mask is None else (tlv["value"], mask)


# match.set_X(value) and match.set_X_masked(value, mask) of the old interface, by the field they set
_SETTERS = {
    "in_port": "in_port",
    "in_phy_port": "in_phy_port",
    "metadata": "metadata",
    "dl_dst": "eth_dst",
    "dl_src": "eth_src",
    "dl_type": "eth_type",
    "arp_opcode": "arp_op",
} | {
    name: name
    for name in [
        "vlan_pcp",
        "ip_dscp",
        "ip_ecn",
        "ip_proto",
        "ipv4_src",
        "ipv4_dst",
        "tcp_src",
        "tcp_dst",
        "udp_src",
        "udp_dst",
        "sctp_src",
        "sctp_dst",
        "icmpv4_type",
        "icmpv4_code",
        "arp_spa",
        "arp_tpa",
        "arp_sha",
        "arp_tha",
        "ipv6_src",
        "ipv6_dst",
        "ipv6_flabel",
        "icmpv6_type",
        "icmpv6_code",
        "ipv6_nd_target",
        "ipv6_nd_sll",
        "ipv6_nd_tll",
        "mpls_label",
        "mpls_tc",
        "mpls_bos",
        "pbb_isid",
        "tunnel_id",
        "ipv6_exthdr",
    ]
}
_VLAN_PRESENT = 0x1000


def _install_setters() -> None:
    def plain(name: str) -> Any:
        return lambda self, value: self._add(name, value)

    def masked(name: str) -> Any:
        """A mask of ones, given as a number, is none."""
        ones = (1 << 8 * OXM.by_name[name].kind.size) - 1
        return lambda self, value, mask: self._add(name, value, None if mask == ones else mask)

    for suffix, name in _SETTERS.items():
        setattr(OFPMatch, f"set_{suffix}", plain(name))
        setattr(OFPMatch, f"set_{suffix}_masked", masked(name))
    setters: dict[str, Any] = {
        "set_vlan_vid": lambda self, vid: self._add("vlan_vid", vid | _VLAN_PRESENT),
        "set_vlan_vid_masked": lambda self, vid, mask: self._add("vlan_vid", vid | _VLAN_PRESENT, mask),
        "set_vlan_vid_none": lambda self: self._add("vlan_vid", 0),
    }
    for name, function in setters.items():
        setattr(OFPMatch, name, function)


_install_setters()
