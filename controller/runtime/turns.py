"""Turns: libraries written for green threads run one thread at a time, and another only where one waits.

os-ken's STP library, for instance, sets an event to None in a handler while a thread of its own is about to wait for
it. That is safe where threads change at waits only. So its handlers, and the threads that it spawns, take the turn
that all such libraries share, and give it up while they wait in the hub. What is raised in them by a kill or a
timeout comes at such a wait too. Apps' own code takes no turn.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from triplane.controller.runtime.waiting import current


def in_turn(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which takes the turn for as long as it runs; threads that it spawns have turns too."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        waits = current()
        if waits.has_turn:
            return function(*args, **kwargs)
        waits.take_turn()
        try:
            return function(*args, **kwargs)
        finally:
            waits.end_turn()

    return call


@contextmanager
def out_of_turn() -> Iterator[None]:
    """Meanwhile others may have the turn: for what waits in other places than the hub."""
    waits = current()
    had = waits.has_turn
    if had:
        waits.end_turn()
    try:
        yield
    finally:
        if had:
            waits.take_turn()


def have_turns(module: ModuleType) -> None:
    """Let the handlers of a module's apps take turns."""
    for _, cls in inspect.getmembers(module, inspect.isclass):
        if cls.__module__ == module.__name__:
            for name, function in tuple(vars(cls).items()):
                if getattr(function, "callers", None):
                    setattr(cls, name, in_turn(function))
