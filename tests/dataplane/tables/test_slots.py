from __future__ import annotations

from triplane.dataplane.tables.slots import Slots


def test_slots_are_taken_once_each() -> None:
    slots = Slots(3)
    assert [slots.take() for _ in range(4)] == [0, 1, 2, None]


def test_a_slot_given_back_waits_for_two_turns() -> None:
    slots = Slots(1)
    slots.take()
    slots.give(0)
    assert slots.take() is None
    slots.turn()
    assert slots.take() is None
    slots.turn()
    assert slots.take() == 0
