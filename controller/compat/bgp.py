"""os-ken's BGP speaker (`ryu.services.protocols.bgp`) with threads: it was written for green ones.

There is one in a process. It runs in the turn of the app that starts it, or in one of its own: see `runtime.turns`.
"""

from __future__ import annotations

from typing import Any

from triplane.controller.runtime.turns import Turn, in_turn
from triplane.controller.runtime.waiting import current


def mend(api: Any) -> None:
    """`call` is its only entrance."""
    call, turns = api.call, list[Turn]()

    def call_in_turn(*args: Any, **kwargs: Any) -> Any:
        if not turns:
            turns.append(current().turn or Turn())
        with in_turn(turns[0]):
            return call(*args, **kwargs)

    api.call = call_in_turn
