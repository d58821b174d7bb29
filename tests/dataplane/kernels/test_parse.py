from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet

from tests.oracle import parse as oracle
from tests.oracle.frames import anything, ethernet, extension, frames, ipv6, ipv6s
from tests.oracle.slots import alone, empty_key
from triplane.dataplane.kernels import packet as packet_columns
from triplane.dataplane.kernels.fields import BY_NAME, K_ETH_DST, K_METADATA, K_PORT, K_REG, K_TUNNEL
from triplane.dataplane.kernels.packet import L3, L4, TYPE_AT
from triplane.dataplane.kernels.parse import PARSE_OK, PARSE_SHORT, flow_hash, parse

PLACES = {
    "l3": L3,
    "l4": L4,
    "type": TYPE_AT,
    "vlan": packet_columns.VLAN_AT,
    "mpls": packet_columns.MPLS_AT,
    "pbb": packet_columns.PBB_AT,
    "sll": packet_columns.ND_SLL_AT,
    "tll": packet_columns.ND_TLL_AT,
    "proto": packet_columns.PROTO_AT,
    "payload": packet_columns.PAYLOAD,
    "end": packet_columns.IP_END,
}
HASH_IPV4, HASH_IPV6 = 7730164513242979156, 2565117115217048129
FRAGMENTS = {"no": packet_columns.FRAG_NONE, "first": packet_columns.FRAG_FIRST, "later": packet_columns.FRAG_LATER}


@given(anything)
@example(b"")
@example(bytes(13))
@example(bytes(14))
def test_reads_what_the_oracle_reads(frame: bytes) -> None:
    check(frame)


@settings(max_examples=300)
@given(ipv6s(), st.integers(0, 3))
def test_reads_extension_headers_as_the_oracle_does(packet: bytes, cut: int) -> None:
    check(ethernet(bytes(6), bytes(6), [], 0x86DD, packet[: len(packet) - 7 * cut]))


HOP, DEST, ROUTER, FRAG, AUTH, ESP, MOBILITY = 0, 60, 43, 44, 51, 50, 135
UNREP, UNSEQ = 128, 256


@pytest.mark.parametrize(
    ("chain", "bits"),
    [
        ([], 0),
        ([HOP], 64),
        ([HOP, DEST, ROUTER, FRAG, AUTH, DEST], 64 | 8 | 32 | 16 | 4),
        ([HOP, DEST, ROUTER, FRAG, AUTH, ESP], 64 | 8 | 32 | 16 | 4 | 2),
        ([DEST, FRAG], 8 | 16),
        ([FRAG, DEST], 8 | 16),
        ([DEST, DEST], 8),
        ([DEST, DEST, DEST], 8 | UNREP),
        ([DEST, DEST, ROUTER], 8 | 32 | UNSEQ),
        ([ROUTER, ROUTER], 32 | UNREP),
        ([FRAG, ROUTER], 16 | 32 | UNSEQ),
        ([AUTH, FRAG], 4 | 16 | UNSEQ),
        ([DEST, HOP], 8 | UNSEQ),
        ([HOP, HOP], 64 | UNREP | UNSEQ),
        ([MOBILITY, ROUTER], 32),
    ],
)
def test_extension_header_bits(chain: list[int], bits: int) -> None:
    """OpenFlow 1.3.5 section 7.2.3.8; the order is that of RFC 8200 section 4.1."""
    packet = ipv6(bytes(16), bytes(16), 89, b"message", chain=[(number, extension(number, 0)) for number in chain])
    mem, row = alone(ethernet(bytes(6), bytes(6), [], 0x86DD, packet))
    parse(mem, row, empty_key())
    assert row[packet_columns.EXTHDR] == bits
    assert row[packet_columns.PROTO] == (ESP if ESP in chain else 89)


def test_nothing_is_read_behind_no_next_header() -> None:
    packet = ipv6(bytes(16), bytes(16), 59, b"message", chain=[(HOP, extension(HOP, 0))])
    mem, row = alone(ethernet(bytes(6), bytes(6), [], 0x86DD, packet))
    parse(mem, row, empty_key())
    assert [row[packet_columns.EXTHDR], row[packet_columns.PROTO], row[L4]] == [64 | 1, 59, -1]


def test_a_later_fragment_ends_the_chain() -> None:
    chain = [(FRAG, bytes([0, 1, 0]) + bytes(4)), (DEST, extension(DEST, 0))]
    mem, row = alone(ethernet(bytes(6), bytes(6), [], 0x86DD, ipv6(bytes(16), bytes(16), 17, bytes(8), chain=chain)))
    parse(mem, row, empty_key())
    assert [row[packet_columns.PROTO], row[packet_columns.FRAGMENT]] == [DEST, packet_columns.FRAG_LATER]
    assert row[packet_columns.EXTHDR] == 16


def check(frame: bytes) -> None:
    mem, row = alone(frame)
    key = empty_key()
    parsed = oracle.parse(frame)
    assert parse(mem, row, key) == (PARSE_OK if len(frame) >= 14 else PARSE_SHORT)
    assert key[K_ETH_DST:K_REG].tolist() == oracle.key_words(parsed)[K_ETH_DST:K_REG]
    assert {name: row[column] for name, column in PLACES.items() if row[column] >= 0} == parsed.at
    assert row[packet_columns.ETH_TYPE] == parsed.fields.get("eth_type", 0)
    assert row[packet_columns.PROTO] == parsed.fields.get("ip_proto", -1)
    assert row[packet_columns.EXTHDR] == parsed.fields.get("ipv6_exthdr", 0)
    assert row[packet_columns.FRAGMENT] == FRAGMENTS[parsed.fragment]


