"""The field actset_output: the port in the packet's action set (OpenFlow 1.5.1 section 7.2.3.8)."""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import view_words
from triplane.dataplane.kernels.node import N_ARENA, N_ARENA_WORDS, W_ACTION_SET, W_ACTIONS
from triplane.dataplane.kernels.packet import LEAVES, REGS
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.program import SLOT_GROUP, SLOT_OUTPUT
from triplane.dataplane.kernels.registers import EGRESS

OFPP_UNSET = 0xFFFFFFF7
OFPP_LOCAL = 0xFFFFFFFE


@kernel
def output_in_set(node: Words, w: Words, row: Words) -> int:
    """A port number; OFPP_UNSET where there is no output or, in its place, a group."""
    if row[REGS] & EGRESS:
        return row[LEAVES] if row[LEAVES] else OFPP_LOCAL
    if w[W_ACTIONS] >> SLOT_GROUP & 1 or w[W_ACTIONS] >> SLOT_OUTPUT & 1 == 0:
        return OFPP_UNSET
    return view_words(node[N_ARENA], node[N_ARENA_WORDS])[w[W_ACTION_SET + SLOT_OUTPUT] + 1]
