"""Threads and what they wait for, under the names of `ryu.lib.hub`: plain threads here, no green ones.

`spawn` starts a daemon thread, so none outlives the process; it is of its spawner's turn (see `turns`). `kill` ends it:
at once where it waits in this module, else at its next Python instruction. Nothing is monkey-patched.
"""

from __future__ import annotations

import logging
import queue
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from triplane.controller.runtime.streams import StreamClient, StreamServer, connect, listen
from triplane.controller.runtime.turns import change
from triplane.controller.runtime.waiting import Waits, current, wait_until, waits_of, wake

__all__ = [
    "HUB_TYPE",
    "BoundedSemaphore",
    "Event",
    "HubThread",
    "Queue",
    "QueueEmpty",
    "QueueFull",
    "Semaphore",
    "StreamClient",
    "StreamServer",
    "TaskExit",
    "Timeout",
    "connect",
    "getcurrent",
    "joinall",
    "kill",
    "listen",
    "patch",
    "sleep",
    "socket",
    "spawn",
    "spawn_after",
]

HUB_TYPE = "native"  # as os-ken calls threads
QueueFull = queue.Full
QueueEmpty = queue.Empty
LOG = logging.getLogger(__name__)


class TaskExit(BaseException):
    """Raised in a thread that is killed."""


