"""What ports that hold another port do alike: call it, and show its counters as theirs."""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import call_entry, view_words
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.port import (
    P_PRIVATE,
    P_RECEIVE,
    P_RX_PACKETS,
    P_RX_TRUNCATED,
    P_TRANSMIT,
    P_TX_ERRORS,
    P_TX_PACKETS,
    P_UP,
    PORT_WORDS,
)

W_INNER = P_PRIVATE  # address of the row of the port within
W_PRIVATE = W_INNER + 1  # columns of the wrapper's own


@kernel
def inner_receive(row: Words, pool: int, batch: int, limit: int) -> int:
    inner = view_words(row[W_INNER], PORT_WORDS)
    count = call_entry(inner[P_RECEIVE], row[W_INNER], pool, batch, limit)
    for column in range(P_RX_PACKETS, P_RX_TRUNCATED + 1):
        row[column] = inner[column]
    row[P_UP] = inner[P_UP]
    return count


@kernel
def inner_transmit(row: Words, pool: int, batch: int, count: int) -> int:
    inner = view_words(row[W_INNER], PORT_WORDS)
    sent = call_entry(inner[P_TRANSMIT], row[W_INNER], pool, batch, count)
    for column in range(P_TX_PACKETS, P_TX_ERRORS + 1):
        row[column] = inner[column]
    return sent
