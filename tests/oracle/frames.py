"""Frames to test with: builders that get every length and checksum right, and Hypothesis strategies over them."""

from __future__ import annotations

import struct
from collections.abc import Callable

from hypothesis import strategies as st

from tests.oracle.checksums import internet_check, pseudo_header, sctp_check

TCP, UDP, ICMP, ICMPV6, SCTP = 6, 17, 1, 58, 132
CHECK_AT = {TCP: 16, UDP: 6, ICMP: 2, ICMPV6: 2}

octets = st.integers(0, 255)
macs = st.one_of(st.sampled_from([b"\xff" * 6, bytes(6)]), st.binary(min_size=6, max_size=6))
ports = st.one_of(st.sampled_from([0, 53, 80, 65535]), st.integers(0, 65535))
payloads = st.binary(max_size=40)


def checked(message: bytes, proto: int, pseudo: Callable[[int], bytes]) -> bytes:
    """A layer-4 message with its checksum; `pseudo` gives the pseudo header for a length."""
    if proto == SCTP:
        return message[:8] + sctp_check(message) + message[12:]
    if proto not in CHECK_AT or len(message) < CHECK_AT[proto] + 2:
        return message
    at = CHECK_AT[proto]
    message = message[:at] + b"\0\0" + message[at + 2 :]
    check = internet_check((b"" if proto == ICMP else pseudo(len(message))) + message)
    if proto == UDP and check == 0:
        check = 0xFFFF
    return message[:at] + struct.pack("!H", check) + message[at + 2 :]


