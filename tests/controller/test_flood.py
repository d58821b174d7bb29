"""Floods and misbehaving switches, on real sockets: who is not to blame is served, the rest is bounded and counted."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.controller.fake_switch import SWITCH, FakeSwitch, packet_in, serving
from tests.controller.plant import until
from triplane.controller import MAIN_DISPATCHER, App, ErrorMsg, PacketIn, on
from triplane.controller import connection as connections
from triplane.controller import server as servers
from triplane.controller.runtime import app as apps
from triplane.controller.runtime import hub, session
from triplane.controller.runtime.ofp_event import EventOFPBarrierReply
from triplane.dataplane.openflow import ofproto_v1_3_parser as parser


class Slow(App):
    """Takes a millisecond for each packet, and sends it back."""

    def __init__(self) -> None:
        super().__init__()
        self.barriers = 0

    @on(PacketIn, MAIN_DISPATCHER)
    def answer(self, event: PacketIn) -> None:
        time.sleep(0.001)
        message = event.msg
        datapath = message.datapath
        actions = [parser.OFPActionOutput(message.cookie & 0xFF)]
        datapath.send_msg(parser.OFPPacketOut(datapath, in_port=1, actions=actions, data=message.data))

    @on(EventOFPBarrierReply, MAIN_DISPATCHER)
    def count(self, event: Any) -> None:
        self.barriers += 1


class Stuck(App):
    """Waits with its first packet until `go` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.go = hub.Event()
        self.heard: list[int] = []

    @on(PacketIn, MAIN_DISPATCHER)
    def hear(self, event: PacketIn) -> None:
        self.go.wait()
        self.heard.append(event.msg.cookie or 0)


class Flood:
    """Packet-ins of one switch, as fast as the controller takes them; what it says is read and forgotten."""

    def __init__(self, switch: FakeSwitch) -> None:
        self.switch = switch
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.data = b"".join(packet_in(number) for number in range(500))

    def run(self) -> None:
        sock = self.switch.socket
        sock.setblocking(False)
        left = b""
        while not self.ended.is_set():
            left = left or self.data
            try:
                left = left[sock.send(left) :]
            except BlockingIOError:
                time.sleep(0.001)
            try:
                sock.recv(1 << 16)
            except BlockingIOError:
                continue

    def __enter__(self) -> Flood:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()


