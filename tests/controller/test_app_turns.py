"""The turns of apps: their threads and handlers run one at a time; one that is blocked elsewhere holds up nobody."""

from __future__ import annotations

import importlib.util
import queue
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.controller.plant import PATIENCE, until
from triplane.controller import App, on
from triplane.controller.runtime import hub
from triplane.controller.runtime import manager as managers
from triplane.controller.runtime.event import EventBase, EventReplyBase, EventRequestBase
from triplane.controller.runtime.loop import LOOP
from triplane.controller.runtime.manager import AppManager
from triplane.controller.runtime.turns import LOOKS, NEVER
from triplane.controller.runtime.waiting import current

pytestmark = pytest.mark.usefixtures("threads_change_often")


def receive(_: Any) -> None:
    here, there = socket.socketpair()
    with here, there:
        here.settimeout(PATIENCE)
        threading.Timer(0.5, there.sendall, (b"late",)).start()
        here.recv(10)


BLOCKED: dict[str, Callable[[Any], Any]] = {
    "time.sleep": lambda _: time.sleep(0.5),
    "socket.recv": receive,
    "subprocess.run": lambda _: subprocess.run(["sleep", "0.5"], check=True),
    "queue.Queue": lambda go_on: go_on.get(timeout=PATIENCE),
    "a loop of short ones": lambda go_on: [time.sleep(0.001) for _ in iter(go_on.empty, False)],
}


class Work(EventBase):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Blocked(App):
    """Its thread is blocked until its handlers have done something."""

    way: Callable[[Any], Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.done: list[int] = []
        self.go_on: queue.Queue[int] = queue.Queue()
        self.ended = False
        self.thread = hub.spawn(self.work)

    def work(self) -> None:
        self.way(self.go_on)
        hub.sleep(0.001)
        self.ended = self._app_turn.holder is current()

    @on(Work)
    def handle(self, event: Work) -> None:
        self.done.append(event.number)
        if event.number == 9:
            self.go_on.put(9)


class Busy(App):
    """Computes in a thread, in a handler or in both; no two at a time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.inside = 0
        self.overlaps = 0
        self.done = 0
        self.thread = hub.spawn(self.work)

    def work(self) -> None:
        for _ in range(10):
            self.compute()
            hub.sleep(0)

    def compute(self) -> None:
        self.inside += 1
        for _ in range(300):
            sum(range(2000))
            self.overlaps += self.inside != 1
        self.inside -= 1

    @on(Work)
    def handle(self, event: Work) -> None:
        self.compute()
        self.done += 1


class Free(App):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.done: list[int] = []

    @on(Work)
    def handle(self, event: Work) -> None:
        self.done.append(event.number)


@pytest.fixture
def manager() -> Iterator[AppManager]:
    manager = AppManager()
    yield manager
    manager.close()
    LOOP.stop()


def run(manager: AppManager, *classes: type[App]) -> list[Any]:
    manager.applications_cls = {cls.__name__: cls for cls in classes}
    manager.instantiate_apps()
    return list(manager.applications.values())


def send(app: App, count: int) -> None:
    for number in range(count):
        app.send_event(app.name, Work(number))


@pytest.mark.parametrize("way", BLOCKED)
def test_a_blocked_thread_holds_up_neither_its_app_nor_others(manager: AppManager, way: str) -> None:
    class Here(Blocked):
        pass

    Here.way = staticmethod(BLOCKED[way])  # type: ignore[assignment]
    blocked, free = run(manager, Here, Free)
    send(blocked, 10)
    send(free, 10)
    until(lambda: blocked.done == free.done == list(range(10)))
    until(lambda: blocked.thread.dead)
    assert blocked.ended  # in its turn again, after it had waited in the hub


def test_one_that_computes_keeps_the_turn_and_holds_up_no_other_app(manager: AppManager) -> None:
    busy, free = run(manager, Busy, Free)
    send(busy, 20)
    send(free, 10)
    until(lambda: free.done == list(range(10)))
    until(lambda: busy.done == 20 and busy.thread.dead)
    assert busy.overlaps == 0


class Locking(App):
    """Its thread waits in the hub with a lock that its handlers want. In Ryu that was a green one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lock = threading.Lock()
        self.done = 0
        self.thread = hub.spawn(self.work)

    def work(self) -> None:
        while self.done < 5:
            with self.lock:
                hub.sleep(0.001)

    @on(Work)
    def handle(self, event: Work) -> None:
        with self.lock:
            hub.sleep(0.001)
            self.done += 1


def test_a_lock_and_a_turn_together(manager: AppManager) -> None:
    (locking,) = run(manager, Locking)
    send(locking, 5)
    until(lambda: locking.done == 5 and locking.thread.dead)


class TimedOut(App):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.done = 0
        self.thread = hub.spawn(self.handle, Work(0))

    @on(Work)
    def handle(self, event: Work) -> None:
        try:
            with hub.Timeout(0.001):
                while True:
                    sum(range(event.number))
        except hub.Timeout:
            self.done += 1


def test_handlers_that_are_timed_out_leave_the_turn_to_others(manager: AppManager) -> None:
    (app,) = run(manager, TimedOut)
    send(app, 200)
    until(lambda: app.done == 201)
    until(lambda: app._app_turn.holder is None)


class Spinning(App):
    """Never lets go, until it is closed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.closed = False
        self.thread = hub.spawn(self.spin)

    def spin(self) -> None:
        while not self.closed:
            sum(range(100))

    def close(self) -> None:
        self.closed = True


def test_an_app_that_never_lets_go_can_be_closed(manager: AppManager) -> None:
    spinning, free = run(manager, Spinning, Free)
    send(spinning, 10)
    send(free, 10)
    until(lambda: free.done == list(range(10)))
    manager.close()
    spinning.thread.wait()


def test_one_that_never_lets_go_is_replaced(manager: AppManager) -> None:
    spinning, _ = run(manager, Spinning, Free)
    until(lambda: spinning._app_turn.holder is not None)
    again = manager.replace(__name__, Spinning)
    assert isinstance(again, Spinning)
    spinning.thread.wait()
    assert again._app_turn is not spinning._app_turn
    until(lambda: again._app_turn.holder is not None)


class Question(EventRequestBase):
    pass


class Asking(App):
    """Answers, and asks the other."""

    other = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.answers = 0
        self.thread = hub.spawn(self.ask)

    def ask(self) -> None:
        for _ in range(100):
            question = Question()
            question.dst = self.other
            self.send_request(question)
            self.answers += 1

    @on(Question)
    def answer(self, event: Question) -> None:
        self.reply_to_request(event, EventReplyBase(event.src))


class One(Asking):
    other = "Two"


class Two(Asking):
    other = "One"


def test_two_apps_ask_each_other(manager: AppManager) -> None:
    one, two = run(manager, One, Two)
    until(lambda: one.answers == two.answers == 100)


def test_which_turns_are_never_lost(manager: AppManager, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(importlib.util.find_spec(name) for name in managers.GREEN)
    (one,) = run(manager, Free)
    assert one._app_turn.looks == LOOKS
    manager.close()
    monkeypatch.setattr(managers, "GREEN", {__name__})
    (other,) = run(manager, Free)
    assert other._app_turn.looks == NEVER