def ipv4(source: bytes, target: bytes, proto: int, message: bytes, *, tos: int = 0, ttl: int = 64, ident: int = 1,
         fragment: int = 0, options: bytes = b"") -> bytes:  # fmt: skip
    """`fragment`: the 16 bits of flags and offset. Layer 4 is checked unless it is a fragment."""
    options += bytes(-len(options) % 4)
    if fragment & 0x3FFF == 0:
        message = checked(message, proto, lambda length: pseudo_header(source, target, proto, length))
    size = 20 + len(options)
    first = struct.pack("!BBHHHBB", 0x40 | size // 4, tos, size + len(message), ident, fragment, ttl, proto)
    header = first + b"\0\0" + source + target + options
    return header[:10] + struct.pack("!H", internet_check(header)) + header[12:] + message


def ipv6(source: bytes, target: bytes, proto: int, message: bytes, *, chain: list[tuple[int, bytes]] | None = None,
         klass: int = 0, label: int = 0, hops: int = 64, final: bytes | None = None) -> bytes:  # fmt: skip
    """`chain`: extension headers (number, bytes without next header); `final`: destination behind a source route."""
    message = checked(message, proto, lambda length: pseudo_header(source, final or target, proto, length))
    numbers = [number for number, _ in chain or []] + [proto]
    body = b"".join(bytes([after]) + rest for after, (_, rest) in zip(numbers[1:], chain or [], strict=True)) + message
    return struct.pack("!IHBB", 6 << 28 | klass << 20 | label, len(body), numbers[0], hops) + source + target + body


def tcp(
    source: int, target: int, payload: bytes = b"", *, flags: int = 0x18, seq: int = 1, options: bytes = b""
) -> bytes:
    options += bytes(-len(options) % 4)
    size = 20 + len(options)
    return struct.pack("!HHIIHHHH", source, target, seq, 7, size // 4 << 12 | flags, 512, 0, 0) + options + payload


def udp(source: int, target: int, payload: bytes = b"") -> bytes:
    return struct.pack("!HHHH", source, target, 8 + len(payload), 0) + payload


def sctp(source: int, target: int, payload: bytes = b"") -> bytes:
    return struct.pack("!HHII", source, target, 99, 0) + payload


def icmp(kind: int, code: int, payload: bytes = b"") -> bytes:
    return struct.pack("!BBH", kind, code, 0) + payload


def neighbour(kind: int, target: bytes, options: list[tuple[int, bytes]]) -> bytes:
    """Options are (number, link-layer address)."""
    listed = b"".join(bytes([number, (len(address) + 9) // 8]) + address for number, address in options)
    return struct.pack("!BBHI", kind, 0, 0, 0) + target + listed


def arp(op: int, sha: bytes, spa: bytes, tha: bytes, tpa: bytes) -> bytes:
    return struct.pack("!HHBBH", 1, 0x0800, 6, 4, op) + sha + spa + tha + tpa


def ethernet(target: bytes, source: bytes, tags: list[tuple[int, int]], kind: int, body: bytes) -> bytes:
    """`tags`: (TPID, TCI), outermost first."""
    return target + source + b"".join(struct.pack("!HH", *tag) for tag in tags) + struct.pack("!H", kind) + body


@st.composite
def transports(draw: st.DrawFn, v6: bool) -> tuple[int, bytes]:
    """A protocol number and its message."""
    kind = draw(st.sampled_from(["tcp", "udp", "sctp", "icmp", "nd", "other"]))
    a, b, payload = draw(ports), draw(ports), draw(payloads)
    if kind == "tcp":
        return TCP, tcp(a, b, payload, flags=draw(st.integers(0, 0xFFF)), options=draw(st.binary(max_size=8)))
    if kind == "udp":
        return UDP, udp(a, b, payload)
    if kind == "sctp":
        return SCTP, sctp(a, b, payload)
    if kind == "nd" and v6:
        pair = st.tuples(st.integers(1, 3), st.one_of(macs, st.binary(min_size=14, max_size=14)))
        kinds = st.sampled_from([135, 136, 133])
        target = draw(st.binary(min_size=16, max_size=16))
        return ICMPV6, neighbour(draw(kinds), target, draw(st.lists(pair, max_size=3)))
    if kind in {"icmp", "nd"}:
        return (ICMPV6 if v6 else ICMP), icmp(draw(octets), draw(octets), payload)
    return draw(st.sampled_from([1, 2, 4, 41, 47, 58, 89, 255])), payload


@st.composite
def ipv4s(draw: st.DrawFn) -> bytes:
    address = st.binary(min_size=4, max_size=4)
    proto, message = draw(transports(False))
    fragment = draw(st.sampled_from([0, 0, 0, 0x4000, 0x2000, 0x2001, 0x0010]))
    return ipv4(draw(address), draw(address), proto, message, tos=draw(octets), ttl=draw(octets), fragment=fragment,
                options=draw(st.sampled_from([b"", b"", b"\x01" * 4, b"\x07" + bytes(11)])))  # fmt: skip


def extension(number: int, octet: int) -> bytes:
    """An extension header without its first byte (next header)."""
    if number == 44:
        return bytes([0, 0, octet & 0x19]) + b"\1\2\3\4"
    if number == 51:
        return bytes([1 + octet % 3]) + bytes(6 + 4 * (octet % 3) + 4)
    if number == 43:
        return bytes([2, 0, octet % 3]) + bytes(4) + b"\x20" * 16
    return bytes([octet % 3]) + bytes(6 + 8 * (octet % 3))


@st.composite
def ipv6s(draw: st.DrawFn) -> bytes:
    address = st.binary(min_size=16, max_size=16)
    proto, message = draw(transports(True))
    proto = draw(st.sampled_from([proto] * 8 + [59]))
    numbers = draw(
        st.lists(st.sampled_from([0, 43, 44, 51, 50, 60, 60, 135]), max_size=draw(st.sampled_from([0, 2, 6])))
    )
    chain = [(number, extension(number, draw(octets))) for number in numbers]
    return ipv6(draw(address), draw(address), proto, message, chain=chain, klass=draw(octets),
                label=draw(st.integers(0, 0xFFFFF)), hops=draw(octets))  # fmt: skip


@st.composite
def arps(draw: st.DrawFn) -> bytes:
    address = st.binary(min_size=4, max_size=4)
    body = arp(draw(st.integers(0, 4)), draw(macs), draw(address), draw(macs), draw(address))
    return body + bytes(draw(st.integers(0, 18)))


@st.composite
def bodies(draw: st.DrawFn, depth: int = 2) -> tuple[int, bytes]:
    """An EtherType and what follows it."""
    kind = draw(st.sampled_from(["ipv4", "ipv4", "ipv6", "ipv6", "arp", "mpls", "pbb", "snap", "llc", "other"]))
    if kind in {"mpls", "pbb", "snap"} and depth:
        return draw(wrapped(kind, depth - 1))
    padding = bytes(draw(st.sampled_from([0, 0, 7])))
    if kind == "ipv4":
        return 0x0800, draw(ipv4s()) + padding
    if kind == "ipv6":
        return 0x86DD, draw(ipv6s()) + padding
    if kind == "arp":
        return draw(st.sampled_from([0x0806, 0x0806, 0x8035])), draw(arps())
    other = st.tuples(st.sampled_from([0x88CC, 0x9000, 0x0600, 0x8100]), payloads)
    llc = payloads.map(lambda payload: (38, bytes.fromhex("424203") + payload))
    return draw(st.one_of(other, llc))


@st.composite
def wrapped(draw: st.DrawFn, kind: str, depth: int) -> tuple[int, bytes]:
    """Another body inside SNAP, a label stack, or an I-TAG and the customer's Ethernet header."""
    inner, body = draw(bodies(depth))
    if kind == "snap":
        snap = bytes.fromhex("aaaa03000000") + struct.pack("!H", inner) + body
        return min(len(snap), 0x5DC), snap
    if kind == "pbb":
        tags = draw(st.lists(st.just((0x8100, 0x6005)), max_size=1))
        tci = struct.pack("!I", draw(st.integers(0, 2**32 - 1)))
        return 0x88E7, tci + ethernet(draw(macs), draw(macs), tags, inner, body)
    entries = draw(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3))
    stack = [entry & ~0x100 for entry in entries[:-1]] + [entries[-1] | 0x100]
    return draw(st.sampled_from([0x8847, 0x8848])), b"".join(struct.pack("!I", entry) for entry in stack) + body


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Well-formed frames of every kind the parser knows, and some it does not."""
    tag = st.tuples(st.sampled_from([0x8100, 0x88A8]), st.integers(0, 65535))
    kind, body = draw(bodies())
    return ethernet(draw(macs), draw(macs), draw(st.lists(tag, max_size=draw(st.sampled_from([0, 1, 3])))), kind, body)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A frame with some bytes changed, and cut short."""
    frame = bytearray(draw(frames()))
    for at, value in draw(st.lists(st.tuples(st.integers(0, len(frame) - 1), octets), max_size=4)):
        frame[at] = value
    return bytes(frame[: draw(st.integers(0, len(frame)))])


anything = st.one_of(frames(), damaged(), st.binary(max_size=80))
