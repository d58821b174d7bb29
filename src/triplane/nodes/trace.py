"""`triplane trace`: a packet's way through the flow tables, told step by step, without sending it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from triplane.dataplane.kernels.classify import F_CODE, TABLES
from triplane.dataplane.kernels.execute import NEXT_DROPPED, NEXT_END
from triplane.dataplane.kernels.rehearse import rehearse_end, rehearse_lookup, rehearse_program, rehearse_start
from triplane.dataplane.node import Node
from triplane.nodes import describe


def trace(node: Node, in_port: int, packet: bytes) -> list[str]:
    """The steps. Raises ValueError for a packet that cannot be."""
    data = np.frombuffer(bytearray(packet), np.uint8)
    if not rehearse_start(node.state.node, node.state.control, data, len(data), in_port):
        raise ValueError("the packet is shorter than an Ethernet header, or no frame is free")
    try:
        return [f"packet of {len(packet)} bytes in by port {in_port}", *walk(node)]
    finally:
        rehearse_end(node.state.node, node.state.control)


def walk(node: Node) -> Iterator[str]:
    """Table by table; what each entry does to the packet is done before the next table is asked."""
    table, written = 0, False
    while table < TABLES:
        flow = int(rehearse_lookup(node.state.node, node.state.control, table))
        if flow == 0:
            yield f"table {table}: no flow matches, dropped"
            return
        row = describe.flow(node.state.flows.encoded(flow, time.monotonic_ns()))
        entry = f"priority {row['priority']}, cookie {row['cookie']}: {row['match']} -> {row['instructions']}"
        yield f"table {table}: {entry}"
        written |= "write(" in row["instructions"]
        table = int(rehearse_program(node.state.node, node.state.control, int(node.state.arena[flow + F_CODE])))
        if table == NEXT_DROPPED:
            yield "the TTL is spent: to the controller as invalid_ttl, dropped"
            return
        if table == NEXT_END:
            yield "end of the tables: the action set is executed" if written else "end of the tables"
            return
