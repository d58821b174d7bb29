"""Partial checksums against a plain computation of the pseudo header's sum."""

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from triplane.tap.kernels.partial import PARTIAL_NONE, partial_checksum

TCP, UDP, SCTP = 6, 17, 132
FIELD = {TCP: 16, UDP: 6, SCTP: 8}
HEADER = {TCP: 20, UDP: 8, SCTP: 12}


def ones_sum(data: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def look(frame: bytes) -> int:
    memory = np.frombuffer(frame + bytes(8), np.uint8)
    return int(partial_checksum(memory.ctypes.data, len(frame)))


@st.composite
def frames(draw: st.DrawFn) -> tuple[bytes, int, int, int]:
    """A frame, its layer 4 offset, that layer's protocol, and the pseudo header's sum."""
    proto = draw(st.sampled_from((TCP, UDP, SCTP)))
    payload = draw(st.binary(max_size=40))
    layer4 = bytearray(draw(st.binary(min_size=HEADER[proto], max_size=HEADER[proto])) + payload)
    tags = draw(st.sampled_from((b"", b"\x81\0\0\5", b"\x88\xa8\0\7\x81\0\0\5")))
    if draw(st.booleans()):
        addresses = draw(st.binary(min_size=8, max_size=8))
        options = draw(st.binary(max_size=10)) * 4
        size = 20 + len(options) + len(layer4)
        layer3 = b"\x08\0" + struct.pack("!BxHHxxBBxx", 0x40 | (5 + len(options) // 4), size, 1, 64, proto)
        layer3 += addresses + options
    else:
        addresses = draw(st.binary(min_size=32, max_size=32))
        more = [draw(st.sampled_from((0, 60))) for _ in range(draw(st.integers(0, 2)))]
        chain = b"".join(bytes([following, 0]) + b"\1\4\0\0\0\0" for following in [*more[1:], proto] if more)
        first = more[0] if more else proto
        layer3 = b"\x86\xdd" + struct.pack("!IHBB", 0x60000000, len(chain) + len(layer4), first, 64) + addresses + chain
    total = ones_sum(addresses + struct.pack("!HH", proto, len(layer4)))
    trailer = bytes(draw(st.integers(0, 6)))
    head = draw(st.binary(min_size=12, max_size=12)) + tags + layer3
    return head + bytes(layer4) + trailer, len(head), proto, total


@given(frames())
def test_a_partial_checksum_is_found(made: tuple[bytes, int, int, int]) -> None:
    frame, start, proto, total = made
    at = start + FIELD[proto]
    partial = frame[:at] + struct.pack("!H", total) + frame[at + 2 :]
    assert look(partial) == (PARTIAL_NONE if proto == SCTP else start << 8 | FIELD[proto])
    other = frame[:at] + struct.pack("!H", total ^ 1) + frame[at + 2 :]
    assert look(other) == PARTIAL_NONE


@given(frames(), st.integers(0, 60))
def test_a_cut_frame_has_none(made: tuple[bytes, int, int, int], cut: int) -> None:
    frame, start, proto, total = made
    at = start + FIELD[proto]
    partial = frame[:at] + struct.pack("!H", total) + frame[at + 2 :]
    assert look(partial[: min(cut, at + 1)]) == PARTIAL_NONE


@given(st.binary(max_size=100))
def test_any_bytes_do(data: bytes) -> None:
    found = look(data)
    assert found == PARTIAL_NONE or (found >> 8) + (found & 0xFF) + 2 <= len(data)


def test_a_fragment_has_none() -> None:
    addresses = bytes([10, 0, 0, 1, 10, 0, 0, 2])
    total = struct.pack("!H", ones_sum(addresses + struct.pack("!HH", UDP, 20)))
    for flags, expected in ((0, 34 << 8 | 6), (0x4000, 34 << 8 | 6), (0x2000, PARTIAL_NONE), (1, PARTIAL_NONE)):
        header = struct.pack("!BxHHHBBxx", 0x45, 40, 1, flags, 64, UDP) + addresses
        frame = bytes(12) + b"\x08\0" + header + bytes(6) + total + bytes(12)
        assert look(frame) == expected
