"""The xdp port on real veth pairs, h1[e1]--[p1 switch p2]--[e2]h2."""

import hashlib
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import pytest

from tests.tap.rig import PATIENCE, run_entry, wait_for
from triplane.dataplane.kernels import packet
from triplane.dataplane.kernels import port as columns
from triplane.dataplane.kernels.pool import (
    BIG_SIZE,
    POOL_BIG_TOP,
    POOL_SMALL_TOP,
    SMALL_SIZE,
    Pool,
    make_pool,
    take_one,
)
from triplane.tap.device import Device
from triplane.tap.namespaces import in_namespace
from triplane.tap.port import Port, PortError, PortSpec, open_port

BURST = packet.BURST
PID = os.getpid()
H1, SWITCH, H2 = f"x{PID}a", f"x{PID}s", f"x{PID}b"
SMALL, BIG = 4096, 16
PACKET_AUXDATA = 8
SOL_PACKET = 263


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def lab() -> Iterator[None]:
    """Three namespaces and two cables; hosts keep the offloads that veth gives them."""
    try:
        for name in (H1, SWITCH, H2):
            ip("netns", "add", name)
        for host, near, far, number in ((H1, "e1", "p1", 1), (H2, "e2", "p2", 2)):
            ip("link", "add", near, "netns", host, "type", "veth", "peer", "name", far, "netns", SWITCH)
            ip("-n", host, "addr", "add", f"10.9.0.{number}/24", "dev", near)
            ip("-n", host, "addr", "add", f"fd09::{number}/64", "dev", near, "nodad")
            ip("-n", host, "link", "set", near, "up")
            ip("-n", SWITCH, "link", "set", far, "up")
        yield
    finally:
        for name in (H1, SWITCH, H2):
            with suppress(subprocess.CalledProcessError):
                ip("netns", "del", name)


@contextmanager
def opened(text: str, slot: int, pool: Pool) -> Iterator[Port]:
    port = open_port(PortSpec.parse(text), slot, pool, netns=SWITCH)
    try:
        yield port
    finally:
        port.close()


def receive(port: Port, pool: Pool, queue: int = 0) -> np.ndarray:
    batch = np.zeros((BURST, packet.PACKET_WORDS), np.int64)
    row = port.rows[queue]
    got = run_entry(row[columns.P_RECEIVE], row.ctypes.data, pool.pool.ctypes.data, batch.ctypes.data, BURST)
    return batch[:got]


def transmit(port: Port, pool: Pool, frames: np.ndarray) -> int:
    batch = np.ascontiguousarray(frames[:, : packet.FRAME_WORDS])
    row = port.rows[0]
    return int(
        run_entry(row[columns.P_TRANSMIT], row.ctypes.data, pool.pool.ctypes.data, batch.ctypes.data, len(batch))
    )


class Forwarder(threading.Thread):
    """Moves every frame between two ports, until stopped."""

    def __init__(self, one: Port, two: Port, pool: Pool) -> None:
        super().__init__()
        self.ports, self.pool, self.stopping = (one, two), pool, threading.Event()

    def run(self) -> None:
        fds = [int(row[columns.P_FD]) for port in self.ports for row in port.rows]
        while not self.stopping.is_set():
            select.select(fds, [], [], 0.05)
            for source, target in (self.ports, self.ports[::-1]):
                for queue in range(len(source.rows)):
                    frames = receive(source, self.pool, queue)
                    if len(frames):
                        transmit(target, self.pool, frames)


@contextmanager
def forwarding(one: str = "p1:xdp", two: str = "p2:xdp") -> Iterator[tuple[Port, Port]]:
    pool = make_pool(SMALL, BIG)
    with opened(one, 1, pool) as first, opened(two, 2, pool) as second:
        thread = Forwarder(first, second, pool)
        thread.start()
        try:
            yield first, second
        finally:
            thread.stopping.set()
            thread.join()
    assert (pool.pool[POOL_SMALL_TOP], pool.pool[POOL_BIG_TOP]) == (SMALL, BIG), "every frame came back"


def ping(target: str) -> None:
    subprocess.run(["ip", "netns", "exec", H1, "ping", "-c2", "-i.1", "-W10", target], check=True, capture_output=True)


