"""A packet that an action pauses goes on, when it is told to, as if nothing had been: random tables, twice."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.dataplane import nicira_wire as nx
from tests.dataplane import wire
from tests.dataplane.forwarder import Forwarder
from tests.dataplane.rules import PORTS, TABLES, Rules
from tests.dataplane.test_nicira import add, raw, tcp
from tests.dataplane.test_pipeline import MOSTLY_ADDS, SEEDS
from tests.dataplane.wire import NORMAL, Action
from tests.oracle.flow_table import Request
from tests.oracle.groups import Bucket, Group
from triplane.dataplane.kernels.node import N_REUSED
from triplane.dataplane.openflow.errors import NICIRA_ERROR, NXR_STALE, OpenFlowError
from triplane.dataplane.switch.datapath import NO_COOKIE, PacketIn, Pipeline
from triplane.dataplane.switch.nicira_resume import pipeline

SHORTEST = 60  # bytes: what goes up is padded to that
LONG_ENOUGH = 100  # bytes, of which actions take less than 40: padding would complete an IPv6 header that was cut
PAUSE: Action = ("controller", b"", True)


def go_on(node: Forwarder, packet: PacketIn, **changes: Any) -> None:
    """As a controller that has changed nothing, or these fields."""
    fields = pipeline(packet.match[4 : int.from_bytes(packet.match[2:4])])
    node.node.resume(packet.paused, fields._replace(**changes), packet.data, node.now)


class Twins:
    """A node, and one whose packets pause now and then."""

    def __init__(self, r: Random, rules: Rules) -> None:
        self.r, self.rules = r, rules
        self.one, self.other = Forwarder(), Forwarder()

    def pausing(self, listed: list[Action]) -> list[Action]:
        found = []
        for action in listed:
            if self.r.random() < 0.5:
                found.append(PAUSE)
            found.append(("clone", self.pausing(action[1])) if action[0] == "clone" else action)
        return found

    def flow_mod(self, request: Request) -> None:
        for part in ("apply", "write"):  # what it learns depends on the order
            listed = request.then.get(part, [])
            request.then[part] = [("output", 1, 0) if each[:2] == ("output", NORMAL) else each for each in listed]
        errors = self.one.flow_mod(request).errors
        request.then["apply"] = self.pausing(request.then["apply"])
        assert self.other.flow_mod(request).errors == errors

    def group(self, number: int) -> None:
        group = self.rules.group(number)
        try:
            self.one.group(number, group)
        except OpenFlowError:
            return
        self.rules.groups[number] = group
        self.other.group(number, group)

    def packet(self, port: int, data: bytes) -> int:
        """Both send and tell the same; how often it paused."""
        sent, told = self.one.receive(port, data), self.one.node.packet_ins(1000)
        self.other.deliver(port, data)
        found, pauses = [], 0
        while waiting := self.other.node.packet_ins(1000):
            for packet in waiting:
                if packet.paused:
                    pauses += 1
                    go_on(self.other, packet)
                else:
                    found.append(packet)
        assert padded(self.other.sent()) == padded(sent)
        assert sorted(map(known, found)) == sorted(map(known, told))
        return pauses


def padded(sent: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """A frame that an action has made too short is padded when it pauses."""
    return sorted((port, data.rstrip(b"\0").ljust(SHORTEST, b"\0")) for port, data in sent)


def known(packet: PacketIn) -> tuple[object, ...]:
    """Once a packet has paused, it is forgotten which flow entry it met."""
    return packet.table_id, packet.in_port, packet.match, packet.data.rstrip(b"\0")


@pytest.mark.parametrize("seed", SEEDS)
def test_pauses_change_nothing(seed: int) -> None:
    r = Random(seed)
    rules = Rules(r, 5)
    rules.nicira_share = 0.5
    twins, pauses = Twins(r, rules), 0
    for number in range(r.randrange(4)):
        twins.group(10 + number)
    for _ in range(60):
        twins.flow_mod(rules.request(MOSTLY_ADDS))
    for table, following in zip(TABLES, [*TABLES[1:5], None], strict=True):  # what nothing else matches
        then = {"apply": [rules.load(({}, [], []))] * 4, **({"goto": following} if following else {})}
        twins.flow_mod(Request(0, table, 0, {}, then, cookie=1000 + table))
    for _ in range(40):
        port = r.choice(PORTS)
        pauses += twins.packet(0 if port == PORTS[-1] else port, rules.frame().ljust(LONG_ENOUGH, b"\0"))
    assert pauses > 0
    for node in (twins.one, twins.other):
        node.assert_no_frame_lost()
        node.close()


def paused(node: Forwarder, frame: bytes | None = None) -> PacketIn:
    """The packet-in of a packet that stops."""
    assert node.receive(1, frame or tcp()) == []
    (packet,) = node.node.packet_ins(10)
    assert packet.paused
    return packet


def test_userdata_goes_up_with_the_packet_which_goes_on(node: Forwarder) -> None:
    for data in (b"a", b"12345678", bytes(range(256)) * 7 + bytes(224)):
        assert raw(node, nx.controller(data) + wire.actions([("output", 2, 0)]), eth_type=0x0800) == []
        assert [port for port, _ in node.receive(1, tcp())] == [2]
        (packet,) = node.node.packet_ins(10)
        assert (packet.userdata, packet.paused, packet.data, packet.reason) == (data, b"", tcp(), 1)


def test_a_controller_may_change_packet_and_fields(node: Forwarder) -> None:
    add(node, PAUSE, ("resubmit", 0xFFF8, 1))
    add(node, ("output", 3, 0), table=1)
    add(node, ("output", 4, 0), table=1, priority=2, reg3=7, metadata=9)
    packet = paused(node)
    other = tcp(target=443)
    node.node.resume(packet.paused, Pipeline(None, 9, 0, 0, (0, 0, 0, 7, *[0] * 12)), other, node.now)
    assert node.sent() == [(4, other)]
    go_on(node, paused(node))
    assert [port for port, _ in node.sent()] == [3]


def test_what_was_sent_before_stays_sent(node: Forwarder) -> None:
    add(node, ("output", 2, 0), ("set_field", "eth_dst", 5), PAUSE, ("output", 3, 0))
    node.deliver(1, tcp())
    assert node.sent() == [(2, tcp())]
    (packet,) = node.node.packet_ins(10)
    go_on(node, packet)
    assert node.sent() == [(3, bytes(5) + b"\x05" + tcp()[6:])]


def test_it_meets_the_tables_as_they_are_then(node: Forwarder) -> None:
    add(node, PAUSE, ("resubmit", 0xFFF8, 1), cookie=5)
    add(node, ("output", 2, 0), table=1)
    packet = paused(node)
    node.send(wire.flow_mod({}, {}, command=wire.DELETE, table=wire.ALL_TABLES))
    node.node.turn()
    add(node, ("output", 4, 0), table=1)
    go_on(node, packet)
    assert [port for port, _ in node.sent()] == [4]
    assert packet.cookie == 5


def test_a_later_packet_in_names_no_flow_entry(node: Forwarder) -> None:
    add(node, PAUSE, ("output", 0xFFFFFFFD, 0xFFFF), cookie=5)
    go_on(node, paused(node))
    (packet,) = node.node.packet_ins(10)
    assert (packet.cookie, packet.reason) == (NO_COOKIE, 1)


def test_a_bucket_pauses_alone(node: Forwarder) -> None:
    node.group(1, Group(0, [Bucket([("output", 2, 0)]), Bucket([PAUSE, ("output", 3, 0)]), Bucket([("output", 4, 0)])]))
    add(node, ("group", 1))
    assert [port for port, _ in node.receive(1, tcp())] == [2, 4]
    (packet,) = node.node.packet_ins(10)
    go_on(node, packet)
    assert [port for port, _ in node.sent()] == [3]


def test_a_packet_out_pauses_and_is_followed_by_nothing(node: Forwarder) -> None:
    add(node, ("output", 4, 0))
    assert node.packet_out(1, [PAUSE, ("output", 3, 0)], tcp()) == []
    (packet,) = node.node.packet_ins(10)
    go_on(node, packet)
    assert [port for port, _ in node.sent()] == [3]


def test_a_group_that_is_gone_is_not_another(node: Forwarder) -> None:
    group = Group(0, [Bucket([("output", 2, 0)])])
    node.group(1, group)
    add(node, PAUSE, ("group", 1))
    packet = paused(node)
    node.group(1, group, command=2)
    go_on(node, packet)
    assert node.sent() == [], "there is no such group"
    node.node.state.groups.turn()
    node.node.state.groups.turn()
    node.node.state.node[N_REUSED] = node.node.state.groups.reused  # as when its workers run
    with pytest.raises(OpenFlowError) as refused:
        go_on(node, packet)
    assert (refused.value.type, refused.value.code) == (NICIRA_ERROR, NXR_STALE)


def test_a_state_that_is_too_long_drops_its_packet(node: Forwarder) -> None:
    add(node, PAUSE, *[("load", "reg0", 0, 32, 1)] * 2000)
    before = node.state.drops()["punt"]
    assert node.receive(1, tcp()) == []
    assert node.node.packet_ins(10) == []
    assert node.state.drops()["punt"] == before + 1
