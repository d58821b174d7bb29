"""Apps: which handler is called when, and that one app's trouble stays its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from triplane.controller import CONFIG_DISPATCHER, MAIN_DISPATCHER, App, on, set_ev_cls
from triplane.controller.runtime import app as apps
from triplane.controller.runtime import hub
from triplane.controller.runtime.event import EventBase, EventReplyBase, EventRequestBase
from triplane.controller.runtime.manager import observe
from triplane.controller.runtime.ofp_event import EventOFPPacketIn

PATIENCE = 60.0  # seconds


class Tick(EventBase):
    pass


class Tock(EventBase):
    pass


class Question(EventRequestBase):
    pass


class Answer(EventReplyBase):
    text = ""


class Recorder(App):
    """Notes which of its methods were called."""

    def __init__(self) -> None:
        super().__init__()
        self.called: list[str] = []
        self.done = threading.Event()

    @set_ev_cls(Tick, CONFIG_DISPATCHER)
    def in_config(self, event: Tick) -> None:
        self.called.append("config")

    @set_ev_cls(Tick, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def in_both(self, event: Tick) -> None:
        self.called.append("both")

    @on(Tick)
    def in_all(self, event: Tick) -> None:
        self.called.append("all")

    @on(Tock)
    def finish(self, event: Tock) -> None:
        self.done.set()


class Failing(App):
    @on(Tick)
    def fails(self, event: Tick) -> None:
        raise ZeroDivisionError("as apps do")

    @on(Question)
    def answers(self, event: Question) -> None:
        answer = Answer(event.src)
        answer.text = f"hello {event.src}"
        self.reply_to_request(event, answer)


class Crowded(Recorder):
    """Has names of its own that a runtime might want, and runs its thread as `main_thread`."""

    def __init__(self) -> None:
        super().__init__()
        self.CONF = {"depth": 1}
        self._running = False
        self._routes = {"10.0.0.0/8": 1}
        self.main_thread = hub.spawn(hub.sleep, 60)

    def run(self) -> None:
        self.called.append("run")

    def _drop(self, packet: bytes) -> None:
        self.called.append("drop")


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    app = Recorder()
    apps.register_app(app)
    app.start()
    yield app
    app.stop()
    apps.SERVICE_BRICKS.clear()


@pytest.mark.parametrize(
    ("phase", "called"),
    [("config", ["config", "both", "all"]), ("main", ["both", "all"]), ("dead", ["all"]), (None, None)],
)
def test_handlers_by_phase(recorder: Recorder, phase: str | None, called: list[str] | None) -> None:
    recorder.send_event("Recorder", Tick(), phase)
    recorder.send_event("Recorder", Tock())
    assert recorder.done.wait(PATIENCE)
    assert sorted(recorder.called) == sorted(called or ["config", "both", "all"])


def test_an_app_that_raises_hurts_only_itself(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    failing = Failing()
    apps.register_app(failing)
    failing.start()
    with caplog.at_level(logging.ERROR):
        for app in ("Failing", "Recorder"):
            recorder.send_event(app, Tick())
        question = Question()
        question.dst = "Failing"
        assert recorder.send_request(question).text == "hello Recorder"  # it lives on
        failing.stop()
    recorder.send_event("Recorder", Tock())
    assert recorder.done.wait(PATIENCE)
    assert len(recorder.called) == 3
    (record,) = [record for record in caplog.records if record.exc_info]
    assert record.getMessage() == "app Failing: Failing.fails failed on Tick"


def test_names_of_a_script_are_its_own() -> None:
    app = Crowded()
    apps.register_app(app)
    app.start()
    app.send_event("Crowded", Tick())
    app.send_event("Crowded", Tock())
    assert app.done.wait(PATIENCE)
    assert sorted(app.called) == ["all", "both", "config"]
    assert app._routes == {"10.0.0.0/8": 1}
    assert app.CONF == {"depth": 1}
    app.stop()
    app.main_thread.wait()
    apps.SERVICE_BRICKS.clear()


def test_who_observes_hears(recorder: Recorder) -> None:
    maker = Failing()
    maker.name = Tick.__module__.rsplit(".", 1)[-1]  # the maker of an event is the app named as the event's module
    apps.register_app(maker)
    observe(recorder)
    maker.send_event_to_observers(Tick(), "main")
    maker.send_event_to_observers(Tock())
    assert recorder.done.wait(PATIENCE)
    assert sorted(recorder.called) == ["all", "both"]
    recorder.unobserve_event(Tick)
    assert maker.get_observers(Tick(), "main") == []


def test_a_flood_of_packet_ins_is_cut_and_counted() -> None:
    app = App()
    for _ in range(apps.PACKET_IN_LIMIT + 10):
        app._send_event(EventOFPPacketIn(None), "main")
    app._send_event(Tick(), "main")
    assert len(app.events) == apps.PACKET_IN_LIMIT + 1
    assert app.dropped_packet_ins == 10


def test_two_apps_of_one_name_are_refused(recorder: Recorder) -> None:
    with pytest.raises(ValueError, match="two apps named Recorder"):
        apps.register_app(Recorder())