def raw(host: str, name: str) -> socket.socket:
    sock = in_namespace(host, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)))
    in_namespace(host, lambda: sock.bind((name, 3)))
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.settimeout(PATIENCE)
    return sock


def frame_of(sock: socket.socket) -> bytes:
    """The next frame of our own EtherTypes, its VLAN tag put back where packet(7) took it from."""
    while True:
        data, extra, _, address = sock.recvmsg(65536, 256)
        for level, kind, value in extra:
            if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                status, tci, tpid = struct.unpack_from("I12xHH", value)
                if status & 0x10:  # TP_STATUS_VLAN_VALID
                    data = data[:12] + struct.pack("!HH", tpid, tci) + data[12:]
        if address[2] != socket.PACKET_OUTGOING and b"\x88\xb5" in data[12:22]:
            return data


def made(length: int, tags: bytes = b"") -> bytes:
    head = b"\x02\0\0\0\0\x22\x02\0\0\0\0\x11" + tags + b"\x88\xb5"
    return head + bytes((i * 7 + length) & 0xFF for i in range(length - len(head)))


def xdp_state(name: str) -> bool:
    """Whether a program is on the interface."""
    return "xdp" in ip("-n", SWITCH, "link", "show", "dev", name)


def test_hosts_reach_each_other_with_default_offloads(lab: None) -> None:
    with forwarding() as (one, two):
        ping("10.9.0.2")
        ping("fd09::2")
        assert transfer(socket.AF_INET, "10.9.0.2") and transfer(socket.AF_INET6, "fd09::2")
        assert datagrams(socket.AF_INET, "10.9.0.2") and datagrams(socket.AF_INET6, "fd09::2")
        row = one.rows[0]
        assert row[columns.P_RX_ERRORS] == row[columns.P_RX_TRUNCATED] == two.rows[0][columns.P_TX_ERRORS] == 0


def transfer(family: int, target: str) -> bool:
    """Four megabytes over TCP arrive as they were sent."""
    sent = np.random.default_rng(1).bytes(4 << 20)
    server = in_namespace(H2, lambda: socket.create_server((target, 5001), family=family))
    client = in_namespace(H1, lambda: socket.socket(family, socket.SOCK_STREAM))
    client.settimeout(PATIENCE)
    client.connect((target, 5001))
    accepted, _ = server.accept()

    def send() -> None:
        client.sendall(sent)
        client.close()

    thread = threading.Thread(target=send)
    thread.start()
    received = hashlib.sha256()
    while data := accepted.recv(1 << 16):
        received.update(data)
    thread.join()
    accepted.close()
    server.close()
    return received.digest() == hashlib.sha256(sent).digest()


def datagrams(family: int, target: str) -> bool:
    """UDP of one frame, and of several fragments."""
    server = in_namespace(H2, lambda: socket.socket(family, socket.SOCK_DGRAM))
    server.bind((target, 5002))
    server.settimeout(PATIENCE)
    client = in_namespace(H1, lambda: socket.socket(family, socket.SOCK_DGRAM))
    good = True
    for size in (0, 1, 11, 1400, 4000):
        client.sendto(b"u" * size, (target, 5002))
        good = good and server.recv(65536) == b"u" * size
    client.close()
    server.close()
    return good


@pytest.mark.parametrize("attach", ["native", "generic"])
def test_frames_arrive_byte_for_byte(lab: None, attach: str) -> None:
    tag = b"\x81\0\x20\x05"
    outer = b"\x88\xa8\x00\x07"
    frames = [made(size) for size in range(60, 1515, 41)] + [made(1514)]
    frames += [made(100, tag), made(1518, tag), made(100, outer + tag)]
    with forwarding(f"p1:xdp,attach={attach}", f"p2:xdp,attach={attach}") as (one, two):
        source, sink = raw(H1, "e1"), raw(H2, "e2")
        for frame in frames:
            source.send(frame)
            assert frame_of(sink) == frame
        wait_for(lambda: two.rows[0][columns.P_TX_PACKETS] >= len(frames), "the count of what was sent")
        assert one.rows[0][columns.P_RX_PACKETS] >= len(frames)
        assert two.rows[0][columns.P_TX_BYTES] >= sum(map(len, frames))
        source.close()
        sink.close()


