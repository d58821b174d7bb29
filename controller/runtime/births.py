"""When a spawned thread begins: where an app is made or handles an event, as late as a green thread.

A green thread begins when its spawner waits. Scripts count on it: they spawn in the first line of `__init__` and set
what the thread needs in the lines below, or look for apps that are only made after theirs. So threads that are spawned
while apps are made, or by a handler, stand at the spawner's gate until that is done or the spawner waits in the hub.
A spawner that seems to be in a blocking call elsewhere (it has used next to no processor time) holds them no longer.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from triplane.controller.runtime.waiting import Waits, current, wait_until, wake

LOOP_THREAD = "triplane loop"  # name of the threads that call handlers
BLOCKED_SECONDS = 0.5  # so long a spawner is watched at a time
BUSY_SECONDS = 0.005  # of processor time in it, if it is not blocked

gates: list[Gate] = []  # of handlers that have spawned something


class Gate:
    """What the threads that one thread spawns wait at. Made by that thread."""

    def __init__(self, spawner: Waits) -> None:
        self.spawner = spawner
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        self._passing: list[threading.Event] = []
        self._waiting: list[Waits] = []

    def place(self) -> Callable[[], None]:
        """One more thread will wait: what it calls first."""
        may_pass = threading.Event()
        self._passing.append(may_pass)
        return lambda: self._wait(may_pass)

    def open(self) -> None:
        """Let those begin that wait; who comes later waits for the next time."""
        passing, self._passing = self._passing, []
        for may_pass in passing:
            may_pass.set()
        wake(self._waiting)

    def _wait(self, may_pass: threading.Event) -> None:
        used = self._used()
        while not wait_until(may_pass.is_set, self._waiting, BLOCKED_SECONDS):
            before, used = used, self._used()
            if used - before < BUSY_SECONDS:
                return

    def _used(self) -> float:
        """The spawner's processor time; nothing any more once it has ended."""
        with contextlib.suppress(OSError):
            return time.clock_gettime(self._clock)
        return 0.0


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Around the making of apps."""
    me = current()
    if me.gate is not None:
        yield
        return
    gate = me.gate = Gate(me)
    try:
        yield
    finally:
        me.gate = None
        gate.open()


def place() -> Callable[[], None] | None:
    """What a thread that is spawned here has to call first, if anything."""
    me = current()
    if me.gate is None and threading.current_thread().name == LOOP_THREAD:
        me.gate = Gate(me)
        gates.append(me.gate)
    return None if me.gate is None else me.gate.place()


def handled() -> None:
    """This thread has called a handler: what that has spawned begins."""
    me = current()
    if me.gate in gates:
        gates.remove(me.gate)
        me.gate.open()
        me.gate = None
