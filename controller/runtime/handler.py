"""How an app says which events a method is for, and in which phases of a switch (Ryu's `ryu.controller.handler`)."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

HANDSHAKE_DISPATCHER = "handshake"  # connected, waiting for hello
CONFIG_DISPATCHER = "config"  # version agreed on, waiting for the switch's features and ports
MAIN_DISPATCHER = "main"  # in service
DEAD_DISPATCHER = "dead"  # disconnected

Handler = TypeVar("Handler", bound=Callable[..., Any])


class Caller(NamedTuple):
    """When a method is called for an event class."""

    dispatchers: list[str]  # phases; empty: all
    ev_source: str | None  # module of the app that makes these events; None: whoever sends them


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _mark(ev_cls: Any, dispatchers: Any, observed: bool) -> Callable[[Handler], Handler]:
    def decorate(handler: Handler) -> Handler:
        callers = handler.__dict__.setdefault("callers", {})
        for event in _listed(ev_cls):
            callers[event] = Caller(_listed(dispatchers), event.__module__ if observed else None)
        return handler

    return decorate


def set_ev_cls(ev_cls: Any, dispatchers: Any = None) -> Callable[[Handler], Handler]:
    """Call this method for events of `ev_cls` (one or a list), when the switch is in one of these phases."""
    return _mark(ev_cls, dispatchers, observed=True)


def set_ev_handler(ev_cls: Any, dispatchers: Any = None) -> Callable[[Handler], Handler]:
    """As set_ev_cls, for events that are sent to this app by name."""
    return _mark(ev_cls, dispatchers, observed=False)


def marked_methods(thing: Any) -> Iterator[tuple[Any, type, Caller]]:
    """Methods of an app (or its class) with the events they are for."""
    for _, method in inspect.getmembers(thing, callable):
        for event, caller in getattr(method, "callers", {}).items():
            yield method, event, caller


def register_instance(app: Any) -> None:
    """Make an app's marked methods its handlers."""
    for method, event, _ in marked_methods(app):
        app.register_handler(event, method)


def register_service(service: str) -> None:
    """Said by a module of events: the app in module `service` makes them, and is loaded for those who want them."""
    frame = inspect.currentframe()
    if frame is not None and frame.f_back is not None:
        frame.f_back.f_globals["_SERVICE_NAME"] = service


def get_dependent_services(cls: type) -> list[str]:
    """Modules of the apps that an app class needs: makers of its events, and those it asked for by `require_app`."""
    services = {getattr(sys.modules[event.__module__], "_SERVICE_NAME", None) for _, event, _ in marked_methods(cls)}
    services |= set(getattr(sys.modules[cls.__module__], "_REQUIRED_APP", []))
    return sorted(service for service in services if service and service != cls.__module__)
