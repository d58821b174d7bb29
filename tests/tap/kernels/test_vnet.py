"""The virtio-net header against struct."""

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from triplane.dataplane.kernels import packet
from triplane.tap.kernels import vnet

SHORT = st.integers(0, 0xFFFF)


@given(st.integers(0, 3), st.integers(0, 255), SHORT, SHORT, SHORT, SHORT)
def test_load(flags: int, kind: int, header: int, size: int, start: int, offset: int) -> None:
    memory = np.frombuffer(struct.pack("=BBHHHHH", flags, kind, header, size, start, offset, 7), np.uint8)
    frame = np.zeros(packet.FRAME_WORDS, np.int64)
    vnet.load_vnet(frame, memory.ctypes.data)
    state = packet.CSUM_PARTIAL if flags & 1 else packet.CSUM_VALID if flags & 2 else packet.CSUM_NONE
    assert list(frame[packet.CSUM :]) == [state, start, offset, kind, size]


def oracle(frame: np.ndarray, tcp_words: int) -> bytes:
    """The header that a GSO TCP frame, or a plain one, should have."""
    partial = frame[packet.CSUM] == packet.CSUM_PARTIAL
    start, offset = (int(frame[packet.CSUM_START]), int(frame[packet.CSUM_OFFSET])) if partial else (0, 0)
    kind = int(frame[packet.GSO_TYPE])
    length = start + (8 if kind in (packet.GSO_UDP, packet.GSO_UDP_L4) else 4 * tcp_words) if kind and partial else 0
    return struct.pack("=BBHHHH", int(partial), kind, length, int(frame[packet.GSO_SIZE]), start, offset)


@given(
    st.sampled_from([packet.CSUM_NONE, packet.CSUM_PARTIAL, packet.CSUM_VALID]),
    st.integers(14, 100),
    st.sampled_from([6, 16]),
    st.sampled_from([0, packet.GSO_TCPV4, packet.GSO_TCPV6, packet.GSO_UDP_L4, packet.GSO_TCPV4 | packet.GSO_ECN]),
    SHORT,
    st.integers(5, 15),
)
def test_store(state: int, start: int, offset: int, kind: int, size: int, tcp_words: int) -> None:
    memory = np.full(256, 0xEE, np.uint8)
    memory[32 + start + 12] = tcp_words << 4 | 0xE
    before = memory.copy()
    frame = np.array([0, 60, 0, state, start, offset, kind, size], np.int64)
    at = memory.ctypes.data + 32
    vnet.store_short(frame, at)
    assert memory[22:32].tobytes() == oracle(frame, tcp_words)
    assert (memory[32:] == before[32:]).all()
    assert (memory[:20] == before[:20]).all()
    vnet.store_long(frame, at)
    assert memory[20:32].tobytes() == oracle(frame, tcp_words) + bytes(2)
    assert (memory[32:] == before[32:]).all()
    assert (memory[:20] == before[:20]).all()
