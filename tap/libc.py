"""The C library as the compiled ports need it: a symbol that is missing would be a jump to address 0."""

from __future__ import annotations

import ctypes
from functools import cache

SYMBOLS = (
    "__errno_location",
    "clock_gettime",
    "dup2",
    "getsockopt",
    "memcpy",
    "memmove",
    "poll",
    "pread",
    "read",
    "readv",
    "recv",
    "recvmsg",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "timerfd_settime",
    "write",
    "writev",
)


class MissingSymbol(Exception):
    """The C library lacks a function that compiled ports call."""


@cache
def check_symbols() -> None:
    """Raise MissingSymbol unless every function that kernels call by name can be found."""
    process = ctypes.CDLL(None)
    missing = [name for name in SYMBOLS if not hasattr(process, name)]
    if missing:
        raise MissingSymbol(f"the C library has no {', '.join(missing)}: Triplane needs glibc or musl on Linux")
