"""The codec: us to build and serialise a flow-mod, to read a packet-in, to take a TCP packet apart; beside os-ken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from os_ken.lib.packet import packet as their_packet
from os_ken.lib.packet import tcp
from os_ken.ofproto import ofproto_parser as their_reader
from os_ken.ofproto import ofproto_v1_3 as their_ofproto
from os_ken.ofproto import ofproto_v1_3_parser as their_parser
from os_ken.ofproto.ofproto_protocol import ProtocolDesc

from tests.bench.figures import Figure, Settings
from tests.bench.generators.switches import HOSTS, frame, mac, packet_in
from triplane.controller.runtime.packet import Packet
from triplane.dataplane.openflow import codec

OURS, THEIRS = codec.PROTOCOLS[4], ProtocolDesc(their_ofproto.OFP_VERSION)
MACS = [mac(0, host).hex(":") for host in range(HOSTS)]
PACKET_INS = [packet_in(0, host, 0, False) for host in range(HOSTS)]
FRAME = frame(0, 1, 2)
Call = Callable[[int], Any]


def flow_mod(datapath: Any) -> Call:
    """As simple_switch_13 builds it."""
    ofp, parser = datapath.ofproto, datapath.ofproto_parser

    def build(number: int) -> None:
        source, target = MACS[number % HOSTS], MACS[(number + 1) % HOSTS]
        actions = [parser.OFPActionOutput(number & 0xFF)]
        match = parser.OFPMatch(in_port=number & 0xFF, eth_dst=target, eth_src=source)
        apply = [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions)]
        parser.OFPFlowMod(datapath=datapath, priority=1, match=match, instructions=apply).serialize()

    return build


def ours_reads(number: int) -> None:
    codec.parse(4, PACKET_INS[number % HOSTS], OURS).match["in_port"]


def theirs_reads(number: int) -> None:
    data = PACKET_INS[number % HOSTS]
    their_reader.msg(THEIRS, *their_reader.header(data), bytearray(data)).match["in_port"]


def takes_apart(cls: Any) -> Call:
    return lambda _: cls(FRAME).get_protocol(tcp.tcp).dst_port


CASES: dict[str, tuple[Call, Call]] = {
    "flow-mod, built and serialised": (flow_mod(OURS), flow_mod(THEIRS)),
    "packet-in, read with its input port": (ours_reads, theirs_reads),
    "TCP packet, taken apart": (takes_apart(Packet), takes_apart(their_packet.Packet)),
}


def us(call: Call, count: int) -> float:
    """Processor time of one call."""
    begin = time.thread_time()
    for number in range(count):
        call(number)
    return (time.thread_time() - begin) / count * 1e6


def measure_all(settings: Settings) -> Iterator[Figure]:
    assert their_parser.OFPFlowMod  # its messages are registered
    count = settings.count(20_000, 1_000)
    for case, calls in CASES.items():
        figures = [Figure(f"codec/{case}/{who}", "us") for who in ("triplane", "os-ken")]
        for _ in range(settings.rounds):
            for figure, call in zip(figures, calls, strict=True):
                figure.samples.append(us(call, count))
        yield from figures
