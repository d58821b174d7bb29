"""What an OXM match on the wire means, written as plainly as OpenFlow 1.3.5 section 7.2.3 says it.

A match is a dictionary: field name to (value, mask), both Python integers.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.oracle import nicira
from triplane.dataplane.kernels.fields import FIELDS, KEY_WORDS, LATER_FIELDS
from triplane.dataplane.kernels.nicira_fields import NICIRA_FIELDS

Match = dict[str, tuple[int, int]]

OFPET_BAD_MATCH = 4
BAD_TYPE, BAD_LEN, BAD_WILDCARDS, BAD_FIELD, BAD_VALUE, BAD_MASK, BAD_PREREQ, DUP_FIELD = 0, 1, 5, 6, 7, 8, 9, 10

ANY = -1  # a value that is unknown, and may be what a prerequisite wants


class Refused(Exception):
    """An OFPT_ERROR: type, code."""

    def __init__(self, kind: int, code: int) -> None:
        super().__init__(f"type {kind} code {code}")
        self.word = kind << 16 | code


# name: (bytes, bits, maskable), table 12 of section 7.2.3.7
SHAPE = {
    "in_port": (4, 32, False),
    "in_phy_port": (4, 32, False),
    "metadata": (8, 64, True),
    "eth_dst": (6, 48, True),
    "eth_src": (6, 48, True),
    "eth_type": (2, 16, False),
    "vlan_vid": (2, 13, True),
    "vlan_pcp": (1, 3, False),
    "ip_dscp": (1, 6, False),
    "ip_ecn": (1, 2, False),
    "ip_proto": (1, 8, False),
    "ipv4_src": (4, 32, True),
    "ipv4_dst": (4, 32, True),
    "tcp_src": (2, 16, False),
    "tcp_dst": (2, 16, False),
    "udp_src": (2, 16, False),
    "udp_dst": (2, 16, False),
    "sctp_src": (2, 16, False),
    "sctp_dst": (2, 16, False),
    "icmpv4_type": (1, 8, False),
    "icmpv4_code": (1, 8, False),
    "arp_op": (2, 16, False),
    "arp_spa": (4, 32, True),
    "arp_tpa": (4, 32, True),
    "arp_sha": (6, 48, True),
    "arp_tha": (6, 48, True),
    "ipv6_src": (16, 128, True),
    "ipv6_dst": (16, 128, True),
    "ipv6_flabel": (4, 20, True),
    "icmpv6_type": (1, 8, False),
    "icmpv6_code": (1, 8, False),
    "ipv6_nd_target": (16, 128, True),
    "ipv6_nd_sll": (6, 48, True),
    "ipv6_nd_tll": (6, 48, True),
    "mpls_label": (4, 20, False),
    "mpls_tc": (1, 3, False),
    "mpls_bos": (1, 1, False),
    "pbb_isid": (3, 24, True),
    "tunnel_id": (8, 64, True),
    "ipv6_exthdr": (2, 9, True),
}
NAMES = list(SHAPE)
LATER = {"pbb_uca": (1, 1, False), "actset_output": (4, 32, False), "packet_type": (4, 1, False)}  # of 1.4 and 1.5
SHAPE |= LATER
NUMBERS = {name: number for number, name in enumerate(NAMES)} | dict(zip(LATER, (41, 43, 44), strict=True))
BY_NUMBER = {number: name for name, number in NUMBERS.items()}
HEADERS = {(0x8000, number): nicira.plain(name, SHAPE[name]) for name, number in NUMBERS.items()} | nicira.headers(
    SHAPE
)
BASIC_SHAPE = dict(SHAPE)
HEADERS[0x8000, 42] = nicira.plain("tcp_flags", nicira.SHAPE["tcp_flags"])
SHAPE |= nicira.SHAPE
BY_NAME = {field.name: field for field in (*FIELDS, *LATER_FIELDS, *NICIRA_FIELDS)}
OFPP_UNSET = 0xFFFFFFF7

Known = dict[str, int]


def is_one_of(name: str, *values: int) -> Callable[[Known], bool]:
    return lambda known: known.get(name) in (*values, ANY)


def both(*conditions: Callable[[Known], bool]) -> Callable[[Known], bool]:
    return lambda known: all(condition(known) for condition in conditions)


tagged = is_one_of("tagged", 1)
ip = is_one_of("eth_type", 0x0800, 0x86DD)
ipv4 = is_one_of("eth_type", 0x0800)
ipv6 = is_one_of("eth_type", 0x86DD)
arp = is_one_of("eth_type", 0x0806)
mpls = is_one_of("eth_type", 0x8847, 0x8848)
pbb = is_one_of("eth_type", 0x88E7)
icmp6 = both(ipv6, is_one_of("ip_proto", 58))

PREREQUISITE: dict[str, Callable[[Known], bool]] = {
    "in_phy_port": lambda known: "in_port" in known,
    "vlan_pcp": tagged,
    "ip_dscp": ip,
    "ip_ecn": ip,
    "ip_proto": ip,
    "ipv4_src": ipv4,
    "ipv4_dst": ipv4,
    "tcp_src": both(ip, is_one_of("ip_proto", 6)),
    "tcp_dst": both(ip, is_one_of("ip_proto", 6)),
    "udp_src": both(ip, is_one_of("ip_proto", 17)),
    "udp_dst": both(ip, is_one_of("ip_proto", 17)),
    "sctp_src": both(ip, is_one_of("ip_proto", 132)),
    "sctp_dst": both(ip, is_one_of("ip_proto", 132)),
    "icmpv4_type": both(ipv4, is_one_of("ip_proto", 1)),
    "icmpv4_code": both(ipv4, is_one_of("ip_proto", 1)),
    **dict.fromkeys(("arp_op", "arp_spa", "arp_tpa", "arp_sha", "arp_tha"), arp),
    **dict.fromkeys(("ipv6_src", "ipv6_dst", "ipv6_flabel", "ipv6_exthdr"), ipv6),
    "icmpv6_type": icmp6,
    "icmpv6_code": icmp6,
    "ipv6_nd_target": both(icmp6, is_one_of("icmpv6_type", 135, 136)),
    "ipv6_nd_sll": both(icmp6, is_one_of("icmpv6_type", 135)),
    "ipv6_nd_tll": both(icmp6, is_one_of("icmpv6_type", 136)),
    **dict.fromkeys(("mpls_label", "mpls_tc", "mpls_bos"), mpls),
    "pbb_isid": pbb,
    "pbb_uca": pbb,
}
PREREQUISITE |= {name: PREREQUISITE[other] for name, other in nicira.ASKS_AS.items()}


def prerequisite_met(name: str, known: Known) -> bool:
    return name not in PREREQUISITE or PREREQUISITE[name](known)


def known_from(match: Match) -> Known:
    """What is certain about a packet that matches."""
    known = {name: value for name, (value, mask) in match.items() if mask == (1 << SHAPE[name][1]) - 1}
    if match.get("vlan_vid", (0, 0))[0] & 0x1000:
        known["tagged"] = 1
    return known


def split(data: bytes) -> tuple[int, int, bool, bytes, bytes]:
    """The first TLV of `data` and the rest: class, field, hasmask, payload."""
    if len(data) < 4:
        raise Refused(OFPET_BAD_MATCH, BAD_LEN)
    oxm_class, field, masked, length = int.from_bytes(data[:2]), data[2] >> 1, bool(data[2] & 1), data[3]
    if len(data) < 4 + length:
        raise Refused(OFPET_BAD_MATCH, BAD_LEN)
    return oxm_class, field, masked, data[4 : 4 + length], data[4 + length :]


def header_of(oxm_class: int, field: int, payload: bytes) -> tuple[nicira.Header, bytes]:
    """What the header is, and the payload behind it: an experimenter's number stands before it."""
    key = oxm_class, field
    if oxm_class == 0xFFFF and len(payload) >= 4:
        experimenter, payload = int.from_bytes(payload[:4]), payload[4:]
        if (experimenter, field) in nicira.EXPERIMENTER:
            return nicira.EXPERIMENTER[experimenter, field], payload
    if key not in HEADERS:
        raise Refused(OFPET_BAD_MATCH, BAD_FIELD)
    return HEADERS[key], payload


