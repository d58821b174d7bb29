"""Worker threads under traffic: started and stopped, with ports that come and go, beside a writer that never rests."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterator
from random import Random

import pytest

from tests.dataplane import wire
from tests.dataplane.memory_port import MemoryPort
from tests.oracle import frames as f
from triplane.dataplane.kernels import node as n
from triplane.dataplane.kernels import port as p
from triplane.dataplane.kernels.arena import A_TOP
from triplane.dataplane.kernels.engine import breathe
from triplane.dataplane.kernels.packet import BURST
from triplane.dataplane.kernels.pool import POOL_BIG_TOP, POOL_SMALL_TOP
from triplane.dataplane.node import Node

A, B = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
ENDLESS = 1 << 60
HOSTS = [0x0A000000 + number * 977 for number in range(64)]
FRAMES = 2048
PATIENCE = 30  # seconds until a test gives up: nothing here takes one


@pytest.fixture
def make() -> Iterator[Callable[..., Node]]:
    nodes = []

    def node(workers: int = 1) -> Node:
        nodes.append(Node(workers, FRAMES, 8))
        return nodes[-1]

    yield node
    for each in nodes:
        each.close()
        pool = each.state.pool.pool
        assert (int(pool[POOL_SMALL_TOP]), int(pool[POOL_BIG_TOP])) == (FRAMES, 8), "a frame was lost"


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.001)


def udp(number: int, port: int = 9) -> bytes:
    packet = f.ipv4(b"\x0a\0\0\1", number.to_bytes(4), 17, f.udp(7, port, bytes(18)))
    return f.ethernet(B, A, [], 0x0800, packet)


def send(node: Node, *messages: bytes) -> None:
    data = b"".join(messages)
    assert not node.flow_mods(data, 0, len(data), time.monotonic_ns()).errors


def forward(node: Node, port: int) -> None:
    send(node, wire.flow_mod(then={"apply": [("output", port, 0)]}))


def settled(node: Node) -> None:
    """Everything that was removed is free again."""
    for _ in range(4):
        turned = int(node.state.node[n.N_EPOCH])
        until(lambda: node.turn() or int(node.state.node[n.N_EPOCH]) > turned)  # noqa: B023


def test_one_breath_takes_a_burst_from_each_queue(make: Callable[..., Node]) -> None:
    node = make()
    source, sink = MemoryPort(1, queues=2), MemoryPort(2)
    node.add_port(source)
    node.add_port(sink)
    forward(node, 2)
    source.play([udp(1), udp(2)], 100)
    node.workers.assign(node.port_table.queues())
    handled = [int(breathe(node.state.node, node.state.rows[0])) for _ in range(3)]
    assert handled == [2 * BURST, 2 * (100 - BURST), 0]
    assert len(sink.sent()) == 200
    assert node.state.rows[0][n.W_BREATHS] == 3


def test_queues_are_shared_out(make: Callable[..., Node]) -> None:
    """Every packet goes once, whichever of two workers has its queue; each transmits by a queue of its own."""
    node = make(2)
    ports = [MemoryPort(slot, queues=2, room=0) for slot in (1, 2, 3)]
    for port in ports:
        node.add_port(port)
    send(node, *(wire.flow_mod({"in_port": (slot, 0xFFFFFFFF)}, {"apply": [("output", 4 - slot, 0), ("output", 2, 0)]})
                 for slot in (1, 3)))  # fmt: skip
    for port in (ports[0], ports[2]):
        port.play([udp(1)], 5000)
    node.start()
    until(lambda: ports[1].total(p.P_TX_PACKETS) == 20000)
    node.workers.stop()
    assert [port.total(p.P_TX_PACKETS) for port in ports] == [10000, 20000, 10000]
    assert all(int(row[p.P_TX_PACKETS]) for row in ports[1].rows)
    assert node.table_stats()[0] == (0, 2, 20000, 20000)


def test_started_and_stopped_again_and_again(make: Callable[..., Node]) -> None:
    node = make(2)
    source, sink = MemoryPort(1, room=0), MemoryPort(2, room=0)
    node.add_port(source)
    node.add_port(sink)
    forward(node, 2)
    for count in range(1, 6):
        source.play([udp(1)], 300)
        node.start()
        until(lambda: sink.total(p.P_TX_PACKETS) == 300 * count)  # noqa: B023
        node.workers.stop()


def test_sleeping_workers_wake_for_their_orders(make: Callable[..., Node]) -> None:
    node = make(2)
    node.start()
    until(lambda: all(int(row[n.W_SLEEPS]) for row in node.state.rows[:-1]))
    node.workers.stop()
    assert all(int(row[n.W_EPOCH]) == n.EPOCH_ASLEEP for row in node.state.rows)
    assert node.workers.quiet(), "who reads nothing holds nothing up"


def test_quiet_waits_for_every_worker(make: Callable[..., Node]) -> None:
    node = make(2)
    first, second = node.state.rows[:2]
    assert node.workers.quiet()
    now = int(node.state.node[n.N_EPOCH])
    first[n.W_EPOCH] = second[n.W_EPOCH] = now - 1
    assert not node.workers.quiet()
    first[n.W_EPOCH] = now
    assert not node.workers.quiet()
    second[n.W_EPOCH] = n.EPOCH_ASLEEP
    assert node.workers.quiet()
    assert not node.workers.quiet(), "the first has not begun a new breath since"
    first[n.W_EPOCH] = n.EPOCH_ASLEEP


def test_ports_come_and_go_under_traffic(make: Callable[..., Node]) -> None:
    node = make(2)
    source = MemoryPort(1, room=0)
    node.add_port(source)
    source.play([udp(1)], ENDLESS)
    forward(node, wire.ALL)
    node.start()
    for round_ in range(5):
        sink = MemoryPort(2 + round_ % 2, room=0)
        node.add_port(sink)
        until(lambda: sink.total(p.P_TX_PACKETS) > 100)  # noqa: B023
        node.remove_port(sink.slot)
        sent = sink.total(p.P_TX_PACKETS)
        assert sink.closed
        before = source.total(p.P_RX_PACKETS)
        until(lambda: source.total(p.P_RX_PACKETS) > before)  # noqa: B023
        assert sink.total(p.P_TX_PACKETS) == sent, "sent after it was removed"
    node.workers.stop()


def test_a_port_that_fails_to_close_leaves_the_workers_running(make: Callable[..., Node]) -> None:
    node = make()
    source, sink = MemoryPort(1, room=0), MemoryPort(2, room=0)
    node.add_port(source)
    node.add_port(sink)
    forward(node, 2)
    node.start()
    with pytest.raises(KeyError):
        node.remove_port(9)
    source.play([udp(1)], 10)
    until(lambda: sink.total(p.P_TX_PACKETS) == 10)


def test_packets_for_the_controller_wake_it(make: Callable[..., Node]) -> None:
    node = make()
    source = MemoryPort(1)
    node.add_port(source)
    forward(node, wire.CONTROLLER)
    assert node.packet_ins(10) == []
    node.start()
    source.play([udp(number) for number in range(5)])
    found: list[bytes] = []
    while len(found) < 5:
        assert select.select([node.packet_in_fd], [], [], PATIENCE)[0], "no wake-up"
        os.eventfd_read(node.packet_in_fd)
        found += [packet.data for packet in node.packet_ins(100)]
    assert found == [udp(number) for number in range(5)]


@pytest.mark.parametrize("masks", [4, 40])
def test_flows_that_stay_are_found_while_others_change(make: Callable[..., Node], masks: int) -> None:
    """Without and with the prune index: packets of the flows that stay never go elsewhere; memory comes back."""
    node, r = make(), Random(masks)
    source, good, bad = (MemoryPort(slot, room=0) for slot in (1, 2, 3))
    for port in (source, good, bad):
        node.add_port(port)
    empty = node.state.flows.bytes_used()
    send(node, *(rule(match(host, length), 2, 70 + length) for host in HOSTS for length in (30, 32)))
    forward(node, 3)
    source.play([udp(host) for host in HOSTS], ENDLESS)
    node.start()
    end, used, tops = time.monotonic() + 1, [], []
    while time.monotonic() < end or len(used) < 16:
        change(node, [other(r, masks) for _ in range(500)])
        used.append(node.state.flows.bytes_used())
        tops.append(int(node.state.arena[A_TOP]))
    until(lambda: good.total(p.P_TX_PACKETS) > 1000)
    node.workers.stop()
    assert bad.total(p.P_TX_PACKETS) == 0
    assert source.total(p.P_RX_PACKETS) == good.total(p.P_TX_PACKETS)
    if masks == 4:
        assert len(set(used)) == 1
        assert tops[-1] == tops[len(tops) // 2], "the arena grows"
    send(node, wire.flow_mod(command=wire.DELETE, table=wire.ALL_TABLES))
    assert node.state.flows.bytes_used() == empty


def change(node: Node, others: list[dict[str, tuple[int, int]]]) -> None:
    """Add entries of a lower priority, modify them, delete them, and wait until their memory is free."""
    send(node, *(rule(each, 3, 50, cookie=1) for each in others))
    send(node, wire.flow_mod(then={"goto": 1}, command=wire.MODIFY, cookie=1, cookie_mask=1))
    send(node, wire.flow_mod(command=wire.DELETE, cookie=1, cookie_mask=1))
    settled(node)


def rule(fields: dict[str, tuple[int, int]], port: int, priority: int, cookie: int = 0) -> bytes:
    return wire.flow_mod(fields, {"apply": [("output", port, 0)]}, priority=priority, cookie=cookie)


def match(host: int, length: int, port: int | None = None) -> dict[str, tuple[int, int]]:
    mask = (1 << 32) - (1 << 32 - length)
    found = {"eth_type": (0x800, 0xFFFF), "ipv4_dst": (host & mask, mask)}
    if port is not None:
        found |= {"ip_proto": (17, 0xFF), "udp_dst": (port, 0xFFFF)}
    return found


def other(r: Random, masks: int) -> dict[str, tuple[int, int]]:
    """A match, by one of `masks` masks, for a host that has entries which stay."""
    number = r.randrange(masks)
    return match(r.choice(HOSTS), 8 + number % 20, 9 if number >= 20 or masks == 4 else None)