@pytest.fixture
def rarely(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small queues, so that they are soon full."""
    monkeypatch.setattr(session, "PACKET_IN_LIMIT", 64)
    monkeypatch.setattr(connections, "RARELY", 0.02)
    yield


def test_a_flood_of_one_switch_does_not_starve_another(rarely: None) -> None:
    app = Slow()
    with serving(app) as (server, address), FakeSwitch(address, 1) as loud, FakeSwitch(address, 2) as quiet:
        loud.comes_into_service()
        quiet.comes_into_service()
        with Flood(loud):
            flooding = next(iter(server.connections)).session
            until(lambda: flooding.dropped, "packet-ins that are dropped, and counted")
            for number in range(5):
                quiet.send(packet_in(number))
                quiet.wait(parser.OFPPacketOut)
                quiet.echo(b"there?")
                assert len(flooding.packet_ins) <= 64
            quiet.send(parser.OFPBarrierReply(SWITCH))
            until(lambda: app.barriers == 1, "the barrier's reply")


def test_nothing_is_dropped_as_long_as_tcp_can_hold_it_back(monkeypatch: pytest.MonkeyPatch, rarely: None) -> None:
    monkeypatch.setattr(connections, "RARELY", 3600.0)
    monkeypatch.setattr(connections, "READ_SIZE", 16 * len(packet_in(0)))
    with serving(Slow()) as (server, address), FakeSwitch(address, 1).comes_into_service() as switch:
        switch.send(b"".join(packet_in(number) for number in range(500)))
        for _ in range(500):
            switch.wait(parser.OFPPacketOut)
        (connection,) = server.connections
        assert connection.session.served == 500
        assert connection.session.dropped == 0


def test_echo_and_barrier_go_ahead_of_packet_ins() -> None:
    app = Slow()
    with serving(app) as (_, address), FakeSwitch(address, 1).comes_into_service() as switch:
        flood = b"".join(packet_in(number) for number in range(1000))
        behind = parser.OFPBarrierReply(SWITCH).serialize() + parser.OFPEchoRequest(SWITCH, b"now").serialize()
        switch.send(flood + behind)
        _, passed = switch.wait(parser.OFPEchoReply)
        assert passed < 900  # the answers to packet-ins that came before it
        until(lambda: app.barriers == 1)
        switch.wait(parser.OFPPacketOut)


def test_an_app_that_is_stuck_loses_its_packet_ins_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps, "PACKET_IN_LIMIT", 50)
    stuck, slow = Stuck(), Slow()
    with serving(stuck, slow) as (_, address), FakeSwitch(address, 1).comes_into_service() as switch:
        for number in range(100):
            switch.send(packet_in(number))
            switch.wait(parser.OFPPacketOut)  # the other app answers
        assert stuck.dropped_packet_ins == 100 - 1 - 50
        assert slow.dropped_packet_ins == 0
        stuck.go.set()
        until(lambda: len(stuck.heard) == 51)
        assert stuck.heard == list(range(51))


def test_a_switch_that_does_not_read_is_disconnected(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connections, "SEND_LIMIT", 1 << 20)
    with serving() as (server, address), FakeSwitch(address, 1) as deaf, FakeSwitch(address, 2) as other:
        deaf.comes_into_service()
        other.comes_into_service()
        datapath = next(iter(server.connections)).session.datapath
        data = parser.OFPPacketOut(datapath, data=bytes(60000)).serialize()
        until(lambda: not datapath.send(data))
        until(lambda: datapath.state == "dead")
        other.echo(b"still there")
        assert [record.message for record in caplog.records if "does not read" in record.message]
        assert deaf.closed()


@pytest.mark.parametrize(
    "garbage", [bytes(64), b"\xff" * 4096, b"GET / HTTP/1.1\r\n\r\n" * 4000], ids=["0", "255", "http"]
)
def test_garbage_ends_the_connection(garbage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.WARNING),
        serving() as (_, address),
        FakeSwitch(address, 1) as bad,
        FakeSwitch(address, 2) as good,
    ):
        good.comes_into_service()
        bad.send(garbage)
        bad.socket.shutdown(1)
        assert bad.closed()
        good.echo(b"fine")
        assert sum("OpenFlow" in record.message for record in caplog.records) <= 1


def test_malformed_messages_are_counted_and_passed_over() -> None:
    with serving() as (server, address), FakeSwitch(address, 1).comes_into_service() as switch:
        switch.send(bytes.fromhex("04060008 00000001") * 10)  # features without their body
        switch.echo(b"still talking")
        (connection,) = server.connections
        assert connection.session.malformed == 10


def test_half_open_connections_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "HALF_OPEN_LIMIT", 3)
    with serving() as (server, address), FakeSwitch(address, 9).comes_into_service() as settled:
        half = [FakeSwitch(address, number) for number in range(4)]
        assert half[0].closed()
        assert server.refused == 1
        half[1].comes_into_service()
        settled.echo(b"unharmed")
        for switch in half:
            switch.socket.close()


def test_errors_of_the_switch_reach_the_app_while_packet_ins_wait() -> None:
    class Listening(Slow):
        heard = 0

        @on(ErrorMsg, MAIN_DISPATCHER)
        def error(self, event: ErrorMsg) -> None:
            self.heard += 1

    app = Listening()
    with serving(app) as (_, address), FakeSwitch(address, 1).comes_into_service() as switch:
        switch.send(b"".join(packet_in(number) for number in range(100)))
        switch.send(parser.OFPErrorMsg(SWITCH, 1, 1, b"x" * 8))
        until(lambda: app.heard == 1)


def test_what_threads_send_at_once_all_arrives() -> None:
    with serving(Slow()) as (server, address), FakeSwitch(address, 1).comes_into_service() as switch:
        (connection,) = server.connections
        datapath = connection.session.datapath
        together = threading.Barrier(4)

        def send() -> None:
            together.wait()
            datapath.send_msg(parser.OFPBarrierRequest(datapath))

        for _ in range(200):
            threads = [threading.Thread(target=send) for _ in range(4)]
            for thread in threads:
                thread.start()
            for _ in threads:
                switch.wait(parser.OFPBarrierRequest)
            for thread in threads:
                thread.join()
