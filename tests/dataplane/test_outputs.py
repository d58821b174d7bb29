"""What a port does to a frame on its way in and out: offloads, padding, lengths, queues, its configuration."""

from __future__ import annotations

import pytest

from tests.dataplane import wire
from tests.dataplane.forwarder import Forwarder
from tests.dataplane.wire import ALL, CONTROLLER, FLOOD, IN_PORT, LOCAL, NORMAL
from tests.oracle import frames as f
from tests.oracle import segment as oracle
from tests.oracle.checksums import pseudo_header
from tests.oracle.parse import parse
from triplane.dataplane.kernels import node as n
from triplane.dataplane.kernels import port as p
from triplane.dataplane.kernels.packet import (
    CSUM,
    CSUM_OFFSET,
    CSUM_PARTIAL,
    CSUM_START,
    GSO_SIZE,
    GSO_TCPV4,
    GSO_TCPV6,
    GSO_TYPE,
    GSO_UDP_L4,
)
from triplane.dataplane.kernels.punts import OFPR_GROUP
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.tables.queues import QueueSettings

A, B = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
HOST1, HOST2 = b"\x0a\0\0\1", b"\x0a\0\0\2"
EVERY_CAP = p.CAP_CSUM | p.CAP_TSO4 | p.CAP_TSO6 | p.CAP_USO


def forward(node: Forwarder, *actions: wire.Action, **options: int) -> None:
    """Every packet gets these actions."""
    node.send(wire.flow_mod(then={"apply": list(actions)}, **options))


def output(port: int) -> wire.Action:
    return ("output", port, 0xFFFF)


def plain(size: int, tags: int = 0) -> bytes:
    return f.ethernet(B, A, [(0x8100, 5)] * tags, 0x9000, bytes(size - 14 - 4 * tags))


def ip_frame(proto: int, message: bytes, v6: bool = False) -> bytes:
    body = f.ipv6(HOST1 * 4, HOST2 * 4, proto, message) if v6 else f.ipv4(HOST1, HOST2, proto, message)
    return f.ethernet(B, A, [], 0x86DD if v6 else 0x0800, body)


