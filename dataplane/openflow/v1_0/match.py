"""OFPMatch of OpenFlow 1.0 (section 5.2.3): twelve fields, and a bit for each that is left out, as Ryu has it."""

from __future__ import annotations

from base64 import b64encode
from struct import Struct
from typing import Any, Self

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.text import StringifyMixin
from triplane.dataplane.openflow.v1_0 import constants as ofp
from triplane.dataplane.openflow.values import ipv4_bytes, ipv4_text, mac_bytes, mac_text

_MATCH = Struct("!IH6s6sHBxHBB2xIIHH")
_ANY_MAC = bytes(6)
_BITS = {
    "in_port": ofp.OFPFW_IN_PORT,
    "dl_src": ofp.OFPFW_DL_SRC,
    "dl_dst": ofp.OFPFW_DL_DST,
    "dl_vlan": ofp.OFPFW_DL_VLAN,
    "dl_vlan_pcp": ofp.OFPFW_DL_VLAN_PCP,
    "dl_type": ofp.OFPFW_DL_TYPE,
    "nw_tos": ofp.OFPFW_NW_TOS,
    "nw_proto": ofp.OFPFW_NW_PROTO,
    "nw_src": ofp.OFPFW_NW_SRC,
    "nw_dst": ofp.OFPFW_NW_DST,
    "tp_src": ofp.OFPFW_TP_SRC,
    "tp_dst": ofp.OFPFW_TP_DST,
}
_MASK_BITS = {"nw_src_mask": ofp.OFPFW_NW_SRC_MASK, "nw_dst_mask": ofp.OFPFW_NW_DST_MASK}


def mac_value(value: Any) -> bytes:
    """The bytes of a MAC address; 0 is the address of zeros, as in Ryu."""
    return _ANY_MAC if value == 0 else mac_bytes(value)


def ipv4_value(value: Any) -> int:
    """An IPv4 address as a number."""
    return value if isinstance(value, int) else int.from_bytes(ipv4_bytes(value), "big")


class OFPMatch(StringifyMixin):
    """A match: `OFPMatch(in_port=1, dl_type=0x0800, nw_dst="10.0.0.0", nw_dst_mask=8)`.

    MAC addresses are kept as bytes and IPv4 addresses as numbers; `match["nw_dst"]` gives text. `wildcards`, if given,
    is taken as it is.
    """

    __slots__ = ("__dict__", "wildcards", *_BITS)
    _attributes = tuple(sorted(("wildcards", *_BITS)))
    _size = _MATCH.size

    def __init__(
        self,
        wildcards: int | None = None,
        in_port: int | None = None,
        dl_src: Any = None,
        dl_dst: Any = None,
        dl_vlan: int | None = None,
        dl_vlan_pcp: int | None = None,
        dl_type: int | None = None,
        nw_tos: int | None = None,
        nw_proto: int | None = None,
        nw_src: Any = None,
        nw_dst: Any = None,
        tp_src: int | None = None,
        tp_dst: int | None = None,
        nw_src_mask: int = 32,
        nw_dst_mask: int = 32,
    ) -> None:
        self.in_port = in_port or 0
        self.dl_src = _ANY_MAC if dl_src is None else mac_value(dl_src)
        self.dl_dst = _ANY_MAC if dl_dst is None else mac_value(dl_dst)
        self.dl_vlan = dl_vlan or 0
        self.dl_vlan_pcp = dl_vlan_pcp or 0
        self.dl_type = dl_type or 0
        self.nw_tos = nw_tos or 0
        self.nw_proto = nw_proto or 0
        self.nw_src = 0 if nw_src is None else ipv4_value(nw_src)
        self.nw_dst = 0 if nw_dst is None else ipv4_value(nw_dst)
        self.tp_src = tp_src or 0
        self.tp_dst = tp_dst or 0
        if wildcards is None:
            given = (in_port, dl_src, dl_dst, dl_vlan, dl_vlan_pcp, dl_type, nw_tos, nw_proto)
            wildcards = _wildcards((*given, nw_src, nw_dst, tp_src, tp_dst), nw_src_mask, nw_dst_mask)
        self.wildcards = wildcards

    # bytes

    def _pack(self) -> bytes:
        return _MATCH.pack(
            self.wildcards,
            *(self.in_port, self.dl_src, self.dl_dst, self.dl_vlan, self.dl_vlan_pcp, self.dl_type),
            *(self.nw_tos, self.nw_proto, self.nw_src, self.nw_dst, self.tp_src, self.tp_dst),
        )

    to_bytes = _pack

    @classmethod
    def _read(cls, buf: bytes, start: int, end: int) -> Self:
        if end - start != _MATCH.size or len(buf) < end:
            raise OpenFlowError(1, 6)  # OFPET_BAD_REQUEST, OFPBRC_BAD_LEN
        match = cls.__new__(cls)
        values = _MATCH.unpack_from(buf, start)
        match.wildcards, match.in_port, match.dl_src, match.dl_dst, match.dl_vlan, match.dl_vlan_pcp = values[:6]
        match.dl_type, match.nw_tos, match.nw_proto, match.nw_src, match.nw_dst, match.tp_src, match.tp_dst = values[6:]
        return match

    @classmethod
    def parse(cls, buf: bytes, offset: int) -> Self:
        """The match at `offset`."""
        return cls._read(bytes(buf), offset, offset + _MATCH.size)

    parser = parse

    def serialize(self, buf: bytearray, offset: int) -> None:
        """Put the match into `buf`."""
        if len(buf) < offset:
            buf.extend(bytes(offset - len(buf)))
        buf[offset : offset + _MATCH.size] = self._pack()

    # names and values

    def __getitem__(self, name: str) -> Any:
        if name == "wildcards":
            return self.wildcards
        if name in _MASK_BITS:
            shift = ofp.OFPFW_NW_SRC_SHIFT if name == "nw_src_mask" else ofp.OFPFW_NW_DST_SHIFT
            return max(32 - (self.wildcards >> shift & 63), 0)
        if name not in self:
            raise KeyError(name)
        return self._text(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(~self.wildcards & (_BITS.get(name) or _MASK_BITS.get(name, 0)))

    def _text(self, name: str) -> Any:
        value = getattr(self, name)
        if name in ("dl_src", "dl_dst"):
            return mac_text(value)
        return ipv4_text(value.to_bytes(4, "big")) if name in ("nw_src", "nw_dst") else value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OFPMatch) and self._pack() == other._pack()

    def __hash__(self) -> int:
        return hash(self._pack())

    # text

    def to_jsondict(self, encode_string: Any = b64encode) -> dict[str, Any]:
        return {"OFPMatch": {name: self._text(name) for name in self._attributes}}

    @classmethod
    def from_jsondict(cls, dict_: dict[str, Any], *_: Any, **__: Any) -> Self:
        return cls(**dict_)


def _wildcards(given: tuple[Any, ...], src_bits: int, dst_bits: int) -> int:
    """The wildcards of a match that has those fields that are not None; prefixes are `*_bits` long."""
    wildcards = ofp.OFPFW_ALL
    for value, bit in zip(given, _BITS.values(), strict=True):
        if value is not None:
            wildcards &= ~bit
    if given[8] is not None:
        wildcards |= 32 - src_bits << ofp.OFPFW_NW_SRC_SHIFT
    if given[9] is not None:
        wildcards |= 32 - dst_bits << ofp.OFPFW_NW_DST_SHIFT
    return wildcards
