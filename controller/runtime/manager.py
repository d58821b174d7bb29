"""Loads apps, gives them what they ask for, starts and stops them (Ryu's `ryu.base.app_manager`)."""

from __future__ import annotations

import importlib
import inspect
import itertools
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from triplane.controller.runtime import handler as handlers
from triplane.controller.runtime import hub, protocol
from triplane.controller.runtime.app import (
    SERVICE_BRICKS,
    RyuApp,
    lookup_service_brick,
    lookup_service_brick_by_ev_cls,
    register_app,
    unregister_app,
)
from triplane.controller.runtime.imports import AppError, app_class, import_app
from triplane.controller.runtime.turns import LOOKS, LOOKS_AT_MAKER, NEVER, Turn, kept
from triplane.controller.runtime.waiting import current

__all__ = [
    "SERVICE_BRICKS",
    "AppError",
    "AppManager",
    "OSKenApp",
    "RyuApp",
    "lookup_service_brick",
    "register_app",
    "require_app",
    "unregister_app",
]

log = logging.getLogger(__name__)
OSKenApp = RyuApp
_VERSION_NAMES = {1: "1.0", 3: "1.2", 4: "1.3", 5: "1.4", 6: "1.5"}
_IMPORT_SYSTEM = ("importlib", "_frozen_importlib", "triplane.controller.compat")
# os-ken's apps that change in a handler what a thread is about to wait for: these must change at waits only
GREEN = {"os_ken.lib.igmplib", "os_ken.lib.lacplib", "os_ken.lib.stplib", "os_ken.topology.switches"}
TURN_SECONDS = 0.25  # for a thread of an app that is to start, or to close, to give up the turn
JOIN_SECONDS = 0.5  # for an app's main thread when the app is taken down


def require_app(app_name: str, api_style: bool = False) -> None:
    """Have the app in module `app_name` loaded too. `api_style`: for the app that calls the caller's function."""
    callers: list[str] = []  # modules, the latest first; those of the import system stand between
    frame = inspect.currentframe()
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if not name.startswith(_IMPORT_SYSTEM) and name not in callers:
            callers.append(name)
        frame = frame.f_back
    sys.modules[callers[2 if api_style else 1]].__dict__.setdefault("_REQUIRED_APP", []).append(app_name)


class Contained:
    """Around what an app does when it is made, started or closed: an error in it is logged, and kept in `error`."""

    def __init__(self, app: str, doing: str) -> None:
        self.app, self.doing = app, doing
        self.error: Exception | None = None

    def __enter__(self) -> Contained:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self.error = error
        log.error("app %s: failed %s", self.app, self.doing, exc_info=error)
        return True


