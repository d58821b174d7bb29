"""An action set as a dictionary, by what it has one of (OpenFlow 1.5.1 section 5.6)."""

from __future__ import annotations

from typing import Any

from tests.oracle.oxm import NUMBERS, OFPP_UNSET

Action = tuple[Any, ...]

ORDER = [  # section 5.6
    "copy_ttl_in", "pop_vlan", "pop_mpls", "pop_pbb", "push_mpls", "push_pbb", "push_vlan", "copy_ttl_out",
    "dec_mpls_ttl", "dec_nw_ttl", "set_mpls_ttl", "set_nw_ttl", "set_field", "meter", "set_queue", "group", "output",
]  # fmt: skip
TARGET = {"set_field": 1, "set_masked": 1, "copy_field": 3}  # what sets a field, and where it names the field


def by_kind(actions: list[Action]) -> dict[object, Action]:
    """The last of each kind."""
    return {kind_of(action): action for action in actions}


def kind_of(action: Action) -> object:
    """What an action set has one of: for each field that is set, one action that sets it."""
    return ("set_field", action[TARGET[action[0]]]) if action[0] in TARGET else action[0]


def in_order(action_set: dict[object, Action], leaving: bool = False) -> list[Action]:
    """An action set as a list: a group takes the place of the output. A packet that leaves already has its output."""
    listed = sorted(action_set.values(), key=rank)
    if leaving:
        return [action for action in listed if action[0] not in ("output", "group")]
    return [action for action in listed if action[0] != "output" or "group" not in action_set]


def rank(action: Action) -> tuple[int, int]:
    """Place in the action set; set-fields go by the number of their field."""
    if action[0] in TARGET:
        return ORDER.index("set_field"), NUMBERS[action[TARGET[action[0]]]]
    return ORDER.index(action[0]), 0


def output_of(action_set: dict[object, Action]) -> int:
    """The port of the field actset_output (section 7.2.3.8)."""
    return OFPP_UNSET if "group" in action_set or "output" not in action_set else int(action_set["output"][1])
