from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from triplane.dataplane.kernels.mix import mix64

ALL = 2**64 - 1


def murmur(word: int) -> int:
    """The published constants, on unsigned numbers."""
    word = (word ^ word >> 33) * 0xFF51AFD7ED558CCD & ALL
    word = (word ^ word >> 33) * 0xC4CEB9FE1A85EC53 & ALL
    return word ^ word >> 33


@given(st.integers(-(2**63), 2**63 - 1))
def test_is_murmurs_finaliser(word: int) -> None:
    assert mix64(word) & ALL == murmur(word & ALL)


def test_neighbours_are_spread_evenly() -> None:
    for step in (1, 256, 257, 65536, 1 << 48):
        sets = {mix64(i * step) & 0xFFFF for i in range(256)}
        assert len(sets) > 250