class AppManager:
    """The apps of this process."""

    _instance: AppManager | None = None

    @staticmethod
    def get_instance() -> AppManager:
        if AppManager._instance is None:
            AppManager._instance = AppManager()
        return AppManager._instance

    @staticmethod
    def run_apps(app_lists: list[str]) -> None:
        """Run apps as `ryu-manager` does, until a signal ends it or, without switches and REST, all threads have ended.

        Raises AppError, OSError or ValueError if they cannot run.
        """
        importlib.import_module("triplane.ryu_manager").run_apps(app_lists)  # which knows what else is to be served

    def __init__(self) -> None:
        self.applications_cls: dict[str, type[RyuApp]] = {}  # by module's name, in the order of starting
        self.applications: dict[str, RyuApp] = {}  # by app's name
        self.contexts_cls: dict[str, type] = {}
        self.contexts: dict[str, Any] = {}
        self.main_threads: dict[str, Any] = {}  # what `start` returned, by app's name
        self.failed: dict[str, Exception] = {}  # apps that could not be made, by module's name
        self._closing = threading.Lock()
        self._making = False
        self._kept: dict[Turn, float] = {}  # turns of apps that are being made, and their `looks` after that

    # loading

    def load_app(self, name: str) -> type[RyuApp] | None:
        """Import an app's module; its class, None if it defines none. Raises AppError."""
        return app_class(import_app(name))

    def load_apps(self, app_lists: Iterable[str]) -> None:
        """Import apps (a name may be several with commas between) and those that they need. Raises AppError.

        A module without an app is imported, as in Ryu; but there must be an app among those named.
        """
        found: list[str] = []
        without: list[str] = []
        waiting = [(name, True) for name in itertools.chain.from_iterable(names.split(",") for names in app_lists)]
        while waiting:
            name, named = waiting.pop(0)
            cls = self.load_app(name)
            if cls is None:
                without += [name] * named
                continue
            found += [name] * named
            if cls not in self.applications_cls.values() and cls not in self.contexts_cls.values():
                _check_versions(name, cls)
                self.applications_cls[cls.__module__] = cls
                waiting += [(service, False) for service in self._needs(name, cls)]
        if without and not found:
            raise AppError(f"app {without[0]}: it has no subclass of RyuApp")
        for name in without:
            log.warning("app %s: it has no subclass of RyuApp, it is only imported", name)

    def _needs(self, name: str, cls: type[RyuApp]) -> list[str]:
        """Modules of the apps that an app needs, and that are not made as contexts."""
        needed = list(handlers.get_dependent_services(cls))
        for key, context in cls.context_iteritems():
            known = self.contexts_cls.setdefault(key, context)
            if known is not context and known.__module__ != context.__module__:  # the same module: it was reloaded
                raise AppError(f"app {name}: another app wants another class as context {key!r}")
            if _is_app(context):
                needed += handlers.get_dependent_services(context)
        return [module for module in needed if module not in {cls.__module__ for cls in self.contexts_cls.values()}]

    # making

    @contextmanager
    def making(self) -> Iterator[None]:
        """Meanwhile the apps' turns are kept: what they spawn begins at the end, or when the maker waits."""
        if self._making:
            yield
            return
        self._making, self._kept = True, {}
        try:
            yield
        finally:
            self._making = False
            for turn, looks in self._kept.items():
                turn.looks = looks
                turn.give_up(current())

    def _make(self, cls: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """An object whose threads have a turn, and the turn is kept."""
        turn = Turn(LOOKS_AT_MAKER)
        with self.making():
            self._kept[turn] = NEVER if getattr(cls, "__module__", None) in GREEN else LOOKS
            with kept(turn):
                made = cls(*args, **kwargs)
        if isinstance(made, RyuApp):
            made._app_turn = turn
        return made

    def create_contexts(self) -> dict[str, Any]:
        """Make what apps share. Raises AppError."""
        with self.making():
            return self._create_contexts()

    def _create_contexts(self) -> dict[str, Any]:
        for key, cls in self.contexts_cls.items():
            if key in self.contexts:
                continue
            with Contained(cls.__name__, f"to be made, as context {key!r}") as made:
                self.contexts[key] = self._instantiate(None, cls) if _is_app(cls) else self._make(cls)
            if made.error is not None:
                raise AppError(f"context {key!r}: {_told(made.error)}")
        return self.contexts

    def instantiate_apps(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Make and start all apps; threads that they returned from `start`.

        One that fails is logged and left out. What they spawn begins when all have started.
        """
        with self.making():
            self._instantiate_apps(*args, **kwargs)
        return list(self.main_threads.values())

    def _instantiate_apps(self, *args: Any, **kwargs: Any) -> None:
        for module, cls in self.applications_cls.items():
            with Contained(module, "to be made") as made:
                self._instantiate(module, cls, *args, **kwargs)
            if made.error is not None:
                self.failed[module] = made.error
        self._update_bricks()
        self.report_bricks()
        for app in tuple(self.applications.values()):
            self._start(app)

    def instantiate(self, cls: type[RyuApp], *args: Any, **kwargs: Any) -> RyuApp:
        """Make one more app; it is not started."""
        app = self._instantiate(None, cls, *args, **kwargs)
        self._update_bricks()
        self._report_brick(app.name, app)
        return app

    def _instantiate(self, _module: str | None, cls: type[RyuApp], *args: Any, **kwargs: Any) -> RyuApp:
        log.debug("instantiating app %s", cls.__name__)
        if cls.OFP_VERSIONS is not None:
            protocol.set_app_supported_versions(cls.OFP_VERSIONS)
        app: RyuApp = self._make(cls, *args, **kwargs)
        register_app(app)
        self.applications[app.name] = app
        return app

    def replace(self, module: str, cls: type[RyuApp]) -> RyuApp | None:
        """Take a module's apps down, and make and start `cls` in their place; None if it fails, which is logged."""
        with Contained(module, "to be loaded again") as loaded:
            _check_versions(module, cls)
            known = set(self.applications_cls)
            self.load_apps(self._needs(module, cls))
        if loaded.error is not None:
            return None
        for name in [name for name, app in self.applications.items() if type(app).__module__ == module]:
            self.uninstantiate(name)
        for context in self.contexts.values():
            getattr(getattr(context, "mapper", None), "forget", lambda _: None)(module)  # its REST controllers
        self.applications_cls[module] = cls
        with self.making():
            return self._make_again(module, cls, known)

    def _make_again(self, module: str, cls: type[RyuApp], known: set[str]) -> RyuApp | None:
        with Contained(module, "to be made again") as made:
            contexts = self.create_contexts()
            wanted = [name for name in self.applications_cls if name == module or name not in known]
            apps = [self._instantiate(name, self.applications_cls[name], **contexts) for name in reversed(wanted)]
        self._update_bricks()
        if made.error is not None:
            return None
        for app in apps:
            self._start(app)
        return next(app for app in apps if type(app) is cls)

    def _start(self, app: RyuApp) -> None:
        self._kept.setdefault(app._app_turn, app._app_turn.looks)
        with Contained(app.name, "to start"), kept(app._app_turn, TURN_SECONDS):
            thread = app.start()
            if thread is not None:
                self.main_threads[app.name] = thread
                app.set_main_thread(thread)

    def _update_bricks(self) -> None:
        """Let all apps hear of the events that their methods are marked for."""
        for app in tuple(SERVICE_BRICKS.values()):
            observe(app)

    @staticmethod
    def _report_brick(name: str, app: RyuApp) -> None:
        log.debug("BRICK %s", name)
        for event, observers in app.observers.items():
            log.debug("  PROVIDES %s TO %s", event.__name__, observers)
        for event in app.event_handlers:
            log.debug("  CONSUMES %s", event.__name__)

    @staticmethod
    def report_bricks() -> None:
        """Log, for debugging, who makes and who hears of which events."""
        for name, app in SERVICE_BRICKS.items():
            AppManager._report_brick(name, app)

    # taking down

    def uninstantiate(self, name: str) -> None:
        """Take an app down: nobody sends to it any more, its main thread is killed, `stop` and `close` are called."""
        app = self.applications.pop(name)
        unregister_app(app)
        for other in SERVICE_BRICKS.values():
            other.unregister_observer_all_event(name)
        thread = self.main_threads.pop(name, None)
        if thread is not None:
            hub.kill(thread)
            thread.join(JOIN_SECONDS)
        _contain(name, "to stop", app.stop)
        with kept(app._app_turn, TURN_SECONDS):
            _contain(name, "to close", app.close)
        app._app_turn.give_up(current())

    def close(self) -> None:
        """Take all apps down, the last first, and close the contexts."""
        with self._closing:
            for name in reversed(tuple(self.applications)):
                self.uninstantiate(name)
            for key, context in self.contexts.items():
                if not _is_app(type(context)) and callable(getattr(context, "close", None)):
                    _contain(key, "to close", context.close)
            self.contexts.clear()


def _contain(name: str, doing: str, call: Callable[[], Any]) -> None:
    with Contained(name, doing):
        call()


def observe(app: RyuApp) -> None:
    """Let an app hear of the events that its methods are marked for."""
    for _, event, caller in handlers.marked_methods(app):
        if caller.ev_source is not None:
            for maker in _makers(event):
                maker.register_observer(event, app.name, caller.dispatchers)


def _makers(event: type) -> list[RyuApp]:
    """Apps that make these events: the one named as the events' module, and those that say so in _EVENTS."""
    makers = [app for app in SERVICE_BRICKS.values() if event in app._EVENTS]
    named = lookup_service_brick_by_ev_cls(event)
    return makers if named is None or named in makers else [named, *makers]


def _is_app(cls: Any) -> bool:
    return inspect.isclass(cls) and issubclass(cls, RyuApp)


def _check_versions(name: str, cls: type[RyuApp]) -> None:
    wanted, spoken = cls.OFP_VERSIONS, protocol.supported_versions()
    if wanted is not None and not set(wanted) & spoken:
        asked, known = (", ".join(_VERSION_NAMES.get(v, str(v)) for v in versions) for versions in (wanted, spoken))
        raise AppError(f"app {name}: it speaks OpenFlow {asked}, this controller {known}")


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
