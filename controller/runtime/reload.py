"""`--reload`: an app whose file changed is taken down and started anew, and told of the switches that are there.

A file with an error in it leaves the old app running. Only an app's own file is watched, not what it imports.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from triplane.controller.runtime import hub, ofp_event, script_time
from triplane.controller.runtime.app import RyuApp
from triplane.controller.runtime.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER
from triplane.controller.runtime.imports import AppError, app_class, execute
from triplane.controller.runtime.manager import AppManager

LOOK_SECONDS = 0.5
log = logging.getLogger(__name__)


class Reloader:
    """Looks at the files of a manager's apps. `datapaths` are the switches that are connected."""

    def __init__(self, manager: AppManager, datapaths: Callable[[], Iterable[Any]]) -> None:
        self._manager = manager
        self._datapaths = datapaths
        self._files = {module: _file(module) for module in manager.applications_cls}
        self._seen = {module: _stamp(path) for module, path in self._files.items()}

    def watch(self) -> None:
        """Look again and again, until the thread is killed."""
        while True:
            hub.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Reload the apps whose files have changed since the last look."""
        for module, path in self._files.items():
            stamp = _stamp(path)
            if path is not None and stamp is not None and stamp != self._seen[module]:
                self._seen[module] = stamp
                self._reload(module, path)

    def _reload(self, module: str, path: Path) -> None:
        trial = _Trial(path)
        with trial:
            known = set(sys.modules)
            again = execute(module, path)
            script_time.give(again, set(sys.modules) - known)
            trial.cls = app_class(again)
            if trial.cls is None:
                raise AppError("it has no subclass of RyuApp")
        if trial.cls is not None and not trial.failed:
            app = self._manager.replace(module, trial.cls)
            if app is not None:
                log.info("app %s reloaded", path)
                for datapath in self._datapaths():
                    tell(app, datapath)


class _Trial:
    """Around a module's execution: what it raises is logged, in one line if it is a syntax error."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cls: type[RyuApp] | None = None
        self.failed = False

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        if not isinstance(error, Exception):
            return False
        self.failed = True
        text = "app %s not reloaded, the old one runs on: %s"
        if isinstance(error, SyntaxError):
            log.error(text, self.path, f"line {error.lineno}: {error.msg}")
        else:
            log.error(text, self.path, error, exc_info=None if isinstance(error, AppError) else error)
        return True


def tell(app: RyuApp, datapath: Any) -> None:
    """Tell an app of a switch as if it had just connected."""
    if datapath.state != MAIN_DISPATCHER:
        return
    app._send_event(ofp_event.EventOFPStateChange(datapath, CONFIG_DISPATCHER), CONFIG_DISPATCHER)
    app._send_event(ofp_event.ofp_msg_to_ev(datapath.features), CONFIG_DISPATCHER)
    app._send_event(ofp_event.EventOFPStateChange(datapath, MAIN_DISPATCHER), MAIN_DISPATCHER)
    dpset = sys.modules.get("os_ken.controller.dpset")
    if dpset is not None:
        entered = dpset.EventDP(datapath, True)
        entered.ports = list(datapath.ports.values())
        app._send_event(entered, None)


def _file(module: str) -> Path | None:
    name = getattr(sys.modules[module], "__file__", None)
    return Path(name) if name else None


def _stamp(path: Path | None) -> tuple[int, int] | None:
    """Changes when the file does; None if it is not there just now: editors put a new one in its place."""
    if path is None or not path.is_file():
        return None
    status = path.stat()
    return status.st_mtime_ns, status.st_ino
