"""The controller's loop: one thread at a time waits for sockets and timers and runs the apps' handlers itself.

Nothing is handed from thread to thread on the way from a switch to an app and back: the *leader* reads, parses, calls
the handler, and writes what it sent. So that an app that blocks or computes for long hurts only itself, the lead
changes hands: while the leader is inside a handler it leaves a token in its `Tenure`; who takes the token out has the
lead. A *follower* takes it when the leader has been in one handler for `PATIENCE`; a handler that is about to wait
(`about_to_block`, called by `waiting`) gives it away at once. The old leader, when its handler returns,
finds its token gone, and becomes a follower. An app's handlers run one at a time, so there are at most few threads
more than apps. Its other threads have no part in the loop; if one of them has the app's turn (`turns`), events wait.

Everything here belongs to the leader, but for the deques, to which any thread appends and then calls `wake`. A turn:
1. what sockets have (readers put packet-ins into their session's queue, and deal with all the rest at once);
2. calls from other threads, and timers;
3. `ready`: apps that have events, a bounded number of each;
4. `backlog`: sessions that have packet-ins, in turns of `SLICE`, for `STRETCH` before sockets are looked at again;
5. `dirty`: connections that have something to write.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from triplane.controller.runtime import waiting
from triplane.controller.runtime.spin import HELD_UP, Spin

log = logging.getLogger(__name__)

PATIENCE = 0.005  # s a handler may take before another thread takes over the loop
SLICE = 0.002  # s of packet-ins of one session: what it needs stays in the processor's cache, and goes out in one write
STRETCH = 0.01  # s of packet-ins in one turn: a read and a write of each of 16 connections takes 0.3 ms of it
SPARE = 2  # followers that stay when they are not needed
_IDLE_LOOKS = 20  # times PATIENCE without a handler, after which the watcher sleeps
MAX_POLL_EVENTS = 256


class Job(Protocol):
    """Something to do, in `ready` or `backlog`; not there any more when it is run."""

    def run(self) -> bool:
        """Do a bounded part of it; True if there is more, and it has gone back into the deque."""


class Relieved(BaseException):
    """This thread has lost the lead while it was in a handler: back to the followers. Nobody else catches it."""


class Tenure:
    """One thread's time as leader. While a handler runs, `token` has one item."""

    __slots__ = ("ident", "token", "waits")

    def __init__(self) -> None:
        self.ident = threading.get_ident()
        self.waits = waiting.current()
        self.token: list[None] = []


class Timer:
    """A call to come, unless it is cancelled."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None


class _Mishap:
    """Around turns: an error of our own is logged, and ends what it happened to, such as one switch's connection.

    Where nothing can be ended, the descriptor in whose reader it happened is left alone.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop = loop

    def __enter__(self) -> None:
        self.loop.reading = -1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        if error is None or isinstance(error, Relieved):
            return False
        self.loop.errors += 1
        victim = _victim(trace)
        log.critical("%s, after an error that should not be", _fate(victim), exc_info=error)
        if victim is None:
            self.loop.unwatch(self.loop.reading)
        elif not victim.failing:
            victim.failing = True  # what it does at its end may fail too, but not again and again
            with self:
                victim.fail()
        return True


class Mortal:
    """What an error ends, when one comes from its methods, such as a connection. Its repr says which it is."""

    failing = False
    fate = "is disconnected"

    def fail(self) -> None:
        """End it, at once."""
        raise NotImplementedError


def _victim(trace: Any) -> Mortal | None:
    """The first on the way to the error that can be ended. Looked for afterwards, it costs the turns nothing.

    Not the last: an error that is raised a second time still has the way of the first time behind its own.
    """
    while trace is not None:
        one = trace.tb_frame.f_locals.get("self")
        if isinstance(one, Mortal):
            return one
        trace = trace.tb_next
    return None


def _fate(victim: Mortal | None) -> str:
    return "the loop goes on" if victim is None else f"{victim!r} {victim.fate}"


