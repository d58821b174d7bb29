"""How a thread waits so that it can be woken, killed or timed out at once.

Each thread has a `Waits`. A wait of the hub parks on it; whoever has something for the thread unparks it, and it looks
again. `interrupt` raises an exception in the thread: where it is parked, else at its next Python instruction. A
thread in a blocking call outside the hub (a plain `socket.recv`) gets the exception when that call returns.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any


def _nothing() -> None:
    """No loop is held up."""


# A thread that is being started has, in Python 3.11, its starter's identity for a moment: an exception for the starter
# would hit it, and the starter would wait for it for ever. So no exception is raised meanwhile.
_starting = threading.Lock()
about_to_block: Callable[[], None] = _nothing  # called before a thread waits; the loop sets it, to go on without it
_turn = threading.Lock()  # see `turns`


class Asked(BaseException):
    """Raised in a thread by its interpreter; turns into the exception that was asked for when it is made."""

    def __new__(cls) -> Any:
        asked = current().asked
        return asked.pop(0) if asked else super().__new__(cls)


class Waits:
    """The waiting of one thread. `guard` orders those who interrupt and the thread itself."""

    def __init__(self, thread: threading.Thread) -> None:
        self.thread = thread
        self.asked: list[BaseException] = []  # to be raised in the thread
        self.has_turn = False  # it holds `_turn`, but for the time that it waits
        self._green = False  # exceptions come at waits only
        self._guard = threading.RLock()
        self._parked = False
        self._token = threading.Lock()  # taken: nothing has happened since it was last looked at
        self._token.acquire()
        self._wake: Callable[[], None] = self.unpark

    # the thread itself

    def park(self, seconds: float | None = None) -> None:
        """Wait for `unpark`, so many seconds at most (None: for ever); may return early. Raises what is asked for."""
        self._enter(self.unpark)
        try:
            self._token.acquire(timeout=-1 if seconds is None else max(0.0, seconds))
        finally:
            self._leave()

    def park_on(self, fd: int, events: int, seconds: float | None = None) -> bool:
        """Wait for poll(2) events of a file descriptor; whether they came. Raises what is asked for."""
        return bool(self.poll({fd: events}, seconds))

    def poll(self, wanted: dict[int, int], seconds: float | None = None) -> dict[int, int]:
        """Wait for poll(2) events of some file descriptors; those that came. Raises what is asked for."""
        bell = os.eventfd(0, os.EFD_CLOEXEC)
        try:
            self._enter(lambda: os.eventfd_write(bell, 1))
            try:
                poll = select.poll()
                for fd, events in (wanted | {bell: select.POLLIN}).items():
                    poll.register(fd, events)
                ready = dict(poll.poll(None if seconds is None else seconds * 1000))
            finally:
                self._leave()
        finally:
            os.close(bell)
        ready.pop(bell, None)
        return ready

    def _enter(self, wake: Callable[[], None]) -> None:
        about_to_block()
        with self._guard:
            self._raise_asked()
            self._wake = wake
            self._parked = True
        if self.has_turn:
            _turn.release()

    def _leave(self) -> None:
        if self.has_turn:
            _turn.acquire()
        with self._guard:
            self._parked = False
            self._raise_asked()

    def _raise_asked(self) -> None:
        if self.asked:
            self._raise_in_thread(None)  # first: it must not come a second time
            raise self.asked.pop(0)

    def pause(self) -> None:
        """Let others run."""
        if self.has_turn:
            _turn.release()
        time.sleep(0)
        if self.has_turn:
            _turn.acquire()
            with self._guard:
                self._raise_asked()

    def take_turn(self) -> None:
        """Be the only one that has the turn. From here on nothing is raised but where this thread waits."""
        with self._guard:
            self._green = True
            if self.asked:
                self._raise_in_thread(None)
        if not _turn.acquire(blocking=False):
            about_to_block()
            _turn.acquire()
        self.has_turn = True

    def end_turn(self) -> None:
        """Let another have it. Raises what is asked for."""
        self.has_turn = False
        _turn.release()
        with self._guard:
            self._green = False
            self._raise_asked()

    # other threads

    def unpark(self) -> None:
        """Let the thread go on from `park`, or from its next one."""
        with contextlib.suppress(RuntimeError):  # it has been told already
            self._token.release()

    def interrupt(self, error: BaseException) -> None:
        """Raise an exception in the thread."""
        with self._guard:
            self.asked.append(error)
            if self._parked:
                self._wake()
            elif not self._green:
                self._raise_in_thread(Asked)

    def forget(self, error: BaseException) -> None:
        """Do not raise it, if it has not been raised yet."""
        with self._guard:
            if error in self.asked:
                self._raise_in_thread(None)
                self.asked.remove(error)
                if self.asked and not self._parked and not self._green:
                    self._raise_in_thread(Asked)

    def _raise_in_thread(self, cls: type[BaseException] | None) -> None:
        if self.thread.ident is not None:
            ident = ctypes.c_ulong(self.thread.ident)
            with _starting:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, None if cls is None else ctypes.py_object(cls))


def start(thread: threading.Thread) -> None:
    """Start a thread."""
    with _starting:
        thread.start()


def waits_of(thread: threading.Thread) -> Waits:
    """The waits of a thread, whoever started it."""
    found: Waits | None = thread.__dict__.get("triplane_waits")
    if found is None:
        found = thread.__dict__.setdefault("triplane_waits", Waits(thread))
    return found


def current() -> Waits:
    return waits_of(threading.current_thread())


def wait_until(ready: Callable[[], bool], waiting: list[Waits], timeout: float | None) -> bool:
    """Wait until `ready` says so, False after `timeout` seconds. Who changes what `ready` looks at wakes `waiting`."""
    if ready():
        return True
    end = None if timeout is None else time.monotonic() + timeout
    me = current()
    waiting.append(me)  # before the second look: a change from here on finds us in the list
    try:
        while not ready():
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return False
            me.park(left)
        return True
    finally:
        waiting.remove(me)


def wake(waiting: Iterable[Waits]) -> None:
    """Have all look again."""
    for waits in tuple(waiting):
        waits.unpark()