def value_and_mask(header: nicira.Header, masked: bool, payload: bytes) -> tuple[int, int]:
    size, bits, maskable, shows, _ = header
    if len(payload) != size * (2 if masked else 1):
        raise Refused(OFPET_BAD_MATCH, BAD_LEN)
    value, full = int.from_bytes(payload[:size]), (1 << bits) - 1
    if shows == ("ip_dscp",) and bits == 8:
        full = 0xFC
    mask = int.from_bytes(payload[size:]) if masked else full
    if masked and value & ~mask:
        raise Refused(OFPET_BAD_MATCH, BAD_WILDCARDS)
    if mask == (1 << 8 * size) - 1:
        mask = full
    if mask & ~full or (mask not in (0, full) and not maskable):
        raise Refused(OFPET_BAD_MATCH, BAD_MASK)
    if value & ~full:
        raise Refused(OFPET_BAD_MATCH, BAD_VALUE)
    if shows == ("packet_type",) and value:  # all packets are Ethernet, 0
        raise Refused(OFPET_BAD_MATCH, BAD_VALUE)
    if shows == ("vlan_vid",) and mask & 0x1000 and value and not value & 0x1000:
        raise Refused(OFPET_BAD_MATCH, BAD_VALUE)
    return value, mask


def decode_match(data: bytes) -> Match:
    match: Match = {}
    while data:
        oxm_class, field, masked, payload, data = split(data)
        header, payload = header_of(oxm_class, field, payload)
        value, mask = value_and_mask(header, masked, payload)
        for name in header.shows:
            if name in match or nicira.EXCLUSIVE.get(name) in match:
                raise Refused(OFPET_BAD_MATCH, DUP_FIELD)
        if len(header.shows) == 1 and not prerequisite_met(header.shows[0], known_from(match)):
            raise Refused(OFPET_BAD_MATCH, BAD_PREREQ)
        match |= header.say(value, mask)
    return match


