"""Loads apps, gives them what they ask for, starts and stops them (Ryu's `ryu.base.app_manager`)."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from triplane.controller.runtime import handler as handlers
from triplane.controller.runtime.app import (
    SERVICE_BRICKS,
    RyuApp,
    lookup_service_brick,
    lookup_service_brick_by_ev_cls,
    register_app,
    unregister_app,
)
from triplane.dataplane.openflow.codec import PROTOCOLS

__all__ = [
    "SERVICE_BRICKS",
    "AppError",
    "AppManager",
    "RyuApp",
    "lookup_service_brick",
    "register_app",
    "require_app",
    "unregister_app",
]

log = logging.getLogger(__name__)
_VERSION_NAMES = {1: "1.0", 3: "1.2", 4: "1.3", 5: "1.4", 6: "1.5"}


class AppError(Exception):
    """An app cannot be loaded or started: which, why, and what to do about it."""


def require_app(app_name: str, api_style: bool = False) -> None:
    """Have the app in module `app_name` loaded too. `api_style`: for the app that calls the caller's function."""
    modules = [inspect.getmodule(frame.frame) for frame in inspect.stack()]
    callers = [module for module in modules if module is not None]
    module = callers[2 if api_style else 1]
    module.__dict__.setdefault("_REQUIRED_APP", []).append(app_name)


def import_app(name: str) -> ModuleType:
    """The module of an app: a file if the name ends in .py or has a slash, else a module. Raises AppError."""
    try:
        if name.endswith(".py") or "/" in name:
            return _import_file(Path(name))
        return importlib.import_module(name)
    except ImportError as error:
        raise AppError(f"app {name}: {error}") from error
    except SyntaxError as error:
        raise AppError(f"app {name}: {error.filename}:{error.lineno}: {error.msg}") from error


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise AppError(f"app {path}: no such file")
    if str(path.parent.resolve()) not in sys.path:
        sys.path.insert(0, str(path.parent.resolve()))  # the app's own modules stand beside it
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise AppError(f"app {path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def app_class(module: ModuleType) -> type[RyuApp] | None:
    """The app that a module defines; the first by name if there are more, as in Ryu."""
    found = inspect.getmembers(
        module, lambda cls: inspect.isclass(cls) and issubclass(cls, RyuApp) and cls.__module__ == module.__name__
    )
    return found[0][1] if found else None


class AppManager:
    """The apps of this process."""

    _instance: AppManager | None = None

    @classmethod
    def get_instance(cls) -> AppManager:
        if cls._instance is None:
            cls._instance = cls()
        return cls._instance

    def __init__(self) -> None:
        self.applications_cls: dict[str, type[RyuApp]] = {}  # by module, in the order of starting
        self.applications: dict[str, RyuApp] = {}
        self.contexts: dict[str, Any] = {}

    def load_apps(self, names: list[str]) -> None:
        """Import apps and those that they need. Raises AppError."""
        waiting = [(name, False) for name in names]
        while waiting:
            name, needed = waiting.pop(0)
            if name in self.applications_cls:
                continue
            module = import_app(name)
            cls = app_class(module)
            if cls is None:
                raise AppError(f"app {name}: it has no subclass of RyuApp")
            _check_versions(name, cls)
            self.applications_cls[module.__name__ if needed else name] = cls
            waiting += [(service, True) for service in handlers.get_dependent_services(cls)]
            waiting += [(context.__module__, True) for _, context in cls.context_iteritems() if _is_app(context)]

    def instantiate_apps(self) -> None:
        """Make the apps and what they share, and connect those who make events with those who hear of them."""
        for cls in self.applications_cls.values():
            for key, context in cls.context_iteritems():
                if key not in self.contexts:
                    self.contexts[key] = self._instance_of(context)
        for cls in self.applications_cls.values():
            self._instance_of(cls, {key: self.contexts[key] for key, _ in cls.context_iteritems()})
        for app in SERVICE_BRICKS.values():
            observe(app)

    def _instance_of(self, cls: type, contexts: dict[str, Any] | None = None) -> Any:
        if not _is_app(cls):
            return cls()
        for app in self.applications.values():
            if type(app) is cls:
                return app
        made = cls(**(contexts or {}))
        register_app(made)
        self.applications[made.name] = made
        return made

    def start_apps(self) -> None:
        for app in self.applications.values():
            app.start()

    def close(self) -> None:
        """Stop all apps."""
        for app in reversed(self.applications.values()):
            app.stop()
            app.close()
            unregister_app(app)
        self.applications.clear()


def _is_app(cls: Any) -> bool:
    return inspect.isclass(cls) and issubclass(cls, RyuApp)


def _check_versions(name: str, cls: type[RyuApp]) -> None:
    wanted = cls.OFP_VERSIONS
    if wanted is not None and not set(wanted) & set(PROTOCOLS):
        asked, spoken = (", ".join(_VERSION_NAMES.get(v, str(v)) for v in versions) for versions in (wanted, PROTOCOLS))
        raise AppError(f"app {name}: it speaks OpenFlow {asked}, this controller {spoken}")


def observe(app: RyuApp) -> None:
    """Let an app hear of the events its methods are marked for."""
    for _, event, caller in handlers.marked_methods(app):
        if caller.ev_source is not None:
            maker = lookup_service_brick_by_ev_cls(event)
            if maker is not None:
                maker.register_observer(event, app.name, caller.dispatchers)
    for event in app._EVENTS:
        app.observers.setdefault(event, {})
