"""The one place that names numba: the `kernel` and `entry` decorators.

Rules for a kernel, held by `_nrt=False` at compile time or by review:
 - arguments are arrays (int64 or uint8), NamedTuples of arrays, and int64 scalars;
 - nothing is allocated, nothing raises;
 - all integers are int64: words hold 64-bit patterns as signed numbers. Never mix in uint64
   (int64 with uint64 gives float64), widen bytes with `int()` before shifting;
 - kernels live in a folder called `kernels`: their sources make the cache's key (see `cache`).

Modes (environment): NUMBA_DISABLE_JIT=1 runs them interpreted, NUMBA_BOUNDSCHECK=1 bounds-checked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba import types

from triplane.dataplane.kernels import apart, cache

F = TypeVar("F", bound=Callable[..., Any])

INTERPRETED = bool(numba.config.DISABLE_JIT)
FLAGS = {"nogil": True, "_nrt": False, "error_model": "numpy", "cache": True}

cache.install(FLAGS)


def kernel(function: F) -> F:
    """Compile `function` without the GIL and without reference counts, from the cache where it can."""
    return decorate(function, False)


def inlined(function: F) -> F:
    """As `kernel`, but its code goes into each caller: for the steps that every packet takes.

    An array argument is seven words, so a call with four of them costs ten nanoseconds and more.
    """
    return decorate(function, True)


def decorate(function: F, forceinline: bool) -> F:
    compiled = numba.njit(**FLAGS, forceinline=forceinline)(function)
    if not INTERPRETED:
        compiled.get_call_template = general(compiled.get_call_template)
        compiled.add_overload = apart.adding(compiled, compiled.add_overload)
    return cast(F, compiled)


def general(template: Callable[..., Any]) -> Callable[..., Any]:
    """Have one version compiled for all values of an argument: numba would make one for each constant it is given."""

    def get_call_template(args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        return template(tuple(map(types.unliteral, args)), {name: types.unliteral(kws[name]) for name in kws})

    return get_call_template


ENTRY = types.int64(types.int64, types.int64, types.int64, types.int64)


class Entry:
    """A kernel that is called through its address: `entry(row, pool, batch, limit) -> int`, all int64.

    Compiled when its address is first asked for, so that importing costs nothing.
    """

    def __init__(self, function: Callable[[int, int, int, int], int]) -> None:
        self.function = function
        self._compiled: Any = None

    @property
    def address(self) -> int:
        if self._compiled is None:
            self._compiled = numba.cfunc(ENTRY, nopython=True, cache=True)(self.function)
        return int(self._compiled.address)


def entry(function: Callable[[int, int, int, int], int]) -> Entry:
    """Mark a function as callable by the engine through a pointer (a port's receive or transmit)."""
    return Entry(function)
