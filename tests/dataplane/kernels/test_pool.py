"""Frame slots: each is in exactly one place."""

from __future__ import annotations

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from triplane.dataplane.kernels.pool import (
    BIG_ROOM,
    BIG_SIZE,
    HEADROOM,
    POOL_BIG_COUNT,
    POOL_BIG_TOP,
    POOL_EMPTY,
    POOL_SMALL_COUNT,
    POOL_SMALL_TOP,
    POOL_STACKS,
    SMALL_ROOM,
    SMALL_SIZE,
    Pool,
    frame_base,
    frame_end,
    give,
    give_one,
    make_pool,
    take,
    take_one,
)

SMALL, BIG = 6, 3


def free(pool: Pool) -> list[int]:
    words = pool.pool
    big = POOL_STACKS + int(words[POOL_SMALL_COUNT])
    small = words[POOL_STACKS : POOL_STACKS + int(words[POOL_SMALL_TOP])]
    return sorted([*small.tolist(), *words[big : big + int(words[POOL_BIG_TOP])].tolist()])


ALL = [number * SMALL_SIZE for number in range(SMALL)] + [
    SMALL * SMALL_SIZE + number * BIG_SIZE for number in range(BIG)
]
Step = tuple[str, int]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("take small"), st.integers(0, SMALL + 2)),
        st.tuples(st.just("take big"), st.integers(0, BIG + 2)),
        st.tuples(st.just("take for"), st.sampled_from([0, 60, SMALL_ROOM, SMALL_ROOM + 1, BIG_ROOM, BIG_ROOM + 1])),
        st.tuples(st.just("give"), st.integers(0, 5)),
        st.tuples(st.just("give one"), st.integers(0, SMALL_SIZE - 1)),
    ),
    max_size=30,
)


@given(steps)
def test_each_slot_is_in_one_place(todo: list[Step]) -> None:
    pool = make_pool(SMALL, BIG)
    held: list[int] = []
    out = np.zeros(16, np.int64)
    for name, number in todo:
        if name in {"take small", "take big"}:
            here = [base for base in free(pool) if is_big(base) == (name == "take big")]
            got = int(take(pool.pool, name == "take big", out, number))
            assert got == min(number, len(here))
            assert set(out[:got].tolist()) <= set(here)
            held += out[:got].tolist()
        elif name == "take for":
            check_take_one(pool, held, number)
        elif name == "give" and held:
            out[: len(held[:number])] = held[:number]
            give(pool.pool, out, len(held[:number]))
            del held[:number]
        elif held:
            give_one(pool.pool, held.pop() + number)
        assert sorted([*free(pool), *held]) == ALL


def is_big(base: int) -> bool:
    return base >= SMALL * SMALL_SIZE


def check_take_one(pool: Pool, held: list[int], length: int) -> None:
    """A small slot if the frame fits, else a big one."""
    before, empty = free(pool), int(pool.pool[POOL_EMPTY])
    addr = int(take_one(pool.pool, length))
    if addr < 0:
        assert length > BIG_ROOM or not [base for base in before if is_big(base) == (length > SMALL_ROOM)]
        assert int(pool.pool[POOL_EMPTY]) == empty + 1
        return
    base = int(frame_base(pool.pool, addr))
    assert base in before
    assert is_big(base) == (length > SMALL_ROOM)
    assert addr == base + HEADROOM
    assert addr + length <= frame_end(pool.pool, addr)
    held.append(base)


@given(st.sampled_from(ALL), st.integers(0, SMALL_SIZE - 1))
def test_any_address_in_a_slot_leads_to_it(base: int, inside: int) -> None:
    pool = make_pool(SMALL, BIG)
    size = SMALL_SIZE if base < SMALL * SMALL_SIZE else BIG_SIZE
    for addr in (base, base + inside, base + size - 1):
        assert frame_base(pool.pool, addr) == base
        assert frame_end(pool.pool, addr) == base + size


def test_threads_share_a_pool() -> None:
    """Two threads take and give all the time: no slot is lost, none is handed out twice."""
    pool = make_pool(64, 4)

    def work() -> None:
        out = np.zeros(40, np.int64)
        for number in range(300):
            got = int(take(pool.pool, False, out, 1 + number % 40))
            assert len(set(out[:got].tolist())) == got
            give(pool.pool, out, got)
            addr = int(take_one(pool.pool, 60))
            if addr >= 0:
                give_one(pool.pool, addr)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(free(pool))) == 68 == pool.pool[POOL_SMALL_COUNT] + pool.pool[POOL_BIG_COUNT]
