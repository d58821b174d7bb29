"""Packets taken apart as far as somebody looks: the same as os-ken's, which are taken apart at once."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from os_ken.lib import addrconv as their_addrconv
from os_ken.lib.packet import arp, ethernet, icmp, ipv4, ipv6, mpls, packet_base, tcp, udp, vlan, vxlan
from os_ken.lib.packet import packet as theirs
from scapy.all import ARP, GRE, ICMP, IP, TCP, UDP, VXLAN, Dot1AD, Dot1Q, Ether, ICMPv6EchoRequest, IPOption, IPv6, Raw
from scapy.contrib.igmp import IGMP
from scapy.contrib.lldp import LLDPDU, LLDPDUChassisID, LLDPDUEndOfLLDPDU, LLDPDUPortID, LLDPDUTimeToLive
from scapy.contrib.mpls import MPLS
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet6 import IPv6ExtHdrFragment, IPv6ExtHdrHopByHop

from triplane.controller.runtime import addrconv
from triplane.controller.runtime.packet import Packet

ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
ANY = IP(src="10.0.0.1", dst="10.0.0.2")
FRAMES = [
    bytes(frame)
    for frame in (
        ETHER / ANY / TCP(sport=1, dport=2, options=[("MSS", 1460), ("WScale", 7)]) / Raw(b"payload"),
        ETHER / ANY / TCP(flags="S"),
        ETHER / ANY / TCP(dport=179) / Raw(b"\xff" * 16 + b"\0\x13\4"),
        ETHER / ANY / UDP(sport=1, dport=2) / Raw(b"x" * 20),
        ETHER / IP(options=[IPOption(b"\x94\4\0\0")]) / IGMP(type=0x16, gaddr="224.1.1.1"),
        ETHER / ANY / ICMP() / Raw(b"ping"),
        ETHER / Dot1Q(vlan=5) / ANY / TCP(),
        ETHER / Dot1AD(vlan=6) / Dot1Q(vlan=5) / ARP(),
        ETHER / ARP(psrc="10.0.0.1", pdst="10.0.0.2") / Raw(bytes(18)),
        ETHER / IPv6(src="fe80::1", dst="ff02::1") / ICMPv6EchoRequest(data=b"ping"),
        ETHER / IPv6(src="2001:db8::1", dst="::1") / IPv6ExtHdrHopByHop() / UDP() / Raw(b"x"),
        ETHER / IPv6() / IPv6ExtHdrFragment() / TCP(),
        ETHER / MPLS(label=3) / ANY / UDP(),
        ETHER / ANY / GRE(proto=0x0800) / ANY / TCP(),
        ETHER / ANY / GRE(proto=0x6558) / ETHER / ANY / TCP(),
        ETHER / ANY / UDP(dport=4789) / VXLAN(flags=8, vni=7) / ETHER / Dot1Q(vlan=9) / ANY / ICMP(),
        ETHER / ANY / UDP(sport=68, dport=67) / BOOTP() / DHCP(options=[("message-type", 1), "end"]),
        ETHER
        / LLDPDU()
        / LLDPDUChassisID(subtype=4, id="02:00:00:00:00:01")
        / LLDPDUPortID(subtype=7, id=b"1")
        / LLDPDUTimeToLive()
        / LLDPDUEndOfLLDPDU(),
        ETHER / Raw(bytes(50)),
        Ether(type=64) / Raw(b"\x42\x42\x03" + bytes(40)),
    )
]
CLASSES = [
    *(ethernet.ethernet, vlan.vlan, vlan.svlan, arp.arp, ipv4.ipv4, ipv6.ipv6, tcp.tcp, udp.udp, icmp.icmp),
    *(mpls.mpls, vxlan.vxlan, packet_base.PacketBase),
]


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """One of FRAMES, whole, cut off, or with other bytes here and there."""
    frame = bytearray(draw(st.sampled_from(FRAMES)))
    for at in draw(st.lists(st.integers(0, min(60, len(frame) - 1)), max_size=3)):
        frame[at] = draw(st.integers(0, 255))
    return bytes(frame[: draw(st.one_of(st.just(len(frame)), st.integers(0, len(frame))))])


def told(make: Any) -> Any:
    """What comes of it, or which error."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001  # os-ken's parsers raise what they like
        return type(error)


