"""Telling the control thread that packets wait for it."""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import INTERPRETED, kernel
from triplane.dataplane.kernels.machine import address_of, view_words
from triplane.dataplane.kernels.node import W_EVENT, W_ONE, W_PUNT, W_PUNT_WORDS, W_PUNTED
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.punts import punt_wakes

if INTERPRETED:
    import os

    def raise_event(w: Words) -> None:
        os.eventfd_write(int(w[W_EVENT]), 1)

else:
    from numba import types

    write = types.ExternalFunction("write", types.int64(types.int32, types.int64, types.int64))

    @kernel
    def raise_event(w: Words) -> None:
        w[W_ONE] = 1
        write(w[W_EVENT], address_of(w, W_ONE), 8)


@kernel
def wake_control(w: Words) -> None:
    """After a breath in which packets were punted: raise the event if the control thread waits for it."""
    if w[W_PUNTED]:
        w[W_PUNTED] = 0
        if punt_wakes(view_words(w[W_PUNT], w[W_PUNT_WORDS])):
            raise_event(w)
