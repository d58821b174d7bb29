"""Network namespaces by name, and the virtual cables between them.

A named namespace is a file under /run/netns, as `ip netns` makes it. Without root, call `become_root` first (before
any thread starts): it enters a user namespace, in which all of this works.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

NETNS = Path("/run/netns")
CLONE_NEWNS = 0x20000  # linux/sched.h
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000  # linux/mount.h
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def path_of(netns: str) -> Path:
    """The file of a namespace given by name or by path."""
    return Path(netns) if "/" in netns else NETNS / netns


def in_namespace(netns: str | None, call: Callable[[], T]) -> T:
    """Run `call` inside a network namespace; a socket it opens stays there. None: here. Raises OSError."""
    if netns is None:
        return call()

    def enter() -> T:
        fd = os.open(path_of(netns), os.O_RDONLY | os.O_CLOEXEC)
        try:
            _check(_libc.setns(fd, CLONE_NEWNET), netns)
        finally:
            os.close(fd)
        return call()

    with ThreadPoolExecutor(1, "netns") as thread:
        return thread.submit(enter).result()
