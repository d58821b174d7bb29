"""A run directory and a prefix of their own for each test, and a look at what is left behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controller.plant import until


def namespaces(prefix: str) -> list[str]:
    """The namespaces whose name begins with `prefix`."""
    shown = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    return [line.split()[0] for line in shown.stdout.splitlines() if line.startswith(prefix)]


def processes(word: str) -> list[str]:
    """Processes that have `word` in an argument, this one aside."""
    shown = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True)
    return [line for line in shown.stdout.splitlines() if word in line and line.split()[0] != str(os.getpid())]


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Names a lab's namespaces; after the test, nothing of that name may be there."""
    name = f"t{os.getpid()}-"
    monkeypatch.setenv("TRIPLANE_RUN_DIR", str(tmp_path))
    yield name
    left = namespaces(name)
    for netns in left:
        subprocess.run(["ip", "netns", "del", netns], check=True)
    assert left == []
    assert list(tmp_path.glob(f"{name}*")) == []
    until(lambda: not processes(str(tmp_path)), "its processes to end")  # one whose lab was killed does so by itself
