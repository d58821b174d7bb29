"""Two hosts in namespaces and a switch between them that only forwards: what each test of a port stands on.

host A [a] ---- port A   forwarder   port B ---- [b] host B
"""

import ctypes
import os
import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numba import njit

from triplane.dataplane.kernels import port as columns
from triplane.dataplane.kernels.intrinsics import call_entry
from triplane.dataplane.kernels.packet import BURST, FRAME_WORDS, PACKET_WORDS
from triplane.dataplane.kernels.pool import POOL_BIG_TOP, POOL_SMALL_TOP, Pool, make_pool
from triplane.tap import namespaces as ns
from triplane.tap.port import Port, PortSpec, open_port

PID = os.getpid()
HOST_A, HOST_B, SWITCH = f"ta{PID}", f"tb{PID}", f"ts{PID}"
IP_A, IP_B, IP6_A, IP6_B = "10.77.0.1", "10.77.0.2", "fd77::1", "fd77::2"
CALL = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)
PATIENCE = 30.0  # seconds until a test gives up


@njit(nogil=True)
def run_entry(function, row, pool, batch, count):
    """An `@entry`, by its address."""
    return call_entry(function, row, pool, batch, count)


def receive(port: Port, queue: int = 0, limit: int = BURST) -> np.ndarray:
    """One call of the receive kernel: the rows it filled."""
    row, batch = port.rows[queue], np.zeros((limit, PACKET_WORDS), np.int64)
    call = CALL(int(row[columns.P_RECEIVE]))
    count = call(row.ctypes.data, port.pool.pool.ctypes.data, batch.ctypes.data, limit)
    return batch[:count]


def transmit(port: Port, frames: np.ndarray, queue: int = 0) -> int:
    """One call of the transmit kernel, with the frame columns of `frames`."""
    row, batch = port.rows[queue], np.ascontiguousarray(frames[:, :FRAME_WORDS])
    call = CALL(int(row[columns.P_TRANSMIT]))
    return call(row.ctypes.data, port.pool.pool.ctypes.data, batch.ctypes.data, len(batch))


def frame_bytes(pool: Pool, frame: np.ndarray) -> bytes:
    return pool.mem[frame[0] : frame[0] + frame[1]].tobytes()


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Until `condition()` is true; fails after PATIENCE."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.002)


class Forwarder:
    """A thread that passes what one port receives to the other, unchanged."""

    def __init__(self, a: Port, b: Port) -> None:
        self.ports = (a, b)
        self.largest = 0  # bytes of the longest frame
        self.unfinished = 0  # frames with a partial checksum
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        poll = select.poll()
        for row in (row for port in self.ports for row in port.rows):
            poll.register(int(row[columns.P_FD]), select.POLLIN)
        while not self.stop.is_set():
            if not sum(
                [
                    self._pass(self.ports[i], queue, self.ports[1 - i])
                    for i in (0, 1)
                    for queue in range(len(self.ports[i].rows))
                ]
            ):
                poll.poll(5)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No kernel runs meanwhile."""
        self.__exit__()
        yield
        self.stop.clear()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _pass(self, source: Port, queue: int, target: Port) -> int:
        frames = receive(source, queue)
        if len(frames):
            self.largest = max(self.largest, int(frames[:, 1].max()))
            self.unfinished += int((frames[:, 3] == 1).sum())
            transmit(target, frames, queue % len(target.rows))
        return len(frames)

    def __enter__(self) -> "Forwarder":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()


def cable(kind: str, host: str, end: str, mtu: int) -> str:
    """Lay what a port of `kind` needs to reach interface `end` of `host`; returns the port's argument."""
    if "tap" in kind:
        return f"{end}:{kind},netns={host},mtu={mtu}"
    ns.veth(end, host, f"p{end}", SWITCH)
    ns.set_link(host, end, mtu=mtu)
    ns.set_link(SWITCH, f"p{end}", mtu=mtu)
    return f"p{end}:{kind},netns={SWITCH}"


def give_addresses() -> None:
    for host, end, ip, ip6 in ((HOST_A, "a", IP_A, IP6_A), (HOST_B, "b", IP_B, IP6_B)):
        ns.add_address(host, end, f"{ip}/24")
        ns.add_address(host, end, f"{ip6}/64")


