"""Nicira's actions that a walk of random tables does not reach: limits, hashes, truncation, controllers."""

from __future__ import annotations

import pytest

from tests.dataplane import nicira_wire as nx
from tests.dataplane import wire
from tests.dataplane.forwarder import Forwarder
from tests.dataplane.nicira_rig import HOST_A, HOST_B, A, B, add, entries, ports, raw, tcp
from tests.oracle import frames as f

SECOND = 1_000_000_000
TCP_FIN = 1


def test_a_loop_ends(node: Forwarder) -> None:
    add(node, ("resubmit",), ("output", 2, 0))
    assert ports(node, 1, tcp()) == []
    assert node.state.drops()["resubmit"] == 1
    assert node.state.table_counts(0) == (65, 65)


def test_a_tree_of_resubmits_ends(node: Forwarder) -> None:
    add(node, *[("resubmit", nx.OWN_PORT, 1)] * 100)
    add(node, *[("resubmit", nx.OWN_PORT, 2)] * 100, table=1)
    add(node, ("load", "reg0", 0, 32, 1), table=2)
    assert ports(node, 1, tcp()) == []
    assert node.state.drops()["resubmit"] == 1
    assert sum(node.state.table_counts(table)[0] for table in range(3)) == 4097


def test_a_packet_that_ends_a_connection_shortens_its_flow(node: Forwarder) -> None:
    fin = nx.pack(19, (5).to_bytes(2) + (0).to_bytes(2) + bytes(2))
    assert raw(node, fin + wire.action("output", 2, 0), eth_type=0x0800, ip_proto=6) == []
    node.receive(1, tcp())
    node.now += 6 * SECOND
    assert node.node.expire(node.now) == []
    node.receive(1, tcp(flags=TCP_FIN | 0x10))
    node.now += 4 * SECOND
    node.node.expire(node.now)
    assert len(entries(node, 0)) == 1
    node.now += 1 * SECOND
    node.node.expire(node.now)
    assert entries(node, 0) == []


def test_a_truncated_packet(node: Forwarder) -> None:
    truncated = nx.pack(39, (2).to_bytes(2) + (70).to_bytes(4))
    assert raw(node, truncated + wire.action("output", 3, 0)) == []
    frame = tcp()
    assert node.receive(1, frame) == [(2, frame[:70]), (3, frame)]


def test_who_a_packet_is_for(node: Forwarder) -> None:
    """NXAST_CONTROLLER: its length, its controller, its reason; and the registers as they are then."""
    controller = nx.pack(20, (64).to_bytes(2) + (7).to_bytes(2) + bytes([0, 0]))
    assert raw(node, nx.load("reg3", 0, 32, 9) + nx.load("pkt_mark", 0, 32, 4) + controller) == []
    node.receive(1, tcp())
    (packet,) = node.node.packet_ins(10)
    assert (packet.reason, packet.max_len, packet.controller) == (0, 64, 7)
    fields = {name: (value, 0xFFFFFFFF) for name, value in (("in_port", 1), ("reg3", 9), ("pkt_mark", 4))}
    assert packet.match == wire.match(fields)


def test_controllers_of_a_ttl_that_is_spent(node: Forwarder) -> None:
    counted = nx.pack(21, (2).to_bytes(2) + bytes(4) + (5).to_bytes(2) + (6).to_bytes(2))
    assert raw(node, counted, eth_type=0x0800) == []
    node.receive(1, f.ethernet(B, A, [], 0x0800, f.ipv4(HOST_A, HOST_B, 6, f.tcp(1, 2, b""), ttl=1)))
    (packet,) = node.node.packet_ins(10)
    assert (packet.reason, packet.controller) == (2, 5)


def multipath(fields: int, algorithm: int, links: int, argument: int = 0) -> bytes:
    return nx.multipath(fields, 0, algorithm, links, argument, "reg0", 0, 16)


