"""cbench: each packet is answered with a flow entry; by a switch of either kind, and by one that only asks."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from pathlib import Path

from tests.controller.plant import PATIENCE, plant, until
from tests.controller.process import Controller
from triplane.dataplane.openflow import ofproto_v1_0 as ofp
from triplane.dataplane.openflow.stream import Framer

RyuApp = Callable[[str], str]
WINDOW, ROUNDS = 100, 20  # packets under way at a time, and how often


def test_a_packet_makes_a_flow(kind: str, ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    log = tmp_path / "controller.log"
    with Controller(log, ryu_app("cbench"), "--listen", address), plant(kind, tmp_path, address) as net:
        until(lambda: not net.pings(1, 2, wait=0.2) and net.flows(1), "a flow")
        (flow,) = net.flows(1)
        assert flow.split()[-1] == "actions=drop"
        assert "=" not in flow.removesuffix("actions=drop")  # no match, no priority of its own
        assert "Traceback" not in log.read_text()


def message(kind: int, xid: int, body: bytes = b"") -> bytes:
    return struct.pack("!BBHI", ofp.OFP_VERSION, kind, 8 + len(body), xid) + body


class EmulatedSwitch:
    """Speaks OpenFlow 1.0, and has nothing behind it."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.framer = Framer()
        self.waiting: list[bytes] = []
        self.send(message(ofp.OFPT_HELLO, 0))
        request = self.next(ofp.OFPT_FEATURES_REQUEST)
        features = struct.pack("!QIB3xII", 0xCB, 256, 1, 0, 0)
        self.send(message(ofp.OFPT_FEATURES_REPLY, int.from_bytes(request[4:8], "big"), features))

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def next(self, kind: int) -> bytes:
        """The next message of this type; others are passed over."""
        while True:
            while self.waiting:
                found = self.waiting.pop(0)
                if found[1] == kind:
                    return found
            self.waiting += self.framer.feed(self.socket.recv(1 << 16))


def packet_in(number: int) -> bytes:
    frame = b"\x02" * 6 + number.to_bytes(6, "big") + b"\x08\x00" + bytes(46)
    return message(ofp.OFPT_PACKET_IN, 0, struct.pack("!IHHBx", number, len(frame), 1, ofp.OFPR_NO_MATCH) + frame)


def test_an_emulated_switch_is_answered_each_time(ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    with Controller(tmp_path / "log", ryu_app("cbench"), "--listen", address):
        switch = EmulatedSwitch(address.removeprefix("unix:"))
        xids = set()
        for number in range(ROUNDS):
            switch.send(b"".join(packet_in(number * WINDOW + at) for at in range(WINDOW)))
            for _ in range(WINDOW):
                flow_mod = switch.next(ofp.OFPT_FLOW_MOD)
                assert len(flow_mod) == 72  # no actions
                xids.add(flow_mod[4:8])
        assert len(xids) == WINDOW * ROUNDS
        switch.socket.close()
