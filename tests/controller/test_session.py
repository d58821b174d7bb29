"""A switch's connection without sockets: bytes in, bytes out, phases, and what the apps hear."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest

from triplane.controller.runtime import app as apps
from triplane.controller.runtime import ofp_event, protocol
from triplane.controller.runtime.app import RyuApp
from triplane.controller.runtime.datapath import Datapath
from triplane.controller.runtime.openflow import OFPHandler
from triplane.controller.runtime.session import ECHO_INTERVAL, ECHO_LIMIT, HANDSHAKE_SECONDS, Session
from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow import ofproto_v1_3_parser as parser

SWITCH = codec.PROTOCOLS[4]
EVENTS = (
    ofp_event.EventOFPStateChange,
    ofp_event.EventOFPSwitchFeatures,
    ofp_event.EventOFPPacketIn,
    ofp_event.EventNXTPacketIn2,
    ofp_event.EventOFPPortStateChange,
)


class Channel:
    """Where the datapath sends to."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.closed = False

    def send(self, data: bytes) -> bool:
        self.sent.append(codec.parse(4, data))
        return True

    def close(self) -> None:
        self.closed = True

    abort = close

    def take(self) -> list[Any]:
        taken, self.sent = self.sent, []
        return taken


class Listener(RyuApp):
    """Keeps what it is sent, without a thread."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, str | None]] = []

    def _send_event(self, ev: Any, state: str | None) -> None:
        self.heard.append((type(ev).__name__, state))


class Switch:
    """The other end."""

    def __init__(self) -> None:
        self.channel = Channel()
        self.app = Listener()
        self.backlog: deque[Any] = deque()
        brick = OFPHandler()
        for app in (self.app, brick):
            apps.register_app(app)
        for event in EVENTS:
            brick.register_observer(event, self.app.name)
        self.session = Session(self.channel, "here", brick, 0.0, self.backlog)
        self.session.connected()

    @property
    def datapath(self) -> Datapath:
        return self.session.datapath

    def says(self, message: Any, now: float = 0.0) -> list[Any]:
        """The controller's answer to a message."""
        return self.sends(message.serialize(), now)

    def sends(self, data: bytes, now: float = 0.0) -> list[Any]:
        self.session.received(data, now)
        while self.backlog:
            self.backlog.popleft().run()
        return self.channel.take()

    def port(self, number: int) -> Any:
        return parser.OFPPort(number, "02:00:00:00:00:01", b"eth", 0, 0, 0, 0, 0, 0, 0, 0)

    def comes_into_service(self) -> None:
        self.says(parser.OFPHello(SWITCH))
        self.says(parser.OFPSwitchFeatures(SWITCH, 0xA1, 0, 254, 0, 0))
        self.says(parser.OFPPortDescStatsReply(SWITCH, body=[self.port(1)]))


@pytest.fixture
def switch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Switch]:
    """With a controller whose apps speak 1.3 alone."""
    monkeypatch.setattr(protocol, "_supported", {4})
    made = Switch()
    yield made
    apps.SERVICE_BRICKS.clear()


def kinds(messages: list[Any]) -> list[str]:
    return [type(message).__name__ for message in messages]


def test_the_handshake(switch: Switch) -> None:
    (hello,) = switch.channel.take()
    assert hello.elements[0].versions == [4]
    assert switch.datapath.state == "handshake"

    assert kinds(switch.says(parser.OFPHello(SWITCH))) == ["OFPFeaturesRequest"]
    assert switch.datapath.state == "config"

    assert kinds(switch.says(parser.OFPSwitchFeatures(SWITCH, 0xA1, 0, 254, 0, 0))) == ["OFPPortDescStatsRequest"]
    more = parser.OFPPortDescStatsReply(SWITCH, body=[switch.port(1)], flags=ofp.OFPMPF_REPLY_MORE)
    assert switch.says(more) == []
    assert switch.datapath.state == "config"
    assert switch.says(parser.OFPPortDescStatsReply(SWITCH, body=[switch.port(2)])) == []
    assert switch.datapath.state == "main"
    assert switch.datapath.id == 0xA1
    assert sorted(switch.datapath.ports) == [1, 2]
    assert switch.app.heard == [
        ("EventOFPStateChange", "config"),
        ("EventOFPSwitchFeatures", "config"),
        ("EventOFPStateChange", "main"),
    ]


def test_requests_of_apps_have_ids_of_their_own(switch: Switch) -> None:
    switch.channel.take()
    for _ in range(3):
        switch.datapath.send_barrier()
    xids = [message.xid for message in switch.channel.take()]
    assert len(set(xids)) == 3
    assert 0 not in xids


@pytest.mark.parametrize(
    ("version", "elements"),
    [(1, None), (6, [1, 6]), (3, [1, 3])],
    ids=["1.0 without bitmap", "1.5 without 1.3", "1.2"],
)
def test_no_common_version(switch: Switch, version: int, elements: list[int] | None) -> None:
    bitmap = [parser.OFPHelloElemVersionBitmap(elements)] if elements else []
    hello = bytearray(parser.OFPHello(SWITCH, bitmap).serialize())
    hello[0] = version
    switch.channel.take()
    switch.session.received(bytes(hello), 0.0)
    (error,) = switch.channel.take()
    assert (error.type, error.code) == (ofp.OFPET_HELLO_FAILED, ofp.OFPHFC_INCOMPATIBLE)
    assert switch.channel.closed


