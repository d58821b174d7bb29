"""Compiled code is used again exactly as long as nothing changed that it is made of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from triplane.dataplane.kernels import cache

FLAGS = "some flags"
SOURCES = {
    "low": "X = 1\n",
    "middle": "from triplane.demo.kernels.low import X\nfrom triplane.demo.kernels import (\n    constants,\n)\n",
    "constants": "Y = 2\n",
    "top": "from triplane.demo.kernels.middle import (\n    X,\n)\n",
    "other": "from triplane.demo.kernels.constants import Y\n",
    "round_a": "from triplane.demo.kernels.round_b import Z\n",
    "round_b": "from triplane.demo.kernels.round_a import Z\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "demo" / "kernels"
    folder.mkdir(parents=True)
    for name, text in SOURCES.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.setattr(cache, "PACKAGE", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def digests(folder: Path) -> dict[str, str]:
    cache.digest.cache_clear()
    cache.read.cache_clear()
    return {name: cache.digest(folder / f"{name}.py", FLAGS) for name in SOURCES}


@pytest.mark.parametrize(
    ("edited", "stale"),
    [
        ("low", {"low", "middle", "top"}),
        ("constants", {"constants", "middle", "top", "other"}),
        ("top", {"top"}),
        ("other", {"other"}),
        ("round_a", {"round_a", "round_b"}),
    ],
)
def test_an_edit_makes_new_what_depends_on_it(package: Path, edited: str, stale: set[str]) -> None:
    before = digests(package)
    (package / f"{edited}.py").write_text(SOURCES[edited] + "# edited\n")
    after = digests(package)
    assert {name for name in SOURCES if before[name] != after[name]} == stale
    (package / f"{edited}.py").write_text(SOURCES[edited])
    assert digests(package) == before


def test_the_same_source_elsewhere_flags_and_versions_have_folders_of_their_own(package: Path) -> None:
    cache.digest.cache_clear()
    cache.read.cache_clear()
    copy = package.parent / "copy"
    copy.mkdir()
    (copy / "low.py").write_text(SOURCES["low"])
    folders = {
        cache.folder_of(package / "low.py", FLAGS),
        cache.folder_of(package / "low.py", FLAGS + "!"),
        cache.folder_of(copy / "low.py", FLAGS),
    }
    assert len(folders) == 3


def test_old_versions_are_removed_and_other_sources_left(package: Path) -> None:
    folders, others = [], []
    for number in range(cache.KEPT + 2):
        (package / "low.py").write_text(f"X = {number}\n")
        cache.digest.cache_clear()
        cache.read.cache_clear()
        folders.append(cache.folder_of(package / "low.py", FLAGS))
        others.append(cache.folder_of(package / "other.py", FLAGS))
        for folder in (folders[-1], others[-1]):
            folder.mkdir(parents=True, exist_ok=True)
        os.utime(folders[-1], (number, number))
    cache.prune(folders[-1])
    assert [folder.exists() for folder in folders] == [False] * 2 + [True] * cache.KEPT
    assert others[0].exists()


def test_the_closure_of_the_real_engine_has_what_it_calls_and_its_constants() -> None:
    names = {path.name for path in cache.closure(cache.PACKAGE / "dataplane" / "kernels" / "engine.py")}
    assert {"engine.py", "pipeline.py", "prune.py", "fields.py", "machine.py", "intrinsics.py", "packet.py"} <= names
    assert "flow_mods.py" not in names, "an edit there leaves the packet path as it is"
