"""Packets that wait for a controller to say that they may go on (Open vSwitch, nicira-ext.h: continuations).

A controller could write anything into what we would have to trust, so it gets no more than a name, which is good once.
"""

from __future__ import annotations

import secrets

from triplane.dataplane.openflow.errors import NICIRA_ERROR, NXR_STALE, OpenFlowError

NAME = 16  # bytes


class Paused:
    """The states of at most `count` packets, by name; more, and the oldest can no longer go on."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._states: dict[bytes, bytes] = {}

    def keep(self, state: bytes) -> bytes:
        """Its name."""
        while len(self._states) >= self.count:
            del self._states[next(iter(self._states))]
        name = secrets.token_bytes(NAME)
        self._states[name] = state
        return name

    def take(self, name: bytes) -> bytes:
        """The state, which is then forgotten. Raises OpenFlowError."""
        state = self._states.pop(name, None)
        if state is None:
            raise OpenFlowError(NICIRA_ERROR, NXR_STALE)
        return state
