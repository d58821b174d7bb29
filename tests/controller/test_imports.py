"""Importing apps: files, whatever they are called, and what stands beside them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controller.process import Controller
from triplane.controller.runtime.imports import app_class, import_app

SOURCE = """
import {beside}
from triplane.controller import App

class Named(App):
    found = {beside}.__file__
"""


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """No test leaves modules or folders to the next."""
    path, modules = list(sys.path), dict(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]


def write(folder: Path, name: str, beside: str) -> str:
    path = folder / f"{name}.py"
    path.write_text(SOURCE.format(beside=beside))
    return str(path)


@pytest.mark.parametrize("name", ["os_ken", "queue", "statistics", "triplane", "webob", "my_app", "1st app"])
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, "os")
    module = import_app(path)
    assert module.__file__ == path
    assert import_app(path) is module
    cls = app_class(module)
    assert cls is not None
    assert cls.__name__ == "Named"
    assert module.__name__ == name + "_app" * (name not in ("my_app", "1st app"))


def test_a_script_for_ryu_may_be_called_ryu(tmp_path: Path) -> None:
    app = tmp_path / "ryu.py"
    app.write_text(
        "from ryu.base import app_manager\nclass Named(app_manager.RyuApp):\n  from ryu.lib import mac, hub\n"
    )
    with Controller(tmp_path / "log", str(app), "--listen", f"unix:{tmp_path}/of.sock") as controller:
        assert controller.ready[0] == "ready"


def test_two_files_of_one_name(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    one, two = (import_app(write(tmp_path / folder, "controller_of_mine", "os")) for folder in ("one", "two"))
    assert one.__file__ == str(tmp_path / "one" / "controller_of_mine.py")
    assert two.__file__ == str(tmp_path / "two" / "controller_of_mine.py")


def test_a_module_beside_the_file_is_found_but_hides_none_of_python(tmp_path: Path) -> None:
    (tmp_path / "tables_of_mine.py").touch()
    (tmp_path / "colorsys.py").touch()
    beside = app_class(import_app(write(tmp_path, "needs_mine", "tables_of_mine")))
    pythons = app_class(import_app(write(tmp_path, "needs_pythons", "colorsys")))
    assert vars(beside)["found"] == str(tmp_path / "tables_of_mine.py")
    assert vars(pythons)["found"] != str(tmp_path / "colorsys.py")