def test_a_newer_switch_with_1_3_in_its_bitmap(switch: Switch) -> None:
    hello = bytearray(parser.OFPHello(SWITCH, [parser.OFPHelloElemVersionBitmap([1, 4, 6])]).serialize())
    hello[0] = 6
    switch.session.received(bytes(hello), 0.0)
    assert switch.datapath.state == "config"


def test_echo_is_answered_at_once(switch: Switch) -> None:
    switch.channel.take()
    request = parser.OFPEchoRequest(SWITCH, b"are you there")
    request.set_xid(99)
    (reply,) = switch.says(request)
    assert (type(reply).__name__, reply.xid, reply.data) == ("OFPEchoReply", 99, b"are you there")


def test_a_silent_switch_is_asked_and_then_dropped(switch: Switch) -> None:
    switch.comes_into_service()
    switch.channel.take()
    now, asked = 0.0, 0
    for _ in itertools.takewhile(lambda _: not switch.channel.closed, range(100)):
        now = switch.session.tick(now)
        asked += kinds(switch.channel.take()).count("OFPEchoRequest")
    assert asked == ECHO_LIMIT
    assert now <= ECHO_INTERVAL * (ECHO_LIMIT + 3)
    assert switch.datapath.state == "dead"


def test_a_switch_that_answers_stays(switch: Switch) -> None:
    switch.comes_into_service()
    now = 0.0
    for _ in range(50):
        now = switch.session.tick(now)
        for request in switch.channel.take():
            if isinstance(request, parser.OFPEchoRequest):
                switch.says(parser.OFPEchoReply(SWITCH, request.data), now)
    assert not switch.channel.closed


def test_one_that_never_finishes_the_handshake_is_dropped(switch: Switch) -> None:
    now = 0.0
    while now < HANDSHAKE_SECONDS:
        switch.session.received(b"GET / HTTP/1.1\r\n", now)  # the start of a message of 21536 bytes
        now = switch.session.tick(now)
        assert not switch.channel.closed
    switch.session.tick(now)
    assert switch.channel.closed


def test_a_malformed_message_is_counted_and_passed_over(switch: Switch) -> None:
    switch.comes_into_service()
    switch.sends(bytes.fromhex("040a000c0000000000000000"))  # a packet-in of 12 bytes
    assert switch.session.malformed == 1
    assert switch.datapath.state == "main"


def test_a_header_that_says_nothing_ends_the_connection(switch: Switch) -> None:
    switch.session.received(bytes(8), 0.0)
    assert switch.channel.closed
    assert switch.datapath.state == "dead"


def test_ports_come_and_go(switch: Switch) -> None:
    switch.comes_into_service()
    switch.says(parser.OFPPortStatus(SWITCH, ofp.OFPPR_ADD, switch.port(7)))
    assert sorted(switch.datapath.ports) == [1, 7]
    switch.says(parser.OFPPortStatus(SWITCH, ofp.OFPPR_DELETE, switch.port(1)))
    assert sorted(switch.datapath.ports) == [7]
    assert switch.app.heard[-2:] == [("EventOFPPortStateChange", "main")] * 2


def test_packet_ins_reach_the_app_with_the_phase(switch: Switch) -> None:
    switch.comes_into_service()
    packet_in = parser.OFPPacketIn(SWITCH, ofp.OFP_NO_BUFFER, 3, 0, 0, 0, parser.OFPMatch(in_port=1), b"abc")
    switch.says(packet_in)
    assert switch.app.heard[-1] == ("EventOFPPacketIn", "main")


def test_packet_ins_of_nicira_wait_like_others(switch: Switch) -> None:
    switch.comes_into_service()
    switch.app.heard.clear()
    data = parser.NXTPacketIn2(SWITCH, [parser.NXTPacketIn2PropPacket(type_=0, data=b"abc")]).serialize()
    switch.session.received(data + data, 0.0)
    assert (len(switch.session.packet_ins), switch.app.heard) == (2, [])
    while switch.backlog:
        switch.backlog.popleft().run()
    assert switch.app.heard == [("EventNXTPacketIn2", "main")] * 2


def test_a_packet_in_that_is_all_there_is_to_do_is_served_at_once(switch: Switch) -> None:
    packet_in = parser.OFPPacketIn(SWITCH, ofp.OFP_NO_BUFFER, 3, 0, 0, 0, parser.OFPMatch(in_port=1), b"abc")
    data = bytes(packet_in.serialize())
    switch.session.received(data, 0.0, alone=True)
    assert switch.session.served == 0, "not before the handshake"
    switch.comes_into_service()
    switch.app.heard.clear()
    switch.session.received(data, 0.0, alone=True)
    assert (switch.session.served, list(switch.backlog)) == (1, [])
    assert switch.app.heard == [("EventOFPPacketIn", "main")]

    switch.session.received(data + data, 0.0, alone=True)
    switch.session.received(data, 0.0)
    assert (switch.session.served, len(switch.session.packet_ins)) == (1, 3), "these wait: others may have something"
    malformed = bytes.fromhex("040a000c0000000000000000")
    switch.session.received(malformed, 0.0, alone=True)
    assert switch.session.malformed == 1
