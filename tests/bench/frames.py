"""Frames of 60 bytes in slots of 64: IPv4 and UDP without a UDP checksum, from many sources."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]  # rows of SLOT bytes
Numbers = npt.NDArray[np.int64]

SLOT, LENGTH = 64, 60
SOURCE_MAC, SINK_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
PORT_MACS = ("", "02:00:00:00:01:01", "02:00:00:00:01:02")  # of the device's ports 1 and 2
SOURCE, SINK = 0x0A010001, 0x0A020002  # 10.1.0.1, 10.2.0.2
SINK_PORT = 6666
IP, UDP = 14, 34  # offsets


def ip_checksums(headers: npt.NDArray[np.int64]) -> Numbers:
    """Of rows of ten 16-bit words whose checksum is 0 (RFC 791)."""
    total = headers.sum(axis=1)
    total = (total & 0xFFFF) + (total >> 16)
    checksums: Numbers = ~(total + (total >> 16)) & 0xFFFF
    return checksums


def udp(sources: Numbers, sinks: Numbers, ports: Numbers, to_mac: str = PORT_MACS[1]) -> Frames:
    """A frame for each source address, destination address and source port."""
    head = bytes.fromhex((to_mac + SOURCE_MAC).replace(":", "")) + b"\x08\x00"
    ip = struct.pack("!BBHHHBBHII", 0x45, 0, LENGTH - IP, 0, 0x4000, 64, 17, 0, 0, 0)
    template = head + ip + struct.pack("!HHHH", 0, SINK_PORT, LENGTH - UDP, 0) + b"B" * 18
    frames = np.tile(np.frombuffer(template.ljust(SLOT, b"\0"), np.uint8), (len(sources), 1))
    words = frames.view(">u2")
    for first, numbers in ((IP + 12, sources), (IP + 16, sinks)):
        words[:, first // 2], words[:, first // 2 + 1] = numbers >> 16, numbers & 0xFFFF
    words[:, UDP // 2] = ports
    words[:, (IP + 10) // 2] = ip_checksums(words[:, IP // 2 : UDP // 2].astype(np.int64))
    return frames


def addresses(count: int) -> tuple[Numbers, Numbers]:
    """Source addresses and ports of `count` flows: 1,024 ports of each address, below 10.0.0.0/8."""
    numbers = np.arange(count)
    return (SOURCE & ~0xFFFF) + (numbers >> 10) + 1, 1024 + (numbers & 1023)


def flows(count: int, to_mac: str = PORT_MACS[1]) -> Frames:
    sources, ports = addresses(count)
    return udp(sources, np.full(count, SINK), ports, to_mac)


def new_flows(count: int, seed: int = 1) -> Frames:
    """Random sources and ports: none comes twice, but by chance of about count / 2**40."""
    random = np.random.default_rng(seed)
    return udp(
        0x0B000000 + random.integers(0, 1 << 24, count), np.full(count, SINK), random.integers(0, 1 << 16, count)
    )


def masks(count: int) -> list[tuple[int, int]]:
    """Pairs of prefix lengths, of the source and of the destination: each pair is a mask."""
    pairs = [(source, sink) for source in range(8, 32) for sink in range(8, 32)]
    order = np.random.default_rng(3).permutation(len(pairs))
    return [pairs[at] for at in order[:count]]


def flipped(address: int, prefix: int) -> int:
    """The address with bit number `prefix` from the left, from 0, turned: with distinct prefixes, distinct networks."""
    return address ^ 1 << (31 - prefix)


def masked_flows(count: int, total: int = 65536) -> Frames:
    """About `total` flows, in random order, the same number of each of `count` masks."""
    random = np.random.default_rng(5)
    each = total // count
    sources, sinks = [], []
    for source, sink in masks(count):
        sources.append(flipped(SOURCE, source) ^ random.integers(0, 1 << (31 - source), each))
        sinks.append(flipped(SINK, sink) ^ random.integers(0, 1 << (31 - sink), each))
    order = random.permutation(each * count)
    ports = random.integers(0, 1 << 16, each * count)
    return udp(np.concatenate(sources)[order], np.concatenate(sinks)[order], ports)
