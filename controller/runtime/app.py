"""An app: handlers, and a queue of events that the loop calls them for.

Its handlers are called one after the other, by whichever thread leads the loop then (see `loop`), in the app's turn
(see `turns`): while another of its threads has that, events wait. Whoever sends an event says in which phase the switch
is, and only handlers for that phase are called. Of packet-ins, `PACKET_IN_LIMIT` may wait for an app, of all events
`EVENT_LIMIT`: what comes then is dropped and counted, for a flood must not eat the memory.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, ClassVar

from triplane.controller.runtime import handler as handlers
from triplane.controller.runtime import hub
from triplane.controller.runtime.event import EventBase, EventReplyBase, EventRequestBase
from triplane.controller.runtime.loop import LOOP, Relieved
from triplane.controller.runtime.ofp_event import EventOFPPacketIn
from triplane.controller.runtime.turns import LOOK, Turn
from triplane.controller.runtime.waiting import Waits

PACKET_IN_LIMIT = 4096
EVENT_LIMIT = 65536
EVENTS_IN_A_TURN = 64
STOP_SECONDS = 0.25  # for the handler that runs when an app is stopped

log = logging.getLogger(__name__)
SERVICE_BRICKS: dict[str, RyuApp] = {}  # the running apps by name


class Contained:
    """Around an app's handlers: an error, whatever it is, is logged with app and event, and ends there.

    It keeps what is counted of them too: an app may call its own attributes as it likes. The log is not
    the app's own: that of the STP library wants a datapath id with every line.
    """

    def __init__(self, app: RyuApp) -> None:
        self.app = app
        self.handler: Any = None
        self.event: Any = None
        self.since = 0.0  # when the handler was called, about
        self.failures = 0  # handlers that raised
        self.slow = 0  # handlers that waited or took so long that another thread had to lead the loop

    def tell(self, error: BaseException) -> None:
        self.failures += 1
        place = getattr(self.handler, "__qualname__", repr(self.handler))
        text = "app %s: %s failed on %s"
        log.error(text, self.app.name, place, type(self.event).__name__, exc_info=error)


class Place:
    """An app's place in the loop's queue, and in that of its turn."""

    def __init__(self, run: Callable[[], bool]) -> None:
        self.run = run
        self._looks = False

    def called(self) -> None:
        LOOP.ready.append(self)
        LOOP.wake()

    def look_soon(self) -> None:
        """The leader's: run it in a while, to look at who has the turn."""
        if not self._looks:
            self._looks = True
            LOOP.call_at(LOOP.now + LOOK, self._look)

    def _look(self) -> None:
        self._looks = False
        LOOP.ready.append(self)


