from __future__ import annotations

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle.checksums import crc32c as slow_crc
from tests.oracle.checksums import internet_check, ones_sum, sctp_check
from tests.oracle.frames import SCTP, anything, ethernet, ipv4, ipv4s, ipv6s, tcp, udp
from tests.oracle.frames import sctp as sctp_packet
from tests.oracle.parse import parse as oracle_parse
from tests.oracle.slots import alone, contents
from triplane.dataplane.kernels import checksum
from triplane.dataplane.kernels.bytes import be16
from triplane.dataplane.kernels.packet import (
    ADDR,
    CSUM,
    CSUM_NONE,
    CSUM_OFFSET,
    CSUM_PARTIAL,
    CSUM_START,
    FRAG_NONE,
    FRAGMENT,
    L4,
    PROTO,
)
from triplane.dataplane.kernels.parse import layout

words64 = st.integers(-(2**63), 2**63 - 1)
HOSTS = b"\x0a\0\0\1", b"\x0a\0\0\2"


@given(st.binary(max_size=200), st.integers(0, 9))
def test_sums_any_range(data: bytes, at: int) -> None:
    mem = np.frombuffer(data + bytes(1), np.uint8)
    count = max(0, len(data) - at)
    total = checksum.sum_bytes(mem, min(at, len(data)), count)
    assert total % 0xFFFF == ones_sum(data[at:])
    assert (total == 0) == (not any(data[at:]))


@given(st.binary(min_size=24, max_size=24).filter(any), st.sampled_from([2, 4, 6, 8]), words64)
def test_updates_as_if_summed_anew(data: bytes, size: int, value: int) -> None:
    changed = (value & (1 << 8 * size) - 1).to_bytes(size, "big") + data[size:]
    old, new = (int.from_bytes(part[:size], "big", signed=size == 8) for part in (data, changed))
    check = checksum.update_value(internet_check(data), old, new)
    assert check % 0xFFFF == internet_check(changed) % 0xFFFF


@given(st.binary(min_size=32, max_size=32).filter(any), words64, words64)
def test_updates_128_bits(data: bytes, high: int, low: int) -> None:
    changed = struct.pack("!qq", high, low) + data[16:]
    check = checksum.update128(internet_check(data), *struct.unpack("!qq", data[:16]), high, low)
    assert check % 0xFFFF == internet_check(changed) % 0xFFFF


@given(ipv4s())
def test_ipv4_header(header: bytes) -> None:
    mem = np.frombuffer(header[:10] + b"\xde\xad" + header[12:], np.uint8)
    assert checksum.ipv4_check(mem, 0) == int.from_bytes(header[10:12], "big")


@given(st.one_of(ipv4s().map(lambda p: (0x0800, p)), ipv6s().map(lambda p: (0x86DD, p))))
def test_full_layer_4_check_is_the_one_that_was_built_in(packet: tuple[int, bytes]) -> None:
    frame = ethernet(bytes(6), bytes(6), [], *packet) + b"padding"
    mem, row = alone(frame)
    layout(mem, row)
    offset = checksum.check_offset(row[PROTO])
    if row[L4] >= 0 and offset >= 0 and row[FRAGMENT] == FRAG_NONE and oracle_parse(frame).covers_dst:
        assert checksum.l4_check(mem, row) == be16(mem, row[ADDR] + row[L4] + offset)


@given(st.binary(max_size=100))
def test_crc32c(data: bytes) -> None:
    mem = np.frombuffer(data + b"\0", np.uint8)
    assert checksum.crc32c(mem, 0, len(data), 0xFFFFFFFF) ^ 0xFFFFFFFF == slow_crc(data)


@given(st.binary(min_size=12, max_size=60))
def test_sctp_crc(data: bytes) -> None:
    mem = np.frombuffer(data, np.uint8)
    assert checksum.sctp_check(mem, 0, len(data)) == int.from_bytes(sctp_check(data), "big")


def partial(frame: bytes, offset: int, pseudo: int) -> tuple[bytes, int]:
    """The frame as a sender with checksum offload hands it over, and where layer 4 is."""
    start = oracle_parse(frame).at["l4"]
    at = start + offset
    return frame[:at] + struct.pack("!H", pseudo) + frame[at + 2 :], start


@given(st.sampled_from([6, 17]), st.binary(max_size=50))
def test_completes_what_an_offload_left(proto: int, payload: bytes) -> None:
    message = tcp(1, 2, payload) if proto == 6 else udp(1, 2, payload)
    frame = ethernet(bytes(6), bytes(6), [(0x8100, 5)], 0x0800, ipv4(*HOSTS, proto, message))
    offset = 16 if proto == 6 else 6
    pseudo = ones_sum(b"".join(HOSTS) + struct.pack("!HH", proto, len(message)))
    given_up, start = partial(frame, offset, pseudo)
    mem, row = alone(given_up)
    row[CSUM], row[CSUM_START], row[CSUM_OFFSET] = CSUM_PARTIAL, start, offset
    assert checksum.complete(mem, row) == checksum.COMPLETED
    assert row[CSUM] == CSUM_NONE
    assert contents(mem, row) == frame
    assert checksum.complete(mem, row) == checksum.NOT_PARTIAL


def test_a_computed_zero_is_sent_as_ones() -> None:
    message = udp(1, 2, b"\0\0")
    frame = ethernet(bytes(6), bytes(6), [], 0x0800, ipv4(*HOSTS, 17, message))
    rest = 0xFFFF - ones_sum(b"".join(HOSTS) + struct.pack("!HH", 17, len(message)) + message)
    frame, start = partial(frame[:-2] + struct.pack("!H", rest), 6, 0xFFFF - 0xFFFF)
    mem, row = alone(frame)
    pseudo = ones_sum(b"".join(HOSTS) + struct.pack("!HH", 17, len(message)))
    mem[row[ADDR] + start + 6], mem[row[ADDR] + start + 7] = pseudo >> 8, pseudo & 255
    row[CSUM], row[CSUM_START], row[CSUM_OFFSET] = CSUM_PARTIAL, start, 6
    checksum.complete(mem, row)
    assert be16(mem, row[ADDR] + start + 6) == 0xFFFF


def test_completes_sctp_with_its_crc() -> None:
    frame = ethernet(bytes(6), bytes(6), [], 0x0800, ipv4(*HOSTS, SCTP, sctp_packet(1, 2, b"chunk")))
    mem, row = alone(frame[:42] + bytes(4) + frame[46:])
    row[CSUM], row[CSUM_START], row[CSUM_OFFSET] = CSUM_PARTIAL, 34, checksum.SCTP_CHECK
    assert checksum.complete(mem, row) == checksum.COMPLETED
    assert contents(mem, row) == frame


@given(anything, st.integers(-10, 200), st.integers(-10, 70000))
def test_offsets_outside_the_frame_are_refused(frame: bytes, start: int, offset: int) -> None:
    mem, row = alone(frame)
    row[CSUM], row[CSUM_START], row[CSUM_OFFSET] = CSUM_PARTIAL, start, offset
    outcome = checksum.complete(mem, row)
    inside = start >= 0 and offset >= 0 and start + offset + (4 if offset == 8 else 2) <= len(frame)
    assert outcome == (checksum.COMPLETED if inside else checksum.BAD_OFFSETS)
    if not inside:
        assert contents(mem, row) == frame