def test_jumbo_frames_in_pieces(lab: None) -> None:
    names = ((H1, "e1"), (SWITCH, "p1"), (SWITCH, "p2"), (H2, "e2"))
    frames = [made(size) for size in (1514, 1792, 1793, 2048, 3584, 3585, 4096, 9014)]
    try:
        for namespace, name in names:
            ip("-n", namespace, "link", "set", name, "mtu", "9000")
        with forwarding() as (one, two):
            assert two.rows[0][columns.P_MTU] == 9014
            source, sink = raw(H1, "e1"), raw(H2, "e2")
            for frame in frames:
                source.send(frame)
                assert frame_of(sink) == frame
            source.close()
            sink.close()
            assert transfer(socket.AF_INET, "10.9.0.2")
            assert one.rows[0][columns.P_RX_ERRORS] == one.rows[0][columns.P_RX_TRUNCATED] == 0
    finally:
        for namespace, name in names:
            ip("-n", namespace, "link", "set", name, "mtu", "1500")


def test_pairs_with_a_packet_port(lab: None) -> None:
    with forwarding("p1:xdp", "p2:packet"):
        source, sink = raw(H1, "e1"), raw(H2, "e2")
        for frame in (made(60), made(1514), made(1518, b"\x81\0\x20\x05")):
            source.send(frame)
            assert frame_of(sink) == frame
        source.close()
        sink.close()
        assert transfer(socket.AF_INET, "10.9.0.2")


def test_a_big_slot_that_holds_little_and_a_frame_without_headroom(lab: None) -> None:
    pool = make_pool(SMALL, BIG)
    with opened("p2:xdp", 2, pool) as port:
        sink = raw(H2, "e2")
        small, big = np.zeros((2, packet.PACKET_WORDS), np.int64)
        small[packet.ADDR] = take_one(pool.pool, 60) & ~(SMALL_SIZE - 1)  # as after pushing 256 bytes of headers
        big[packet.ADDR] = take_one(pool.pool, 60000)
        for row, size in ((small, 700), (big, 90)):
            row[packet.LENGTH] = size
            pool.mem[row[packet.ADDR] : row[packet.ADDR] + size] = np.frombuffer(made(size), np.uint8)
        assert transmit(port, pool, np.stack((small, big))) == 2
        assert [frame_of(sink), frame_of(sink)] == [made(700), made(90)]
        sink.close()
    assert (pool.pool[POOL_SMALL_TOP], pool.pool[POOL_BIG_TOP]) == (SMALL, BIG)


def test_what_cannot_be_sent_is_dropped_counted_and_given_back(lab: None) -> None:
    pool = make_pool(SMALL, BIG)
    with opened("p2:xdp,ring=64", 2, pool) as port:
        row = port.rows[0]
        frames = np.zeros((3, packet.PACKET_WORDS), np.int64)
        for frame, length in zip(frames, (0, BIG_SIZE - 256, 60), strict=True):
            frame[packet.ADDR], frame[packet.LENGTH] = take_one(pool.pool, length), length
        assert transmit(port, pool, frames) == 1
        assert (row[columns.P_TX_PACKETS], row[columns.P_TX_DROPPED]) == (1, 2)
    assert (pool.pool[POOL_SMALL_TOP], pool.pool[POOL_BIG_TOP]) == (SMALL, BIG)


CHILD = """
import sys, time
from triplane.dataplane.kernels.pool import make_pool
from triplane.tap.port import PortSpec, open_port
pool = make_pool(4096, 16)
port = open_port(PortSpec.parse("p1:xdp"), 1, pool, netns=sys.argv[1])
print("ready", flush=True)
time.sleep(60)
"""


def test_a_killed_process_leaves_nothing_on_the_interface(lab: None) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD, SWITCH], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        assert xdp_state("p1")
        with pytest.raises(
            PortError, match=r"port p1: cannot attach the XDP program: .*\(errno 16\); .*another program"
        ):
            open_port(PortSpec.parse("p1:xdp"), 1, make_pool(SMALL, BIG), netns=SWITCH)
        child.kill()
    wait_for(lambda: not xdp_state("p1"), "the program to be gone")
    with forwarding():
        ping("10.9.0.2")


