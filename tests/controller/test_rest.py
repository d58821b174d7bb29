"""REST apps: routes, WebSockets and JSON-RPC of `ryu.app.wsgi`, and an HTTP server that one client cannot hold up."""

from __future__ import annotations

import http.client
import json
import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Message, Request, TextMessage

from triplane.controller.rest import http as server
from triplane.controller.rest import websocket as sockets
from triplane.controller.rest.wsgi import (
    ControllerBase,
    Response,
    WebSocketRPCClient,
    WebSocketRPCServer,
    WSGIApplication,
    route,
    rpc_public,
    websocket,
)
from triplane.controller.runtime import hub


class App:
    """What the controllers below are registered with."""

    def __init__(self) -> None:
        self.entered = hub.Event()
        self.release = hub.Event()
        self.clients: list[WebSocketRPCClient] = []

    @rpc_public
    def add(self, one: int, other: int) -> int:
        return one + other


class Api(ControllerBase):
    @route("get", "/switch/{dpid}", methods=["GET"], requirements={"dpid": "[0-9]+"})
    def get(self, req: Any, dpid: str, **_: Any) -> Any:
        return Response(content_type="application/json", body=json.dumps({"dpid": int(dpid), "é": "ü"}))

    @route("put", "/switch/{dpid}", methods=["PUT", "POST"])
    def put(self, req: Any, dpid: str, **_: Any) -> Any:
        return Response(status=201, body=req.body[::-1] + dpid.encode())

    @route("fail", "/fail")
    def fail(self, req: Any, **_: Any) -> Any:
        raise ZeroDivisionError("as apps do")

    @route("wait", "/wait")
    def wait(self, req: Any, **_: Any) -> Any:
        self.data.entered.set()
        self.data.release.wait(60)
        return Response(body=b"done")

    @websocket("echo", "/echo")
    def echo(self, ws: Any) -> None:
        while (message := ws.wait()) is not None:
            ws.send(message)

    @websocket("server", "/server")
    def rpc_server(self, ws: Any) -> None:
        WebSocketRPCServer(ws, self.data).serve_forever()

    @websocket("client", "/client")
    def rpc_client(self, ws: Any) -> None:
        client = WebSocketRPCClient(ws)
        self.data.clients.append(client)
        client.serve_forever()


class Served:
    """The controllers above, served at `address`."""

    def __init__(self) -> None:
        self.application = WSGIApplication()
        self.app = App()
        self.application.register(Api, self.app)
        self.server = server.WSGIServer(("127.0.0.1", 0), self.application)
        self.address = self.server.address
        self.thread = hub.spawn(self.server.serve_forever)

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        client = http.client.HTTPConnection(*self.address, timeout=60)
        client.request(method, path, body)
        answer = client.getresponse()
        found = answer.status, answer.read()
        client.close()
        return found


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served()
    yield served
    served.app.release.set()
    hub.kill(served.thread)
    served.server.close()


class WebSocketClient:
    """The other end of a WebSocket."""

    def __init__(self, served: Any, path: str) -> None:
        self.sock = socket.create_connection(served.address, timeout=60)
        self.ws = WSConnection(ConnectionType.CLIENT)
        self.sock.sendall(self.ws.send(Request(host="here", target=path)))
        self.events: list[Any] = []
        assert isinstance(self.next(), AcceptConnection)

    def next(self) -> Any:
        while not self.events:
            self.ws.receive_data(self.sock.recv(1 << 16) or None)
            self.events += self.ws.events()
        return self.events.pop(0)

    def say(self, text: str) -> None:
        self.sock.sendall(self.ws.send(TextMessage(text)))

    def hear(self) -> str:
        text = ""
        while isinstance(event := self.next(), Message):
            text += event.data
            if event.message_finished:
                return text
        return f"{type(event).__name__}"

    def close(self) -> None:
        self.sock.sendall(self.ws.send(CloseConnection(1000)))
        assert isinstance(self.next(), CloseConnection)
        self.sock.close()


def test_routes(served: Served) -> None:
    assert served.request("GET", "/switch/7") == (200, b'{"dpid": 7, "\\u00e9": "\\u00fc"}')
    assert served.request("PUT", "/switch/x", b"abc") == (201, b"cbax")
    assert served.request("PUT", "/switch/x", (part for part in (b"ab", b"c"))) == (201, b"cbax")  # in chunks
    assert served.request("HEAD", "/switch/1")[0] == 404
    for method, path in (("GET", "/switch/x"), ("DELETE", "/switch/1"), ("GET", "/")):
        assert served.request(method, path)[0] == 404


