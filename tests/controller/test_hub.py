"""Threads as Ryu scripts use them."""

from __future__ import annotations

import logging
import time

import pytest

from triplane.controller.runtime import hub


def test_a_monitor_as_scripts_have_it() -> None:
    seen: list[int] = []

    def monitor(start: int, *, step: int) -> None:
        for number in range(start, 100, step):
            seen.append(number)
            hub.sleep(0.01)

    thread = hub.spawn(monitor, 5, step=2)
    while len(seen) < 3:
        hub.sleep(0.01)
    hub.kill(thread)
    hub.joinall([thread])
    assert seen[:3] == [5, 7, 9]
    assert seen[-1] < 99
    assert thread.dead


@pytest.mark.parametrize("how", ["sleeping", "at a queue", "at an event", "running"])
def test_a_kill_kills(how: str) -> None:
    started = hub.Event()

    def work() -> None:
        started.set()
        waits = {
            "sleeping": lambda: hub.sleep(1000),
            "at a queue": lambda: hub.Queue().get(),
            "at an event": lambda: hub.Event().wait(),
        }
        waits.get(how, spin)()

    def spin() -> None:
        while True:
            time.sleep(0.001)

    thread = hub.spawn(work)
    assert started.wait(10)
    thread.kill()
    thread.join(10)
    assert thread.dead


def test_errors_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    def work() -> None:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        hub.spawn(work).wait()
    assert "failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_spawn_after_and_its_cancel() -> None:
    events = [hub.Event(), hub.Event()]
    hub.spawn_after(0.01, events[0].set)
    late = hub.spawn_after(1000, events[1].set)
    assert events[0].wait(10)
    late.cancel()
    late.join(10)
    assert late.dead
    assert not events[1].is_set()


def test_queues() -> None:
    queue = hub.Queue(1)
    queue.put("a")
    with pytest.raises(hub.QueueFull):
        queue.put("b", block=False)
    assert queue.get() == "a"
    with pytest.raises(hub.QueueEmpty):
        queue.get(block=False)
    with pytest.raises(hub.QueueEmpty):
        queue.get(timeout=0.01)
    assert not hub.Event().wait(0.01)
