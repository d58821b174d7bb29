"""Libraries written for green threads: only one of their threads runs, and another where it waits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from triplane.controller.runtime import hub
from triplane.controller.runtime.app import RyuApp
from triplane.controller.runtime.event import EventBase
from triplane.controller.runtime.handler import set_ev_cls
from triplane.controller.runtime.turns import have_turns, in_turn
from triplane.controller.runtime.waiting import current


@pytest.fixture(autouse=True)
def threads_change_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_a_change_only_where_one_waits() -> None:
    """A step of several instructions is seen whole by the others; without turns this fails at once."""
    inside, seen = [0], []

    def work() -> None:
        for _ in range(200):
            inside[0] += 1
            for _ in range(50):
                seen.append(inside[0])
            inside[0] -= 1
            hub.sleep(0)

    @in_turn
    def begin() -> list[hub.HubThread]:
        return [hub.spawn(work) for _ in range(4)]

    hub.joinall(begin())
    assert set(seen) == {1}


def test_who_waits_lets_others_run() -> None:
    event, order = hub.Event(), []

    @in_turn
    def waiter() -> None:
        order.append("waits")
        event.wait()
        order.append("goes on")

    @in_turn
    def setter() -> None:
        order.append("sets")
        event.set()
        order.append("still has the turn")

    thread = hub.spawn(waiter)
    while "waits" not in order:
        hub.sleep(0.001)
    setter()
    thread.wait()
    assert order == ["waits", "sets", "still has the turn", "goes on"]


def test_killed_and_timed_out_while_waiting() -> None:
    @in_turn
    def timed_out() -> str:
        with pytest.raises(hub.Timeout), hub.Timeout(0.01):
            hub.Event().wait()
        return "timed out"

    assert timed_out() == "timed out"
    thread = hub.spawn(in_turn(hub.Event().wait))
    hub.sleep(0.01)
    hub.kill(thread)
    thread.wait()
    assert in_turn(lambda: current().has_turn)()
    assert not current().has_turn


def test_killed_at_any_time_leaves_the_turn_to_others() -> None:
    @in_turn
    def work() -> None:
        for _ in range(20):
            hub.sleep(0)

    for _ in range(300):
        thread = hub.spawn(work)
        other = hub.spawn(work)
        hub.kill(thread)
        hub.joinall([thread, other])
    assert in_turn(lambda: current().has_turn)()


class Library(RyuApp):
    """Its handler says whether it has the turn."""

    @set_ev_cls(EventBase)
    def handler(self, ev: EventBase) -> bool:
        return current().has_turn

    def other(self) -> bool:
        return current().has_turn


def test_the_handlers_of_a_module_have_turns() -> None:
    module = ModuleType(__name__)
    module.Library = Library  # type: ignore[attr-defined]
    have_turns(module)
    library = Library()
    assert library.handler(EventBase())
    assert not library.other()
    assert Library.handler.callers  # it still is a handler
