"""Emulated switches for a controller: `python -m tests.bench.generators.switches HOST:PORT --mode latency --count 16`.

Each is a connection that shakes hands as an OpenFlow 1.3 switch does, and then sends packet-ins of a TCP SYN between
`HOSTS` hosts, each behind a port of its own. First every host sends once, so that the controller has learned where all
are. Then each packet-in has a known destination, and what it is answered with is counted: with `--answer flow-mod` the
packet is in the switch's buffer and one flow-mod answers it (as cbench has it); with `--answer packet-out` it is not,
and a flow-mod and a packet-out come, of which the latter counts. One line of JSON on stdout says what came of it.
"""

from __future__ import annotations

import argparse
import json
import math
import selectors
import socket
import struct
import time

import numpy as np

from tests.bench.generators.kernels import switches as k
from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow import ofproto_v1_3_parser as parser
from triplane.dataplane.openflow.stream import Framer

HOSTS, PORTS = 250, 250  # of each switch
WARM_SECONDS = 0.5
QUIET_SECONDS = 0.5  # without a message, after which a handshake is over
AT_ONCE = 50  # packet-ins of a switch that is taught, so that no buffer runs over
SAMPLES = 1 << 20
PROTOCOL = codec.PROTOCOLS[4]
ANSWERS = {"flow-mod": ofp.OFPT_FLOW_MOD, "packet-out": ofp.OFPT_PACKET_OUT}


def mac(switch: int, host: int) -> bytes:
    return struct.pack("!BBI", 2, switch, host + 1)


def frame(switch: int, source: int, target: int) -> bytes:
    """A TCP SYN as Linux sends it, 74 bytes; the checksums are 0."""
    ethernet = mac(switch, target) + mac(switch, source) + b"\x08\x00"
    ip = struct.pack("!BBHHHBBHII", 0x45, 0, 60, source, 0x4000, 64, 6, 0, 0x0A000000 | source, 0x0A000000 | target)
    options = bytes.fromhex("020405b40402080a0000000100000000 01030307")
    tcp = struct.pack("!HHIIBBHHH", 32768 + source, 80, 1, 0, 0xA0, 2, 64240, 0, 0)
    return ethernet + ip + tcp + options


def packet_in(switch: int, source: int, target: int, buffered: bool) -> bytes:
    data = frame(switch, source, target)
    match = parser.OFPMatch(in_port=1 + source % PORTS)
    buffer = source if buffered else ofp.OFP_NO_BUFFER
    table_miss = ofp.OFPR_NO_MATCH
    return bytes(parser.OFPPacketIn(PROTOCOL, buffer, len(data), table_miss, 0, 0, match, data).serialize())


class Switch:
    """One connection."""

    def __init__(self, address: str, number: int, buffered: bool) -> None:
        host, _, port = address.rpartition(":")
        self.number, self.dpid = number, number + 1
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.framer = Framer()
        self.answered = 0
        order = [(host * 7 + 1) % HOSTS for host in range(HOSTS)]  # who they send to
        self.packet_ins = [packet_in(number, host, order[host], buffered) for host in range(HOSTS)]

    def send(self, message: object) -> None:
        self.socket.sendall(message.serialize())  # type: ignore[attr-defined]

    def port(self, number: int) -> object:
        return parser.OFPPort(number, mac(self.number, 0xFF0000 + number).hex(":"), b"p%d" % number, *[0] * 8)

    def answer(self, message: object) -> None:
        """What a switch owes the controller."""
        replies = {
            "OFPFeaturesRequest": lambda: parser.OFPSwitchFeatures(PROTOCOL, self.dpid, 256, 254, 0, 0x4F),
            "OFPPortDescStatsRequest": lambda: parser.OFPPortDescStatsReply(
                PROTOCOL, body=[self.port(number) for number in range(1, 5)]
            ),
            "OFPGetConfigRequest": lambda: parser.OFPGetConfigReply(PROTOCOL, 0, 128),
            "OFPBarrierRequest": lambda: parser.OFPBarrierReply(PROTOCOL),
            "OFPEchoRequest": lambda: parser.OFPEchoReply(PROTOCOL, message.data),  # type: ignore[attr-defined]
        }
        make = replies.get(type(message).__name__)
        if make is not None:
            reply = make()
            reply.xid = message.xid  # type: ignore[attr-defined]
            self.send(reply)

    def read(self) -> int:
        """Answer what has come; how many messages."""
        data = self.socket.recv(65536)
        if not data:
            raise SystemExit(f"the controller closed the connection of switch {self.number}")
        messages = self.framer.feed(data)
        for message in messages:
            self.answer(codec.parse(4, message))
        return len(messages)


