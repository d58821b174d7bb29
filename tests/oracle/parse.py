"""What a frame's headers say, read in plain Python: OXM fields by name, and where the headers are.

A frame is cut from the front, layer by layer. A field that is absent is not in the result.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from triplane.dataplane.kernels.fields import FIELDS, KEY_WORDS, PBB_UCA
from triplane.dataplane.kernels.nicira_fields import NICIRA_FIELDS

BY_NAME = {field.name: field for field in (*FIELDS, PBB_UCA, *NICIRA_FIELDS)}

ARP = {0x0806, 0x8035}
EXTENSIONS = {0: "hop", 43: "router", 44: "frag", 60: "dest", 51: "auth", 50: "esp", 135: "", 139: "", 140: ""}
BITS = {"nonext": 1, "esp": 2, "auth": 4, "dest": 8, "frag": 16, "router": 32, "hop": 64, "unrep": 128, "unseq": 256}
ORDER = ["hop", "dest", "router", "frag", "auth", "esp", "dest"]
L4_SIZES = {6: 20, 17: 8, 132: 12, 1: 4, 58: 4}
L4_NAMES = {6: "tcp", 17: "udp", 132: "sctp"}


@dataclass
class Parsed:
    """`fields`: OXM values. `at`: offsets of the headers that are there."""

    fields: dict[str, int] = field(default_factory=dict)
    at: dict[str, int] = field(default_factory=dict)
    fragment: str = "no"
    covers_dst: bool = True  # the pseudo header has the destination of the IPv6 header


def number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def parse(frame: bytes) -> Parsed:
    out = Parsed()
    if len(frame) >= 14:
        out.fields.update(eth_dst=number(frame[:6]), eth_src=number(frame[6:12]))
        _types(frame, 12, out)
    return out


def _types(frame: bytes, at: int, out: Parsed) -> None:
    kind = number(frame[at : at + 2])
    while kind in (0x8100, 0x88A8) and len(frame) >= at + 6:
        if "vlan" not in out.at:
            out.at["vlan"] = at
            tci = number(frame[at + 2 : at + 4])
            out.fields.update(vlan_vid=tci & 0xFFF | 0x1000, vlan_pcp=tci >> 13)
        at += 4
        kind = number(frame[at : at + 2])
    if kind < 0x600:
        llc, snap_type = frame[at + 2 : at + 8], number(frame[at + 8 : at + 10])
        if len(frame) >= at + 10 and llc == bytes.fromhex("aaaa03000000") and snap_type >= 0x600:
            at, kind = at + 8, snap_type
        else:
            kind = 0x05FF
    out.at["type"] = at
    out.fields["eth_type"] = kind
    _network(frame, kind, at + 2, out)


def _network(frame: bytes, kind: int, at: int, out: Parsed) -> None:
    body = frame[at:]
    if kind == 0x0800:
        _ipv4(body, at, out)
    elif kind == 0x86DD:
        _ipv6(body, at, out)
    elif kind in ARP and len(body) >= 28 and body[:6] == bytes.fromhex("000108000604"):
        out.at["l3"] = at
        out.fields.update(arp_op=number(body[6:8]), arp_sha=number(body[8:14]), arp_spa=number(body[14:18]))
        out.fields.update(arp_tha=number(body[18:24]), arp_tpa=number(body[24:28]))
    elif kind in (0x8847, 0x8848) and len(body) >= 4:
        out.at["mpls"] = at
        entry = number(body[:4])
        out.fields.update(mpls_label=entry >> 12, mpls_tc=entry >> 9 & 7, mpls_bos=entry >> 8 & 1)
        out.fields["mpls_ttl"] = entry & 0xFF
    elif kind == 0x88E7 and len(body) >= 18:
        out.at["pbb"] = at - 2
        out.fields["pbb_isid"] = number(body[1:4])
        out.fields["pbb_uca"] = body[0] >> 3 & 1


def _ipv4(body: bytes, at: int, out: Parsed) -> None:
    if len(body) < 20 or body[0] >> 4 != 4:
        return
    size = (body[0] & 15) * 4
    if size < 20 or size > len(body):
        return
    proto = body[9]
    body = body[: max(size, number(body[2:4]))]
    out.at.update(l3=at, proto=at + 9, payload=at + size, end=at + len(body))
    out.fields.update(ip_proto=proto, ip_dscp=body[1] >> 2, ip_ecn=body[1] & 3)
    out.fields.update(ipv4_src=number(body[12:16]), ipv4_dst=number(body[16:20]), nw_ttl=body[8], ip_frag=0)
    flags = number(body[6:8])
    if flags & 0x1FFF:
        out.fragment, out.fields["ip_frag"] = "later", 3
        return
    if flags & 0x2000:
        out.fragment, out.fields["ip_frag"] = "first", 1
    if proto != 58:
        _transport(body[size:], proto, at + size, out)


def _ipv6(body: bytes, at: int, out: Parsed) -> None:
    if len(body) < 40 or body[0] >> 4 != 6:
        return
    first = number(body[:4])
    out.fields.update(ip_dscp=first >> 22 & 0x3F, ip_ecn=first >> 20 & 3, ipv6_flabel=first & 0xFFFFF)
    out.fields.update(ipv6_src=number(body[8:24]), ipv6_dst=number(body[24:40]), nw_ttl=body[7])
    body = body[: 40 + number(body[4:6])]
    out.at.update(l3=at, end=at + len(body))
    proto, next_at, start = _chain(body, out)
    out.at.update(proto=at + next_at, payload=at + start)
    out.fields["ip_proto"] = proto
    out.fields["ip_frag"] = {"no": 0, "first": 1, "later": 3}[out.fragment]
    if out.fragment != "later" and proto != 1:
        _transport(body[start:], proto, at + start, out)


def _chain(body: bytes, out: Parsed) -> tuple[int, int, int]:
    """The extension headers: final protocol, where it is said, where its header begins."""
    names: list[str] = []
    seen: list[int] = []
    next_at, at = 6, 40
    while True:
        proto = body[next_at]
        if proto == 59:
            names.append("nonext")
            break
        size = _extension_size(proto, body[at:])
        if size is None:
            break
        names.append(EXTENSIONS[proto])
        seen.append(proto)
        if proto == 50:
            break
        if proto == 43 and body[at + 3] != 0 and seen.count(43) == 1:
            out.covers_dst = False
        next_at, at, head = at, at + size, body[at : at + 8]
        if proto == 44 and number(head[2:4]) & 0xFFF8:
            out.fragment = "later"
            break
        if proto == 44 and head[3] & 1:
            out.fragment = "first"
    out.fields["ipv6_exthdr"] = _exthdr(names)
    return body[next_at], next_at, at


def _extension_size(proto: int, rest: bytes) -> int | None:
    """Bytes of an extension header; None when it is none, or not whole."""
    if proto not in EXTENSIONS or len(rest) < 8:
        return None
    size = 8 if proto in (44, 50) else (rest[1] + 2) * 4 if proto == 51 else (rest[1] + 1) * 8
    return size if size <= len(rest) else None


def _exthdr(names: list[str]) -> int:
    """OFPIEH_* of the headers met (OpenFlow 1.3.5 section 7.2.3.8); "" is one that has no bit."""
    bits, place = set(), 0
    for index, name in enumerate(names):
        if name == "nonext":
            bits.add(name)
        if name not in ORDER:
            continue
        earlier = names[:index]
        if earlier.count(name) > (1 if name == "dest" else 0) and not (name == "hop" and earlier[0] != "hop"):
            bits.add("unrep")
        here = ORDER.index(name)
        if name == "dest" and (place > here or "dest" in earlier):
            here = len(ORDER) - 1
        if here < place or (name == "hop" and index > 0):
            bits.add("unseq")
        place = max(place, here)
        if name != "hop" or index == 0:
            bits.add(name)
    return sum(BITS[name] for name in bits)


def _transport(body: bytes, proto: int, at: int, out: Parsed) -> None:
    if proto not in L4_SIZES or len(body) < L4_SIZES[proto]:
        return
    out.at["l4"] = at
    if proto in L4_NAMES:
        name = L4_NAMES[proto]
        out.fields.update({f"{name}_src": number(body[:2]), f"{name}_dst": number(body[2:4])})
        if proto == 6:
            out.fields["tcp_flags"] = number(body[12:14]) & 0xFFF
        return
    name = "icmpv4" if proto == 1 else "icmpv6"
    out.fields.update({f"{name}_type": body[0], f"{name}_code": body[1]})
    if proto == 58 and body[0] in (135, 136) and len(body) >= 24:
        _neighbour(body, at, out)


def _neighbour(body: bytes, at: int, out: Parsed) -> None:
    out.fields["ipv6_nd_target"] = number(body[8:24])
    wanted, name = (1, "sll") if body[0] == 135 else (2, "tll")
    start = 24
    while len(body) >= start + 8 and body[start + 1] and len(body) >= start + body[start + 1] * 8:
        if body[start] == wanted and name not in out.at:
            out.at[name] = at + start + 2
            out.fields[f"ipv6_nd_{name}"] = number(body[start + 2 : start + 8])
        start += body[start + 1] * 8


def key_words(parsed: Parsed) -> list[int]:
    """The flow key as the table of fields lays it out, as signed words."""
    words = [0] * KEY_WORDS
    for name, value in parsed.fields.items():
        entry = BY_NAME[name]
        if entry.bits == 128:
            words[entry.word] |= value >> 64
            words[entry.word + 1] |= value & (1 << 64) - 1
        else:
            words[entry.word] |= value << entry.shift
    return [word - (1 << 64) if word >> 63 else word for word in words]