class Loop:
    """See the module's text. `calls` counts the handlers' calls."""

    def __init__(self) -> None:
        self.ready: deque[Job] = deque()
        self.backlog: deque[Job] = deque()
        self.dirty: deque[Any] = deque()  # of what has a `flush`
        self.calls = 0
        self.takeovers = 0
        self.errors = 0  # that came this far
        self.now = time.monotonic()  # at the start of this turn
        self.alone = False  # all there is to do in this turn is to read one descriptor
        self.reading = -1  # the descriptor whose reader runs
        self.tenure = Tenure()
        self._epoll = select.epoll()
        self._spin = Spin()
        self._eventfd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._eventfd, select.EPOLLIN)
        self._readers: dict[int, Callable[[int], None]] = {self._eventfd: self._drain}
        self._calls: deque[Callable[[], None]] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._sequence = itertools.count()
        self.asleep = False  # or about to be: who appends to a deque then has to `wake` it
        self._stopping = False
        self._mutex = threading.Lock()  # over the members and their number
        self._watching = threading.Lock()  # held by the follower that watches
        self._nudge = threading.Semaphore(0)
        self._vacant = False
        self._parked = False
        self._members: set[threading.Thread] = set()
        self._followers = 0

    # from any thread

    def start(self) -> None:
        """Run, in threads of its own, unless it runs already."""
        with self._mutex:
            if self._members:
                return
            self._stopping = False
            self._vacant = True
            self._hire()

    def stop(self, seconds: float = 0.3) -> None:
        """End the threads; one that is in an app's handler for longer than that is left behind."""
        self._stopping = True
        end = time.monotonic() + seconds
        for thread in tuple(self._members):
            self._nudge.release()
            self.wake()
            if thread is not threading.current_thread():
                thread.join(max(0.0, end - time.monotonic()))
        with self._mutex:
            self._members.clear()

    def wake(self) -> None:
        """Have the leader look at the deques; to be called after appending."""
        if self.asleep:
            os.eventfd_write(self._eventfd, 1)

    def call_soon(self, call: Callable[[], None]) -> None:
        """Have the leader call it."""
        self._calls.append(call)
        self.wake()

    def about_to_block(self) -> None:
        """The calling handler is about to wait: give the lead away, if this thread has it."""
        tenure = self.tenure
        if tenure.ident != threading.get_ident() or not tenure.token:
            return
        try:
            tenure.token.pop()
        except IndexError:
            return  # a follower was faster
        self._vacant = True
        self._nudge.release()

    @property
    def leads(self) -> bool:
        """Is the calling thread the leader?"""
        return self.tenure.ident == threading.get_ident()

    # from the leader

    def watch(self, fd: int, reader: Callable[[int], None], events: int = select.EPOLLIN) -> None:
        """Call `reader(events)` whenever the descriptor has some of these."""
        self._readers[fd] = reader
        self._epoll.register(fd, events)

    def rewatch(self, fd: int, events: int) -> None:
        self._epoll.modify(fd, events)

    def unwatch(self, fd: int) -> None:
        """To be called before the descriptor is closed."""
        if self._readers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        """Have it called at that time of the monotonic clock."""
        timer = Timer(call)
        heapq.heappush(self._timers, (when, next(self._sequence), timer))
        return timer

    def enter(self) -> list[None]:
        """A handler is about to be called; what comes back is for `leave`."""
        token = self.tenure.token
        token.append(None)
        self.calls += 1
        if self._parked:
            self._parked = False
            self._nudge.release()
        return token

    # the leader's turns

    def _lead(self) -> None:
        while not self._stopping:
            with _Mishap(self):
                while not self._stopping:
                    self.turn()

    def turn(self) -> None:
        """One round over all there is to do; waits for it if there is nothing."""
        self.asleep = True  # from here on who appends to a deque wakes us; what was appended before, we see
        busy = self.ready or self.backlog or self.dirty or self._calls or self._stopping
        events = self._epoll.poll(0, MAX_POLL_EVENTS) if busy else self._wait()
        self.asleep = False
        self.now = time.monotonic()
        self.alone = len(events) == 1 and not busy
        readers = self._readers
        for fd, mask in events:
            reader = readers.get(fd)
            if reader is not None:  # else one before it has closed this one
                self.reading = fd
                reader(mask)
        self.reading = -1
        while self._calls:
            self._calls.popleft()()
        if self._timers and self._timers[0][0] <= self.now:
            self._run_timers()
        if self.ready:
            self._run_ready()
        if self.backlog:
            self._run_backlog()
        if self.dirty:
            self.flush()

    def _run_backlog(self) -> None:
        backlog, now = self.backlog, self.now
        while backlog and now - self.now < STRETCH:
            job, end = backlog.popleft(), now + SLICE
            more = job.run()
            now = time.monotonic()
            while more and now < end:
                backlog.pop()  # it has gone back there: only the leader appends, and that is still this thread
                more = job.run()
                now = time.monotonic()
            if not more and self.dirty:
                self.flush()
            if self.ready:
                self._run_ready()

    def _wait(self) -> list[tuple[int, int]]:
        """What sockets have, once they have something or it is a timer's time."""
        spin = self._spin
        began = now = time.monotonic()
        end = began + spin.seconds
        while now < end:
            events = self._epoll.poll(0, MAX_POLL_EVENTS)
            before, now = now, time.monotonic()
            if now - before > HELD_UP:
                spin.held_up(now)
            if events:
                return events
        events = self._epoll.poll(self._patience(), MAX_POLL_EVENTS)
        now = time.monotonic()
        spin.slept(now - began if events else math.inf, end > began, now)
        return events

    def _run_ready(self) -> None:
        for _ in range(len(self.ready)):
            self.ready.popleft().run()

    def flush(self) -> None:
        """Write what is to be written."""
        while self.dirty:
            self.dirty.popleft().flush()

    def _patience(self) -> float:
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else -1

    def _run_timers(self) -> None:
        while self._timers and self._timers[0][0] <= self.now:
            timer = heapq.heappop(self._timers)[2]
            if timer.call is not None:
                timer.call()

    def _drain(self, _: int) -> None:
        os.eventfd_read(self._eventfd)

    # the followers

    def _hire(self) -> None:
        thread = threading.Thread(target=self._member, name="triplane loop", daemon=True)
        self._members.add(thread)
        self._followers += 1
        thread.start()

    def _member(self) -> None:
        while self._follow():
            try:
                self._lead()
            except Relieved:
                if self._rejoin():
                    continue
            break

    def _follow(self) -> bool:
        """Wait for the lead. False: this thread is not needed any more."""
        me = threading.current_thread()
        with self._watching:
            took = self._watch()
        with self._mutex:
            self._followers -= 1
            if took and not self._followers:
                self._hire()
            if not took:
                self._members.discard(me)
        return took

    def _rejoin(self) -> bool:
        """Become a follower, if one is needed."""
        with self._mutex:
            if self._followers >= SPARE:
                self._members.discard(threading.current_thread())
                return False
            self._followers += 1
            return True

    def _watch(self) -> bool:
        """Until there is no leader, or it has been in one handler for too long. False at the end of all."""
        seen, looks = -1, 0
        while not self._stopping:
            self._nudge.acquire(timeout=None if self._parked else PATIENCE)
            if self._vacant:
                self._vacant = False
                self._succeed()
                return True
            if seen != self.calls or self.tenure.token:
                if seen == self.calls and self._take_over():
                    return True
                seen, looks = self.calls, 0
                continue
            looks += 1
            self._parked = looks >= _IDLE_LOOKS
            if self._parked and seen != self.calls:  # a handler began before it could see that
                self._parked = False
        return False

    def _take_over(self) -> bool:
        try:
            self.tenure.token.pop()
        except IndexError:
            return False
        self.takeovers += 1
        self._succeed()
        return True

    def _succeed(self) -> None:
        self.tenure = Tenure()


LOOP = Loop()  # the process's
waiting.about_to_block = LOOP.about_to_block
