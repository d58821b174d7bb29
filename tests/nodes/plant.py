"""A dataplane as a process of its own between two hosts, and what the tests ask of it.

The hosts and the cables are those of `tests.tap.rig`; here the switch between them is the real command.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.tap.rig import HOST_A, HOST_B, SWITCH, cable, give_addresses
from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow import ofproto_v1_3_parser as parser
from triplane.dataplane.openflow.stream import Framer
from triplane.tap import namespaces as ns

TRIPLANE = [sys.executable, "-m", "triplane.cli"]
PATIENCE = 60.0  # seconds until a test gives up
DATAPATH = codec.PROTOCOLS[ofp.OFP_VERSION]
ACROSS = ("in_port=1,actions=output:2", "in_port=2,actions=output:1")


def until(condition: Any, what: str) -> None:
    """Wait for `condition()` to become true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


class Dataplane:
    """`triplane dataplane` with these words; controllers may connect to `listener`."""

    def __init__(self, run_dir: Path, *words: str, prefix: Sequence[str] = ()) -> None:
        self.run_dir, self.listener = run_dir, f"{run_dir}/of.sock"
        self.command = [*prefix, *TRIPLANE]
        self.log = run_dir.parent / f"{run_dir.name}.log"
        self.words = ["dataplane", "--dpid", "7", "--run-dir", str(run_dir), "--listen", f"punix:{self.listener}"]
        self.words += words
        self.start()

    def start(self) -> None:
        """Returns when it forwards."""
        with self.log.open("ab") as log:
            command = [*self.command, *self.words]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline().decode()
        assert self.ready.startswith("ready dpid=0000000000000007 "), self.log.read_text()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def ofctl(self, command: str, *words: str, version: str = "OpenFlow13") -> str:
        """What Open vSwitch's tool says."""
        full = ["ovs-ofctl", "-O", version, command, f"unix:{self.listener}", *words]
        done = subprocess.run(full, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def cli(self, *words: str) -> str:
        """What a `triplane` command says about it."""
        full = [*TRIPLANE, *words, "--run-dir", str(self.run_dir)]
        done = subprocess.run(full, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def running(run_dir: Path, *words: str, prefix: Sequence[str] = ()) -> Iterator[Dataplane]:
    """A dataplane that ends with the test; then it must end well, unless the test saw to its end.

    `prefix`: words before the command, `ip netns exec ...` for instance.
    """
    dataplane = Dataplane(run_dir, *words, prefix=prefix)
    try:
        yield dataplane
    except BaseException:
        dataplane.process.kill()
        print(dataplane.log.read_text())  # pytest shows it with the failure
        raise
    finally:
        ended_before = dataplane.process.poll() is not None
        status = dataplane.end()
    assert ended_before or status == 0
    assert "Traceback" not in dataplane.log.read_text()


@contextmanager
def plant(
    run_dir: Path, kind_a: str, kind_b: str, *words: str, mtu: int = 1500, prefix: Sequence[str] = ()
) -> Iterator[Dataplane]:
    """Hosts A and B on ports 1 and 2 of these kinds; no flows yet."""
    with ns.namespaces(HOST_A, HOST_B, SWITCH):
        ports = [cable(kind_a, HOST_A, "a", mtu), cable(kind_b, HOST_B, "b", mtu)]
        with running(run_dir, *(f"--port={port}" for port in ports), *words, prefix=prefix) as dataplane:
            give_addresses()
            yield dataplane


def join(dataplane: Dataplane) -> None:
    """Ports 1 and 2 as the two ends of a cable."""
    for flow in ACROSS:
        dataplane.ofctl("add-flow", flow)


def built(message: Any) -> bytes:
    message.set_xid(77)
    message.serialize()
    return bytes(message.buf)


class Controller:
    """A connection to the switch, from the controller's side, of one version of OpenFlow."""

    def __init__(self, sock: socket.socket, version: int = ofp.OFP_VERSION) -> None:
        self.socket, self.framer, self.waiting = sock, Framer(), []
        self.version, self.protocol = version, codec.PROTOCOLS[version]
        sock.settimeout(PATIENCE)
        sock.sendall(bytes((version, ofp.OFPT_HELLO, 0, 8, 0, 0, 0, 1)))
        self.next(self.protocol.ofproto_parser.OFPHello)

    @classmethod
    def dial(cls, dataplane: Dataplane, version: int = ofp.OFP_VERSION) -> Controller:
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(dataplane.listener)
        return cls(sock, version)

    def send(self, message: Any) -> None:
        self.socket.sendall(built(message))

    def next(self, kind: type) -> Any:
        """The next message of this class; others are passed over."""
        while True:
            while self.waiting:
                message = codec.parse(self.version, self.waiting.pop(0), self.protocol)
                if isinstance(message, kind):
                    return message
            data = self.socket.recv(1 << 16)
            assert data, "the switch ended the connection"
            self.waiting += self.framer.feed(data)

    def port_status(self, number: int, reason: int, down: bool) -> Any:
        """Wait until a port is told to be like this."""
        while True:
            status = self.next(parser.OFPPortStatus)
            found = (status.desc.port_no, status.reason, bool(status.desc.state & ofp.OFPPS_LINK_DOWN))
            if found == (number, reason, down):
                return status

    def add_flow(self, in_port: int, out_port: int) -> None:
        actions = [parser.OFPActionOutput(out_port)]
        apply = parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions)
        self.send(parser.OFPFlowMod(DATAPATH, match=parser.OFPMatch(in_port=in_port), instructions=[apply]))
        self.send(parser.OFPBarrierRequest(DATAPATH))
        self.next(parser.OFPBarrierReply)

    def __enter__(self) -> Controller:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


@contextmanager
def controllers_at(path: Path) -> Iterator[socket.socket]:
    """Where a switch may connect to: accept it with `Controller(sock.accept()[0])`."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        server.settimeout(PATIENCE)
        try:
            yield server
        finally:
            path.unlink()