def test_leaves_the_words_that_are_not_headers() -> None:
    mem, row = alone(bytes(60))
    key = empty_key()
    parse(mem, row, key)
    assert [key[K_PORT], key[K_METADATA], key[K_TUNNEL]] == [77, 77, 77]


def field(frame: Packet, name: str) -> int:
    mem, row = alone(bytes(frame))
    key = empty_key()
    parse(mem, row, key)
    entry = BY_NAME[name]
    return int(key[entry.word]) >> entry.shift & (1 << entry.bits) - 1


def test_agrees_with_scapy() -> None:
    ether = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02")
    assert field(ether, "eth_dst") == 0x020000000001
    assert field(ether / Dot1Q(vlan=5, prio=3) / Dot1Q(vlan=6) / IP(), "vlan_vid") == 0x1005
    assert field(ether / Dot1Q(vlan=5, prio=3) / Dot1Q(vlan=6) / IP(), "vlan_pcp") == 3
    assert field(ether / Dot1Q(vlan=5, prio=3) / Dot1Q(vlan=6) / IP(), "eth_type") == 0x0800
    assert field(ether / IP(src="10.1.2.3") / UDP(dport=53), "ipv4_src") == 0x0A010203
    assert field(ether / IP(src="10.1.2.3") / UDP(dport=53), "udp_dst") == 53
    assert field(ether / IP(frag=5) / UDP(dport=53), "udp_dst") == 0
    assert field(ether / ARP(op=2, hwsrc="02:00:00:00:00:07"), "arp_sha") == 0x020000000007
    solicit = ether / IPv6() / ICMPv6ND_NS() / ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:09")
    assert field(solicit, "ipv6_nd_sll") == 0x020000000009


def hash_of(frame: bytes) -> int:
    mem, row = alone(frame)
    key = empty_key()
    parse(mem, row, key)
    return int(flow_hash(row, key))


@given(frames(), frames())
def test_packets_of_one_flow_hash_alike(one: bytes, other: bytes) -> None:
    first, second = oracle.parse(one), oracle.parse(other)
    if first.fields == second.fields:
        assert hash_of(one) == hash_of(other)
    elif "first" not in {first.fragment, second.fragment} and differ(first, second):
        assert hash_of(one) != hash_of(other)


def differ(first: oracle.Parsed, second: oracle.Parsed) -> bool:
    """By more than what a flow's packets may differ in."""
    loose = {"ip_ecn", "tcp_flags", "nw_ttl", "mpls_ttl", "ip_frag"}
    return {k: v for k, v in first.fields.items() if k not in loose} != {
        k: v for k, v in second.fields.items() if k not in loose
    }


@given(st.data())
def test_every_address_and_port_counts_in_the_hash(data: st.DataObject) -> None:
    frame = bytearray(bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP() / UDP() / b"payload"))
    before = hash_of(bytes(frame))
    at = data.draw(st.sampled_from([0, 5, 6, 11, 26, 29, 30, 33, 34, 35, 36, 37]))
    frame[at] ^= data.draw(st.integers(1, 255))
    assert hash_of(bytes(frame)) != before


def test_flags_ecn_and_later_fragments_do_not_count() -> None:
    from scapy.layers.inet import TCP

    ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    assert hash_of(bytes(ether / IP() / TCP(flags="S"))) == hash_of(bytes(ether / IP(tos=3) / TCP(flags="FA")))
    first, later = ether / IP(flags="MF") / UDP() / bytes(8), ether / IP(frag=2, proto=17) / bytes(8)
    assert hash_of(bytes(first)) == hash_of(bytes(later))


def test_hash_spreads_neighbouring_addresses() -> None:
    ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    buckets = [0, 0, 0]
    for host in range(1, 250):
        buckets[hash_of(bytes(ether / IP(src=f"10.0.0.{host}") / UDP())) % 3] += 1
    assert min(buckets) > 50


def test_hash_is_the_same_compiled_and_interpreted() -> None:
    ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    assert hash_of(bytes(ether / IP() / UDP())) == HASH_IPV4
    assert hash_of(bytes(ether / IPv6(src="fe80::1", dst="ff02::fb") / UDP())) == HASH_IPV6


@pytest.mark.parametrize("v6", [False, True])
def test_a_gso_frame_beyond_64_kilobytes_gives_no_length(v6: bool) -> None:
    """Linux BIG TCP leaves the length field zero: the frame's own length counts. In a plain frame zero is zero."""
    packet = IPv6() / UDP() / bytes(30) if v6 else IP() / UDP() / bytes(30)
    frame = bytearray(bytes(Ether() / packet))
    at = 14 + (4 if v6 else 2)
    frame[at : at + 2] = b"\0\0"
    mem, row = alone(bytes(frame))
    parse(mem, row, empty_key())
    assert [row[L4], row[packet_columns.IP_END]] == [-1, row[packet_columns.PAYLOAD]]
    row[packet_columns.GSO_TYPE] = packet_columns.GSO_TCPV4
    parse(mem, row, empty_key())
    assert [row[L4], row[packet_columns.IP_END]] == [row[packet_columns.PAYLOAD], len(frame)]
