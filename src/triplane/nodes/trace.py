"""`triplane trace`: a packet's way through the flow tables, told step by step, without sending it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from triplane.dataplane.kernels.classify import F_CODE
from triplane.dataplane.kernels.execute import NEXT_DROPPED
from triplane.dataplane.kernels.node import RESUBMITS, W_BATCH, W_GOTO
from triplane.dataplane.kernels.outputs import OFPP_IN_PORT
from triplane.dataplane.kernels.packet import TABLE
from triplane.dataplane.kernels.program import arg_of, size_of
from triplane.dataplane.kernels.rehearse import (
    NEXT_EXIT,
    rehearse_end,
    rehearse_lookup,
    rehearse_program,
    rehearse_start,
)
from triplane.dataplane.kernels.resubmit import NEXT_END, OWN_TABLE
from triplane.dataplane.node import Node
from triplane.nodes import describe

MOST_STEPS = RESUBMITS  # after which the walk is given up


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
    """Table by table; what each entry does to the packet is done before the next table is asked.

    `back` holds, for each resubmit under way, where its entry's program goes on and the table that it had named.
    """
    state, w = node.state, node.state.control
    back: list[tuple[int, int]] = []
    table, in_port, written = 0, OFPP_IN_PORT, False
    for _ in range(MOST_STEPS):
        flow = int(rehearse_lookup(state.node, w, table, in_port))
        yield "  " * len(back) + tell(node, table, flow)
        if flow == 0 and not back:
            return
        written |= flow != 0 and "write(" in describe_flow(node, flow)["instructions"]
        w[W_GOTO] = NEXT_END
        at = int(state.arena[flow + F_CODE]) if flow else 0
        following = int(rehearse_program(state.node, w, at)) if flow else NEXT_END
        while following == NEXT_END and w[W_GOTO] == NEXT_END and back:
            at, w[W_GOTO] = back.pop()
            following = int(rehearse_program(state.node, w, at))
        if following == NEXT_DROPPED:
            yield "the TTL is spent: to the controller as invalid_ttl, dropped"
            return
        if following == NEXT_EXIT or (following == NEXT_END and w[W_GOTO] == NEXT_END):
            yield "end of the tables: the action set is executed" if written else "end of the tables"
            return
        table, in_port = int(w[W_GOTO]), OFPP_IN_PORT
        if following >= 0:
            back.append((following + int(size_of(state.arena[following])), int(w[W_GOTO])))
            table, in_port = resubmitted(node, following)
    yield f"more than {MOST_STEPS} lookups: dropped"


def resubmitted(node: Node, at: int) -> tuple[int, int]:
    """Table and in_port of the resubmit at arena[at]."""
    table = int(arg_of(node.state.arena[at]))
    if table == OWN_TABLE:
        table = int(node.state.control[W_BATCH + TABLE])
    return table, int(node.state.arena[at + 1])


def describe_flow(node: Node, flow: int) -> dict[str, Any]:
    return describe.flow(node.state.flows.encoded(flow, time.monotonic_ns()))


def tell(node: Node, table: int, flow: int) -> str:
    """One lookup in a line."""
    if flow == 0:
        return f"table {table}: no flow matches, dropped"
    row = describe_flow(node, flow)
    return f"table {table}: priority {row['priority']}, cookie {row['cookie']}: {row['match']} -> {row['instructions']}"
