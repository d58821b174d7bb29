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
import sys
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triplane.controller.runtime.turns import Turn


def _nothing() -> None:
    """No loop is held up."""


about_to_block: Callable[[], None] = _nothing  # called before a thread waits; the loop sets it, to go on without it


class Asked(BaseException):
    """Raised in a thread by its interpreter; turns into the exception that was asked for when it is made."""

    def __new__(cls, made: BaseException | None = None) -> Any:
        if made is not None:  # while another exception is handled the interpreter asks twice
            return made
        waits = current()
        if not waits.asked:
            return super().__new__(cls)
        waits.raised = waits.asked.pop(0)
        return waits.raised


class Waits:
    """The waiting of one thread.

    `with current():` shields it: an exception does not come between two instructions there, where a lock may just have
    been taken, but where the thread waits, or at the end. Outside a shield it may come anywhere.
    """

    def __init__(self, thread: threading.Thread) -> None:
        self.thread = thread
        self.asked: list[BaseException] = []  # to be raised in the thread
        self.raised: BaseException | None = None  # between two instructions, the last time
        self.turn: Turn | None = None  # which it gives up when it waits
        self._shields = 0
        self._waits = False  # in the hub, without its turn
        self._token = threading.Lock()  # taken: nothing has happened since it was last looked at
        self._token.acquire()
        self._called = threading.Lock()  # taken: its turn has not come
        self._called.acquire()
        self._wake: Callable[[], None] = self.unpark

    # the thread itself

    def __enter__(self) -> Waits:
        self._shields += 1  # from here on nobody interrupts between instructions
        try:
            _moment()  # what was on its way already comes here
        except BaseException:
            self._shields -= 1
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None and self._shields == 1:
                self._raise_asked()  # shielded still: who asks now must not send another one after it
        finally:
            self._shields -= 1
            if self.asked and not self._shields:
                self._raise_in_thread(Asked)  # after the one that is being raised

    @property
    def in_hub(self) -> bool:
        """The thread is in the hub's own code, but does not wait there."""
        return self._shields > 0 and not self._waits

    def shield(self) -> None:
        """For a thread that has not begun: what it is asked to raise comes when `begin` is called."""
        self._shields = 1

    def begin(self) -> None:
        """From here on what is asked for comes."""
        self.__exit__(None, None, None)

    def shield_for_ever(self) -> None:
        """The thread ends: nothing is to come any more."""
        self._shields += 1
        _moment()

    def park(self, seconds: float | None = None) -> None:
        """Wait for `unpark`, so many seconds at most (None: for ever); may return early. Raises what is asked for."""
        with self:
            self._wake = self.unpark
            if not self.asked:
                self._give_up_turn()
                self._token.acquire(timeout=-1 if seconds is None else max(0.0, seconds))
                self._want_turn()
            self._raise_asked()

    def park_on(self, fd: int, events: int, seconds: float | None = None) -> bool:
        """Wait for poll(2) events of a file descriptor; whether they came. Raises what is asked for."""
        return bool(self.poll({fd: events}, seconds))

    def poll(self, wanted: dict[int, int], seconds: float | None = None) -> dict[int, int]:
        """Wait for poll(2) events of some file descriptors; those that came. Raises what is asked for."""
        with self:
            bell = os.eventfd(0, os.EFD_CLOEXEC)
            self._wake = lambda: os.eventfd_write(bell, 1)
            try:
                ready = {} if self.asked else self._poll(wanted | {bell: select.POLLIN}, seconds)
            finally:
                self._wake = self.unpark
                os.close(bell)
            self._raise_asked()
            ready.pop(bell, None)
            return ready

    def _poll(self, wanted: dict[int, int], seconds: float | None) -> dict[int, int]:
        poll = select.poll()
        for fd, events in wanted.items():
            poll.register(fd, events)
        self._give_up_turn()
        try:
            return dict(poll.poll(None if seconds is None else seconds * 1000))
        finally:
            self._want_turn()

    def _give_up_turn(self) -> None:
        self._waits = True
        about_to_block()
        if self.turn is not None:
            self.turn.give_up(self)

    def _want_turn(self) -> None:
        if self.turn is not None:
            self.turn.wait(self)
        self._waits = False

    def _raise_asked(self) -> None:
        if self.asked:
            self._raise_in_thread(None)  # first: it must not come a second time
            raise self.asked.pop(0)

    def pause(self) -> None:
        """Let others run."""
        turn = self.turn
        if turn is None or not turn.queue:
            time.sleep(0)
        if turn is not None:
            with self:
                turn.give_up(self)
                turn.wait(self)

    def listen(self, seconds: float | None) -> None:
        """Wait for `called`, which says that this thread may have the turn. A kill does not wake it."""
        self._called.acquire(timeout=-1 if seconds is None else seconds)

    # other threads

    def unpark(self) -> None:
        """Let the thread go on from `park`, or from its next one."""
        with contextlib.suppress(RuntimeError):  # it has been told already
            self._token.release()

    def called(self) -> None:
        """The thread's turn has come, or comes next."""
        with contextlib.suppress(RuntimeError):  # it has been told already
            self._called.release()

    def interrupt(self, error: BaseException) -> None:
        """Raise an exception in the thread."""
        self.asked.append(error)
        raise_it = _set_exception
        ident, exception = ctypes.c_ulong(self.thread.ident or 0), ctypes.py_object(Asked)
        if self._shields:  # between these looks and the call the interpreter changes to no other thread
            self._wake()
        elif error in self.asked:  # else it has found and raised it already
            raise_it(ident, exception)
            if ident.value != threading.get_ident():
                _calm_down()

    def forget(self, error: BaseException) -> None:
        """Do not raise it, if it has not been raised yet."""
        if error in self.asked:
            self.asked.remove(error)
            if not self.asked:
                self._raise_in_thread(None)

    def _raise_in_thread(self, cls: type[BaseException] | None) -> None:
        if self.thread.ident is not None:
            _set_exception(ctypes.c_ulong(self.thread.ident), None if cls is None else ctypes.py_object(cls))
            if cls is None or self.thread.ident != threading.get_ident():
                _calm_down()


