"""What of a packet the worker has, kept while it waits on the stack: its action set, and what Nicira's push left.

A clone has them as the packet does when it is made (ovs-actions(7)), and comes to execute the action set as well. In a
bucket the action set is only looked at, for the field actset_output: of it the output is enough.
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.node import (
    VALUES,
    W_ACTION_SET,
    W_ACTIONS,
    W_KEPT_SETS,
    W_KEPT_VALUES,
    W_VALUES,
)
from triplane.dataplane.kernels.packet import SET
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.program import SLOT_OUTPUT, SLOTS
from triplane.dataplane.kernels.registers import values_of

KEPT_SLOTS = 64


@kernel
def keep(w: Words, top: Words, depth: int, whole: bool) -> None:
    """Of the packet that is left on the stack at `depth`; its action set to execute it (`whole`), or to look at it."""
    top[SET] = w[W_ACTIONS]
    if top[SET]:
        for slot in range(0 if whole else SLOT_OUTPUT, SLOTS):
            w[W_KEPT_SETS + depth * KEPT_SLOTS + slot] = w[W_ACTION_SET + slot]
    for i in range(2 * values_of(top)):
        w[W_KEPT_VALUES + depth * 2 * VALUES + i] = w[W_VALUES + i]


@kernel
def restore(w: Words, row: Words, depth: int) -> None:
    """For a packet that was left on the stack at `depth`."""
    w[W_ACTIONS] = row[SET]
    if row[SET]:
        for slot in range(SLOTS):
            w[W_ACTION_SET + slot] = w[W_KEPT_SETS + depth * KEPT_SLOTS + slot]
    for i in range(2 * values_of(row)):
        w[W_VALUES + i] = w[W_KEPT_VALUES + depth * 2 * VALUES + i]