@given(frames(), st.lists(st.sampled_from(CLASSES), max_size=4))
def test_the_same_protocols_in_whatever_order_one_looks(frame: bytes, wanted: list[type]) -> None:
    whole = told(lambda: theirs.Packet(frame))
    if isinstance(whole, type):
        with pytest.raises(whole):
            list(Packet(frame))
        return
    lazy = Packet(frame)
    for cls in wanted:
        assert str(lazy.get_protocol(cls)) == str(whole.get_protocol(cls))
        assert list(map(str, lazy.get_protocols(cls))) == list(map(str, whole.get_protocols(cls)))
    assert str(lazy) == str(whole)
    assert [type(one) for one in lazy] == [type(one) for one in whole]
    assert len(lazy) == len(whole)
    assert [cls in lazy for cls in CLASSES] == [cls in whole for cls in CLASSES]


@given(frames())
def test_it_serialises_to_the_same(frame: bytes) -> None:
    def again(cls: Any) -> Any:
        packet = cls(frame)
        packet.serialize()
        return bytes(packet.data)

    assert told(lambda: again(Packet)) == told(lambda: again(theirs.Packet))


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
def test_json(frame: bytes) -> None:
    ours, whole = Packet(frame), theirs.Packet(frame)
    assert ours.to_jsondict() == whole.to_jsondict()
    if all(isinstance(one, packet_base.PacketBase) for one in whole):
        body = ours.to_jsondict()["Packet"]
        assert str(Packet.from_jsondict(body)) == str(theirs.Packet.from_jsondict(body))


def test_behind_what_is_looked_at_nothing_is_parsed() -> None:
    packet = Packet(FRAMES[0])
    (found,) = packet.get_protocols(ethernet.ethernet)
    assert found.src == "02:00:00:00:00:01"
    assert packet._next is ipv4.ipv4
    assert packet.get_protocol(ipv4.ipv4).dst == "10.0.0.2"
    assert packet._next is tcp.tcp
    assert packet.protocols[-1] == b"payload"


def test_a_packet_is_made() -> None:
    packet = ethernet.ethernet(ethertype=0x0806) / arp.arp(dst_ip="10.0.0.9")
    packet.add_protocol(b"trailer")
    packet.serialize()
    other = theirs.Packet()
    for one in packet.protocols:
        other.add_protocol(one)
    other.serialize()
    assert packet.data == other.data
    packet[2] = b"another"
    del packet[0]
    assert packet[0].dst_ip == "10.0.0.9"
    assert packet[1] in packet


def test_of_bytes_that_may_change_all_is_read_at_once() -> None:
    frame = bytearray(FRAMES[0])
    packet = Packet(frame)
    frame[26:30] = b"\1\1\1\1"
    assert packet.get_protocol(ipv4.ipv4).src == "10.0.0.1"


@given(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16), st.binary(min_size=6, max_size=6))
def test_addresses(v4: bytes, v6: bytes, mac: bytes) -> None:
    for name, raw in (("ipv4", v4), ("ipv6", v6), ("mac", mac)):
        ours, other = getattr(addrconv, name), getattr(their_addrconv, name)
        text = ours.bin_to_text(raw)
        assert text == other.bin_to_text(raw)
        assert ours.text_to_bin(text) == raw


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mac", "0200.0000.0001"),
        ("mac", "02-00-00-00-00-01"),
        ("mac", "2:0:0:0:0:1"),
        ("mac", 5),
        ("mac", "no address"),
        ("mac", "02:00:00:00:00:zz"),
        ("ipv4", "10.0.0.0/8"),
        ("ipv4", 0x0A000001),
        ("ipv4", "no address"),
        ("ipv6", "fe80::/10"),
        ("ipv6", "::ffff:10.0.0.1"),
        ("ipv6", "fe80::1%eth0"),
    ],
)
def test_unusual_addresses(name: str, value: Any) -> None:
    ours, other = getattr(addrconv, name), getattr(their_addrconv, name)
    assert told(lambda: ours.text_to_bin(value)) == told(lambda: other.text_to_bin(value))


@pytest.mark.parametrize("name", ["ipv4", "ipv6", "mac"])
def test_bytes_of_another_length(name: str) -> None:
    for raw in (b"", b"123"):
        assert isinstance(told(lambda raw=raw: getattr(addrconv, name).bin_to_text(raw)), type)


def test_a_header_that_is_cut_off_is_payload() -> None:
    packet = Packet(FRAMES[1][:40])
    with pytest.raises(struct.error):
        tcp.tcp.parser(FRAMES[1][34:40])
    assert packet.protocols[-1] == FRAMES[1][34:40]
