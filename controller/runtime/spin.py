"""How long the loop looks at its sockets again and again before it sleeps.

To be woken takes a thread some 20 us, more than to answer a packet-in (11 us), and a switch that sends one at a time
lets the loop fall asleep between any two. So it spins for as long as that would have paid lately: `seconds` grows when
something came within `MOST` although it slept, and shrinks, to nothing in the end, when it spun in vain. Events that
are further apart than `MOST` cost no processor time.

Where others want the processor, who spins has used up its share when something comes, and waits milliseconds for its
next; who sleeps is let in at once (measured on two busy processors: 1,600 answers a second instead of 12,400). So it
ends when the thread was held up while it spun, and is tried again after a moment; if that goes on, after ever longer. A
virtual machine's processor is away some times a second even when nobody else wants it.
"""

from __future__ import annotations

import os

LEAST = 25e-6  # s
MOST = 200e-6  # s
HELD_UP = 400e-6  # s between two looks: somebody else had the processor, or the interpreter
REST, LONGEST_REST = 0.002, 10.0  # s without spinning after that
SOON = 10  # times the last rest


class Spin:
    """`seconds` to spin. On a single processor none: whoever is to send something needs it."""

    def __init__(self, processors: int | None = None) -> None:
        self.seconds = 0.0
        self._rest = REST
        self._not_before = float("inf") if (processors or len(os.sched_getaffinity(0))) == 1 else 0.0

    def slept(self, seconds: float, spun: bool, now: float) -> None:
        """Something came, so long after the loop had nothing more to do; it had `spun` for a part of that."""
        if seconds <= MOST and now >= self._not_before:
            self.seconds = min(max(2 * self.seconds, LEAST), MOST)
        elif spun:
            self.seconds = self.seconds / 2 if self.seconds > LEAST else 0.0

    def held_up(self, now: float) -> None:
        """Somebody else was let in while it spun."""
        self.seconds = 0.0
        soon = now < self._not_before + SOON * self._rest
        self._rest = min(2 * self._rest, LONGEST_REST) if soon else REST
        self._not_before = now + self._rest
