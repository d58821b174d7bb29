"""A meter on a packet, as an instruction and as an action of OpenFlow 1.5."""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.emit import drop
from triplane.dataplane.kernels.node import DROP_METER
from triplane.dataplane.kernels.outputs import settle
from triplane.dataplane.kernels.police import meter
from triplane.dataplane.kernels.pool import Words


@kernel
def measure(node: Words, w: Words, row: Words, slot: int) -> bool:
    """A meter, which may change the packet or drop it: False. What it was sent to before is not touched by that."""
    settle(node, w, row)
    if meter(node, w, row, slot):
        return True
    drop(node, w, row, DROP_METER)
    return False
