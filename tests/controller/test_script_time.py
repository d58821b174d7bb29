"""A script's `time.sleep` waits in the hub; nobody else's does."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from triplane.controller.runtime import hub
from triplane.controller.runtime.imports import import_app
from triplane.controller.runtime.manager import AppManager
from triplane.controller.runtime.reload import Reloader
from triplane.controller.runtime.script_time import TIME

SCRIPT = """
import time
import beside_it
from time import sleep as rest
from triplane.controller import App

class Sleeper(App):
    def nap(self):
        time.sleep(3600)
"""


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Path]:
    path, modules = list(sys.path), dict(sys.modules)
    (tmp_path / "beside_it.py").write_text("import time as clock\n")
    found = tmp_path / "sleeper.py"
    found.write_text(SCRIPT)
    yield found
    sys.path[:] = path
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]


def test_who_gets_another_time(script: Path) -> None:
    real = time.sleep
    module: Any = import_app(str(script))
    assert module.time is module.beside_it.clock is TIME
    assert module.time.sleep is module.rest is hub.sleep
    assert module.time.monotonic is time.monotonic
    assert time.sleep is real
    assert sys.modules["time"] is time


def test_libraries_below_a_script_keep_theirs(script: Path) -> None:
    library = script.parent / "venv" / "site-packages"
    library.mkdir(parents=True)
    (library / "a_library.py").write_text("import time\n")
    script.write_text(f"import sys; sys.path.append({str(library)!r})\nimport a_library\n{SCRIPT}")
    module: Any = import_app(str(script))
    assert module.a_library.time is time
    assert module.time is TIME


def test_an_app_that_is_reloaded_gets_it_again(script: Path) -> None:
    manager = AppManager()
    manager.load_apps([str(script)])
    manager.instantiate_apps()
    try:
        reloader = Reloader(manager, list)
        script.write_text(f"{SCRIPT}\nimport again_beside\n")
        (script.parent / "again_beside.py").write_text("from time import sleep\n")
        reloader.look()
        module: Any = sys.modules["sleeper"]
        assert module.time is TIME
        assert module.again_beside.sleep is hub.sleep
    finally:
        manager.close()


def test_a_thread_that_sleeps_is_killed(script: Path) -> None:
    manager = AppManager()
    manager.load_apps([str(script)])
    manager.instantiate_apps()
    try:
        app: Any = next(iter(manager.applications.values()))
        thread = hub.spawn(app.nap)
        hub.kill(thread)
        hub.joinall([thread])
        assert thread.dead
    finally:
        manager.close()
