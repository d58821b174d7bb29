"""A packet's registers (reg0 .. reg15) and its mark: columns of its row, shown in the flow key when it is looked up.

Most packets never have any, so that nothing is written for those: until the first access (`open_registers`) bit 0 of
row[REGS] is 0 and means that all are zero. W_SHOWN says whether the worker's key shows some packet's.
Bit 1 is EGRESS. The others count the values on the packet's stack (`extra`) and its resubmits (`resubmit`).
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.fields import K_MARK, K_REG, KEY_WORDS, REG_WORDS
from triplane.dataplane.kernels.machine import address_of, view_words
from triplane.dataplane.kernels.node import W_KEY, W_SHOWN
from triplane.dataplane.kernels.packet import MARK, REG, REGS
from triplane.dataplane.kernels.pool import Words

IN_USE = 1
EGRESS = 2  # the packet leaves by a port and is in the egress tables, or has been (OpenFlow 1.5)
VALUE_SHIFT, RESUBMIT_SHIFT = 8, 32
VALUE_ONE, RESUBMIT_ONE = 1 << VALUE_SHIFT, 1 << RESUBMIT_SHIFT


@kernel
def open_registers(row: Words) -> None:
    """Before the first access to a register or the mark."""
    if row[REGS] & IN_USE == 0:
        row[REGS] |= IN_USE
        row[MARK] = 0
        for i in range(REG_WORDS):
            row[REG + i] = 0


@kernel
def show_registers(w: Words, row: Words) -> None:
    """Write the packet's registers and mark to the key; called if it or the key has any."""
    key = view_words(address_of(w, W_KEY), KEY_WORDS)
    w[W_SHOWN] = row[REGS] & IN_USE
    for i in range(REG_WORDS):
        key[K_REG + i] = row[REG + i] if w[W_SHOWN] else 0
    key[K_MARK] = row[MARK] if w[W_SHOWN] else 0


@kernel
def values_of(row: Words) -> int:
    """How many values the packet has on its stack."""
    return row[REGS] >> VALUE_SHIFT & 0xFFFFFF


@kernel
def resubmits_of(row: Words) -> int:
    """How many times the packet was resubmitted."""
    return row[REGS] >> RESUBMIT_SHIFT
