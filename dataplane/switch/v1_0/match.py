"""Matches between OpenFlow 1.0's twelve fields and the OXM TLVs of the data plane (1.0.0 section 5.2.3, 1.3.5 7.2.3).

As in Open vSwitch: a field that the packet need not have by what else is matched is ignored, and a match that 1.0 has
no words for is told by its closest.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from triplane.dataplane.openflow import ofproto_v1_0 as ofp10
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.switch.v1_0.numbers import narrow_port, wide_port

MATCH = Struct(ofp10.OFP_MATCH_PACK_STR)
_HEAD = Struct("!HH")
_OXM = Struct("!I")
IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
_ICMP, _TCP, _UDP, _ICMPV6, _SCTP = 1, 6, 17, 58, 132
_VID, _ADDRESS = 0xFFF, 0xFFFFFFFF
# the fields of the two port numbers, by IP protocol
_PORTS = {
    _ICMP: (ofp.OXM_OF_ICMPV4_TYPE, ofp.OXM_OF_ICMPV4_CODE),
    _TCP: (ofp.OXM_OF_TCP_SRC, ofp.OXM_OF_TCP_DST),
    _UDP: (ofp.OXM_OF_UDP_SRC, ofp.OXM_OF_UDP_DST),
    _ICMPV6: (ofp.OXM_OF_ICMPV6_TYPE, ofp.OXM_OF_ICMPV6_CODE),
    _SCTP: (ofp.OXM_OF_SCTP_SRC, ofp.OXM_OF_SCTP_DST),
}
_OTHER_IP = {IPV4: _ICMPV6, IPV6: _ICMP}  # the ICMP that is the other one's


class Known(NamedTuple):
    """What a match says of its packets, as far as actions must know."""

    tagged: bool | None = None  # whether there is a VLAN tag
    proto: int | None = None  # IPv4 protocol


class Translated(NamedTuple):
    match: bytes  # ofp_match of 1.3 with its padding
    exact: bool  # no wildcard: such an entry goes before all others (1.0.0 section 3.4)
    known: Known


def tlv(header: int, value: int, mask: int | None = None) -> bytes:
    """One OXM TLV; `header` is that without a mask. Bits outside the mask are cleared, no mask of ones is written."""
    size = header & 0xFF
    if mask is None or mask == (1 << 8 * size) - 1:
        return _OXM.pack(header) + value.to_bytes(size, "big")
    head = _OXM.pack((header & ~0xFF) | 0x100 | 2 * size)
    return head + (value & mask).to_bytes(size, "big") + mask.to_bytes(size, "big")


def ofp_match(fields: bytes) -> bytes:
    """ofp_match around TLVs."""
    size = _HEAD.size + len(fields)
    return _HEAD.pack(ofp.OFPMT_OXM, size) + fields + bytes(-size % 8)


# from 1.0


def to_oxm(match: bytes) -> Translated:
    """Of an ofp_match of 1.0."""
    found = ofp10_match(match)
    link, known = _link(found)
    network, proto = _network(found)
    exact = not found.wildcards & ofp10.OFPFW_ALL
    return Translated(ofp_match(link + network), exact, Known(known, proto))


class Fields(NamedTuple):
    """ofp_match of 1.0."""

    wildcards: int
    in_port: int
    dl_src: bytes
    dl_dst: bytes
    dl_vlan: int
    dl_vlan_pcp: int
    dl_type: int
    nw_tos: int
    nw_proto: int
    nw_src: int
    nw_dst: int
    tp_src: int
    tp_dst: int

    def has(self, bit: int) -> bool:
        """Whether the field of this OFPFW_* bit counts."""
        return not self.wildcards & bit

    def mask(self, shift: int) -> int:
        """Of an address, by how many of its bits are wildcards."""
        return _ADDRESS & _ADDRESS << min(self.wildcards >> shift & 63, 32)


def ofp10_match(data: bytes) -> Fields:
    return Fields(*MATCH.unpack(data))


def _link(found: Fields) -> tuple[bytes, bool | None]:
    """TLVs of port, addresses, type and tag; and whether there is a tag, if that is known."""
    parts = []
    if found.has(ofp10.OFPFW_IN_PORT):
        parts.append(tlv(ofp.OXM_OF_IN_PORT, wide_port(found.in_port)))
    if found.has(ofp10.OFPFW_DL_DST):
        parts.append(tlv(ofp.OXM_OF_ETH_DST, int.from_bytes(found.dl_dst, "big")))
    if found.has(ofp10.OFPFW_DL_SRC):
        parts.append(tlv(ofp.OXM_OF_ETH_SRC, int.from_bytes(found.dl_src, "big")))
    if found.has(ofp10.OFPFW_DL_TYPE):
        parts.append(tlv(ofp.OXM_OF_ETH_TYPE, found.dl_type))
    tag, tagged = _tag(found)
    return b"".join(parts) + tag, tagged


def _tag(found: Fields) -> tuple[bytes, bool | None]:
    """A priority together with OFP_VLAN_NONE is no contradiction but ignored, as in Open vSwitch."""
    vid, pcp = found.has(ofp10.OFPFW_DL_VLAN), found.has(ofp10.OFPFW_DL_VLAN_PCP)
    if vid and found.dl_vlan == ofp10.OFP_VLAN_NONE:
        return tlv(ofp.OXM_OF_VLAN_VID, ofp.OFPVID_NONE), False
    if not vid and not pcp:
        return b"", None
    mask = None if vid else ofp.OFPVID_PRESENT
    fields = tlv(ofp.OXM_OF_VLAN_VID, ofp.OFPVID_PRESENT | found.dl_vlan & _VID, mask)
    return fields + (tlv(ofp.OXM_OF_VLAN_PCP, found.dl_vlan_pcp & 7) if pcp else b""), True


def _network(found: Fields) -> tuple[bytes, int | None]:
    """TLVs of IP or ARP, and of what is above; and the IP protocol, if that is known."""
    if not found.has(ofp10.OFPFW_DL_TYPE) or found.dl_type not in (IPV4, ARP, IPV6):
        return b"", None
    if found.dl_type == ARP:
        arp = tlv(ofp.OXM_OF_ARP_OP, found.nw_proto) if found.has(ofp10.OFPFW_NW_PROTO) else b""
        return arp + _addresses(found, ofp.OXM_OF_ARP_SPA, ofp.OXM_OF_ARP_TPA), None
    fields = tlv(ofp.OXM_OF_IP_DSCP, found.nw_tos >> 2) if found.has(ofp10.OFPFW_NW_TOS) else b""
    proto = found.nw_proto if found.has(ofp10.OFPFW_NW_PROTO) else None
    if proto is not None:
        fields += tlv(ofp.OXM_OF_IP_PROTO, proto) + _transport(found)
    if found.dl_type == IPV4:
        fields += _addresses(found, ofp.OXM_OF_IPV4_SRC, ofp.OXM_OF_IPV4_DST)
    return fields, proto


def _addresses(found: Fields, source: int, target: int) -> bytes:
    fields = b""
    for header, value, shift in (
        (source, found.nw_src, ofp10.OFPFW_NW_SRC_SHIFT),
        (target, found.nw_dst, ofp10.OFPFW_NW_DST_SHIFT),
    ):
        mask = found.mask(shift)
        fields += tlv(header, value, mask) if mask else b""
    return fields


def _transport(found: Fields) -> bytes:
    known = found.nw_proto != _OTHER_IP[found.dl_type]
    source, target = _PORTS.get(found.nw_proto, (0, 0)) if known else (0, 0)
    fields = b""
    for header, value, bit in ((source, found.tp_src, ofp10.OFPFW_TP_SRC), (target, found.tp_dst, ofp10.OFPFW_TP_DST)):
        if header and found.has(bit):
            fields += tlv(header, value & (1 << 8 * (header & 0xFF)) - 1)
    return fields


# to 1.0


def to_ofp10(match: bytes) -> bytes:
    """The ofp_match of 1.0 that is closest to one of 1.3 (with its padding)."""
    told = _Told()
    for number, value, mask in oxm_fields(match):
        write = _WRITERS.get(number)
        if write is not None:
            write(told, number, value, mask)
    return MATCH.pack(*(getattr(told, name) for name in Fields._fields))


def oxm_fields(match: bytes) -> Iterator[tuple[int, int, int]]:
    """Field numbers of class OFPXMC_OPENFLOW_BASIC, values, and masks (ones where there is none)."""
    at, end = _HEAD.size, _HEAD.unpack_from(match)[1]
    while at < end:
        (header,) = _OXM.unpack_from(match, at)
        size = (header & 0xFF) >> (header >> 8 & 1)
        start, at = at + 4, at + 4 + (header & 0xFF)
        if header >> 16 == ofp.OFPXMC_OPENFLOW_BASIC:
            value = int.from_bytes(match[start : start + size], "big")
            mask = int.from_bytes(match[start + size : at], "big") if header & 0x100 else (1 << 8 * size) - 1
            yield header >> 9 & 0x7F, value, mask


class _Told:
    """ofp_match of 1.0 in the making: a field that is set loses its wildcard."""

    def __init__(self) -> None:
        self.wildcards = ofp10.OFPFW_ALL
        self.dl_src = self.dl_dst = bytes(6)
        self.in_port = self.dl_vlan = self.dl_vlan_pcp = self.dl_type = self.nw_tos = 0
        self.nw_proto = self.nw_src = self.nw_dst = self.tp_src = self.tp_dst = 0

    def set(self, name: str, bit: int, value: int | bytes) -> None:
        setattr(self, name, value)
        self.wildcards &= ~bit

    def plain(self, number: int, value: int, mask: int) -> None:
        name, bit, factor = _PLAIN[number]
        self.set(name, bit, value * factor & 0xFFFF)

    def port(self, number: int, value: int, mask: int) -> None:
        self.set("in_port", ofp10.OFPFW_IN_PORT, narrow_port(value))

    def mac(self, number: int, value: int, mask: int) -> None:
        name = "dl_dst" if number == ofp.OFPXMT_OFB_ETH_DST else "dl_src"
        if mask:
            bit = ofp10.OFPFW_DL_DST if name == "dl_dst" else ofp10.OFPFW_DL_SRC
            self.set(name, bit, value.to_bytes(6, "big"))

    def vlan(self, number: int, value: int, mask: int) -> None:
        if mask & ofp.OFPVID_PRESENT and not value & ofp.OFPVID_PRESENT:
            self.set("dl_vlan", ofp10.OFPFW_DL_VLAN, ofp10.OFP_VLAN_NONE)
        elif mask & _VID:
            self.set("dl_vlan", ofp10.OFPFW_DL_VLAN, value & _VID)

    def opcode(self, number: int, value: int, mask: int) -> None:
        self.set("nw_proto", ofp10.OFPFW_NW_PROTO, value & 0xFF)

    def address(self, number: int, value: int, mask: int) -> None:
        source = number in (ofp.OFPXMT_OFB_IPV4_SRC, ofp.OFPXMT_OFB_ARP_SPA)
        shift = ofp10.OFPFW_NW_SRC_SHIFT if source else ofp10.OFPFW_NW_DST_SHIFT
        wild = (mask & -mask).bit_length() - 1 if mask else 32
        self.set("nw_src" if source else "nw_dst", 63 << shift, value)
        self.wildcards |= wild << shift


_PLAIN = {  # name, wildcard, and what the value is to be multiplied with
    ofp.OFPXMT_OFB_ETH_TYPE: ("dl_type", ofp10.OFPFW_DL_TYPE, 1),
    ofp.OFPXMT_OFB_VLAN_PCP: ("dl_vlan_pcp", ofp10.OFPFW_DL_VLAN_PCP, 1),
    ofp.OFPXMT_OFB_IP_DSCP: ("nw_tos", ofp10.OFPFW_NW_TOS, 4),
    ofp.OFPXMT_OFB_IP_PROTO: ("nw_proto", ofp10.OFPFW_NW_PROTO, 1),
    **{
        number: (name, bit, 1)
        for number, (name, bit) in zip(
            range(ofp.OFPXMT_OFB_TCP_SRC, ofp.OFPXMT_OFB_ICMPV4_CODE + 1),
            [("tp_src", ofp10.OFPFW_TP_SRC), ("tp_dst", ofp10.OFPFW_TP_DST)] * 4,
            strict=True,
        )
    },
    ofp.OFPXMT_OFB_ICMPV6_TYPE: ("tp_src", ofp10.OFPFW_TP_SRC, 1),
    ofp.OFPXMT_OFB_ICMPV6_CODE: ("tp_dst", ofp10.OFPFW_TP_DST, 1),
}
_WRITERS = {
    **dict.fromkeys(_PLAIN, _Told.plain),
    ofp.OFPXMT_OFB_IN_PORT: _Told.port,
    ofp.OFPXMT_OFB_ETH_DST: _Told.mac,
    ofp.OFPXMT_OFB_ETH_SRC: _Told.mac,
    ofp.OFPXMT_OFB_VLAN_VID: _Told.vlan,
    ofp.OFPXMT_OFB_IPV4_SRC: _Told.address,
    ofp.OFPXMT_OFB_IPV4_DST: _Told.address,
    ofp.OFPXMT_OFB_ARP_SPA: _Told.address,
    ofp.OFPXMT_OFB_ARP_TPA: _Told.address,
    ofp.OFPXMT_OFB_ARP_OP: _Told.opcode,
}
