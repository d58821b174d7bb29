"""Turns: of the threads that share one only one runs, and another where it waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from tests.controller.plant import PATIENCE, until
from triplane.controller.runtime import hub
from triplane.controller.runtime.turns import LOOKS, NEVER, Turn, blocked, in_turn
from triplane.controller.runtime.waiting import current, waits_of

pytestmark = pytest.mark.usefixtures("threads_change_often")


@pytest.fixture
def turn() -> Iterator[Turn]:
    """A turn, which is free at the end."""
    turn = Turn()
    yield turn
    until(lambda: turn.holder is None)
    assert turn.queue == []


def spawn(turn: Turn, function: Callable[..., Any], *args: Any) -> hub.HubThread:
    with in_turn(turn):
        return hub.spawn(function, *args)


def test_a_change_only_where_one_waits(turn: Turn) -> None:
    """A step of several instructions is seen whole by the others; without turns this fails at once."""
    inside, seen = [0], []

    def work() -> None:
        for _ in range(200):
            inside[0] += 1
            for _ in range(50):
                seen.append(inside[0])
            inside[0] -= 1
            hub.sleep(0)

    hub.joinall([spawn(turn, work) for _ in range(4)])
    assert set(seen) == {1}


def test_who_waits_lets_others_run(turn: Turn) -> None:
    event, order = hub.Event(), []

    def waiter() -> None:
        order.append("waits")
        event.wait()
        order.append("goes on")

    thread = spawn(turn, waiter)
    until(lambda: "waits" in order)
    with in_turn(turn):
        order.append("sets")
        event.set()
        order.append("still has the turn")
    thread.wait()
    assert order == ["waits", "sets", "still has the turn", "goes on"]


def test_who_has_waited_longest_comes_next(turn: Turn) -> None:
    order: list[int] = []
    with in_turn(turn):
        threads = []
        for number in range(5):
            threads.append(hub.spawn(order.append, number))
            while len(turn.queue) < len(threads):
                sum(range(100))  # one that slept would lose the turn
    hub.joinall(threads)
    assert order == [0, 1, 2, 3, 4]


def test_without_a_turn_a_thread_begins_at_once() -> None:
    begun = threading.Event()
    hub.spawn(begun.set)
    assert begun.wait(PATIENCE)


def test_killed_and_timed_out_while_waiting(turn: Turn) -> None:
    with in_turn(turn):
        with pytest.raises(hub.Timeout), hub.Timeout(0.01):
            hub.Event().wait()
        assert turn.holder is current()
    thread = spawn(turn, hub.Event().wait)
    hub.sleep(0.01)
    hub.kill(thread)
    thread.wait()


def test_killed_at_any_time_leaves_the_turn_to_others(turn: Turn) -> None:
    def work() -> None:
        for _ in range(20):
            hub.sleep(0)

    for _ in range(300):
        thread, other = spawn(turn, work), spawn(turn, work)
        hub.kill(thread)
        hub.joinall([thread, other])


def test_timed_out_at_any_time_leaves_the_turn_to_others(turn: Turn) -> None:
    def work() -> None:
        for step in range(200):
            try:
                with hub.Timeout(0.0005), in_turn(Turn()):
                    while True:
                        hub.sleep(0)
                        sum(range(step))
            except hub.Timeout:
                continue

    hub.joinall([spawn(turn, work) for _ in range(3)])


@pytest.mark.parametrize(("looks", "in_hub"), [(NEVER, False), (LOOKS, True)])
def test_a_turn_that_is_kept_however_long_its_thread_is_blocked(looks: float, in_hub: bool) -> None:
    turn, order = Turn(looks), []

    def block() -> None:
        with current() if in_hub else nullcontext():
            threading.Event().wait(0.3)
        order.append("first")

    first = spawn(turn, block)
    second = spawn(turn, order.append, "second")
    hub.joinall([first, second])
    assert order == ["first", "second"]


def test_the_end_of_its_thread_frees_a_turn() -> None:
    turn = Turn(NEVER)

    def take() -> None:
        with current() as me:
            me.turn = turn
            turn.wait(me)  # and it is never given up

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    assert turn.holder is waits_of(thread)
    hub.joinall([spawn(turn, hub.sleep)])


def test_in_turn_of_another_meanwhile(turn: Turn) -> None:
    other = Turn()
    with in_turn(turn), in_turn(other):
        assert (turn.holder, other.holder) == (None, current())
        with in_turn(None):
            assert other.holder is None
        assert other.holder is current()
    assert current().turn is None


def test_who_computes_is_not_blocked_however_long_it_waits_for_the_interpreter() -> None:
    end = threading.Event()

    def compute() -> None:
        while not end.is_set():
            sum(range(1000))

    threads = [hub.spawn(compute) for _ in range(4)]
    for _ in range(200):
        hub.sleep(0.001)
        assert not any(blocked(thread) for thread in threads)
    end.set()
    sleeping = hub.spawn(time.sleep, 0.5)
    until(lambda: blocked(sleeping))
    hub.joinall(threads)
    until(lambda: all(blocked(thread) for thread in threads))  # they have ended
