"""os-ken's BGP speaker (`ryu.services.protocols.bgp`) with threads: it was written for green ones.

Whoever asks it for something takes a turn for as long, and so do the threads that it starts: see `runtime.turns`.
"""

from __future__ import annotations

from typing import Any

from triplane.controller.runtime.turns import in_turn


def mend(api: Any) -> None:
    """`call` is its only entrance."""
    api.call = in_turn(api.call)
