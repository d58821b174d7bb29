"""Turns: of an app's threads one runs, and another only where it waits, as if they were green.

Whatever an app does is done in its turn: its handlers, threads that it spawns, its REST controllers. Who has the turn
gives it up where it waits in the hub (`waiting`), and in its place runs who has waited longest: a thread, or the loop
with the app's events. Different apps hinder each other in nothing.

Turns are soft. A thread that is in a blocking call elsewhere (`socket.recv`, `subprocess.run`) loses its turn to who
comes next, and takes no part until it waits in the hub again. One that computes keeps it, and so does one that is in
the hub's own code, such as to start a thread. From os-ken's libraries none is taken: these wait in the hub only.

A look at `holder` and its change stand together without a call or a loop: the interpreter changes to no other
thread there, and raises nothing. A turn that somebody failed to give up goes the way of those that are blocked.
"""

from __future__ import annotations

import ctypes
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from triplane.controller.runtime import waiting
from triplane.controller.runtime.waiting import Waits, current

LOOK = 0.004  # s between two looks of who comes next at who has the turn
LOOKS = 5  # one after the other that must find it blocked
NEVER = math.inf  # of a turn that is not soft: only the end of its thread takes it from one
LOOKS_AT_MAKER = 125  # while apps are made, when no event waits, but some libraries for more than a moment


class Comer(Protocol):
    """Who waits for a turn."""

    def called(self) -> None:
        """It comes next: it is to try `take` again, now and every `LOOK`."""


class Turn:
    """An app's."""

    __slots__ = ("_looked", "_looks", "_suspect", "holder", "looks", "queue")

    def __init__(self, looks: float = LOOKS) -> None:
        self.looks = looks
        self.holder: Waits | None = None  # the thread that has the turn
        self.queue: list[Comer] = []
        self._suspect: Waits | None = None  # was blocked in the last so many looks
        self._looks = 0
        self._looked = 0.0  # when that was

    def take(self, comer: Comer, thread: Waits) -> bool:
        """Have a thread take the turn if it is free and `comer` comes next, else let `comer` queue."""
        queue = self.queue
        if self.holder is None and not queue:
            self.holder = thread
            return True
        if comer not in queue:
            queue.append(comer)
        if queue[:1] == [comer]:
            self._look(time.monotonic())
        if self.holder is None and queue and queue[0] is comer:
            self.holder = thread
            self.leave(comer)
            return True
        return False

    def leave(self, comer: Comer) -> None:
        """Do not wait any more."""
        try:
            self.queue.remove(comer)
        except ValueError:
            return
        self._suspect = None
        self.call_next()

    def call_next(self) -> None:
        for first in self.queue[:1]:
            first.called()

    def wait(self, thread: Waits, seconds: float | None = None) -> None:
        """Take the turn for the calling thread, which must be shielded, or go on without it after some time."""
        if self.holder is thread or self.take(thread, thread):
            return
        waiting.about_to_block()
        end = None if seconds is None else time.monotonic() + seconds
        while not self.take(thread, thread):
            if end is not None and time.monotonic() >= end:
                self.leave(thread)
                return
            thread.listen(LOOK if end is not None or self.queue[0] is thread else None)

    def give_up(self, thread: Waits) -> None:
        """Let another have it, if the thread has it still."""
        if self.holder is thread:
            self.holder = None
            self.call_next()

    def _look(self, now: float) -> None:
        """Take the turn from who has it, if it has been blocked elsewhere for a while."""
        holder = self.holder
        if holder is None or now - self._looked < LOOK:
            return
        self._looked = now
        alive = holder.thread.is_alive()
        if alive and (holder.in_hub or not blocked(holder.thread)):
            self._suspect = None
            return
        self._looks = self._looks + 1 if self._suspect is holder else 1
        self._suspect = holder
        if (self._looks >= self.looks or not alive) and self.holder is holder:
            self.holder = None


def _interpreter() -> range:
    """Addresses among which the interpreter's lock is; none if it hides them, and turns are the softer for it."""
    try:
        start = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
    except ValueError:
        return range(0)
    for line in Path("/proc/self/maps").read_text().splitlines():
        low, high = (int(word, 16) for word in line.split()[0].split("-"))
        if low <= start < high:
            return range(start, high)
    return range(0)


_INTERPRETER = _interpreter()


def blocked(thread: threading.Thread) -> bool:
    """Does it sleep in a system call, or has it ended? Not if it waits for the interpreter, a processor or a disk."""
    task = f"/proc/self/task/{thread.native_id}"
    try:
        with open(f"{task}/syscall", "rb") as call, open(f"{task}/stat", "rb") as status:
            number, *arguments = call.read().split()
            state = status.read().rpartition(b") ")[2][:1]
    except OSError:  # nor does every kernel tell: then nobody has a turn for long
        return True
    return state == b"S" and number not in (b"running", b"-1") and int(arguments[0], 16) not in _INTERPRETER


@contextmanager
def in_turn(turn: Turn | None) -> Iterator[None]:
    """Meanwhile the calling thread is of that turn, and has it. None: of none, for what waits in other places."""
    me = current()
    before = me.turn
    try:
        with me:
            change(me, turn)
        yield
    finally:
        try:
            with me:
                change(me, before)
        except BaseException:
            with me:
                change(me, before)  # unless it was done already
            raise


def change(me: Waits, turn: Turn | None) -> None:
    """Give up the turn of the calling thread, which must be shielded, and take another."""
    if me.turn is not turn and me.turn is not None:
        me.turn.give_up(me)
    me.turn = turn
    if turn is not None:
        turn.wait(me)


@contextmanager
def kept(turn: Turn, seconds: float = 0.0) -> Iterator[None]:
    """As `in_turn`, but the turn is not given up at the end, and not waited for longer than that at the beginning."""
    me = current()
    before, me.turn = me.turn, turn
    try:
        with me:
            turn.wait(me, seconds)
        yield
    finally:
        me.turn = before
