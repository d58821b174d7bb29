"""An error of the controller's own: it ends the connection that it came from, and nothing else."""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.controller.fake_switch import SWITCH, FakeSwitch, packet_in, serving
from tests.controller.plant import until
from triplane.controller import App, Datapath, PacketIn, StateChange, on
from triplane.controller import server as servers
from triplane.controller.address import Address
from triplane.controller.connection import Connection
from triplane.controller.runtime.handler import DEAD_DISPATCHER, MAIN_DISPATCHER
from triplane.controller.runtime.loop import LOOP
from triplane.controller.runtime.session import Session
from triplane.dataplane.openflow import ofproto_v1_3_parser as parser

BAD, GOOD = 0xBAD, 0x600D  # datapath ids: the fault is injected for one
STATUS = parser.OFPPortStatus(SWITCH, 0, parser.OFPPort(1, "02:00:00:00:00:01", b"p", 0, 0, 0, 0, 0, 0, 0, 0))


class Watching(App):
    def __init__(self) -> None:
        super().__init__()
        self.phases: list[tuple[int | None, str]] = []
        self.packets = 0

    @on(StateChange, MAIN_DISPATCHER, DEAD_DISPATCHER)
    def changed(self, event: StateChange) -> None:
        self.phases.append((event.datapath.id, event.state))

    @on(PacketIn, MAIN_DISPATCHER)
    def packet(self, event: PacketIn) -> None:
        self.packets += 1


def break_for_one(monkeypatch: pytest.MonkeyPatch, cls: type, method: str, error: BaseException) -> None:
    """`cls.method` raises for the bad switch."""
    works = getattr(cls, method)

    def broken(self: Any, *arguments: Any) -> Any:
        datapath: Datapath = getattr(self, "session", self).datapath
        if datapath.id == BAD:
            raise error
        return works(self, *arguments)

    monkeypatch.setattr(cls, method, broken)


@pytest.mark.parametrize(
    ("cls", "method", "message"),
    [
        (Session, "received", STATUS),
        (Session, "_message", STATUS),
        (Session, "_malformed", b"\x04\x0a\x00\x09\0\0\0\1\0"),  # a packet-in, which has waited
        (Session, "tick", b""),
        (Connection, "_read", STATUS),
        (Connection, "flush", parser.OFPEchoRequest(SWITCH, b"")),
        (Connection, "_transmit", parser.OFPEchoRequest(SWITCH, b"")),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", ""),
)
@pytest.mark.parametrize("error", [struct.error("too short"), KeyError(3), SystemExit(1)], ids=repr)
def test_its_connection_is_closed_and_no_other(
    cls: type,
    method: str,
    message: Any,
    error: BaseException,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = Watching()
    with serving(app) as (server, there), FakeSwitch(there, BAD) as bad, FakeSwitch(there, GOOD) as good:
        for switch in (bad, good):
            switch.comes_into_service()
        break_for_one(monkeypatch, cls, method, error)
        bad.send(message)
        assert bad.closed()
        until(lambda: (BAD, DEAD_DISPATCHER) in app.phases)
        assert [one.session.datapath.id for one in server.connections] == [GOOD]
        good.send(packet_in(1))
        good.echo(b"alive")
        until(lambda: app.packets == 1)
        assert (GOOD, DEAD_DISPATCHER) not in app.phases
    (record,) = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert "<Datapath 0000000000000bad ('127.0.0.1'," in record.message
    assert "is disconnected, after an error that should not be" in record.message
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_an_error_while_it_ends_too(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with serving() as (server, there), FakeSwitch(there, BAD) as bad, FakeSwitch(there, GOOD) as good:
        for switch in (bad, good):
            switch.comes_into_service()
        for method in ("received", "disconnected"):
            break_for_one(monkeypatch, Session, method, ZeroDivisionError())
        bad.send(STATUS)
        assert bad.closed()
        until(lambda: len(server.connections) == 1)
        good.echo(b"alive")
    assert [record.levelno for record in caplog.records].count(logging.CRITICAL) == 2


def test_errors_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as (_, there), FakeSwitch(there, BAD) as bad:
        bad.comes_into_service()
        before = LOOP.errors
        break_for_one(monkeypatch, Session, "received", ZeroDivisionError())
        bad.send(STATUS)
        assert bad.closed()
        until(lambda: LOOP.errors == before + 1)


@pytest.mark.parametrize("place", [(servers, "_tls"), (Session, "connected")], ids=["accepting", "connected"])
def test_the_next_switch_is_accepted(
    place: tuple[Any, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(servers, "ACCEPT_PAUSE", 0.05)
    with serving() as (server, there):
        with monkeypatch.context() as patch:
            patch.setattr(*place, fail)
            with FakeSwitch(there, BAD) as bad:
                assert bad.closed()
        with FakeSwitch(there, GOOD) as good:
            good.comes_into_service()
            assert len(server.connections) == 1
    assert "pauses" in caplog.text or "is disconnected" in caplog.text


@pytest.mark.parametrize("place", [(servers, "_tls"), (Session, "connected")], ids=["connecting", "connected"])
def test_a_switch_that_listens_is_called_again(
    place: tuple[Any, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "RETRY_SECONDS", (0.05,))
    with serving() as (server, _), socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{tmp_path}/switch.sock")
        listener.listen(8)
        listener.settimeout(30)
        with monkeypatch.context() as patch:
            patch.setattr(*place, fail)
            server.connect(Address("unix", path=f"{tmp_path}/switch.sock"))
            for _ in range(2):
                with listener.accept()[0] as sock:
                    assert sock.recv(1) == b""
        until(lambda: came_into_service(listener))


def came_into_service(listener: socket.socket) -> bool:
    with FakeSwitch.of(listener.accept()[0], GOOD) as switch, contextlib.suppress(ConnectionError):
        switch.comes_into_service()
        return True
    return False


def fail(*_: object) -> None:
    raise ZeroDivisionError
