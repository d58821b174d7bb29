"""Well-formed frames of every kind the parser knows, for a fuzzer to damage."""

from __future__ import annotations

import struct

from tests.oracle.frames import arp, ethernet, extension, icmp, ipv4, ipv6, neighbour, sctp, tcp, udp

MAC_A, MAC_B = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"
V4 = b"\x0a\0\0\1", b"\x0a\0\0\2"
V6 = b"\xfe\x80" + bytes(13) + b"\1", b"\xff\x02" + bytes(13) + b"\2"
PAYLOAD = bytes(range(48))


def messages(v6: bool) -> list[tuple[int, bytes]]:
    both = [
        (6, tcp(80, 1024, PAYLOAD, options=b"\2\4\5\xb4")),
        (17, udp(53, 1024, PAYLOAD)),
        (132, sctp(5, 6, PAYLOAD)),
    ]
    if not v6:
        return [*both, (1, icmp(8, 0, PAYLOAD)), (4, ipv4(*V4, 17, udp(1, 2))), (47, PAYLOAD)]
    options = [(1, MAC_A), (2, MAC_B), (3, bytes(14))]
    found = [(58, neighbour(kind, V6[0], options)) for kind in (135, 136)]
    return [*both, *found, (58, icmp(128, 0, PAYLOAD)), (41, ipv6(*V6, 17, udp(1, 2))), (59, b"")]


def packets() -> list[tuple[int, bytes]]:
    """EtherTypes and network-layer packets."""
    made = [(0x0800, ipv4(*V4, proto, message)) for proto, message in messages(False)]
    made += [(0x0800, ipv4(*V4, 17, PAYLOAD, fragment=flags)) for flags in (0x2000, 0x0004)]
    made.append((0x0800, ipv4(*V4, 6, tcp(1, 2), options=bytes(8))))
    made += [(0x86DD, ipv6(*V6, proto, message)) for proto, message in messages(True)]
    for numbers in ([0, 60, 43, 44, 51, 60], [44], [51, 50], [60, 60, 60], [135, 0], [43, 43, 0]):
        chain = [(number, extension(number, 1)) for number in numbers]
        made.append((0x86DD, ipv6(*V6, 17, udp(1, 2, PAYLOAD), chain=chain)))
    made += [(kind, arp(1, MAC_A, V4[0], MAC_B, V4[1]) + bytes(18)) for kind in (0x0806, 0x8035)]
    return made


def seeds() -> list[bytes]:
    plain = packets()
    frames = [ethernet(MAC_A, MAC_B, [], kind, body) for kind, body in plain]
    for kind, body in plain[::3]:
        frames.append(ethernet(MAC_A, MAC_B, [(0x88A8, 0x6007), (0x8100, 9)], kind, body))
        frames.append(ethernet(MAC_A, MAC_B, [], 0x8847, struct.pack("!II", 0x64040, 0x65140) + body))
        inner = ethernet(MAC_A, MAC_B, [(0x8100, 5)], kind, body)
        frames.append(ethernet(MAC_B, MAC_A, [(0x88A8, 3)], 0x88E7, struct.pack("!I", 0x20000064) + inner))
        snap = bytes.fromhex("aaaa03000000") + struct.pack("!H", kind) + body
        frames.append(ethernet(MAC_A, MAC_B, [], len(snap), snap))
    return [*frames, bytes(60), bytes(14), MAC_A, ethernet(MAC_A, MAC_B, [], 38, b"\x42\x42\3" + bytes(35))]