_set_exception = ctypes.pythonapi.PyThreadState_SetAsyncExc


def _moment() -> None:
    """The interpreter looks whether there is an exception for this thread when it begins a function."""


class _Calm(BaseException):
    """Raised by a thread in itself."""


def _calm_down() -> None:
    """Have the interpreter forget that some thread has an exception to come.

    Until 3.12 that is one flag for all threads, which is set for None too and goes only when an exception is raised:
    with a thread that waits elsewhere, or with None, every function of every thread would look, again and again, and
    in 3.11 one that is traced would never begin. A thread that has one to come sets the flag again when it
    goes on.
    """
    ident, exception = ctypes.c_ulong(threading.get_ident()), ctypes.py_object(_Calm)
    with contextlib.suppress(_Calm):
        _set_exception(ident, exception)
        _moment()


def _come_again(told: Any) -> None:
    """An exception that came in a destructor or a callback of the garbage collector, which can raise none."""
    waits = current()
    if waits.raised is None or told.exc_value is not waits.raised:
        _tell_unraisable(told)
        return
    waits.asked.insert(0, waits.raised)
    if waits._shields:
        return
    ident, exception = ctypes.c_ulong(threading.get_ident()), ctypes.py_object(Asked)
    # written so that the call is the last thing this function does: after a plain one it would come here, and be lost
    [*map(_set_exception, (ident,), (exception,))]


_tell_unraisable = sys.unraisablehook
sys.unraisablehook = _come_again


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
    end = None if timeout is None else time.monotonic() + timeout
    with current() as me:
        if ready():
            return True
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
