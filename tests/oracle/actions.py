"""OpenFlow actions on a frame, in plain Python: bytes in, bytes out.

Checksums are not updated but solved for: whatever the sum over message and pseudo header was before, right or
wrong, it is after.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.oracle.checksums import ones_sum, pseudo_header, sctp_check
from tests.oracle.parse import Parsed, number, parse
from triplane.dataplane.kernels.fields import FIELDS, PBB_UCA

DONE, ABSENT, EXPIRED = 0, 1, 2
CHECK_AT = {6: 16, 17: 6, 1: 2, 58: 2}
PLAIN = {  # field: (header, offset, bytes)
    "arp_op": ("l3", 6, 2),
    "arp_sha": ("l3", 8, 6),
    "arp_spa": ("l3", 14, 4),
    "arp_tha": ("l3", 18, 6),
    "arp_tpa": ("l3", 24, 4),
    "ipv4_src": ("l3", 12, 4),
    "ipv4_dst": ("l3", 16, 4),
    "ipv6_src": ("l3", 8, 16),
    "ipv6_dst": ("l3", 24, 16),
    "tcp_src": ("l4", 0, 2),
    "tcp_dst": ("l4", 2, 2),
    "udp_src": ("l4", 0, 2),
    "udp_dst": ("l4", 2, 2),
    "sctp_src": ("l4", 0, 2),
    "sctp_dst": ("l4", 2, 2),
    "icmpv4_type": ("l4", 0, 1),
    "icmpv4_code": ("l4", 1, 1),
    "icmpv6_type": ("l4", 0, 1),
    "icmpv6_code": ("l4", 1, 1),
    "ipv6_nd_target": ("l4", 8, 16),
    "ipv6_nd_sll": ("sll", 0, 6),
    "ipv6_nd_tll": ("tll", 0, 6),
    "ip_proto": ("proto", 0, 1),
    "pbb_isid": ("pbb", 3, 3),
    "eth_type": ("type", 0, 2),
}
PACKED = {  # field: (header, offset, bytes, shift) of a number that shares its bytes
    "vlan_vid": ("vlan", 2, 2, 0),
    "vlan_pcp": ("vlan", 2, 2, 13),
    "pbb_uca": ("pbb", 2, 1, 3),
    "mpls_label": ("mpls", 0, 4, 12),
    "mpls_tc": ("mpls", 0, 4, 9),
    "mpls_bos": ("mpls", 0, 4, 8),
    "ipv6_flabel": ("l3", 0, 4, 0),
}
BITS = {field.name: field.bits for field in (*FIELDS, PBB_UCA)}
ADDRESSES = {"ipv4_src", "ipv4_dst", "ipv6_src", "ipv6_dst"}
IPV4_HEADER = {"ip_dscp", "ip_ecn", "ip_proto", "ipv4_src", "ipv4_dst"}
LAYER_4 = ADDRESSES | {"ip_proto"} | {name for name, (header, *_) in PLAIN.items() if header in {"l4", "sll", "tll"}}


@dataclass
class Frame:
    """`partial`: layer 4's check is the sum of the pseudo header, to be completed later."""

    data: bytes
    partial: bool = False
    tunnel: int = 0


