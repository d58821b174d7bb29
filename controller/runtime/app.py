"""An app: handlers, and a thread of its own that calls them.

One thread for each app, so that one that blocks or raises hurts only itself. Events come through a queue; whoever
sends an event says in which phase the switch is, and only handlers for that phase are called. Of packet-ins,
`PACKET_IN_LIMIT` may wait for an app: what comes then is dropped and counted, for a flood must not eat the memory.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from queue import SimpleQueue
from typing import Any, ClassVar

from triplane.controller.runtime import handler as handlers
from triplane.controller.runtime.event import EventBase, EventReplyBase, EventRequestBase
from triplane.controller.runtime.ofp_event import EventOFPPacketIn

PACKET_IN_LIMIT = 4096
JOIN_SECONDS = 0.5  # for the handler that runs when an app is stopped

SERVICE_BRICKS: dict[str, RyuApp] = {}  # the running apps by name


class _Stop(EventBase):
    pass


class Contained:
    """Around a handler's call: an error in it, whatever it is, is logged with app and event, and ends there."""

    def __init__(self, app: RyuApp, handler: Any, event: EventBase) -> None:
        self.app, self.handler, self.event = app, handler, event

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        place = getattr(self.handler, "__qualname__", repr(self.handler))
        text = "app %s: %s failed on %s"
        self.app.logger.error(text, self.app.name, place, type(self.event).__name__, exc_info=error)
        return True


