"""OpenFlow bytes for tests: right ones, nearly right ones, and noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.oracle.oxm import NUMBERS, SHAPE

TELLING = {  # values that other fields' prerequisites name
    "eth_type": [0x0800, 0x86DD, 0x0806, 0x8847, 0x8848, 0x88E7],
    "ip_proto": [1, 6, 17, 58, 132],
    "icmpv6_type": [135, 136],
    "vlan_vid": [0x1000, 0x1FFF, 0x1064, 0],
}
STACKS: list[tuple[dict[str, int], list[str]]] = [  # prerequisites, and the fields they allow
    ({}, ["metadata", "tunnel_id", "eth_dst", "eth_src"]),
    ({"in_port": 7}, ["in_phy_port", "eth_dst"]),
    ({"vlan_vid": 0x1064}, ["vlan_pcp", "eth_src"]),
    ({"eth_type": 0x0806}, ["arp_op", "arp_spa", "arp_tpa", "arp_sha", "arp_tha"]),
    ({"eth_type": 0x0800}, ["ip_dscp", "ip_ecn", "ip_proto", "ipv4_src", "ipv4_dst"]),
    ({"eth_type": 0x0800, "ip_proto": 1}, ["icmpv4_type", "icmpv4_code", "ipv4_dst"]),
    ({"eth_type": 0x0800, "ip_proto": 6}, ["tcp_src", "tcp_dst", "ipv4_src", "ipv4_dst"]),
    ({"eth_type": 0x86DD, "ip_proto": 17}, ["udp_src", "udp_dst", "ipv6_src", "ip_dscp"]),
    ({"eth_type": 0x86DD, "ip_proto": 132}, ["sctp_src", "sctp_dst", "ipv6_dst"]),
    ({"eth_type": 0x86DD}, ["ipv6_src", "ipv6_dst", "ipv6_flabel", "ipv6_exthdr"]),
    ({"eth_type": 0x86DD, "ip_proto": 58}, ["icmpv6_type", "icmpv6_code", "ipv6_flabel"]),
    ({"eth_type": 0x86DD, "ip_proto": 58, "icmpv6_type": 135}, ["ipv6_nd_target", "ipv6_nd_sll", "icmpv6_code"]),
    ({"eth_type": 0x86DD, "ip_proto": 58, "icmpv6_type": 136}, ["ipv6_nd_target", "ipv6_nd_tll"]),
    ({"eth_type": 0x8847}, ["mpls_label", "mpls_tc", "mpls_bos"]),
    ({"eth_type": 0x88E7}, ["pbb_isid", "pbb_uca", "eth_dst"]),
]


def full(name: str) -> int:
    return int((1 << SHAPE[name][1]) - 1)


@st.composite
def matches(draw: st.DrawFn) -> dict[str, tuple[int, int]]:
    """A well-formed match: field to (value, mask), no mask all zero."""
    given_fields, more = draw(st.sampled_from(STACKS))
    match = {name: (value, full(name)) for name, value in given_fields.items()}
    for name in draw(st.lists(st.sampled_from(more), unique=True)):
        mask = draw(st.integers(1, full(name))) if SHAPE[name][2] and draw(st.booleans()) else full(name)
        match[name] = draw(st.integers(0, full(name))) & mask, mask
    return match


def tlv(name: str, value: int, mask: int | None = None, oxm_class: int = 0x8000, length: int | None = None) -> bytes:
    """One OXM TLV, whatever is wrong with it."""
    size = SHAPE[name][0]
    payload = value.to_bytes(size) + (b"" if mask is None else mask.to_bytes(size))
    kind = NUMBERS[name] << 1 | (mask is not None)
    return oxm_class.to_bytes(2) + bytes([kind, len(payload) if length is None else length]) + payload


@st.composite
def some_tlv(draw: st.DrawFn, names: Sequence[str] = tuple(NUMBERS)) -> bytes:
    """A TLV that is right more often than not."""
    name = draw(st.sampled_from(names))
    size = SHAPE[name][0]
    anything = st.integers(0, (1 << 8 * size) - 1)
    value = draw(st.sampled_from(TELLING[name]) if name in TELLING else st.integers(0, full(name)) | anything)
    mask = None
    if draw(st.integers(0, 3)) == 0:
        mask = draw(st.sampled_from([(1 << 8 * size) - 1, full(name), 0, full(name) & 0xF0, value]) | anything)
        value &= mask if draw(st.integers(0, 5)) else -1
    oxm_class = 0x8000 if draw(st.integers(0, 30)) else draw(st.sampled_from([0, 1, 0x8001, 0xFFFF]))
    length = None if draw(st.integers(0, 30)) else draw(st.integers(0, 40))
    return tlv(name, value, mask, oxm_class, length)


@st.composite
def tlv_soup(draw: st.DrawFn) -> bytes:
    """TLVs that may lack prerequisites, come twice or be wrong."""
    start = [tlv(name, value) for name, value in draw(st.sampled_from(STACKS))[0].items()]
    return b"".join(start + draw(st.lists(some_tlv(), max_size=5)))


ACTION_ARGUMENTS = [
    0x81000000, 0x88A80000, 0x88470000, 0x88480000, 0x88E70000, 0x08000000, 0x86DD0000, 0x05000000,
    0, 1, 2, 3, 0xFFFFFF00, 0xFFFFFF01, 0xFFFFFFF8, 0xFFFFFFF9, 0xFFFFFFFB, 0xFFFFFFFE, 0xFFFFFFFF,
]  # fmt: skip
ACTION_TYPES = [0, 11, 12, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 25, 25, 26, 27]


def pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


@st.composite
def some_action(draw: st.DrawFn) -> bytes:
    """An action that is right more often than not."""
    kind = draw(st.sampled_from(ACTION_TYPES) if draw(st.integers(0, 30)) else st.sampled_from([1, 13, 28, 40, 0xFFFF]))
    if kind == 25:
        body = draw(some_tlv())
    else:
        body = draw(st.sampled_from(ACTION_ARGUMENTS)).to_bytes(4) + bytes([0, 128] + [0] * 6 if kind == 0 else [])
    data = pad(bytes(4) + body)
    length = len(data) if draw(st.integers(0, 30)) else draw(st.integers(0, 40))
    return kind.to_bytes(2) + length.to_bytes(2) + data[4:]


def some_actions() -> st.SearchStrategy[bytes]:
    return st.lists(some_action(), max_size=5).map(b"".join)


@st.composite
def some_instruction(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from([1, 2, 3, 4, 4, 5, 6]) if draw(st.integers(0, 30)) else st.sampled_from([0, 7, 0xFFFF]))
    bodies = {1: st.integers(0, 254).map(lambda n: bytes([n, 0, 0, 0])), 2: st.binary(min_size=20, max_size=20)}
    bodies[3] = bodies[4] = some_actions().map(lambda data: bytes(4) + data)
    bodies[6] = st.sampled_from([0, 1, 2, 3, 0xFFFF0000, 0xFFFFFFFF]).map(lambda n: n.to_bytes(4))
    body = draw(bodies.get(kind, st.just(bytes(4))))
    length = len(body) + 4 if draw(st.integers(0, 30)) else draw(st.integers(0, 40))
    return kind.to_bytes(2) + length.to_bytes(2) + body


def some_instructions() -> st.SearchStrategy[bytes]:
    return st.lists(some_instruction(), max_size=4).map(b"".join)


def flow_mod(
    match: bytes, instructions: bytes, table: int = 0, command: int = 0, flags: int = 0, version: int = 4
) -> bytes:
    """A flow-mod message around TLVs and instructions; of importance 7, in a version that knows it."""
    fixed = b"\x11" * 8 + b"\x22" * 8 + bytes([table, command]) + bytes([0, 5, 0, 9, 0x80, 0])
    fixed += b"\xff" * 12 + flags.to_bytes(2) + bytes((0, 7))
    body = fixed + pad(b"\0\1" + (len(match) + 4).to_bytes(2) + match) + instructions
    return bytes([version, 14]) + (len(body) + 8).to_bytes(2) + b"\0\0\0\7" + body


@st.composite
def some_flow_mod(draw: st.DrawFn) -> bytes:
    match = draw(st.one_of(tlv_soup(), st.sampled_from(STACKS).map(lambda stack: stack_tlvs(stack[0]))))
    table, command = draw(st.sampled_from([0, 0, 0, 3, 253, 254, 255])), draw(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5]))
    flags = draw(st.sampled_from([0, 1, 0x1F, 0x20]))
    return flow_mod(match, draw(some_instructions()), table, command, flags, draw(st.sampled_from([4, 5])))


def stack_tlvs(fields: dict[str, int]) -> bytes:
    return b"".join(tlv(name, value) for name, value in fields.items())


@st.composite
def mutated(draw: st.DrawFn, source: st.SearchStrategy[bytes]) -> bytes:
    """What `source` gives with some bytes changed, and perhaps cut short."""
    data = bytearray(draw(source))
    for _ in range(draw(st.integers(1, 4)) if data else 0):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 4)) == 0 else data)


def ryu_value(name: str, number: int) -> Any:
    """A field's value as Ryu takes it."""
    if SHAPE[name][0] == 6:
        return ":".join(f"{octet:02x}" for octet in number.to_bytes(6))
    if SHAPE[name][0] == 16:
        return ":".join(f"{number >> shift & 0xFFFF:x}" for shift in range(112, -1, -16))
    if name.startswith("ipv4") or name in ("arp_spa", "arp_tpa"):
        return ".".join(str(octet) for octet in number.to_bytes(4))
    return number


def ryu_fields(match: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """Keyword arguments of Ryu's OFPMatch."""
    return {
        name: ryu_value(name, value) if mask == full(name) else (ryu_value(name, value), ryu_value(name, mask))
        for name, (value, mask) in match.items()
    }