def splice(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def set_bits(data: bytes, at: int, size: int, shift: int, bits: int, value: int) -> bytes:
    mask = (1 << bits) - 1
    word = number(data[at : at + size]) & ~(mask << shift) | (value & mask) << shift
    return splice(data, at, word.to_bytes(size, "big"))


def set_field(frame: Frame, name: str, value: int) -> int:
    if name == "tunnel_id":
        frame.tunnel = value
        return DONE
    before = parse(frame.data)
    if name not in before.fields:
        return ABSENT
    data = frame.data
    if name in {"eth_dst", "eth_src"}:
        frame.data = splice(data, 0 if name == "eth_dst" else 6, value.to_bytes(6, "big"))
        return DONE
    if name in {"ip_dscp", "ip_ecn"}:
        low = 0 if before.fields["eth_type"] == 0x0800 else 4
        bits = BITS[name]
        frame.data = set_bits(data, before.at["l3"], 2, low + (2 if name == "ip_dscp" else 0), bits, value)
    elif name in PACKED:
        header, offset, size, shift = PACKED[name]
        bits = 12 if name == "vlan_vid" else BITS[name]
        frame.data = set_bits(data, before.at[header] + offset, size, shift, bits, value)
    else:
        header, offset, size = PLAIN[name]
        frame.data = splice(data, before.at[header] + offset, value.to_bytes(size, "big"))
    if name in IPV4_HEADER and before.fields["eth_type"] == 0x0800:
        l3 = before.at["l3"]
        header = slice(l3, before.at["payload"])
        frame.data = solve(frame.data, l3 + 10, data[header], frame.data[header])
    if name in LAYER_4 and "l4" in before.at:
        settle(frame, before, data)
    return DONE


def settle(frame: Frame, before: Parsed, old: bytes) -> None:
    """Make the layer-4 check of `frame` as right or wrong as that of `old` was; the headers are where they were."""
    proto, start, end = before.fields["ip_proto"], before.at["l4"], before.at["end"]
    message = slice(start, end)
    if proto == 132:
        was, now = (number(sctp_check(part[message])) for part in (old, frame.data))
        if not frame.partial:
            there = number(frame.data[start + 8 : start + 12])
            frame.data = splice(frame.data, start + 8, (there ^ was ^ now).to_bytes(4, "big"))
        return
    pseudo = [b"" if proto == 1 else pseudo_of(part, before) for part in (old, frame.data)]
    at = start + CHECK_AT[proto]
    if frame.partial and pseudo[0] != pseudo[1]:
        total = number(old[at : at + 2]) + ones_sum(pseudo[1]) - ones_sum(pseudo[0])
        frame.data = splice(frame.data, at, (total % 0xFFFF or 0xFFFF).to_bytes(2, "big"))
    elif not frame.partial and (proto != 17 or old[at : at + 2] != b"\0\0"):
        frame.data = solve(frame.data, at, pseudo[0] + old[message], pseudo[1] + frame.data[message])
        if proto == 17 and frame.data[at : at + 2] == b"\0\0":
            frame.data = splice(frame.data, at, b"\xff\xff")


def pseudo_of(data: bytes, parsed: Parsed) -> bytes:
    l3, v4 = parsed.at["l3"], parsed.fields["eth_type"] == 0x0800
    source = data[l3 + 12 : l3 + 16] if v4 else data[l3 + 8 : l3 + 24]
    target = data[l3 + 16 : l3 + 20] if v4 else data[l3 + 24 : l3 + 40]
    if not parsed.covers_dst:
        target = bytes(16)
    return pseudo_header(source, target, data[parsed.at["proto"]], parsed.at["end"] - parsed.at["l4"])


def solve(data: bytes, at: int, before: bytes, after: bytes) -> bytes:
    """Choose the 16 bits at `at` of `data` so that `after`, which has them too, sums to what `before` did."""
    there = number(data[at : at + 2])
    wanted = (ones_sum(before) - (ones_sum(after) - there)) % 0xFFFF
    return splice(data, at, wanted.to_bytes(2, "big"))


# pushes and pops


def push_vlan(frame: Frame, ethertype: int) -> int:
    parsed = parse(frame.data)
    if not parsed.fields:
        return ABSENT
    tci = parsed.fields.get("vlan_vid", 0) & 0xFFF | parsed.fields.get("vlan_pcp", 0) << 13
    frame.data = frame.data[:12] + (ethertype << 16 | tci).to_bytes(4, "big") + frame.data[12:]
    return DONE


def pop_vlan(frame: Frame) -> int:
    if "vlan" not in parse(frame.data).at:
        return ABSENT
    frame.data = frame.data[:12] + frame.data[16:]
    return DONE


def push_mpls(frame: Frame, ethertype: int) -> int:
    parsed = parse(frame.data)
    if not parsed.fields:
        return ABSENT
    at, v4 = parsed.at, parsed.fields["eth_type"] == 0x0800
    label, tc, bottom, ttl = 0, 0, 1, 0
    if "mpls" in at:
        label, tc, ttl = parsed.fields["mpls_label"], parsed.fields["mpls_tc"], frame.data[at["mpls"] + 3]
        bottom = 0 if at["mpls"] == 14 else 1
    elif "payload" in at:
        ttl = frame.data[at["l3"] + (8 if v4 else 7)]
    entry = label << 12 | tc << 9 | bottom << 8 | ttl
    data = frame.data
    frame.data = data[:12] + ethertype.to_bytes(2, "big") + entry.to_bytes(4, "big") + data[14:]
    return DONE


def pop_mpls(frame: Frame, ethertype: int) -> int:
    at = parse(frame.data).at
    if "mpls" not in at:
        return ABSENT
    frame.data = frame.data[: at["mpls"] - 2] + ethertype.to_bytes(2, "big") + frame.data[at["mpls"] + 4 :]
    return DONE


def push_pbb(frame: Frame, ethertype: int) -> int:
    fields = parse(frame.data).fields
    if not fields:
        return ABSENT
    tci = fields.get("vlan_pcp", 0) << 29 | fields.get("pbb_isid", 0)
    frame.data = frame.data[:12] + ethertype.to_bytes(2, "big") + tci.to_bytes(4, "big") + frame.data
    return DONE


def pop_pbb(frame: Frame) -> int:
    at = parse(frame.data).at
    if "pbb" not in at:
        return ABSENT
    data, tag = frame.data, at["pbb"]
    frame.data = data[tag + 6 : tag + 18] + data[12:tag] + data[tag + 18 :]
    return DONE


# TTLs


def ttls(data: bytes) -> list[tuple[int, bool]]:
    """Where the TTL bytes are, outermost first, two at most; and whether an IPv4 checksum covers each."""
    parsed = parse(data)
    at = parsed.at
    if "mpls" in at:
        first = at["mpls"]
        if not data[first + 2] & 1:
            return [(first + 3, False)] + ([(first + 7, False)] if len(data) >= first + 8 else [])
        return [(first + 3, False), *bare_ip(data, first + 4)]
    if "payload" not in at:
        return []
    v4 = parsed.fields["eth_type"] == 0x0800
    own = (at["l3"] + (8 if v4 else 7), v4)
    if parsed.fields["ip_proto"] in (4, 41) and parsed.fragment == "no":
        return [own, *bare_ip(data[: at["end"]], at["payload"])]
    return [own]


def bare_ip(data: bytes, at: int) -> list[tuple[int, bool]]:
    """The TTL of an IP header that only its version tells."""
    version = data[at] >> 4 if len(data) >= at + 20 else 0
    if version == 4:
        return [(at + 8, True)]
    return [(at + 7, False)] if version == 6 and len(data) >= at + 40 else []


def put_ttl(frame: Frame, where: tuple[int, bool], ttl: int) -> int:
    at, checked = where
    old = frame.data[at : at + 4]  # TTL, protocol, checksum
    frame.data = splice(frame.data, at, bytes([ttl]))
    if checked:
        frame.data = solve(frame.data, at + 2, old, frame.data[at : at + 4])
    return DONE


def dec_ttl(frame: Frame, where: tuple[int, bool]) -> int:
    if frame.data[where[0]] <= 1:
        return EXPIRED
    return put_ttl(frame, where, frame.data[where[0]] - 1)


def has(frame: Frame, header: str) -> bool:
    return header in parse(frame.data).at


def set_nw_ttl(frame: Frame, ttl: int) -> int:
    return put_ttl(frame, ttls(frame.data)[0], ttl) if has(frame, "payload") else ABSENT


def dec_nw_ttl(frame: Frame) -> int:
    return dec_ttl(frame, ttls(frame.data)[0]) if has(frame, "payload") else ABSENT


def set_mpls_ttl(frame: Frame, ttl: int) -> int:
    return put_ttl(frame, ttls(frame.data)[0], ttl) if has(frame, "mpls") else ABSENT


def dec_mpls_ttl(frame: Frame) -> int:
    return dec_ttl(frame, ttls(frame.data)[0]) if has(frame, "mpls") else ABSENT


def copy_ttl_out(frame: Frame) -> int:
    places = ttls(frame.data)
    return put_ttl(frame, places[0], frame.data[places[1][0]]) if len(places) == 2 else ABSENT


def copy_ttl_in(frame: Frame) -> int:
    places = ttls(frame.data)
    return put_ttl(frame, places[1], frame.data[places[0][0]]) if len(places) == 2 else ABSENT