def decode_match_struct(data: bytes) -> tuple[Match, int]:
    """The ofp_match at the start of `data`, and its length with padding."""
    if len(data) < 4:
        raise Refused(OFPET_BAD_MATCH, BAD_LEN)
    kind, length = int.from_bytes(data[:2]), int.from_bytes(data[2:4])
    if length < 4:
        raise Refused(OFPET_BAD_MATCH, BAD_LEN)
    if kind != 1:
        raise Refused(OFPET_BAD_MATCH, BAD_TYPE)
    padded = (length + 7) // 8 * 8
    if padded > len(data):
        raise Refused(OFPET_BAD_MATCH, BAD_LEN)
    return decode_match(data[4:length]), padded


def encode_match(match: Match) -> bytes:
    """Canonical TLVs: in field order, all-ones masks left out, fields without a mask bit too."""
    wire = b""
    for name in (*NUMBERS, *nicira.SHAPE):
        value, mask = match.get(name, (0, 0))
        size, bits, maskable = SHAPE[name]
        if mask:
            masked = mask != (1 << bits) - 1
            payload = value.to_bytes(size) + (mask.to_bytes(size) if masked else b"")
            oxm_class, number = header_for(name, masked and not maskable)
            wire += oxm_class.to_bytes(2) + bytes([number << 1 | masked, len(payload)]) + payload
    return wire


def header_for(name: str, nxm: bool) -> tuple[int, int]:
    """Class and number to tell a field by: OXM's where there is one, unless it cannot be masked."""
    found = [key for key, header in HEADERS.items() if header.shows == (name,) and header.size == SHAPE[name][0]]
    return found[-1] if nxm else found[0]


def place(numbers: dict[str, int]) -> list[int]:
    """Lay values out as a flow key: signed 64-bit words."""
    whole = [0] * KEY_WORDS
    for name, number in numbers.items():
        field = BY_NAME[name]
        shifted = number << field.shift
        if field.size == 16:
            whole[field.word] |= number >> 64
            whole[field.word + 1] |= number & (1 << 64) - 1
        else:
            whole[field.word] |= shifted
    return [word - (1 << 64) if word >> 63 else word for word in whole]


def to_key(match: Match) -> tuple[list[int], list[int]]:
    values = {name: value for name, (value, _) in match.items()}
    if match.get("actset_output", (0, 0))[1]:
        values["actset_output"] ^= OFPP_UNSET
    key = place(values)
    return key, place({name: mask for name, (_, mask) in match.items()})


assert [field.name for field in FIELDS] == NAMES
