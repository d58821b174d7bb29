from __future__ import annotations

import pytest

from triplane.dataplane.tables.queue_options import take_queues
from triplane.dataplane.tables.queues import QueueSettings

GIGABIT = 10**9


def test_queues_are_taken_and_the_rest_is_left() -> None:
    options = {"netns": "a", "queue0": "0", "queue7": "64k-100M", "queue12": "1G", "queue": "x"}
    queues, rest = take_queues(options, GIGABIT)
    assert queues == {
        0: QueueSettings(0, 0, GIGABIT),
        7: QueueSettings(64_000, 100_000_000, GIGABIT),
        12: QueueSettings(0, GIGABIT, GIGABIT),
    }
    assert rest == {"netns": "a", "queue": "x"}


@pytest.mark.parametrize("text", ["", "fast", "10m", "-5", "1-2-3", "10M-"])
def test_a_rate_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=f"^queue1={text}: .* is not a rate in bit/s"):
        take_queues({"queue1": text}, GIGABIT)
