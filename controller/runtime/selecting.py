"""`select`, for threads that shall be woken by a kill or a timeout of the hub while they wait."""

from __future__ import annotations

import select as _select
from collections.abc import Iterable
from typing import Any

from triplane.controller.runtime.waiting import current

_READ, _WRITE, _EXCEPTIONAL = _select.POLLIN | _select.POLLHUP, _select.POLLOUT, _select.POLLPRI


def select(
    reading: Iterable[Any], writing: Iterable[Any], exceptional: Iterable[Any], timeout: float | None = None
) -> tuple[list[Any], list[Any], list[Any]]:
    """As the standard library's: which of these files are ready."""
    asked = ((list(reading), _READ), (list(writing), _WRITE), (list(exceptional), _EXCEPTIONAL))
    wanted: dict[int, int] = {}
    for files, events in asked:
        for file in files:
            wanted[_fd(file)] = wanted.get(_fd(file), 0) | events
    ready = current().poll(wanted, timeout)
    failed = _select.POLLERR | _select.POLLNVAL
    read, written, told = (
        [file for file in files if ready.get(_fd(file), 0) & (events if events == _EXCEPTIONAL else events | failed)]
        for files, events in asked
    )
    return read, written, told


def _fd(file: Any) -> int:
    return file if isinstance(file, int) else int(file.fileno())
