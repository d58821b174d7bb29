from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle.tokens import Bucket
from triplane.dataplane.kernels.tokens import BITS, PACKETS, TOKEN_WORDS, tokens_left, tokens_set, tokens_take

rates = st.integers(0, 2**32 - 1)
bursts = st.integers(0, 2**32 - 1)
steps = st.lists(st.tuples(st.integers(-(10**6), 10**11), st.integers(1, 70_000)), max_size=30)
START = 10**15


def bucket(rate: int, burst_tokens: int) -> np.ndarray:
    words = np.zeros(TOKEN_WORDS + 1, np.int64)
    tokens_set(words, 1, rate, burst_tokens, START)
    return words


@given(rates, bursts, steps)
def test_kilobits_are_counted_exactly(rate: int, burst: int, frames: list[tuple[int, int]]) -> None:
    words = bucket(rate, burst * 1000 * BITS)
    oracle = Bucket(Fraction(rate), Fraction(burst), START)
    now = START
    for step, size in frames:
        now += step
        assert tokens_take(words, 1, size * 8 * BITS, now) == oracle.take(Fraction(size * 8, 1000), now)


@given(rates, bursts, steps)
def test_packets_are_counted_exactly(rate: int, burst: int, frames: list[tuple[int, int]]) -> None:
    words = bucket(rate, burst * PACKETS)
    oracle = Bucket(Fraction(rate), Fraction(burst), START)
    now = START
    for step, size in frames:
        now += step
        packets = size // 1448 + 1
        assert tokens_take(words, 1, packets * PACKETS, now) == oracle.take(Fraction(packets), now)


@given(st.integers(1, 10**6), st.integers(1, 10**4), steps)
def test_no_more_passes_than_rate_and_burst_allow(rate: int, burst: int, frames: list[tuple[int, int]]) -> None:
    words = bucket(rate, burst * PACKETS)
    now, passed = START, 0
    for step, _ in frames:
        now += max(step, 0)
        passed += bool(tokens_take(words, 1, PACKETS, now))
    assert passed <= burst + Fraction(rate * (now - START), 10**9)


def test_after_a_long_silence_the_bucket_is_full_and_nothing_overflows() -> None:
    words = bucket(2**32 - 1, 2**62)
    assert tokens_take(words, 1, 2**62, START)
    assert tokens_left(words, 1, START) == 0
    assert tokens_left(words, 1, START + 2**60) == 2**62


def test_rate_zero_without_burst_passes_nothing() -> None:
    assert not tokens_take(bucket(0, 0), 1, PACKETS, START + 10**12)
