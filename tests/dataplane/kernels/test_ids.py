"""Group and meter ids against a dictionary."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from triplane.dataplane.kernels.ids import EMPTY, MAX_SLOT, id_insert, id_lookup, id_remove, make_index

IDS = st.sampled_from([0, 1, 2, 3, 64, 128, 0xFFFF, 0x10000, 0xFFFFFF00, 0xFFFFFFFC, 0xFFFFFFFF])


@given(st.lists(st.tuples(st.booleans(), IDS, st.sampled_from([0, 1, 77, MAX_SLOT])), max_size=60))
def test_an_index_is_a_dictionary(steps: list[tuple[bool, int, int]]) -> None:
    index, truth = make_index(6), dict[int, int]()
    for insert, identifier, slot in steps:
        if insert:
            assert id_insert(index, identifier, slot) == 0
            truth[identifier] = slot
        else:
            assert id_remove(index, identifier) == truth.pop(identifier, -1)
        for wanted in (0, 1, 2, 3, 64, 128, 0xFFFF, 0x10000, 0xFFFFFF00, 0xFFFFFFFC, 0xFFFFFFFF):
            assert id_lookup(index, wanted) == truth.get(wanted, -1)


def test_a_full_index_says_so_and_keeps_what_it_has() -> None:
    index = make_index(4)
    assert [id_insert(index, number, number) for number in range(9)] == [0] * 8 + [-1]
    assert [id_lookup(index, number) for number in range(9)] == [*range(8), -1]
    assert id_insert(index, 5, 55) == 0
    assert id_lookup(index, 5) == 55


def test_tombs_do_not_pile_up() -> None:
    index = make_index(8)
    for number in range(1000):
        assert id_insert(index, number, 1) == 0
        assert id_remove(index, number) == 1
    assert set(index.tolist()) == {EMPTY}


@given(st.lists(IDS, unique=True, max_size=11))
def test_emptied_in_any_order_it_is_empty(order: list[int]) -> None:
    index = make_index(8)
    for identifier in sorted(order):
        id_insert(index, identifier, 3)
    for identifier in order:
        assert id_remove(index, identifier) == 3
    assert all(id_lookup(index, identifier) == -1 for identifier in order)
