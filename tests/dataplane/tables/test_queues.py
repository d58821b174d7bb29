from __future__ import annotations

import pytest

from triplane.dataplane.kernels.queues import PORT_QUEUES, queue_admit
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.tables.queues import QueueSettings, QueueTable

OFPP_ANY = OFPQ_ALL = 0xFFFFFFFF
SECOND = 10**9
GIGABIT = 10**9


def table() -> QueueTable:
    queues = QueueTable()
    queues.configure(1, 0, QueueSettings(speed=GIGABIT), SECOND)
    queues.configure(1, 7, QueueSettings(min_rate=GIGABIT // 4, max_rate=GIGABIT // 2, speed=GIGABIT), SECOND)
    queues.configure(3, 7, QueueSettings(max_rate=8000, speed=GIGABIT), SECOND)
    return queues


def test_config_is_told_in_tenths_of_a_percent() -> None:
    none = 0xFFFF
    assert table().config(1) == [(1, 0, none, none), (1, 7, 250, 500)]
    assert table().config(OFPP_ANY)[2:] == [(3, 7, none, 1)]
    assert table().config(2) == []


def test_counters_of_one_of_a_port_and_of_all() -> None:
    queues = table()
    queue_admit(queues.arrays, 1, 7, 1, 100, SECOND)
    queue_admit(queues.arrays, 3, 7, 1, 65536, SECOND)
    queue_admit(queues.arrays, 3, 7, 1, 65536, SECOND)
    assert queues.counters(1, 7, 3 * SECOND) == [(1, 7, 100, 1, 0, 2 * SECOND)]
    assert queues.counters(OFPP_ANY, 7, SECOND) == [(1, 7, 100, 1, 0, 0), (3, 7, 65536, 1, 1, 0)]
    assert [entry[:2] for entry in queues.counters(OFPP_ANY, OFPQ_ALL, SECOND)] == [(1, 0), (1, 7), (3, 7)]
    assert queues.counters(2, OFPQ_ALL, SECOND) == []


def test_an_unknown_queue_is_an_error() -> None:
    with pytest.raises(OpenFlowError, match="OFPQOFC_BAD_QUEUE"):
        table().counters(1, 9, SECOND)


def test_changing_a_queue_keeps_its_counters() -> None:
    queues = table()
    queue_admit(queues.arrays, 1, 0, 1, 100, SECOND)
    queues.configure(1, 0, QueueSettings(max_rate=GIGABIT, speed=GIGABIT), 2 * SECOND)
    assert queues.counters(1, 0, 2 * SECOND) == [(1, 0, 100, 1, 0, SECOND)]
    assert queues.config(1)[0] == (1, 0, 0xFFFF, 1000)


def test_removing() -> None:
    queues = table()
    queues.remove(1, 7)
    assert [entry[1] for entry in queues.config(1)] == [0]
    queues.remove(1)
    queues.remove(2)
    assert queues.config(1) == []


def test_what_cannot_be_is_said_in_one_line() -> None:
    queues = QueueTable()
    for number in range(PORT_QUEUES):
        queues.configure(1, number, QueueSettings(), 0)
    with pytest.raises(ValueError, match="port 1 has 8 queues"):
        queues.configure(1, 8, QueueSettings(), 0)
    with pytest.raises(ValueError, match="port 256 is not"):
        queues.configure(256, 0, QueueSettings(), 0)
    with pytest.raises(ValueError, match="max rate"):
        queues.configure(1, 0, QueueSettings(max_rate=10**16), 0)
