"""The codec: us to build and serialise a flow-mod, to read a packet-in, to take a TCP packet apart; beside os-ken's.

`python -m tests.bench.codec triplane|os-ken COUNT` measures one side in a process of its own, and prints JSON: `ryu` is
imported there, from Triplane or as an alias of os-ken, and the same calls are made.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.bench.figures import Figure, Settings
from tests.bench.generators.switches import HOSTS, frame, mac, packet_in
from tests.bench.programs import run

SIDES = ("triplane", "os-ken")
MACS = [mac(0, host).hex(":") for host in range(HOSTS)]
PACKET_INS = [packet_in(0, host, 0, False) for host in range(HOSTS)]
FRAME = frame(0, 1, 2)
Call = Callable[[int], Any]


def offer_ryu(side: str) -> None:
    """Have `import ryu` mean this side."""
    if side == "triplane":
        from triplane.controller import compat

        compat.install()
    else:
        from tests.bench.osken import Alias

        sys.meta_path.insert(0, Alias())


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


def reader(datapath: Any) -> Call:
    """From the connection's bytes to what the script looks at first."""
    from ryu.ofproto import ofproto_parser

    def read(number: int) -> None:
        data = PACKET_INS[number % HOSTS]
        ofproto_parser.msg(datapath, *ofproto_parser.header(data), data).match["in_port"]

    return read


def taker() -> Call:
    """All headers of a TCP packet."""
    from ryu.lib.packet import packet, tcp

    return lambda _: packet.Packet(FRAME).get_protocol(tcp.tcp).dst_port


def cases() -> dict[str, Call]:
    from ryu.ofproto.ofproto_protocol import ProtocolDesc

    datapath = ProtocolDesc(4)
    return {
        "flow-mod, built and serialised": flow_mod(datapath),
        "packet-in, read with its input port": reader(datapath),
        "TCP packet, taken apart": taker(),
    }


def us(call: Call, count: int) -> float:
    """Processor time of one call."""
    begin = time.thread_time()
    for number in range(count):
        call(number)
    return (time.thread_time() - begin) / count * 1e6


def measure_all(settings: Settings) -> Iterator[Figure]:
    figures: dict[str, Figure] = {}
    for _ in range(settings.rounds):
        for side in SIDES:
            said = run(sys.executable, "-m", "tests.bench.codec", side, str(settings.count(20_000, 1_000)))
            for case, spent in json.loads(said).items():
                figures.setdefault(f"{case}{side}", Figure(f"codec/{case}/{side}", "us")).samples.append(spent)
    yield from (figures[name] for name in sorted(figures, reverse=True))


def main(side: str, count: str) -> None:
    offer_ryu(side)
    found = cases()
    for call in found.values():
        us(call, 100)  # writes its methods
    print(json.dumps({case: us(call, int(count)) for case, call in found.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
