from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triplane.dataplane.kernels import bytes as kernels
from triplane.dataplane.kernels import bytes_checked

BITS = (8, 16, 24, 32, 48, 64)
data = st.binary(min_size=24, max_size=24)


def array(content: bytes) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.frombuffer(content, np.uint8).copy()


@given(data, st.sampled_from(BITS), st.integers(0, 16))
def test_loads(content: bytes, bits: int, at: int) -> None:
    expected = int.from_bytes(content[at : at + bits // 8], "big", signed=bits == 64)
    for module in (kernels, bytes_checked):
        assert getattr(module, f"be{bits}")(array(content), at) == expected


@given(data, st.integers(0, 16))
def test_loads_in_machine_order(content: bytes, at: int) -> None:
    expected = int.from_bytes(content[at : at + 8], "little", signed=True)
    assert kernels.le64(array(content), at) == expected == bytes_checked.le64(array(content), at)


@given(data, st.sampled_from(BITS), st.integers(0, 16), st.integers(-(2**63), 2**63 - 1))
def test_stores_the_low_bits(content: bytes, bits: int, at: int, value: int) -> None:
    size = bits // 8
    expected = content[:at] + (value & (1 << bits) - 1).to_bytes(size, "big") + content[at + size :]
    for module in (kernels, bytes_checked):
        mem = array(content)
        getattr(module, f"put{bits}")(mem, at, value)
        assert mem.tobytes() == expected


@given(data, data, st.integers(0, 12), st.integers(0, 12), st.integers(0, 12))
def test_copies(target: bytes, source: bytes, to: int, at: int, count: int) -> None:
    for module in (kernels, bytes_checked):
        mem = array(target)
        module.copy(mem, to, array(source), at, count)
        assert mem.tobytes() == target[:to] + source[at : at + count] + target[to + count :]


@given(data, st.integers(0, 12), st.integers(0, 12), st.integers(0, 12))
def test_moves_what_overlaps(content: bytes, to: int, at: int, count: int) -> None:
    for module in (kernels, bytes_checked):
        mem = array(content)
        module.move(mem, to, at, count)
        assert mem.tobytes() == content[:to] + content[at : at + count] + content[to + count :]


@given(data, st.integers(0, 12), st.integers(0, 12), st.integers(0, 255))
def test_fills(content: bytes, at: int, count: int, value: int) -> None:
    for module in (kernels, bytes_checked):
        mem = array(content)
        module.fill(mem, at, count, value)
        assert mem.tobytes() == content[:at] + bytes([value]) * count + content[at + count :]


def test_checked_loads_fail_outside() -> None:
    if kernels.CHECKED:
        for at in (-1, 23):
            with pytest.raises(IndexError):
                kernels.be16(array(bytes(24)), at)
    else:
        assert kernels.be16 is not bytes_checked.be16
