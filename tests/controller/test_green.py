"""Scripts for Ryu that count on green threads: what one of an app's threads goes through, no other changes then."""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.controller.plant import PATIENCE, until
from tests.controller.test_rest import WebSocketClient
from triplane.controller.rest.http import WSGIServer
from triplane.controller.runtime import hub
from triplane.controller.runtime.loop import LOOP
from triplane.controller.runtime.manager import AppManager

TABLE = """
from triplane.controller.rest.wsgi import ControllerBase, Response, WSGIApplication, route, websocket  # ryu.app.wsgi
from triplane.controller.runtime import event, hub  # ryu.controller, ryu.lib
from triplane.controller.runtime import manager as app_manager  # ryu.base
from triplane.controller.runtime.handler import set_ev_cls  # ryu.controller
import json

class EventChange(event.EventBase):
    def __init__(self, number):
        super().__init__()
        self.number = number

class Table(app_manager.RyuApp):
    _CONTEXTS = {"wsgi": WSGIApplication}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.table = {}
        self.changes = 0
        kwargs["wsgi"].register(TableController, {"app": self})

    @set_ev_cls(EventChange)
    def change(self, ev):
        key = ev.number * 7919 % 1009
        if key in self.table:
            del self.table[key]
        else:
            self.table[key] = {"key": key, "number": ev.number}
        self.changes += 1

    def listing(self):
        return {str(key): dict(value, text="%d" % value["number"]) for key, value in self.table.items()}

class TableController(ControllerBase):
    def __init__(self, req, link, data, **config):
        super().__init__(req, link, data, **config)
        self.app = data["app"]

    @route("table", "/table", methods=["GET"])
    def table(self, req, **kwargs):
        return Response(content_type="application/json", body=json.dumps(self.app.listing()).encode())

    @websocket("tables", "/tables")
    def tables(self, ws):
        while ws.wait() is not None:
            ws.send(json.dumps(self.app.listing()))
"""

MONITOR = f"""{TABLE}
class Monitor(Table):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.rounds = 0
        self.monitor_thread = hub.spawn(self._monitor)

    def _monitor(self):
        while True:
            total = 0
            for key, value in self.table.items():
                total += sum(range(value["number"] % 50))
            self.rounds += 1
            hub.sleep(0)
"""

GRAPH = f"""{TABLE}
class Graph(Table):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.graph = {{}}
        self.rounds = 0

    @set_ev_cls(EventChange)
    def change(self, ev):
        one, other = ev.number * 7919 % 61, 100 + ev.number * 104729 % 67
        self.graph.setdefault(one, {{}})[other] = ev.number
        self.graph.setdefault(other, {{}})[one] = ev.number
        if ev.number % 5 == 0:
            for neighbour in list(self.graph.pop(one)):
                del self.graph[neighbour][one]
        if ev.number % 50 == 0:
            hub.spawn(self.find_paths)
        self.changes += 1

    def find_paths(self):
        for start in self.graph:
            distance, waiting = {{start: 0}}, [start]
            while waiting:
                node = waiting.pop(0)
                for neighbour in self.graph[node]:
                    if neighbour not in distance:
                        distance[neighbour] = distance[node] + self.graph[node][neighbour]
                        waiting.append(neighbour)
        self.rounds += 1
"""


@pytest.fixture(autouse=True)
def threads_change_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


class Run:
    """An app that runs as `ryu-manager` runs it, REST included."""

    def __init__(self, manager: AppManager, path: Path) -> None:
        manager.load_apps([str(path)])
        contexts = manager.create_contexts()
        manager.instantiate_apps(**contexts)
        self.app: Any = next(iter(manager.applications.values()))
        self.change = sys.modules[type(self.app).__module__].__dict__["EventChange"]
        self.server = WSGIServer(("127.0.0.1", 0), contexts["wsgi"])
        self.address = self.server.address
        hub.spawn(self.server.serve_forever)
        self.sent = 0

    def flood(self, enough: Callable[[], bool]) -> None:
        """Send changes until it is enough, and have all handled."""
        end = time.monotonic() + PATIENCE
        while not enough():
            assert time.monotonic() < end
            if len(self.app.events) < 1000:
                for _ in range(100):
                    self.sent += 1
                    self.app.send_event(self.app.name, self.change(self.sent))
            time.sleep(0)
        until(lambda: self.app.changes == self.sent)

    def get(self, path: str) -> tuple[int, bytes]:
        client = http.client.HTTPConnection(*self.address, timeout=60)
        client.request("GET", path)
        answer = client.getresponse()
        found = answer.status, answer.read()
        client.close()
        return found


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[str], Run]]:
    manager = AppManager()
    runs: list[Run] = []

    def start(script: str) -> Run:
        path = tmp_path / "script.py"
        path.write_text(script)
        runs.append(Run(manager, path))
        return runs[0]

    yield start
    manager.close()
    LOOP.stop()
    for one in runs:
        one.server.close()


@pytest.mark.parametrize("sleep", ["hub.sleep(0)", "hub.sleep(0.0005)", "time.sleep(0.0005)"])
def test_a_monitor_goes_through_a_table(
    run: Callable[[str], Run], caplog: pytest.LogCaptureFixture, sleep: str
) -> None:
    one = run("import time\n" + MONITOR.replace("hub.sleep(0)", sleep))
    one.flood(lambda: one.app.monitor_thread.dead or (one.sent >= 20_000 and one.app.rounds >= 500))
    assert not one.app.monitor_thread.dead
    assert "failed" not in caplog.text


def test_a_rest_controller_lists_a_table(run: Callable[[str], Run]) -> None:
    one = run(TABLE)
    answers: list[tuple[int, bytes]] = []
    clients = [hub.spawn(lambda: answers.extend(one.get("/table") for _ in range(50))) for _ in range(2)]
    one.flood(lambda: all(client.dead for client in clients))
    assert len(answers) == 100
    assert {status for status, _ in answers} == {200}
    assert all(isinstance(json.loads(body), dict) for _, body in answers)


def test_a_websocket_shows_a_table(run: Callable[[str], Run]) -> None:
    one = run(TABLE)
    heard: list[str] = []

    def listen() -> None:
        client = WebSocketClient(one, "/tables")
        for _ in range(100):
            client.say("and now?")
            heard.append(client.hear())
        client.close()

    thread = hub.spawn(listen)
    one.flood(lambda: thread.dead)
    assert len(heard) == 100
    assert all(isinstance(json.loads(text), dict) for text in heard)


def test_threads_of_handlers_go_through_a_graph(run: Callable[[str], Run], caplog: pytest.LogCaptureFixture) -> None:
    one = run(GRAPH)
    one.flood(lambda: one.app.rounds >= 100 or "failed" in caplog.text)
    assert "failed" not in caplog.text