def test_a_connection_serves_many_requests(served: Served) -> None:
    client = http.client.HTTPConnection(*served.address, timeout=60)
    for number in range(3):
        client.request("GET", f"/switch/{number}")
        assert json.loads(client.getresponse().read())["dpid"] == number
    client.close()


def test_a_controller_that_raises_is_logged(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert served.request("GET", "/fail")[0] == 500
    assert "ZeroDivisionError" in caplog.text
    assert served.request("GET", "/switch/1")[0] == 200


@pytest.mark.parametrize("text", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n"])
def test_garbage_is_answered_with_400(served: Served, text: bytes) -> None:
    with socket.create_connection(served.address, timeout=60) as sock:
        sock.sendall(text)
        assert sock.recv(1000).startswith(b"HTTP/1.1 400")


def test_bounds_of_size(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_BODY", 100)
    assert served.request("PUT", "/switch/x", b"a" * 100)[0] == 201
    assert served.request("PUT", "/switch/x", b"a" * 101)[0] == 413
    with socket.create_connection(served.address, timeout=60) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"a" * 2 * server.MAX_HEADER)
        assert sock.recv(1000).startswith(b"HTTP/1.1 4")


def test_a_slow_request_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.2)
    with socket.create_connection(served.address, timeout=60) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n")
        assert sock.recv(1000) == b""


def test_idle_connections_make_room(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 2)
    idle = [socket.create_connection(served.address, timeout=60) for _ in range(3)]
    assert served.request("GET", "/switch/1")[0] == 200
    assert b"" in [sock.recv(1) for sock in idle[:2]]
    for sock in idle:
        sock.close()


def test_when_all_are_at_work_a_newcomer_is_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 1)
    first = http.client.HTTPConnection(*served.address, timeout=60)
    first.request("GET", "/wait")
    assert served.app.entered.wait(60)  # one that is not at work yet would make room
    assert served.request("GET", "/switch/1")[0] == 503
    assert served.server.refused == 1
    served.app.release.set()
    assert first.getresponse().read() == b"done"
    first.close()


def test_websocket(served: Served) -> None:
    client = WebSocketClient(served, "/echo")
    for text in ("hello", "é" * 70000):
        client.say(text)
        assert client.hear() == text
    manager = served.application.websocketmanager
    manager.broadcast("to all")
    assert client.hear() == "to all"
    client.close()
    while manager._connections:
        hub.sleep(0.01)
    manager.broadcast("to nobody")
    assert served.request("GET", "/echo")[0] == 400


def test_a_websocket_that_does_not_read_holds_up_nobody(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "MAX_QUEUED", 1 << 20)
    deaf, other = WebSocketClient(served, "/echo"), WebSocketClient(served, "/echo")
    manager = served.application.websocketmanager
    while len(manager._connections) < 2:  # they are counted after the handshake
        hub.sleep(0.01)
    heard = 0
    while len(manager._connections) > 1:
        manager.broadcast("x" * 100_000)
        assert len(other.hear()) == 100_000
        heard += 1
        assert heard < 1000
    other.close()
    deaf.sock.close()


def test_rpc_both_ways(served: Served) -> None:
    client = WebSocketClient(served, "/server")
    client.say(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "add", "params": [2, 3]}))
    assert json.loads(client.hear())["result"] == 5
    client.close()

    callee = WebSocketClient(served, "/client")
    while not served.app.clients:
        hub.sleep(0.01)
    (caller,) = served.app.clients
    results: list[Any] = []
    call = hub.spawn(lambda: results.append(caller.get_proxy().double(21)))
    request = json.loads(callee.hear())
    assert (request["method"], request["params"]) == ("double", [21])
    callee.say(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": 42}))
    call.wait()
    assert results == [42]
    unanswered = hub.spawn(lambda: caller.get_proxy().double(1), raise_error=True)
    callee.hear()
    callee.close()
    with pytest.raises(OSError, match="closed"):
        unanswered.wait()


def test_routes_of_a_module_can_be_forgotten(served: Served) -> None:
    served.application.mapper.forget(Api.__module__)
    assert served.request("GET", "/switch/7")[0] == 404
    served.application.register(Api, served.app)
    assert served.request("GET", "/switch/7")[0] == 200