def partial(frame: bytes) -> tuple[bytes, tuple[int, int]]:
    """The frame as a sender with offload leaves it: the sum of the pseudo header in the field; and where that is."""
    at = parse(frame)
    l3, l4 = at.at["l3"], at.at["l4"]
    offset = 16 if at.fields["ip_proto"] == 6 else 6
    v6 = at.fields["eth_type"] == 0x86DD
    hosts = (
        (frame[l3 + 8 : l3 + 24], frame[l3 + 24 : l3 + 40])
        if v6
        else (frame[l3 + 12 : l3 + 16], frame[l3 + 16 : l3 + 20])
    )
    pseudo = pseudo_header(*hosts, at.fields["ip_proto"], at.at["end"] - l4)
    total = sum(int.from_bytes(pseudo[i : i + 2]) for i in range(0, len(pseudo), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    there = l4 + offset
    return frame[:there] + total.to_bytes(2) + frame[there + 2 :], (l4, offset)


GSO = {
    "tcp4": (GSO_TCPV4, f.tcp(1, 2, bytes(range(256)) * 20, flags=0x19), 6, False, oracle.tcp_segments),
    "tcp6": (GSO_TCPV6, f.tcp(1, 2, bytes(range(256)) * 20), 6, True, oracle.tcp_segments),
    "udp": (GSO_UDP_L4, f.udp(1, 2, bytes(range(250)) * 9), 17, False, oracle.udp_segments),
    "more than a batch": (GSO_TCPV4, f.tcp(1, 2, bytes(1000) * 60), 6, False, oracle.tcp_segments),
}


@pytest.mark.parametrize("kind", GSO)
def test_long_frames_are_cut_for_a_port_that_cannot(node: Forwarder, kind: str) -> None:
    gso, message, proto, v6, cut = GSO[kind]
    frame, (start, offset) = partial(ip_frame(proto, message, v6))
    size = 500
    forward(node, output(2), output(3))
    sent = node.receive(1, frame, (CSUM_PARTIAL, start, offset, gso, size))
    wanted = [segment.ljust(60, b"\0") for segment in cut(frame, size)]
    assert [data for port, data in sent if port == 2] == sorted(wanted)
    assert [data for port, data in sent if port == 3] == sorted(wanted)


def test_segments_come_in_order_and_the_short_last_one_is_padded(node: Forwarder) -> None:
    frame, (start, offset) = partial(ip_frame(6, f.tcp(1, 2, bytes(1001))))
    forward(node, output(2))
    sent = node.receive(1, frame, (CSUM_PARTIAL, start, offset, GSO_TCPV4, 1000))
    assert sorted(len(data) for _, data in sent) == [60, 1054]


@pytest.mark.parametrize(("payload", "gso", "size"), [(3000, GSO_TCPV4, 500), (100, 0, 0)])
def test_what_a_port_takes_is_left_to_it(payload: int, gso: int, size: int) -> None:
    node = Forwarder(caps=EVERY_CAP, mtu=1514)
    forward(node, output(2))
    frame, (start, offset) = partial(ip_frame(6, f.tcp(1, 2, bytes(payload))))
    node.deliver(1, frame, (CSUM_PARTIAL, start, offset, gso, size))
    (sent,) = node.ports[2].sent()
    assert sent.data == frame
    assert [sent.column(column) for column in (CSUM, CSUM_START, CSUM_OFFSET, GSO_TYPE, GSO_SIZE)] == [
        CSUM_PARTIAL, start, offset, gso, size,
    ]  # fmt: skip
    node.assert_no_frame_lost()
    node.close()


@pytest.mark.parametrize("v6", [False, True])
@pytest.mark.parametrize("proto", [6, 17])
def test_checksums_are_completed_for_a_port_that_cannot(node: Forwarder, proto: int, v6: bool) -> None:
    whole = ip_frame(proto, f.tcp(1, 2, b"abc" * 9) if proto == 6 else f.udp(1, 2, b"abc" * 9), v6)
    frame, (start, offset) = partial(whole)
    forward(node, output(CONTROLLER), output(2))
    assert node.receive(1, frame, (CSUM_PARTIAL, start, offset, 0, 0)) == [(2, whole)]
    assert [packet[6] for packet in node.packet_ins()] == [whole]


def test_short_frames_are_padded_and_counted_as_they_came(node: Forwarder) -> None:
    forward(node, output(2), cookie=1)
    assert node.receive(1, plain(20)) == [(2, plain(60))]
    assert node.counts() == {1: (1, 20)}


def test_frames_too_long_for_a_port() -> None:
    node = Forwarder(mtu=1514)
    forward(node, output(2))
    assert node.receive(1, plain(1514)) == [(2, plain(1514))]
    assert node.receive(1, plain(1522, tags=2)) == [(2, plain(1522, tags=2))], "tags are exempt"
    assert node.receive(1, plain(1515)) == []
    assert node.receive(1, plain(1523, tags=2)) == []
    snap = f.ethernet(B, A, [], 1500, bytes.fromhex("aaaa03000000 0800") + bytes(1493))
    assert node.receive(1, snap) == [], "a SNAP header is no tag"
    assert node.ports[2].rows[0][p.P_TX_TOO_LONG] == node.state.drops()["too_long"] == 3
    assert node.node.port_counters(2)[0].tx_dropped == 3
    node.assert_no_frame_lost()
    node.close()


def test_a_frame_longer_than_a_small_slot_is_flooded(node: Forwarder) -> None:
    forward(node, output(ALL))
    assert node.receive(1, plain(9000)) == [(port, plain(9000)) for port in (2, 3, 4)]


def test_no_frame_left_for_copies() -> None:
    """Copies that cannot be made are counted; the frame itself is sent, and nothing is lost."""
    node = Forwarder(frames=1)
    forward(node, output(2), ("set_field", "eth_dst", 5), output(3))
    node.node.state.pool.pool[2] = 0  # no big one either
    sent = node.receive(1, plain(60))
    assert [port for port, _ in sent] == [3]
    assert node.state.drops()["no_frame"] == 1
    assert node.free_frames() == (1, 0)
    node.close()


def test_queue_over_its_rate(node: Forwarder) -> None:
    """A queue of 8 kbit/s lets its burst through, and counts what it does not."""
    forward(node, ("set_queue", 3), output(2), output(3))
    node.state.queues.configure(2, 3, QueueSettings(max_rate=8000), node.now)
    frame, sent = plain(1000), 0
    for _ in range(100):
        sent += sum(port == 2 for port, _ in node.receive(1, frame))
    ((_, _, octets, packets, errors, _),) = node.node.queue_counters(2, 3, node.now)
    assert (packets, octets) == (sent, 1000 * sent)
    assert errors == 100 - sent == node.state.drops()["queue"]
    assert 0 < sent < 100


CONFIGS = {
    "down": n.OFPPC_PORT_DOWN,
    "no_recv": n.OFPPC_NO_RECV,
    "no_fwd": n.OFPPC_NO_FWD,
    "no_packet_in": n.OFPPC_NO_PACKET_IN,
}


@pytest.mark.parametrize("name", CONFIGS)
def test_port_config(node: Forwarder, name: str) -> None:
    """Of port 2: what happens to packets that come by it, that go by it, and to packet-ins."""
    config = CONFIGS[name]
    forward(node, output(ALL), output(CONTROLLER))
    node.node.port_mod(2, node.ports[2].hw_addr, config, config, 0)
    came = [port for port, _ in node.receive(2, plain(60))]
    punted = len(node.packet_ins())
    went = [port for port, _ in node.receive(1, plain(60))]
    dropped_in = config & (n.OFPPC_PORT_DOWN | n.OFPPC_NO_RECV)
    assert came == ([] if dropped_in else [1, 3, 4])
    assert punted == (0 if dropped_in or config & n.OFPPC_NO_PACKET_IN else 1)
    assert went == ([3, 4] if config & (n.OFPPC_PORT_DOWN | n.OFPPC_NO_FWD) else [2, 3, 4])
    assert len(node.packet_ins()) == 1
    node.node.port_mod(2, node.ports[2].hw_addr, 0, config, 0)
    assert [port for port, _ in node.receive(2, plain(60))] == [1, 3, 4]
    node.packet_ins()


def test_no_packet_in_bars_table_misses_only(node: Forwarder) -> None:
    """Section 7.2.1. Ryu's spanning tree counts on it: its flow for BPDUs still sends them to the controller."""
    node.node.port_mod(2, node.ports[2].hw_addr, n.OFPPC_NO_PACKET_IN, n.OFPPC_NO_PACKET_IN, 0)
    forward(node, output(CONTROLLER), priority=0)
    node.receive(2, plain(60))
    assert node.packet_ins() == []
    forward(node, output(CONTROLLER), priority=1)
    node.receive(2, plain(60))
    assert len(node.packet_ins()) == 1


def test_no_packet_in_holds_for_the_local_port(node: Forwarder) -> None:
    forward(node, output(CONTROLLER))
    node.node.port_mod(LOCAL, node.ports[0].hw_addr, n.OFPPC_NO_PACKET_IN, n.OFPPC_NO_PACKET_IN, 0)
    node.receive(0, plain(60))
    assert node.packet_ins() == []
    node.receive(1, plain(60))
    assert len(node.packet_ins()) == 1


def test_no_flood_bars_flood_and_not_all(node: Forwarder) -> None:
    node.node.port_mod(3, node.ports[3].hw_addr, n.OFPPC_NO_FLOOD, n.OFPPC_NO_FLOOD, 0)
    forward(node, output(FLOOD))
    assert [port for port, _ in node.receive(1, plain(60))] == [2, 4]
    forward(node, output(ALL))
    assert [port for port, _ in node.receive(1, plain(60))] == [2, 3, 4]


def test_port_mod_errors(node: Forwarder) -> None:
    mods = [
        ((9, bytes(6), 0, 0), (7, 0)),
        ((1, bytes(6), 0, 0), (7, 1)),
        ((1, node.ports[1].hw_addr, 1 << 7, 1 << 7), (7, 2)),
    ]
    for arguments, error in mods:
        with pytest.raises(OpenFlowError) as caught:
            node.node.port_mod(*arguments, 0)
        assert (caught.value.type, caught.value.code) == error


def test_link_down_and_up(node: Forwarder) -> None:
    forward(node, output(2))
    node.ports[2].up = False
    assert node.node.port_table.refresh(2)
    assert node.receive(1, plain(60)) == []
    assert not node.node.port_table.refresh(2), "nothing new"
    assert [info.state for info in node.node.ports() if info.port_no == 2] == [1]
    node.ports[2].up = True
    node.node.port_table.refresh(2)
    assert node.receive(1, plain(60)) == [(2, plain(60))]


def test_addresses_of_a_port_that_goes_down_are_forgotten(node: Forwarder) -> None:
    forward(node, output(NORMAL))
    for slot, number in ((2, 2), (0, LOCAL)):
        node.receive(slot, f.ethernet(A, B, [], 0x9000, bytes(46)))
        assert [port for port, _ in node.receive(1, plain(60))] == [number]
        node.ports[slot].up = False
        node.node.port_table.refresh(slot)
        node.ports[slot].up = True
        node.node.port_table.refresh(slot)
        assert [port for port, _ in node.receive(1, plain(60))] == [2, 3, 4], "flooded again"


def test_standalone_switches_without_tables(node: Forwarder) -> None:
    node.node.set_standalone(True)
    assert [port for port, _ in node.receive(1, plain(60))] == [2, 3, 4]
    assert [port for port, _ in node.receive(2, f.ethernet(A, B, [], 0x9000, bytes(46)))] == [1]
    node.node.set_standalone(False)
    assert node.receive(1, plain(60)) == []
    assert node.state.drops()["no_match"] == 1


def test_fragments_dropped_when_asked(node: Forwarder) -> None:
    forward(node, output(2))
    fragment = f.ethernet(B, A, [], 0x0800, f.ipv4(HOST1, HOST2, 17, bytes(40), fragment=0x2000))
    assert len(node.receive(1, fragment)) == 1
    node.node.set_fragments(1)
    assert node.receive(1, fragment) == []
    assert len(node.receive(1, plain(60))) == 1
    assert node.state.drops()["fragment"] == 1


def test_output_stands_when_a_later_table_drops(node: Forwarder) -> None:
    """A miss, a meter, an invalid TTL, after the packet was sent."""
    node.node.meter_mod(0, 5, 1, b"\0\1\0\x10" + (1).to_bytes(4) + (1).to_bytes(4) + bytes(4), node.now)
    ends = [None, {"meter": 1}, {"apply": [("dec_nw_ttl",), output(3)]}]
    frame = f.ethernet(B, A, [], 0x0800, f.ipv4(HOST1, HOST2, 17, f.udp(1, 2, bytes(40)), ttl=1))
    for end in ends:
        node.send(wire.flow_mod(command=wire.DELETE, table=wire.ALL_TABLES))
        node.send(wire.flow_mod(then={"apply": [output(2)], "goto": 1}))
        if end is not None:
            match = {"eth_type": (0x800, 0xFFFF)}
            assert not node.send(wire.flow_mod(match, end, table=1)).errors
        for _ in range(5):
            assert node.receive(1, frame) == [(2, frame)]
    drops = node.state.drops()
    assert (drops["no_match"], drops["ttl"]) == (5, 5)
    assert drops["meter"] >= 3
    node.packet_ins()


def test_a_packet_out_is_of_the_time_that_it_is_told(node: Forwarder) -> None:
    """A meter of one packet a second lets every second one pass, half a second apart."""
    node.node.meter_mod(0, 6, 1, b"\0\1\0\x10" + (1).to_bytes(4) + (1).to_bytes(4) + bytes(4), node.now)
    node.send(wire.flow_mod(then={"meter": 1, "apply": [output(2)]}))
    sent = []
    for _ in range(6):
        sent.append(len(node.packet_out(CONTROLLER, [output(wire.TABLE)], plain(60))))
        node.now += 500_000_000
    assert sent == [1, 0, 1, 0, 1, 0]


def test_output_to_the_ingress_port_needs_in_port(node: Forwarder) -> None:
    forward(node, output(1))
    assert node.receive(1, plain(60)) == []
    assert node.state.drops()["in_port"] == 1
    forward(node, output(IN_PORT))
    assert [port for port, _ in node.receive(1, plain(60))] == [1]
    assert [port for port, _ in node.receive(0, plain(60))] == [LOCAL]


def test_a_batch_that_is_full_is_sent_at_once(node: Forwarder) -> None:
    forward(node, *[output(port) for _ in range(100) for port in (2, 3)])
    assert len(node.receive(1, plain(60))) == 200


def test_groups_in_groups_to_the_end_of_the_stack(node: Forwarder) -> None:
    """Each level leaves a packet to be done; deeper than the stack is dropped and counted."""
    depth = n.STACK_DEPTH + 8
    for number in range(depth):
        deeper = [("group", number - 1)] if number else []
        buckets = b"".join(wire.bucket(actions) for actions in (deeper or [output(2)], [output(3)]))
        node.node.group_mod(0, 0, number, buckets, node.now)
    forward(node, ("group", depth - 1))
    sent = node.receive(1, plain(60))
    assert {port for port, _ in sent} <= {2, 3}
    assert len(sent) + node.state.drops()["depth"] >= n.STACK_DEPTH
    assert node.worker[n.W_DEPTH] == 0


def test_a_packet_in_from_a_group_tells_the_flow_that_sent_it_there(node: Forwarder) -> None:
    """Not the one of a later table; and that it went by a group, not directly from a table-miss entry."""
    node.node.group_mod(0, 0, 5, wire.bucket([output(CONTROLLER)]), node.now)
    node.send(wire.flow_mod(then={"apply": [("group", 5)], "goto": 1}, cookie=1))
    node.send(wire.flow_mod(then={"apply": [output(2)]}, table=1, cookie=2, priority=9))
    node.receive(1, plain(60))
    assert [packet[:3] for packet in node.packet_ins()] == [(OFPR_GROUP, 0, 1)]


def test_packet_outs_of_the_controller_have_no_port(node: Forwarder) -> None:
    """They teach output:NORMAL nothing, and a packet-in does not tell the port of the packet before."""
    forward(node, output(2))
    node.receive(1, plain(60))
    assert len(node.packet_out(CONTROLLER, [output(NORMAL)], plain(60))) == 4
    assert [port for port, _ in node.packet_out(1, [output(NORMAL)], f.ethernet(A, B, [], 0x9000, bytes(46)))] == [
        2,
        3,
        4,
    ]
    node.packet_out(CONTROLLER, [output(CONTROLLER)], plain(60))
    (packet,) = node.node.packet_ins(10)
    assert packet.match == wire.match({"in_port": (CONTROLLER, 0xFFFFFFFF)})


def test_non_strict_deletion_spares_wider_entries(node: Forwarder) -> None:
    exact = {"eth_type": (0x800, 0xFFFF), "ipv4_dst": (5, 0xFFFFFFFF)}
    wide = {"eth_type": (0x800, 0xFFFF), "ipv4_dst": (0, 0xFFFFFF00)}
    for cookie, match in enumerate((exact, wide, {})):
        node.send(wire.flow_mod(match, cookie=cookie))
    node.send(wire.flow_mod({**wide, "ipv4_dst": (0, 0xFFFFFFF0)}, command=wire.DELETE))
    assert node.counts().keys() == {1, 2}