class RyuApp:
    """The base class of apps. `name` is what other apps send events to; the class's name unless changed."""

    _CONTEXTS: ClassVar[dict[str, type]] = {}  # shared objects that the app wants: name and class
    _EVENTS: ClassVar[list[type]] = []  # classes of events that it makes, if they stand in another module
    OFP_VERSIONS: ClassVar[list[int] | None] = None  # OpenFlow versions that it speaks; None: any

    @classmethod
    def context_iteritems(cls) -> Iterable[tuple[str, type]]:
        return cls._CONTEXTS.items()

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        self.name = type(self).__name__
        self.logger = logging.getLogger(getattr(self, "LOGGER_NAME", self.name))
        self.event_handlers: dict[type, list[Any]] = {}
        self.observers: dict[type, dict[str, set[str]]] = {}  # event class, observer's name, phases
        self.threads: list[threading.Thread] = []
        self.events: SimpleQueue[tuple[EventBase, str | None]] = SimpleQueue()
        self.is_active = True
        self.dropped_packet_ins = 0

    # life

    def start(self) -> Any:
        """Begin to handle events. An app that overrides this calls it first."""
        thread = threading.Thread(target=self._event_loop, name=self.name, daemon=True)
        self.threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Handle no more events; waits a moment for the handler that runs."""
        self.is_active = False
        self.events.put((_Stop(), None))
        for thread in self.threads:
            if thread is not threading.current_thread():
                thread.join(JOIN_SECONDS)

    def close(self) -> None:
        """Called when the app is taken down; to be overridden."""

    def _event_loop(self) -> None:
        while True:
            event, state = self.events.get()
            if isinstance(event, _Stop):
                return
            for handler in self.get_handlers(event, state):
                self._call(handler, event)

    def _call(self, handler: Any, event: EventBase) -> None:
        with Contained(self, handler, event):
            handler(event)

    # handlers

    def register_handler(self, ev_cls: type, handler: Any) -> None:
        self.event_handlers.setdefault(ev_cls, []).append(handler)

    def unregister_handler(self, ev_cls: type, handler: Any) -> None:
        self.event_handlers[ev_cls].remove(handler)
        if not self.event_handlers[ev_cls]:
            del self.event_handlers[ev_cls]

    def get_handlers(self, ev: EventBase, state: str | None = None) -> list[Any]:
        """Handlers of an event, for a phase if one is given."""
        cls = type(ev)
        found = []
        for handler in self.event_handlers.get(cls, ()):
            caller = getattr(handler, "callers", {}).get(cls)
            if state is None or caller is None or not caller.dispatchers or state in caller.dispatchers:
                found.append(handler)
        return found

    # observers

    def register_observer(self, ev_cls: type, name: str, states: Iterable[str] | None = None) -> None:
        """App `name` shall hear of events of this class, in these phases (none given: all)."""
        self.observers.setdefault(ev_cls, {}).setdefault(name, set()).update(states or ())

    def unregister_observer(self, ev_cls: type, name: str) -> None:
        self.observers.get(ev_cls, {}).pop(name, None)

    def unregister_observer_all_event(self, name: str) -> None:
        for observers in self.observers.values():
            observers.pop(name, None)

    def observe_event(self, ev_cls: type, states: Iterable[str] | None = None) -> None:
        """Hear of events of this class from now on."""
        brick = lookup_service_brick_by_ev_cls(ev_cls)
        if brick is not None:
            brick.register_observer(ev_cls, self.name, states)

    def unobserve_event(self, ev_cls: type) -> None:
        brick = lookup_service_brick_by_ev_cls(ev_cls)
        if brick is not None:
            brick.unregister_observer(ev_cls, self.name)

    def get_observers(self, ev: EventBase, state: str | None) -> list[str]:
        """Names of the apps that hear of this event in this phase."""
        observers = self.observers.get(type(ev))
        if not observers:
            return []
        return [name for name, states in observers.items() if not state or not states or state in states]

    # sending

    def send_event(self, name: str, ev: EventBase, state: str | None = None) -> None:
        """Send an event to the app `name`; lost if there is none."""
        app = SERVICE_BRICKS.get(name)
        if app is None:
            self.logger.debug("EVENT LOST %s->%s %s", self.name, name, type(ev).__name__)
            return
        if isinstance(ev, EventRequestBase):
            ev.src = self.name
        app._send_event(ev, state)

    def send_event_to_observers(self, ev: EventBase, state: str | None = None) -> None:
        for name in self.get_observers(ev, state):
            self.send_event(name, ev, state)

    def _send_event(self, ev: EventBase, state: str | None) -> None:
        if isinstance(ev, EventOFPPacketIn) and self.events.qsize() >= PACKET_IN_LIMIT:
            self.dropped_packet_ins += 1
            if self.dropped_packet_ins & (self.dropped_packet_ins - 1) == 0:  # said at 1, 2, 4, 8 ...
                self.logger.warning("%s is too slow: %d packet-ins dropped", self.name, self.dropped_packet_ins)
            return
        self.events.put((ev, state))

    def send_request(self, req: EventRequestBase) -> Any:
        """Send a request to the app `req.dst` and wait for its reply."""
        req.sync = True
        req.reply_q = SimpleQueue()
        self.send_event(str(req.dst), req)
        return req.reply_q.get()

    def reply_to_request(self, req: EventRequestBase, rep: EventReplyBase) -> None:
        """Answer a request."""
        rep.dst = req.src
        if req.sync and req.reply_q is not None:
            req.reply_q.put(rep)
        else:
            self.send_event(str(rep.dst), rep)


def lookup_service_brick(name: str) -> RyuApp | None:
    """The running app of this name."""
    return SERVICE_BRICKS.get(name)


def lookup_service_brick_by_ev_cls(ev_cls: type) -> RyuApp | None:
    """The app that makes these events: its name is that of the events' module."""
    return SERVICE_BRICKS.get(ev_cls.__module__.rsplit(".", 1)[-1])


def register_app(app: RyuApp) -> None:
    """Make an app known by its name. Raises ValueError if there is one of that name."""
    if app.name in SERVICE_BRICKS:
        raise ValueError(f"there are two apps named {app.name}")
    SERVICE_BRICKS[app.name] = app
    handlers.register_instance(app)


def unregister_app(app: RyuApp) -> None:
    SERVICE_BRICKS.pop(app.name, None)
