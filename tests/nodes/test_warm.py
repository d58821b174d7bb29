"""Who compiles, when several start at once."""

import threading
from pathlib import Path

import pytest

from tests.nodes.plant import PATIENCE
from triplane.nodes import warm


def test_one_compiles_and_the_others_wait_for_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(warm, "stamp", lambda: tmp_path / "cache" / "warm-x")
    compiling, finish, compiled, told = threading.Event(), threading.Event(), [], []

    def compile_all(step: warm.Step) -> None:
        compiled.append(threading.current_thread())
        compiling.set()
        assert finish.wait(PATIENCE)
        warm.stamp().touch()

    monkeypatch.setattr(warm, "compile_all", compile_all)
    monkeypatch.setattr(warm, "is_warm", lambda: warm.stamp().exists())
    first = threading.Thread(target=warm.run, args=(lambda *step: None,))
    first.start()
    assert compiling.wait(PATIENCE)
    waiting = threading.Event()
    second = threading.Thread(target=warm.run, args=(lambda *step: (told.append(step), waiting.set()),))
    second.start()
    assert waiting.wait(PATIENCE)
    assert second.is_alive()
    finish.set()
    for thread in (first, second):
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert compiled == [first]
    assert told == [("another process compiles them", 1, warm.STEPS)]
