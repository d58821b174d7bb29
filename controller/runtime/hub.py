"""Threads and what they wait for, under the names of `ryu.lib.hub`: plain threads here, no green ones.

`spawn` starts a daemon thread, so none outlives the process. `kill` raises TaskExit in it: at once when it sleeps
or waits in this module, else at its next Python instruction.
"""

from __future__ import annotations

import ctypes
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

log = logging.getLogger(__name__)

Semaphore = threading.Semaphore
BoundedSemaphore = threading.BoundedSemaphore
QueueFull = queue.Full
QueueEmpty = queue.Empty
_SLICE = 0.25  # s, after which a waiting thread looks whether it has been killed


class TaskExit(BaseException):
    """Raised in a thread that is killed."""


class HubThread(threading.Thread):
    """A thread that can be killed."""

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], delay: float
    ) -> None:
        super().__init__(name=getattr(function, "__qualname__", "hub"), daemon=True)
        self._function, self._args, self._kwargs, self._delay = function, args, kwargs, delay
        self._raises = bool(kwargs.pop("raise_error", False))
        self.killed = threading.Event()

    def run(self) -> None:
        with _Ending(self):
            if self.killed.wait(self._delay):
                return
            self._function(*self._args, **self._kwargs)

    @property
    def dead(self) -> bool:
        return not self.is_alive()

    def wait(self) -> None:
        self.join()

    def cancel(self) -> None:
        self.kill()

    def kill(self) -> None:
        """End the thread; see the module's text for when. The caller's own ends here and now."""
        self.killed.set()
        if self is threading.current_thread():
            raise TaskExit
        if self.ident is not None and self.is_alive():
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.ident), ctypes.py_object(TaskExit))


class _Ending:
    """Around a thread's function: TaskExit ends it, an error is logged, unless the spawner wants it raised."""

    def __init__(self, thread: HubThread) -> None:
        self.thread = thread

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        if error is None or isinstance(error, TaskExit):
            return True
        if not isinstance(error, Exception) or self.thread._raises:
            return False
        log.error("thread %s failed", self.thread.name, exc_info=error)
        return True


def spawn(function: Callable[..., Any], *args: Any, **kwargs: Any) -> HubThread:
    """Run a function in a thread of its own. An error in it is logged."""
    return spawn_after(0, function, *args, **kwargs)


def spawn_after(seconds: float, function: Callable[..., Any], *args: Any, **kwargs: Any) -> HubThread:
    """As spawn, in some seconds."""
    thread = HubThread(function, args, kwargs, seconds)
    thread.start()
    return thread


def kill(thread: HubThread) -> None:
    thread.kill()


def joinall(threads: Iterable[threading.Thread]) -> None:
    """Wait until all have ended."""
    for thread in threads:
        if thread is not threading.current_thread():
            thread.join()


def sleep(seconds: float = 0) -> None:
    """Sleep; a thread that is killed wakes at once."""
    thread = threading.current_thread()
    if not isinstance(thread, HubThread):
        time.sleep(seconds)
    elif thread.killed.wait(seconds):
        raise TaskExit


def getcurrent() -> threading.Thread:
    return threading.current_thread()


def patch(thread: bool = True) -> None:
    """Nothing is to be patched here."""


def _until(attempt: Callable[[float], bool], timeout: float | None) -> bool:
    """Try in slices of time, so that a killed thread does not wait on; `attempt` gets the seconds it may take."""
    thread = threading.current_thread()
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        left = _SLICE if end is None else min(_SLICE, end - time.monotonic())
        if attempt(max(0.0, left)):
            return True
        if isinstance(thread, HubThread) and thread.killed.is_set():
            raise TaskExit
        if end is not None and time.monotonic() >= end:
            return False


class Event(threading.Event):
    """An event; who waits for it can be killed."""

    def wait(self, timeout: float | None = None) -> bool:
        return _until(super().wait, timeout)


class Queue(queue.Queue[Any]):
    """A queue; who waits for it can be killed. `maxsize` None: no limit."""

    def __init__(self, maxsize: int | None = None) -> None:
        super().__init__(maxsize or 0)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The next item. Raises QueueEmpty if there is none in time."""
        if not block:
            return super().get(block=False)
        found: list[Any] = []

        def attempt(seconds: float) -> bool:
            try:
                found.append(super(Queue, self).get(timeout=seconds))
            except queue.Empty:
                return False
            return True

        if not _until(attempt, timeout):
            raise QueueEmpty
        return found[0]
