from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.oracle.queues import Queue
from triplane.dataplane.kernels.queues import (
    PORT_QUEUES,
    Q_BYTES,
    Q_ERRORS,
    Q_PACKETS,
    make_queues,
    queue_admit,
    queue_find,
    queue_make,
    queue_remove,
    queue_set_rate,
)

SECOND = 10**9
frames = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 45), st.integers(60, 66_000), st.integers(0, SECOND)), max_size=40
)


@given(st.lists(st.sampled_from([0, 1, 64, 1000, 10**6, 2**32 - 1]), min_size=1, max_size=3), frames)
def test_each_queue_polices_and_counts_for_itself(rates: list[int], sent: list[tuple[int, int, int, int]]) -> None:
    queues, now = make_queues(), SECOND
    oracles = [Queue(kbps, now) for kbps in rates]
    for number, kbps in enumerate(rates):
        queue_make(queues, 5, number, kbps, now)
    for queue, packets, size, wait in sent:
        now += wait
        expected = oracles[queue].admit(packets, size, now) if queue < len(rates) else True
        assert queue_admit(queues, 5, queue, packets, size, now) == expected
    for number, oracle in enumerate(oracles):
        at = queue_find(queues, 5, number)
        counted = queues[at + Q_PACKETS], queues[at + Q_BYTES], queues[at + Q_ERRORS]
        assert counted == (oracle.packets, oracle.bytes, oracle.errors)


def test_a_queue_of_another_port_is_another_queue() -> None:
    queues = make_queues()
    queue_make(queues, 1, 0, 8, 0)
    assert [queue_admit(queues, 1, 0, 1, 65536, 0) for _ in range(2)] == [True, False]
    assert queue_admit(queues, 2, 0, 1, 65536, 0)


def test_a_removed_queue_polices_no_more_and_gives_its_place_away() -> None:
    queues = make_queues()
    rows = [queue_make(queues, 1, number, 8, 0) for number in range(PORT_QUEUES)]
    assert queue_make(queues, 1, 99, 0, 0) == -1
    queue_remove(queues, rows[2])
    assert queue_find(queues, 1, 2) == -1
    assert queue_find(queues, 1, 7) == rows[7]
    assert all(queue_admit(queues, 1, 2, 1, 65536, 0) for _ in range(3))
    assert queue_make(queues, 1, 99, 0, 0) == rows[2]


def test_a_new_rate_counts_from_now_on() -> None:
    queues = make_queues()
    at = queue_make(queues, 1, 0, 0, 0)
    assert all(queue_admit(queues, 1, 0, 1, 65536, 0) for _ in range(9))
    queue_set_rate(queues, at, 8, SECOND)
    assert [queue_admit(queues, 1, 0, 1, 65536, SECOND) for _ in range(2)] == [True, False]
    assert queues[at + Q_PACKETS] == 10
