"""What tests of the controller on real switches share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.controller import ryu_source


@pytest.fixture(autouse=True)
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the controllers of a test have their socket: not where those of this machine are."""
    monkeypatch.setenv("TRIPLANE_RUN_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def ryu_app(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """The file of an app of Ryu, as Ryu shipped it: `ryu_app("simple_switch_13")`."""
    cache = request.config.cache.mkdir("ryu")
    return lambda name: str(ryu_source.app(cache, name))


@pytest.fixture
def gui_app(request: pytest.FixtureRequest) -> str:
    """Ryu's gui_topology, with its page."""
    return str(ryu_source.gui(request.config.cache.mkdir("ryu")))


@pytest.fixture
def address(tmp_path: Path) -> str:
    """Where the controller of a test listens."""
    return f"unix:{tmp_path}/of.sock"


@pytest.fixture
def threads_change_often() -> Iterator[None]:
    """The interpreter changes threads as often as it can, so that races show."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)
