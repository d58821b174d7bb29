"""The loop: who leads it, when the lead changes hands, and that an app that blocks or computes hurts only itself."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.controller.plant import until
from triplane.controller import App, on
from triplane.controller.runtime import app as apps
from triplane.controller.runtime import hub
from triplane.controller.runtime.event import EventBase, EventReplyBase, EventRequestBase
from triplane.controller.runtime.loop import LOOP, Loop


def fail(*_: object) -> None:
    raise ZeroDivisionError


class Work(EventBase):
    def __init__(self, number: int) -> None:
        self.number = number


class Question(EventRequestBase):
    pass


class Held(App):
    """Is held up by its first event, in the way that a test says, until it is let go."""

    def __init__(self, name: str = "Held") -> None:
        super().__init__()
        self.name = name
        self.go = threading.Event()
        self.go_too = hub.Event()
        self.how: Any = self.go.wait
        self.threads_seen: list[int] = []
        self.done: list[int] = []
        self.inside = 0

    @on(Work)
    def work(self, event: Work) -> None:
        self.inside += 1
        assert self.inside == 1, "one event at a time"
        if event.number == 0:
            self.how()
        self.threads_seen.append(threading.get_ident())
        self.done.append(event.number)
        self.inside -= 1

    def let_go(self) -> None:
        self.go.set()
        self.go_too.set()

    def compute(self) -> None:
        while not self.go.is_set():
            sum(range(100))


class Answering(App):
    @on(Question)
    def answer(self, event: Question) -> None:
        self.reply_to_request(event, EventReplyBase(event.src))


class Asking(App):
    def __init__(self) -> None:
        super().__init__()
        self.replies: list[Any] = []

    @on(Work)
    def ask(self, event: Work) -> None:
        question = Question()
        question.dst = "Answering"
        self.replies.append(self.send_request(question))


@pytest.fixture
def running() -> Iterator[Any]:
    """Starts apps; takes them down."""
    started: list[App] = []

    def start(*some: App) -> None:
        for app in some:
            apps.register_app(app)
            app.start()
            started.append(app)

    yield start
    for app in started:
        if isinstance(app, Held):
            app.let_go()
        app.stop()
    LOOP.stop()
    apps.SERVICE_BRICKS.clear()


@pytest.mark.parametrize("way", ["a lock", "the hub", "sleep", "computing"])
def test_an_app_that_is_held_up_holds_up_nobody_else(running: Any, way: str) -> None:
    held, free = Held(), Held("Free")
    held.how = {
        "a lock": held.go.wait,
        "the hub": held.go_too.wait,
        "sleep": lambda: [time.sleep(0.01) for _ in range(10_000) if not held.go.is_set()],
        "computing": held.compute,
    }[way]
    running(held, free)
    for number in range(5):
        held.send_event("Held", Work(number))
        held.send_event("Free", Work(number + 1))
    until(lambda: free.done == [1, 2, 3, 4, 5])
    assert held.done == []
    held.let_go()
    until(lambda: held.done == [0, 1, 2, 3, 4])


def test_nothing_is_handed_over_while_handlers_return(running: Any) -> None:
    app = Held()
    running(app)
    before = LOOP.takeovers
    for number in range(1, 2000):
        app.send_event("Held", Work(number))
    until(lambda: len(app.done) == 1999)
    assert app.done == sorted(app.done)
    assert len(set(app.threads_seen)) <= 1 + LOOP.takeovers - before


def test_apps_ask_each_other_from_within_a_handler(running: Any) -> None:
    asking = Asking()
    running(asking, Answering())
    for number in range(50):
        asking.send_event("Asking", Work(number))
    until(lambda: len(asking.replies) == 50)


def loop_threads() -> int:
    return sum(thread.name == "triplane loop" for thread in threading.enumerate())


def test_threads_are_few_however_many_apps_were_held_up(running: Any) -> None:
    held = [Held(f"Held{number}") for number in range(5)]
    running(*held)
    for _ in range(3):
        for app in held:
            app.go.clear()
            app.done.clear()
            app.send_event(app.name, Work(0))
        until(lambda: all(app.inside for app in held))
        assert loop_threads() <= len(held) + 2 + 2
        for app in held:
            app.let_go()
        until(lambda: all(app.done for app in held))
    until(lambda: loop_threads() <= 4)


def test_an_error_in_a_handler_is_logged_and_the_app_goes_on(running: Any, caplog: pytest.LogCaptureFixture) -> None:
    app = Held()
    app.how = fail
    running(app)
    app.send_event("Held", Work(0))
    app.inside = 0
    until(lambda: "app Held: Held.work failed on Work" in caplog.text)
    app.inside = 0
    app.send_event("Held", Work(1))
    until(lambda: app.done == [1])


# without apps


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    made.start()
    yield made
    made.stop()


def test_calls_and_timers(loop: Loop) -> None:
    called: list[str] = []

    def begin() -> None:
        """In one call: what holds this thread up must not come between two of these."""
        now = time.monotonic()
        loop.call_at(now + 0.02, lambda: called.append("later"))
        loop.call_at(now + 0.01, lambda: called.append("sooner"))
        loop.call_at(now, lambda: called.append("never")).cancel()
        called.append("at once")

    loop.call_soon(begin)
    until(lambda: len(called) == 3)
    assert called == ["at once", "sooner", "later"]


def test_many_threads_call(loop: Loop) -> None:
    called: list[int] = []

    def call(number: int) -> None:
        for _ in range(500):
            loop.call_soon(lambda: called.append(number))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(called) == 2000)


def test_descriptors(loop: Loop) -> None:
    reader, writer = os.pipe()
    read: list[bytes] = []
    loop.call_soon(lambda: loop.watch(reader, lambda _: read.append(os.read(reader, 10))))
    os.write(writer, b"hello")
    until(lambda: read == [b"hello"])
    loop.call_soon(lambda: loop.unwatch(reader))
    loop.call_soon(lambda: read.append(b"unwatched"))
    until(lambda: len(read) == 2)
    os.write(writer, b"nobody listens")
    loop.call_soon(lambda: read.append(b"end"))
    until(lambda: read[-1] == b"end")
    assert len(read) == 3
    os.close(reader)
    os.close(writer)


def test_an_error_in_a_reader_leaves_its_descriptor_alone(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = os.pipe()
    loop.call_soon(lambda: loop.watch(reader, fail))
    os.write(writer, b"x")
    with caplog.at_level(logging.CRITICAL):
        until(lambda: "the loop goes on" in caplog.text)
    called: list[int] = []
    loop.call_soon(lambda: called.append(1))
    until(lambda: called)
    assert caplog.text.count("the loop goes on") == 1
    os.close(reader)
    os.close(writer)


def test_it_stops_and_starts_again() -> None:
    loop = Loop()
    for _ in range(3):
        loop.start()
        called = threading.Event()
        loop.call_soon(called.set)
        assert called.wait(60)
        loop.stop()
        assert not loop._members