@pytest.mark.parametrize("algorithm", range(4))
@pytest.mark.parametrize("fields", range(7))
def test_paths_are_spread_and_a_flow_keeps_its(node: Forwarder, algorithm: int, fields: int) -> None:
    """Every link in turn is taken by some flow; symmetric hashes send both directions the same way."""
    chosen = multipath(fields, algorithm, 3) + nx.move("reg0", 0, "metadata", 0, 16)
    assert raw(node, chosen + nx.resubmit(table=1)) == []
    for link in range(3):
        add(node, ("output", 2 + link, 0), table=1, metadata=link)
    seen = set()
    for number in range(40):
        host, mac = bytes([10, 0, 1, number]), bytes([2, 0, 0, 0, 1, number])
        other = bytes([10, 0, 2, number if fields == 5 else 1])
        segment = f.tcp(1000 + number, 80, b"")
        frame = f.ethernet(B, mac, [], 0x0800, f.ipv4(host, other, 6, segment))
        back = f.ethernet(mac, B, [], 0x0800, f.ipv4(other, host, 6, f.tcp(80, 1000 + number, b"")))
        first = ports(node, 1, frame)
        assert len(first) == 1
        assert ports(node, 1, frame) == first
        if fields in (1, 2, 3, 6):
            assert ports(node, 1, back) == first
        seen |= set(first)
    assert seen == {2, 3, 4}


def test_a_bundle_takes_a_port_that_is_up(node: Forwarder) -> None:
    assert raw(node, nx.bundle(0, 0, 0, [9, 3, 2])) == []
    assert ports(node, 1, tcp()) == [3]
    node.ports[3].up = False
    node.node.port_table.refresh(3)
    assert ports(node, 1, tcp()) == [2]


def test_a_bundle_spreads_and_loads(node: Forwarder) -> None:
    assert raw(node, nx.bundle_load("reg1", 0, 16, 0, 0, 1, [2, 3, 4]) + nx.output_reg("reg1", 0, 16)) == []
    frame = tcp()
    seen = {ports(node, 1, frame[:11] + bytes([number]) + frame[12:])[0] for number in range(40)}
    assert seen == {2, 3, 4}


