"""Threads that begin when their spawner is done, or waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from triplane.controller import App, on
from triplane.controller.runtime import hub
from triplane.controller.runtime.app import SERVICE_BRICKS
from triplane.controller.runtime.event import EventBase
from triplane.controller.runtime.manager import AppManager, lookup_service_brick


class Tick(EventBase):
    pass


class Early(App):
    """Spawns in the first line what needs the last one, and another app."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.found: Any = None
        self.thread = hub.spawn(self.look)
        sum(range(1000000))  # it takes a while
        self.wanted = "Late"

    def look(self) -> None:
        self.found = lookup_service_brick(self.wanted)

    @on(Tick)
    def tick(self, event: Tick) -> None:
        self.thread = hub.spawn(self.look_again)
        sum(range(1000000))
        self.hint = "again"

    def look_again(self) -> None:
        self.found = self.hint


class Late(App):
    pass


@pytest.fixture
def manager() -> Iterator[AppManager]:
    one = AppManager()
    yield one
    one.close()
    SERVICE_BRICKS.clear()


def test_what_apps_spawn_begins_when_all_are_made(manager: AppManager) -> None:
    manager.applications_cls = {"early": Early, "late": Late}
    manager.instantiate_apps()
    early, late = manager.applications["Early"], manager.applications["Late"]
    assert isinstance(early, Early)
    early.thread.wait()
    assert early.found is late


def test_what_a_handler_spawns_begins_when_it_is_done(manager: AppManager) -> None:
    app = manager.instantiate(Early)
    assert isinstance(app, Early)
    app.thread.wait()
    app.start()
    app.send_event("Early", Tick())
    while app.found is None:
        hub.sleep(0.01)
    assert app.found == "again"


class Blocked(App):
    """Spawns what it waits for, in the hub or elsewhere, before it is made."""

    how: type[hub.Event | threading.Event] = hub.Event

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        told = self.how()
        hub.spawn(told.set)
        assert not told.is_set()
        assert told.wait(30)


@pytest.mark.parametrize("how", [hub.Event, threading.Event])
def test_it_begins_when_the_spawner_waits(manager: AppManager, how: Any) -> None:
    Blocked.how = how
    manager.applications_cls = {"blocked": Blocked, "late": Late}
    manager.instantiate_apps()
    assert not manager.failed


class Killing(App):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.begun: list[int] = []
        self.thread = hub.spawn(self.begun.append, 1)
        hub.kill(self.thread)


def test_one_that_is_killed_before_never_begins(manager: AppManager) -> None:
    app = manager.instantiate(Killing)
    assert isinstance(app, Killing)
    app.thread.wait()
    assert app.begun == []