class RyuApp:
    """The base class of apps. `name` is what other apps send events to; the class's name unless changed.

    What Ryu's has not begins with `_app_`: scripts have a `run`, a `_running`, `_routes` or `_drop` of their own.
    """

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
        self.main_thread: Any = None  # what `start` returned; some of Ryu's services end it in `stop`
        self.events: deque[tuple[EventBase, str | None]] = deque()
        self._event_stop = EventBase()  # some of Ryu's services send it to wake themselves
        self.is_active = True
        self.dropped_packet_ins = 0
        self.dropped_events = 0  # others
        self._app_running = True  # a handler is called, or none may be: not before `start`
        self._app_queued = False  # in the loop's `ready`, or waiting for the turn
        self._app_contained = Contained(self)
        self._app_turn = Turn()
        self._app_place = Place(self._app_run)
        self._app_routes: dict[tuple[type, str], list[tuple[RyuApp, list[Any]]]] = {}

    @cached_property  # no property: apps may assign it
    def CONF(self) -> Any:
        """The options (ryu.cfg.CONF)."""
        from triplane.controller.runtime import cfg  # not at the top: its library takes a while

        return cfg.CONF

    # life

    def start(self) -> Any:
        """Begin to handle events. An app that overrides this calls it first."""
        LOOP.start()
        self._app_running = False
        self._app_schedule()

    def stop(self) -> None:
        """End the main thread and handle no more events; waits a moment for the handler that runs."""
        if self.main_thread is not None:
            hub.kill(self.main_thread)
        self.is_active = False
        self.events.clear()
        self._app_turn.leave(self._app_place)
        end = time.monotonic() + STOP_SECONDS
        while self._app_running and not LOOP.leads and time.monotonic() < end:
            time.sleep(0.001)
        self._app_running = True

    def set_main_thread(self, thread: Any) -> None:
        """The manager's: `thread` is what `start` returned."""
        self.main_thread = thread

    def close(self) -> None:
        """Called when the app is taken down; to be overridden."""

    def _app_schedule(self) -> None:
        if not self._app_queued:
            self._app_queued = True
            self._app_place.called()

    def _app_run(self) -> bool:
        """Handle some of the events that wait, in one turn: the loop's call."""
        turn, place = self._app_turn, self._app_place
        if self._app_running or not self.events:
            self._app_queued = False
            turn.leave(place)
            return False
        me = LOOP.tenure.waits
        self._app_queued = True
        if not turn.take(place, me):
            place.look_soon()
            return False
        self._app_queued = False
        me.turn = turn
        try:
            self._app_handle(turn, me)
        finally:
            me.turn = None
            turn.give_up(me)
        return bool(self.events)

    def _app_handle(self, turn: Turn, me: Waits) -> None:
        for _ in range(EVENTS_IN_A_TURN):
            if not self.events or turn.holder is not me:
                break
            event, state = self.events.popleft()
            self._app_call(self.get_handlers(event, state), event)
        if self.events:
            self._app_schedule()

    def _app_call(self, handlers: list[Any], event: EventBase) -> None:
        """Call handlers, as the leader. Raises Relieved if it took so long that this thread leads no more."""
        self._app_running = True
        contained = self._app_contained
        contained.since = LOOP.now
        contained.event = event
        token = LOOP.enter()
        for handler in handlers:
            contained.handler = handler
            try:
                handler(event)
            except BaseException as error:  # noqa: BLE001  # all are told; a context manager costs two calls more
                contained.tell(error)
        self._app_running = not self.is_active
        try:
            token.pop()
        except IndexError:
            contained.slow += 1
            if self.events:
                self._app_schedule()
            raise Relieved from None

    # handlers

    def register_handler(self, ev_cls: type, handler: Any) -> None:
        forget_routes()
        self.event_handlers.setdefault(ev_cls, []).append(handler)

    def unregister_handler(self, ev_cls: type, handler: Any) -> None:
        forget_routes()
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
        forget_routes()
        self.observers.setdefault(ev_cls, {}).setdefault(name, set()).update(states or ())

    def unregister_observer(self, ev_cls: type, name: str) -> None:
        forget_routes()
        self.observers.get(ev_cls, {}).pop(name, None)

    def unregister_observer_all_event(self, name: str) -> None:
        forget_routes()
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
        waiting = len(self.events)
        if waiting >= PACKET_IN_LIMIT and (waiting >= EVENT_LIMIT or isinstance(ev, EventOFPPacketIn)):
            self._app_drop(ev)
        elif self.is_active:
            self.events.append((ev, state))
            self._app_schedule()

    def _app_drop(self, ev: EventBase) -> None:
        if not isinstance(ev, EventOFPPacketIn):
            self.dropped_events += 1
        else:
            self.dropped_packet_ins += 1
        dropped = self.dropped_events + self.dropped_packet_ins
        if dropped & (dropped - 1) == 0:  # said at 1, 2, 4, 8 ...
            self.logger.warning("%s is too slow: %d events dropped", self.name, dropped)

    def deliver(self, ev: EventBase, state: str) -> None:
        """As send_event_to_observers, for the loop's leader: calls the handlers here and now. Raises Relieved."""
        routes = self._app_routes.get((ev.__class__, state))
        if routes is None:
            routes = self._app_find_routes(ev, state)
        if len(routes) != 1:
            for app, _ in routes[1:]:  # queued: if the first takes long, they need not wait for it
                app._send_event(ev, state)
            if not routes:
                return
        app, found = routes[0]
        turn = app._app_turn
        if app._app_running or app.events or turn.holder is not None or turn.queue:
            app._send_event(ev, state)
            return
        me = turn.holder = LOOP.tenure.waits  # nobody else has taken it since that look: see `turns`
        me.turn = turn
        try:
            app._app_call(found, ev)
        finally:
            me.turn = None
            if turn.holder is me:
                turn.holder = None
            if turn.queue:
                turn.call_next()

    def _app_find_routes(self, ev: EventBase, state: str) -> list[tuple[RyuApp, list[Any]]]:
        apps = [SERVICE_BRICKS[name] for name in self.get_observers(ev, state) if name in SERVICE_BRICKS]
        routes = [(app, app.get_handlers(ev, state)) for app in apps]
        self._app_routes[ev.__class__, state] = routes
        return routes

    def send_request(self, req: EventRequestBase) -> Any:
        """Send a request to the app `req.dst` and wait for its reply."""
        req.sync = True
        req.reply_q = hub.Queue()
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
    forget_routes()


def unregister_app(app: RyuApp) -> None:
    SERVICE_BRICKS.pop(app.name, None)
    forget_routes()


def forget_routes() -> None:
    """Who hears of what has changed."""
    for app in SERVICE_BRICKS.values():
        app._app_routes.clear()
