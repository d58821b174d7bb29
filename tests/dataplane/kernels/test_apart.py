"""A large kernel is called by address, also by a caller that comes from the cache; a small one is linked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from triplane.dataplane.kernels.compiler import INTERPRETED

pytestmark = pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")

LINES = 300
LONG = "".join(f"    total = (total ^ words[{i}]) + words[total & 255]\n" for i in range(LINES))
SOURCE = f"""
from triplane.dataplane.kernels.compiler import kernel

@kernel
def long(words, total):
{LONG}    return total

@kernel
def short(words, total):
    return long(words, total) + 1

@kernel
def caller(words, total):
    return short(words, total) + 1
"""
PROGRAM = """
import numpy
from example import caller
print(caller(numpy.arange(300), 5))
print(sum(caller.stats.cache_hits.values()))
print(*(callee.name for compiled in caller.overloads.values() for callee in compiled.reload_init))
"""


def expected() -> int:
    total = 5
    for i in range(LINES):
        total = (total ^ i) + (total & 255)
    return total + 2


def run(folder: Path) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_what_is_called_apart_is_there_when_its_caller_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(SOURCE)
    assert run(tmp_path) == [str(expected()), "0", "long"]
    assert run(tmp_path) == [str(expected()), "1", "long"]
    for path in tmp_path.glob("cache/triplane/*/example.long-*"):
        path.unlink()
    assert run(tmp_path) == [str(expected()), "1", "long"]
