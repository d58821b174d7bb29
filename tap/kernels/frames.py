"""What the kinds of port do alike with frames of the pool."""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import view_words
from triplane.dataplane.kernels.packet import ADDR
from triplane.dataplane.kernels.pool import Words, give


@kernel
def give_back(scratch: int, pool: Words, batch: Words, count: int) -> None:
    """Return the frames of batch[:count] to the pool; `scratch` is the address of int64[count]."""
    addresses = view_words(scratch, count)
    for i in range(count):
        addresses[i] = batch[i, ADDR]
    give(pool, addresses, count)
