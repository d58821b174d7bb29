"""The flow entries, as flow-mod messages: the very same bytes for every OpenFlow switch."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.bench import frames
from triplane.dataplane.openflow.codec import PROTOCOLS

DATAPATH = PROTOCOLS[4]
OFP, PARSER = DATAPATH.ofproto, DATAPATH.ofproto_parser
Values = dict[int, tuple[int, np.ndarray]]  # marker: its width in bytes, and what is put there in each copy
ADDRESS, PORT = 0xA1B2C3D4, 0xE5F6  # markers: numbers that are nowhere else in a message


def prefix(address: int, length: int) -> tuple[int, int]:
    """Address and mask of a network."""
    mask = 0xFFFFFFFF << (32 - length) & 0xFFFFFFFF
    return address & mask, mask


def rewrite(port: int = 2) -> list[Any]:
    """What a router does: both Ethernet addresses, TTL, output to port 1 or 2."""
    to_mac = frames.SINK_MAC if port == 2 else frames.SOURCE_MAC
    return [
        PARSER.OFPActionSetField(eth_src=frames.PORT_MACS[port]),
        PARSER.OFPActionSetField(eth_dst=to_mac),
        PARSER.OFPActionDecNwTtl(),
        PARSER.OFPActionOutput(port),
    ]


def flow_mod(actions: list[Any], table: int = 0, goto: int | None = None, **match: Any) -> bytes:
    """A message that adds an entry for IPv4; with `goto` the next table instead of the actions."""
    instruction = (
        PARSER.OFPInstructionActions(OFP.OFPIT_APPLY_ACTIONS, actions)
        if goto is None
        else PARSER.OFPInstructionGotoTable(goto)
    )
    message = PARSER.OFPFlowMod(
        DATAPATH,
        match=PARSER.OFPMatch(eth_type=0x0800, **match),
        table_id=table,
        priority=10,
        instructions=[instruction],
    )
    return bytes(message.serialize())


def delete_all() -> bytes:
    message = PARSER.OFPFlowMod(
        DATAPATH,
        command=OFP.OFPFC_DELETE,
        table_id=OFP.OFPTT_ALL,
        out_port=OFP.OFPP_ANY,
        out_group=OFP.OFPG_ANY,
        match=PARSER.OFPMatch(),
    )
    return bytes(message.serialize())


def stamp(template: bytes, values: Values) -> bytes:
    """Copies of a message, with other numbers in the places of its markers: a million in some milliseconds each."""
    count = len(next(iter(values.values()))[1])
    copies = np.tile(np.frombuffer(template, np.uint8), (count, 1))
    for marker, (width, numbers) in values.items():
        at = template.index(marker.to_bytes(width, "big"))
        for byte in range(width):
            copies[:, at + byte] = numbers >> 8 * (width - 1 - byte) & 0xFF
    return copies.tobytes()


def routes() -> bytes:
    """Both directions by the destination's network: what TCP and ping need too."""
    return b"".join(
        flow_mod(rewrite(port), ipv4_dst=prefix(address, 24))
        for port, address in ((2, frames.SINK), (1, frames.SOURCE))
    )


def exact(count: int, table: int = 0) -> bytes:
    """An entry for each of `frames.flows(count)`."""
    match = {"ip_proto": 17, "ipv4_src": ADDRESS, "ipv4_dst": frames.SINK, "udp_src": PORT, "udp_dst": frames.SINK_PORT}
    sources, ports = frames.addresses(count)
    return stamp(flow_mod(rewrite(), table, **match), {ADDRESS: (4, sources), PORT: (2, ports)})


def distinct(count: int, table: int = 1) -> bytes:
    """`count` entries, all fields exact, for addresses that no traffic has."""
    match = {"ip_proto": 17, "ipv4_src": ADDRESS, "ipv4_dst": frames.SINK, "udp_src": PORT, "udp_dst": frames.SINK_PORT}
    actions = [PARSER.OFPActionDecNwTtl(), PARSER.OFPActionOutput(2)]
    numbers = np.arange(count)
    values: Values = {ADDRESS: (4, 0x0C000000 + numbers), PORT: (2, 1024 + numbers % 1024)}
    return stamp(flow_mod(actions, table, **match), values)


def masked(count: int) -> bytes:
    """An entry for each of `frames.masks(count)`: what `frames.masked_flows(count)` hit."""
    return b"".join(
        flow_mod(
            rewrite(),
            ipv4_src=prefix(frames.flipped(frames.SOURCE, source), source + 1),
            ipv4_dst=prefix(frames.flipped(frames.SINK, sink), sink + 1),
        )
        for source, sink in frames.masks(count)
    )


def chain(tables: int) -> bytes:
    """A packet goes through `tables` tables, one entry each."""
    return b"".join(
        [*(flow_mod([], table, goto=table + 1) for table in range(tables - 1)), flow_mod(rewrite(), tables - 1)]
    )