def test_reopened_after_the_interface_was_gone(lab: None) -> None:
    pool = make_pool(SMALL, BIG)
    ip("link", "add", "g1", "netns", H1, "type", "veth", "peer", "name", "q1", "netns", SWITCH)
    ip("-n", H1, "link", "set", "g1", "up")
    with opened("q1:xdp", 3, pool) as port:
        wait_for(lambda: port.refresh().up, "the link")
        ip("-n", SWITCH, "link", "del", "q1")
        assert not port.refresh().up
        with pytest.raises(PortError, match="port q1: no such interface"):
            port.reopen()
        ip("link", "add", "g1", "netns", H1, "type", "veth", "peer", "name", "q1", "netns", SWITCH)
        ip("-n", H1, "link", "set", "g1", "up")
        port.reopen()
        source = raw(H1, "g1")
        source.send(made(80))
        lengths: list[int] = []
        deadline = time.monotonic() + PATIENCE
        while 80 not in lengths and time.monotonic() < deadline:
            lengths += [int(row[packet.LENGTH]) for row in receive(port, pool)]
        assert 80 in lengths
        wait_for(lambda: port.refresh().up, "the link")
        source.close()


def set_queues(namespace: str, name: str, count: int) -> None:
    """ETHTOOL_SCHANNELS: `count` receive and transmit queues."""
    device = Device(name, namespace)
    assert device.ethtool(struct.pack("9I", 0x3D, 0, 0, 0, 0, count, count, 0, 0)) is not None
    device.close()


def test_each_queue_of_the_device_has_a_row(lab: None) -> None:
    ip("link", "add", "m1", "netns", H1, "type", "veth", "peer", "name", "m2", "netns", SWITCH)
    for namespace, name in ((H1, "m1"), (SWITCH, "m2")):
        set_queues(namespace, name, 2)
    ip("-n", H1, "link", "set", "m1", "up")
    ip("-n", H1, "addr", "add", "10.8.0.1/24", "dev", "m1")
    ip("-n", H1, "neigh", "add", "10.8.0.2", "lladdr", "02:00:00:00:00:09", "dev", "m1")
    pool = make_pool(SMALL, BIG)
    with opened("m2:xdp", 3, pool) as port:
        assert [row[columns.P_QUEUE] for row in port.rows] == [0, 1]
        sock = in_namespace(H1, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        for number in range(64):
            sock.sendto(b"x", ("10.8.0.2", 7000 + number))
        sock.close()
        for queue in (0, 1):
            wait_for(lambda queue=queue: len(receive(port, pool, queue)), f"packets at queue {queue}")
    with opened("m2:xdp,queues=1", 3, pool) as port:
        assert len(port.rows) == 1


def test_the_device_keeps_its_hands_off_vlan_tags_while_open(lab: None) -> None:
    device = Device("p1", SWITCH)

    def strips() -> bool:
        flags = device.ethtool(struct.pack("II", 0x25, 0))
        assert flags is not None
        return bool(int.from_bytes(flags[4:8], sys.byteorder) & 1 << 8)

    before = strips()
    with opened("p1:xdp", 1, make_pool(SMALL, BIG)):
        assert not strips()
    assert strips() == before
    device.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nosuch:xdp", r"port nosuch: no such interface: .*\(errno 19\)"),
        (
            "p1:xdp,mode=zerocopy",
            r"port p1: cannot bind an AF_XDP socket: .*; its driver has no zero-copy, .*: use mode=copy",
        ),
        ("p1:xdp,queues=3", r"port p1: cannot bind an AF_XDP socket: .*; it has no such queue"),
        ("p1:xdp,mode=fast", r"port p1: option mode=fast is none of auto zerocopy copy"),
        ("p1:xdp,ring=1", r"port p1: option ring=1 is not a number from 64 to 32768"),
        ("lo:xdp,attach=native", r"port lo: cannot attach the XDP program: .*; its driver has no native XDP"),
    ],
)
def test_errors_say_what_to_do(lab: None, text: str, message: str) -> None:
    pool = make_pool(SMALL, BIG)
    with pytest.raises(PortError, match=message):
        open_port(PortSpec.parse(text), 1, pool, netns=SWITCH)
    assert pool.pool[POOL_SMALL_TOP] == SMALL
    assert not xdp_state("p1")