@contextmanager
def rig(kind_a: str, kind_b: str, mtu: int = 1500, queues: int = 1) -> Iterator[Forwarder]:
    """Hosts A and B, joined by a forwarder with ports of these kinds; after it, every frame is in the pool again."""
    pool = make_pool(4096, 64)
    with ns.namespaces(HOST_A, HOST_B, SWITCH):
        ports: list[Port] = []
        try:
            for slot, (kind, host, end) in enumerate(((kind_a, HOST_A, "a"), (kind_b, HOST_B, "b")), 1):
                ports.append(open_port(PortSpec.parse(cable(kind, host, end, mtu)), slot, pool, queues))
            give_addresses()
            with Forwarder(*ports) as forwarder:
                yield forwarder
        finally:
            for port in ports:
                port.close()
    assert (pool.pool[POOL_SMALL_TOP], pool.pool[POOL_BIG_TOP]) == (4096, 64)


def ping(target: str, *options: str, host: str = HOST_A, count: int = 3) -> None:
    """Echoes, all answered. A ping for each: of several, it waits for the last no longer than two round trips."""
    command = ["ip", "netns", "exec", host, "ping", "-c", "1", "-W", "10", *options, target]
    for _ in range(count):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert " 0% packet loss" in result.stdout, result.stdout + result.stderr


def transfer(
    data: bytes, target: str = IP_B, family: int = socket.AF_INET, source: str = HOST_A, sink: str = HOST_B
) -> bytes:
    """Send `data` by TCP from host A to host B, or between others; returns what arrived at address `target`."""
    server = ns.in_namespace(sink, lambda: socket.socket(family, socket.SOCK_STREAM))
    client = ns.in_namespace(source, lambda: socket.socket(family, socket.SOCK_STREAM))
    with server, client:
        server.bind((target, 7777))
        server.listen()
        client.settimeout(PATIENCE)
        client.connect((target, 7777))
        accepted, _ = server.accept()
        accepted.settimeout(PATIENCE)
        sender = threading.Thread(target=lambda: (client.sendall(data), client.shutdown(socket.SHUT_WR)))
        sender.start()
        with accepted:
            pieces = list(iter(lambda: accepted.recv(1 << 20), b""))
        sender.join()
    return b"".join(pieces)


def raw_socket(host: str, end: str) -> socket.socket:
    """Sees and sends whole frames at a host's interface, VLAN tags apart (PACKET_AUXDATA)."""
    sock = ns.in_namespace(host, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
    sock.setsockopt(263, 8, 1)
    sock.bind((end, 3))
    sock.settimeout(PATIENCE)
    return sock


def receive_raw(sock: socket.socket, wanted: bytes) -> bytes:
    """The next frame that holds `wanted`, the VLAN tag that the kernel took out back in its bytes."""
    while True:
        data, ancillary, _, _ = sock.recvmsg(65536, 256)
        if wanted not in data:
            continue
        for _level, _kind, value in ancillary:
            status, _, _, _, _, tag, tpid = struct.unpack("IIIHHHH", value)
            if status & 0x10:
                return data[:12] + struct.pack("!HH", tpid if status & 0x40 else 0x8100, tag) + data[12:]
        return data


def pcap_bytes(frames: list[bytes], order: str = "<", magic: int = 0xA1B2C3D4) -> bytes:
    """A capture file."""
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, 1)]
    for number, frame in enumerate(frames):
        parts += [struct.pack(order + "IIII", number, 0, len(frame), len(frame)), frame]
    return b"".join(parts)


def pcap_frames(path: Path) -> list[bytes]:
    """The frames of a capture file in this machine's byte order."""
    data, at, frames = path.read_bytes(), 24, []
    while at < len(data):
        length = struct.unpack_from("=I", data, at + 8)[0]
        frames.append(data[at + 16 : at + 16 + length])
        at += 16 + length
    return frames


def drain(port: Port) -> list[bytes]:
    """Receive until there is nothing, and give the frames back."""
    frames: list[bytes] = []
    while len(batch := receive(port)):
        frames += [frame_bytes(port.pool, frame) for frame in batch]
        give_all(port.pool, batch)
    return frames


def give_all(pool: Pool, batch: np.ndarray) -> None:
    from triplane.dataplane.kernels.pool import give

    give(pool.pool, np.ascontiguousarray(batch[:, 0]), len(batch))


def is_full(pool: Pool) -> bool:
    with suppress(IndexError):
        return bool(pool.pool[1] == pool.pool[3] and pool.pool[2] == pool.pool[4])
    return False