def settle(switches: list[Switch], messages: float = math.inf) -> None:
    """Answer until so many messages have come, or none for a while."""
    with selectors.DefaultSelector() as selector:
        for switch in switches:
            selector.register(switch.socket, selectors.EVENT_READ, switch)
        while messages > 0:
            ready = selector.select(QUIET_SECONDS)
            if not ready:
                break
            messages -= sum(key.data.read() for key, _ in ready)


def prepare(switches: list[Switch]) -> None:
    """Shake hands, and let every host send once; each packet-in is answered by something."""
    for switch in switches:
        switch.send(parser.OFPHello(PROTOCOL, [parser.OFPHelloElemVersionBitmap([4])]))
    settle(switches)
    for start in range(0, HOSTS, AT_ONCE):
        for switch in switches:
            switch.socket.sendall(b"".join(switch.packet_ins[start : start + AT_ONCE]))
        settle(switches, AT_ONCE * len(switches))
    settle(switches)


def run(switches: list[Switch], mode: str, answer: str, seconds: float) -> dict[str, object]:
    """Measure; the first WARM_SECONDS do not count."""
    packet_ins = np.array([np.frombuffer(b"".join(switch.packet_ins), np.uint8) for switch in switches])
    size = len(switches[0].packet_ins[0])
    state = np.zeros((len(switches), k.COLUMNS), np.int64)
    state[:, k.FD] = [switch.socket.fileno() for switch in switches]
    waits = np.zeros(len(switches), np.int64)
    scratch, samples = np.zeros(k.CHUNK, np.uint8), np.zeros(SAMPLES, np.int64)
    for switch in switches:
        switch.socket.setblocking(False)
    taken = begin = 0
    for span in (0.0, WARM_SECONDS, seconds):  # the first compiles
        state[:, [k.ANSWERS, k.OTHERS, k.ERRORS]] = 0
        begin = time.monotonic_ns()
        until = begin + int(span * 1e9)
        if mode == "latency":
            taken = k.latency(state, waits, packet_ins, size, scratch, ANSWERS[answer], until, samples)
        else:
            k.throughput(state, waits, packet_ins, scratch, ANSWERS[answer], until)
    elapsed = (time.monotonic_ns() - begin) / 1e9
    answers = state[:, k.ANSWERS]
    found = {
        "rate": int(answers.sum()) / elapsed,
        "least": int(answers.min()) / elapsed,
        "most": int(answers.max()) / elapsed,
        "errors": int(state[:, k.ERRORS].sum()),
        "others": int(state[:, k.OTHERS].sum()),
        "closed": int(state[:, k.CLOSED].sum()),
    }
    if taken:
        p10, p50, p99 = np.percentile(samples[:taken], (10, 50, 99)) / 1e3
        found |= {"p10": float(p10), "p50": float(p50), "p99": float(p99)}
    return found


def main() -> None:
    arguments = argparse.ArgumentParser()
    add = arguments.add_argument
    add("address", metavar="HOST:PORT")
    add("--count", type=int, default=1)
    add("--mode", choices=("latency", "throughput"), default="latency")
    add("--answer", choices=tuple(ANSWERS), default="flow-mod")
    add("--seconds", type=float, default=3.0)
    given = arguments.parse_args()
    switches = [Switch(given.address, number, given.answer == "flow-mod") for number in range(given.count)]
    prepare(switches)
    print(json.dumps(run(switches, given.mode, given.answer, given.seconds)))


if __name__ == "__main__":
    main()
