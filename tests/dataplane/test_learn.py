"""Nicira's learn: what is learnt, by whom, for how long, and how much of it."""

from __future__ import annotations

import pytest

from tests.dataplane import nicira_wire as nx
from tests.dataplane import wire
from tests.dataplane.forwarder import Forwarder
from tests.dataplane.nicira_rig import A, add, entries, ports, raw, tcp

SECOND = 1_000_000_000


LEARN = nx.learn(
    1,
    [
        nx.spec(0, ("vlan_tci", 0), ("vlan_tci", 0), 12),
        nx.spec(0, ("eth_src", 0), ("eth_dst", 0), 48),
        nx.spec(2, ("in_port_16", 0), None, 16),
    ],
    hard=10,
    cookie=0x77,
)


def learning_switch(node: Forwarder, learn: bytes = LEARN) -> None:
    assert raw(node, learn + nx.resubmit(table=1)) == []
    add(node, ("output", wire.FLOOD, 0), table=1, priority=0)


def test_a_switch_that_learns(node: Forwarder) -> None:
    learning_switch(node)
    assert ports(node, 1, tcp()) == [2, 3, 4]
    assert node.node.packet_ins(10) == []
    assert ports(node, 2, tcp(swap=True)) == [1]
    node.node.packet_ins(10)
    assert ports(node, 1, tcp()) == [2]
    assert len(entries(node, 1)) == 3


def test_a_flow_that_is_learnt_again_only_lives_longer(node: Forwarder) -> None:
    learning_switch(node)
    node.receive(1, tcp())
    node.node.packet_ins(10)
    (learnt,) = (entry for entry in entries(node, 1) if entry[2] == 1 and int.from_bytes(entry[24:32]) == 0x77)
    for _ in range(3):
        node.now += 8 * SECOND
        node.receive(1, tcp())
        node.node.packet_ins(10)
        node.node.expire(node.now)
    assert node.state.punts.counters()["learn"].packets == 1
    assert [int.from_bytes(entry[24:32]) for entry in entries(node, 1)] == [0x77, 0]
    node.now += 10 * SECOND
    node.node.expire(node.now)
    assert [int.from_bytes(entry[24:32]) for entry in entries(node, 1)] == [0]
    assert len(learnt) > 0


def test_a_host_that_moves_is_learnt_anew(node: Forwarder) -> None:
    learning_switch(node)
    for port in (1, 3, 1):
        node.receive(port, tcp())
        node.node.packet_ins(10)
        assert ports(node, 2, tcp(swap=True)) == [port]
        node.node.packet_ins(10)


def test_a_flow_that_was_deleted_is_learnt_at_once(node: Forwarder) -> None:
    learning_switch(node)
    node.receive(1, tcp())
    node.node.packet_ins(10)
    node.send(wire.flow_mod(command=wire.DELETE, table=1, cookie=0x77, cookie_mask=2**64 - 1))
    assert len(entries(node, 1)) == 1
    node.receive(1, tcp())
    node.node.packet_ins(10)
    assert len(entries(node, 1)) == 2


def test_learnt_flows_go_with_who_learnt_them_and_are_told_of(node: Forwarder) -> None:
    flags = nx.SEND_FLOW_REM | nx.DELETE_LEARNED
    learn = nx.learn(1, [nx.spec(0, ("eth_src", 0), ("eth_dst", 0), 48)], cookie=0x77, idle=5, flags=flags)
    learning_switch(node, learn)
    node.receive(1, tcp())
    node.receive(2, tcp(swap=True))
    node.node.packet_ins(10)
    assert len(entries(node, 1)) == 3
    node.now += 3 * SECOND
    node.receive(1, tcp(swap=True))
    node.node.packet_ins(10)
    node.now += 3 * SECOND
    (idle,) = node.node.expire(node.now)
    assert (idle.cookie, idle.reason, idle.table_id) == (0x77, 0, 1)
    outcome = node.send(wire.flow_mod(command=wire.DELETE, table=0))
    assert [(gone.cookie, gone.reason, gone.table_id) for gone in outcome.removed] == [(0x77, 2, 1)]
    assert [int.from_bytes(entry[24:32]) for entry in entries(node, 1)] == [0]


def test_learning_is_bounded(node: Forwarder) -> None:
    limited = bytearray(LEARN[:32] + (2).to_bytes(4) + bytes(4) + LEARN[32:])
    limited[2:4], limited[8:10] = len(limited).to_bytes(2), (45).to_bytes(2)
    learning_switch(node, bytes(limited))
    for number in range(5):
        frame = tcp()
        node.receive(1, frame[:11] + bytes([number]) + frame[12:])
        node.node.packet_ins(10)
    assert len(entries(node, 1)) == 3
    assert node.node.learn_refused == 3


def test_what_the_rate_refuses_is_counted_and_the_packet_goes_on(node: Forwarder) -> None:
    from triplane.dataplane.tables.punts import PuntRate

    learning_switch(node)
    node.state.punts.police({"learn": PuntRate(1, 1)}, node.now)
    frame = tcp()
    assert [ports(node, 1, frame[:11] + bytes([n]) + frame[12:]) for n in range(3)] == [[2, 3, 4]] * 3
    assert node.state.drops()["learn"] == 2
    assert node.state.punts.counters()["learn"].over_rate == 2
    node.node.packet_ins(1)


def test_learnt_flows_load_and_match_what_they_are_told(node: Forwarder) -> None:
    learn = nx.learn(
        1,
        [
            nx.spec(0, 0x0800, ("eth_type", 0), 16),
            nx.spec(0, 6, ("ip_proto", 0), 8),
            nx.spec(0, ("tcp_src", 0), ("tcp_dst", 0), 16),
            nx.spec(0, ("ipv4_src", 0), ("ipv4_dst", 0), 32),
            nx.spec(1, 0x55, ("reg3", 8), 8),
            nx.spec(1, ("in_port_16", 0), ("reg1", 0), 16),
            nx.spec(1, ("eth_src", 0), ("eth_dst", 0), 48),
        ],
    )
    assert raw(node, learn + nx.resubmit(table=1) + nx.output_reg("reg1", 0, 16), eth_type=0x0800, ip_proto=6) == []
    node.receive(2, tcp())
    node.node.packet_ins(10)
    ((_, frame),) = node.receive(1, tcp(80, 1000, swap=True))
    assert frame[:6] == A
    assert ports(node, 1, tcp(80, 1001, swap=True)) == []
    node.node.packet_ins(10)


@pytest.mark.parametrize(
    ("specs", "error"),
    [
        ([nx.spec(0, 6, ("ip_proto", 0), 8)], (2, 10)),
        ([nx.spec(0, ("ipv4_src", 0), ("eth_dst", 0), 32)], (2, 10)),
        ([nx.spec(0, 0, ("eth_dst", 40), 16)], (2, 14)),
        ([nx.spec(1, 0, ("in_port_16", 0), 17)], (2, 14)),
        ([nx.spec(0, 0, ("eth_dst", 0), 48)[:8]], (2, 1)),
        ([b"\x30\x08\0\x01\0\0\0\0"], (2, 5)),
        ([b"\0\0\0\1"], (2, 5)),
        ([b"\0\x08\x00\x01\xfe\x04\0\0\0\0\x02\x06\0\0"], (4, 6)),
    ],
)
def test_learn_actions_that_cannot_be(node: Forwarder, specs: list[bytes], error: tuple[int, int]) -> None:
    assert raw(node, nx.learn(1, specs)) == [error]
