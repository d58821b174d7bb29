"""The app manager: contexts, required apps, apps that fail, and apps whose file changes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from triplane.controller import App
from triplane.controller.runtime import hub
from triplane.controller.runtime.app import SERVICE_BRICKS
from triplane.controller.runtime.event import EventBase
from triplane.controller.runtime.handler import MAIN_DISPATCHER, set_ev_cls
from triplane.controller.runtime.imports import AppError
from triplane.controller.runtime.manager import AppManager, lookup_service_brick
from triplane.controller.runtime.protocol import ProtocolDesc
from triplane.controller.runtime.reload import Reloader
from triplane.dataplane.openflow import ofproto_v1_3_parser as parser

TOLD: list[Any] = []  # what apps in files below have to say

APP = """
from tests.controller.test_manager import TOLD
from triplane.controller import App, CONFIG_DISPATCHER, MAIN_DISPATCHER, StateChange, SwitchFeatures, on

class Reloaded(App):
    @on(SwitchFeatures, CONFIG_DISPATCHER)
    def features(self, event):
        TOLD.append(("features", event.msg.datapath_id, VALUE))

    @on(StateChange, MAIN_DISPATCHER)
    def state(self, event):
        TOLD.append(("state", event.state, VALUE))

    def close(self):
        TOLD.append(("closed", VALUE))

VALUE = 1
"""


class Shared:
    """A context that is no app."""

    closed = False

    def close(self) -> None:
        self.closed = True


class SharedApp(App):
    pass


class User(App):
    _CONTEXTS: ClassVar = {"shared": Shared, "app": SharedApp}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.contexts = kwargs


class Other(User):
    pass


class FailsToBeMade(App):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError("as apps do")


class FailsToStart(App):
    def start(self) -> Any:
        raise ZeroDivisionError("as apps do")


class Something(EventBase):
    pass


class Maker(App):
    _EVENTS: ClassVar = [Something]


class Hears(App):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.heard = hub.Event()

    @set_ev_cls(Something)
    def hear(self, event: Something) -> None:
        self.heard.set()

    def start(self) -> Any:
        super().start()
        return hub.spawn(hub.sleep, 1000)


@pytest.fixture
def manager() -> Iterator[AppManager]:
    manager = AppManager()
    yield manager
    manager.close()
    assert SERVICE_BRICKS == {}


def run(manager: AppManager, *classes: type[App]) -> list[Any]:
    for cls in classes:
        manager.applications_cls[cls.__name__] = cls
        manager._needs(cls.__name__, cls)
    return manager.instantiate_apps(**manager.create_contexts())


def test_contexts_are_shared(manager: AppManager) -> None:
    run(manager, User, Other)
    one, other = manager.applications["User"], manager.applications["Other"]
    assert isinstance(one, User)
    assert isinstance(other, Other)
    assert one.contexts == other.contexts
    assert set(one.contexts) == {"shared", "app"}
    assert one.contexts["app"] is lookup_service_brick("SharedApp")
    shared = one.contexts["shared"]
    manager.close()
    assert shared.closed


def test_an_app_that_fails_is_left_out(manager: AppManager, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        run(manager, FailsToBeMade, FailsToStart, User)
    told = [record.getMessage() for record in caplog.records]
    assert told == ["app FailsToBeMade: failed to be made", "app FailsToStart: failed to start"]
    assert list(manager.failed) == ["FailsToBeMade"]
    assert "User" in manager.applications


def test_makers_of_events_and_main_threads(manager: AppManager) -> None:
    (thread,) = run(manager, Hears, Maker)
    maker, hears = manager.applications["Maker"], manager.applications["Hears"]
    assert isinstance(hears, Hears)
    maker.send_event_to_observers(Something())
    assert hears.heard.wait(60)
    manager.uninstantiate("Hears")
    assert thread.dead
    assert maker.get_observers(Something(), None) == []


def test_apps_that_speak_no_common_version_are_refused(manager: AppManager, tmp_path: Path) -> None:
    path = tmp_path / "old.py"
    path.write_text("from triplane.controller import App\nclass Old(App):\n  OFP_VERSIONS = [2]\n")
    with pytest.raises(AppError, match=r"it speaks OpenFlow 2, this controller 1\.0"):
        manager.load_apps([str(path)])


class Switch(ProtocolDesc):
    """A switch that is connected."""

    def __init__(self) -> None:
        super().__init__(4)
        self.state = MAIN_DISPATCHER
        self.ports: dict[int, Any] = {}
        self.features = parser.OFPSwitchFeatures(self, datapath_id=7)


class Reloads:
    """An app in a file, and who looks at the file."""

    def __init__(self, manager: AppManager, path: Path) -> None:
        self.manager = manager
        self.path = path
        path.write_text(APP)
        manager.load_apps([str(path)])
        manager.instantiate_apps()
        self.reloader = Reloader(manager, lambda: [Switch()])
        TOLD.clear()

    def becomes(self, text: str) -> None:
        self.path.write_text(text)
        os.utime(self.path, (1, os.stat(self.path).st_mtime + 10))  # two changes within a clock tick
        self.reloader.look()


@pytest.fixture
def reloads(manager: AppManager, tmp_path: Path) -> Reloads:
    return Reloads(manager, tmp_path / "reloaded_app.py")


def wait_for(count: int) -> None:
    end = hub.spawn_after(60, TOLD.extend, [None] * 100)
    while len(TOLD) < count:
        hub.sleep(0.01)
    end.kill()


def test_an_app_is_reloaded_and_told_of_the_switches(reloads: Reloads) -> None:
    old = reloads.manager.applications["Reloaded"]
    reloads.reloader.look()
    assert TOLD == []
    reloads.becomes(APP + "VALUE = 2\n")
    wait_for(3)
    assert TOLD == [("closed", 1), ("features", 7, 2), ("state", MAIN_DISPATCHER, 2)]
    new = reloads.manager.applications["Reloaded"]
    assert new is not old
    assert lookup_service_brick("Reloaded") is new


@pytest.mark.parametrize(
    ("text", "reason"),
    [("class (", "line 1: "), ("1 / 0", "division by zero"), ("x = 1", "it has no subclass of RyuApp")],
)
def test_an_error_in_the_file_leaves_the_old_app_running(
    reloads: Reloads, caplog: pytest.LogCaptureFixture, text: str, reason: str
) -> None:
    old = reloads.manager.applications["Reloaded"]
    with caplog.at_level(logging.ERROR):
        reloads.becomes(text)
        reloads.reloader.look()
    (record,) = caplog.records
    assert "not reloaded, the old one runs on" in record.getMessage()
    assert reason in record.getMessage()
    assert reloads.manager.applications["Reloaded"] is old
    assert TOLD == []
    reloads.becomes(APP + "VALUE = 3\n")
    wait_for(3)
    assert TOLD[-1] == ("state", MAIN_DISPATCHER, 3)


def test_an_app_that_fails_when_reloaded_is_down_until_it_is_mended(reloads: Reloads) -> None:
    reloads.becomes(APP.replace("def close", "def __init__(self, *args, **kwargs):\n        1 / 0\n\n    def close"))
    assert "Reloaded" not in reloads.manager.applications
    assert TOLD == [("closed", 1)]
    reloads.becomes(APP + "VALUE = 4\n")
    wait_for(3)
    assert TOLD[1:] == [("features", 7, 4), ("state", MAIN_DISPATCHER, 4)]