class HubThread(threading.Thread):
    """A thread that can be killed."""

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        delay: float = 0,
    ) -> None:
        super().__init__(name=getattr(function, "__qualname__", "hub"), daemon=True)
        self._function = function
        self._turn = current().turn
        self._args, self._kwargs, self._delay = args, dict(kwargs or {}), delay
        self._raises = bool(self._kwargs.pop("raise_error", False))
        self._result: Any = None
        self._error: BaseException | None = None
        self._links: list[Callable[[], Any]] = []
        self._lock = threading.Lock()
        self._over = Event()  # no kill comes any more, links are called
        waits_of(self).shield()  # a kill comes in `run`: not in what `threading` does before

    def run(self) -> None:
        with _Ending(self):
            with _Ending(self):
                change(current(), self._turn)
                current().begin()
                if self._delay:
                    sleep(self._delay)
                self._result = self._function(*self._args, **self._kwargs)
            current().shield_for_ever()  # a kill that came too late comes here
        self._finish()
        change(current(), None)

    def _finish(self) -> None:
        with self._lock:
            self._over.set()
        for linked in self._links:
            linked()

    @property
    def dead(self) -> bool:
        return not self.is_alive()

    def wait(self, timeout: float | None = None) -> Any:
        """What the function returned, when it has; with `raise_error`, what it raised is raised here."""
        self.join(timeout)
        if self._raises and self._error is not None:
            raise self._error
        return self._result

    def join(self, timeout: float | None = None) -> None:
        if self._over.wait(timeout):
            super().join(timeout)

    def link(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call a function when the thread ends, or now if it has."""
        with current(), self._lock:
            over = self._over.is_set()
            if not over:
                self._links.append(lambda: function(*args, **kwargs))
        if over:
            function(*args, **kwargs)

    def cancel(self) -> None:
        self.kill()

    def kill(self) -> None:
        """End the thread; see the module's text for when. The caller's own ends here and now."""
        if self is threading.current_thread():
            raise TaskExit
        if self.is_alive():
            waits_of(self).interrupt(TaskExit())


class _Ending:
    """Around a thread's function: TaskExit ends it, an error is logged or kept for `wait`."""

    def __init__(self, thread: HubThread) -> None:
        self.thread = thread

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.thread._error = error or self.thread._error
        if error is not None and not isinstance(error, TaskExit) and not self.thread._raises:
            LOG.error("thread %s failed", self.thread.name, exc_info=error)
        return True


def spawn(function: Callable[..., Any], *args: Any, **kwargs: Any) -> HubThread:
    """Run a function in a thread of its own. An error in it is logged; with `raise_error=True`, `wait` raises it."""
    return spawn_after(0, function, *args, **kwargs)


def spawn_after(seconds: float, function: Callable[..., Any], *args: Any, **kwargs: Any) -> HubThread:
    """As spawn, in some seconds."""
    thread = HubThread(function, args, kwargs, seconds)
    with current():
        thread.start()
    return thread


def kill(thread: Any) -> None:
    """End a thread."""
    if isinstance(thread, HubThread):
        thread.kill()
    elif isinstance(thread, threading.Thread):
        waits_of(thread).interrupt(TaskExit())
    else:
        thread.kill()


def joinall(threads: Iterable[Any]) -> None:
    """Wait until all have ended."""
    for thread in threads:
        if thread is not threading.current_thread():
            getattr(thread, "wait", thread.join)()


def sleep(seconds: float = 0) -> None:
    """Sleep; 0 lets others run."""
    if seconds <= 0:
        current().pause()
    else:
        wait_until(lambda: False, [], seconds)


def getcurrent() -> threading.Thread:
    return threading.current_thread()


def patch(thread: bool = True) -> None:
    """Nothing is to be patched here."""


class Event:
    """Something that may have happened."""

    def __init__(self) -> None:
        self._set = False
        self._waiting: list[Waits] = []

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        wake(self._waiting)

    def clear(self) -> None:
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it happened, waiting so many seconds at most."""
        return wait_until(self.is_set, self._waiting, timeout)


class Queue:
    """A queue. `maxsize` None or 0: no limit."""

    def __init__(self, maxsize: int | None = None) -> None:
        self.maxsize = maxsize or None
        self._items: deque[Any] = deque()
        self._lock = threading.Lock()
        self._waiting: list[Waits] = []

    def qsize(self) -> int:
        return len(self._items)

    def empty(self) -> bool:
        return not self._items

    def full(self) -> bool:
        return self.maxsize is not None and len(self._items) >= self.maxsize

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add an item. Raises QueueFull if there is no room in time."""

        def attempt() -> bool:
            with self._lock:
                if self.full():
                    return False
                self._items.append(item)
                return True

        if not wait_until(attempt, self._waiting, timeout if block else 0):
            raise QueueFull
        wake(self._waiting)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The next item. Raises QueueEmpty if there is none in time."""
        found: list[Any] = []

        def attempt() -> bool:
            with self._lock:
                if self._items:
                    found.append(self._items.popleft())
                return bool(found)

        if not wait_until(attempt, self._waiting, timeout if block else 0):
            raise QueueEmpty
        if self.maxsize is not None:
            wake(self._waiting)
        return found[0]

    def put_nowait(self, item: Any) -> None:
        self.put(item, block=False)

    def get_nowait(self) -> Any:
        return self.get(block=False)


class Semaphore:
    """Lets `value` holders in."""

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError("a semaphore's value is at least 0")
        self.counter = value
        self._lock = threading.Lock()
        self._waiting: list[Waits] = []

    def locked(self) -> bool:
        return self.counter <= 0

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Whether it was got, waiting so many seconds at most."""
        return wait_until(self._take, self._waiting, timeout if blocking else 0)

    def _take(self) -> bool:
        with self._lock:
            if self.counter <= 0:
                return False
            self.counter -= 1
            return True

    def release(self) -> None:
        with current(), self._lock:
            self.counter += 1
        wake(self._waiting)

    def __enter__(self) -> Semaphore:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class BoundedSemaphore(Semaphore):
    """A semaphore that is not released more often than it was acquired."""

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self._most = value

    def release(self) -> None:
        if self.counter >= self._most:
            raise ValueError("released more often than acquired")
        super().release()


class Timeout(BaseException):
    """Raised in the thread that made it, `seconds` later, unless it is cancelled first. None: never.

    `exception` is raised instead; False: a `with` block ends without a word. Every raise of its own is the object
    itself, so that `except Timeout as t: if t is not mine: raise` works.
    """

    def __init__(self, seconds: float | None = None, exception: Any = None) -> None:
        super().__init__(seconds, exception)
        self.seconds, self.exception = seconds, exception
        self._timer: threading.Timer | None = None
        self._raised: BaseException = self
        self.start()

    @property
    def pending(self) -> bool:
        """It may still be raised."""
        return self._timer is not None and self._timer.is_alive()

    def start(self) -> Timeout:
        """Count from now. Raises RuntimeError if it counts already."""
        if self.pending:
            raise RuntimeError("this timeout has been started already")
        self._waits = current()
        if self.exception is not None and self.exception is not False and self.exception is not True:
            self._raised = self.exception() if isinstance(self.exception, type) else self.exception
        if self.seconds is not None:
            self._timer = threading.Timer(max(0.0, self.seconds), self._waits.interrupt, (self._raised,))
            self._timer.daemon = True
            with current():
                self._timer.start()
        return self

    def cancel(self) -> None:
        """Do not raise it."""
        timer, self._timer = self._timer, None
        if timer is None:
            return
        try:
            with current():
                timer.cancel()
                if threading.current_thread() is not timer and timer.is_alive():
                    timer.join()  # it may be interrupting just now
                self._waits.forget(self._raised)
        except BaseException as late:
            if late is not self._raised:
                raise

    def __enter__(self) -> Timeout:
        if self._timer is None:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.cancel()
        return error is self and self.exception is False

    def __str__(self) -> str:
        return "" if self.seconds is None else f"{self.seconds} seconds"


def __getattr__(name: str) -> Any:
    """Servers of HTTP: they need the libraries of the `controller` extra, and this module."""
    if name == "WSGIServer":
        from triplane.controller.rest.http import WSGIServer

        return WSGIServer
    if name == "WebSocketWSGI":
        from triplane.controller.rest.websocket import WebSocketWSGI

        return WebSocketWSGI
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