CHOICES = {
    "multipath": multipath(0, 2, 3) + nx.output_reg("reg0", 0, 16),
    "bundle": nx.bundle(0, 0, 1, [1, 2, 3]),
    "bundle_load": nx.bundle_load("reg0", 0, 16, 0, 0, 1, [1, 2, 3]) + nx.output_reg("reg0", 0, 16),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_what_is_hashed_is_the_packet_as_earlier_actions_left_it(node: Forwarder, choice: str) -> None:
    for number in range(16):
        assert raw(node, nx.load("eth_src", 0, 8, number) + CHOICES[choice], in_port=4) == []
        assert raw(node, CHOICES[choice], in_port=0xFFFFFFFE) == []
        frame = tcp()
        assert ports(node, 4, frame) == ports(node, 0, frame[:11] + bytes([number]) + frame[12:])


def test_an_iterative_hash_replaces_a_modulo_out_of_range(node: Forwarder) -> None:
    """Of 32 bits; what is right for three links is three to seven, and four is the substitute."""
    macs = [bytes([2, 0, 0, 0, 1, number]) for number in range(40)]
    seen = []
    for argument in (4, 0, 8, 0x80000005, 5):
        shown = nx.move("reg0", 0, "eth_dst", 0, 16) + wire.action("output", 2, 0)
        assert raw(node, multipath(0, 3, 3, argument) + shown) == []
        seen.append([node.receive(1, tcp()[:6] + mac + tcp()[12:])[0][1][5] for mac in macs])
    assert seen[0] == seen[1] == seen[2] == seen[3] != seen[4]


@pytest.mark.parametrize(
    ("action", "error"),
    [
        (nx.pack(35, bytes(14)), (2, 3)),
        (nx.pack(36, bytes(6)), (2, 3)),
        (nx.pack(44, bytes(6)), (2, 3)),
        (nx.pack(18, bytes(14)), (2, 1)),
        (nx.load("reg0", 8, 24, 1 << 24), (2, 5)),
        (nx.load("reg0", 16, 17, 1), (2, 14)),
        (nx.load("tcp_src", 0, 16, 1), (2, 10)),
        (nx.load("ip_frag", 0, 1, 1), (2, 15)),
        (nx.move("reg0", 0, "reg1", 8, 32), (2, 14)),
        (nx.pack(7, b"\0\x1f\0\x01\xfe\x04" + bytes(8)), (4, 6)),
        (nx.conjunction(1, 0, 1), (2, 5)),
        (nx.conjunction(1, 2, 2), (2, 5)),
        (nx.conjunction(1, 0, 2) + nx.load("reg0", 0, 1, 1), (2, 5)),
        (nx.pack(39, b"\0\x02\0\0\0\x0d"), (2, 5)),
        (nx.bundle(0, 0, 2, [1]), (2, 5)),
        (nx.bundle(0, 0, 0, [0xFFFD]), (2, 4)),
        (multipath(7, 0, 2), (2, 5)),
        (nx.pack(37, bytes(6) + b"\0\x05\0\x08\0\0\0\0"), (13, 2)),
        (nx.pack(37, bytes(6) + b"\0\x00\0\x05\x09\0\0\0"), (13, 3)),
        (nx.pack(37, bytes(6) + b"\0\x03\0\x03\0\0\0\0"), (13, 3)),
        (nx.controller(bytes(2017)), (2, 7)),
    ],
)
def test_actions_that_cannot_be(node: Forwarder, action: bytes, error: tuple[int, int]) -> None:
    assert raw(node, action) == [error]
    assert entries(node, 0) == []


def test_wide_registers_are_the_narrow_ones(node: Forwarder) -> None:
    add(node, ("load", "xxreg0", 0, 64, 0x0000000200000003), ("load", "xreg0", 0, 64, 0x0000000400000001),
        ("resubmit", nx.OWN_PORT, 1))  # fmt: skip
    add(node, ("output", 2, 0), table=1, reg0=4, reg1=1, reg2=2, reg3=3)
    assert ports(node, 1, tcp()) == [2]


def test_a_clone_has_what_was_pushed(node: Forwarder) -> None:
    """And what it pops the packet has still."""
    popped = ("pop", "reg1", 0, 32), ("output_reg", "reg1", 0, 16)
    add(node, ("load", "reg0", 0, 32, 2), ("push", "reg0", 0, 32), ("clone", list(popped)), *popped)
    assert ports(node, 1, tcp()) == [2, 2]


def test_a_clone_executes_the_action_set(node: Forwarder) -> None:
    """Its own: as the packet's is when it is made, and what is written in it."""
    then = {"apply": [("clone", [("output", 2, 0), ("resubmit", nx.OWN_PORT, 1)])], "write": [("output", 4, 0)]}
    node.send(wire.flow_mod({}, then))
    node.send(wire.flow_mod({}, {"write": [("set_field", "eth_src", 5), ("output", 3, 0)]}, table=1))
    sent = node.receive(1, tcp())
    assert [(port, frame[6:12]) for port, frame in sent] == [(2, A), (3, (5).to_bytes(6)), (4, A)]


def test_registers_of_one_packet_are_not_the_next_ones(node: Forwarder) -> None:
    add(node, ("load", "reg0", 0, 32, 5), ("resubmit", nx.OWN_PORT, 1), in_port=1)
    add(node, ("resubmit", nx.OWN_PORT, 1), in_port=2)
    add(node, ("output", 3, 0), table=1, reg0=5)
    add(node, ("output", 4, 0), table=1, priority=0)
    assert [ports(node, port, tcp()) for port in (1, 2, 1, 2)] == [[3], [4], [3], [4]]


def test_tags_by_load(node: Forwarder) -> None:
    """NXM_OF_VLAN_TCI with its CFI bit adds a tag, without it takes the tag away."""
    add(node, ("load", "vlan_tci", 0, 16, 0x3064), ("output", 2, 0), ("load", "vlan_tci", 0, 16, 0), ("output", 3, 0))
    frame = tcp()
    assert node.receive(1, frame) == [(2, frame[:12] + bytes.fromhex("81002064") + frame[12:]), (3, frame)]
