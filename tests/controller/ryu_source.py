"""Apps of Ryu, as Ryu shipped them: from its source package on PyPI, which pip fetches; nothing of it is kept here."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tarfile
from pathlib import Path

PACKAGE = "ryu==4.34"
# Ryu's setup.py, which pip runs to read the name, needs a setuptools of its time
BUILD_WITH = "setuptools<68"


def download(cache: Path) -> Path:
    """The unpacked package, in `cache`; downloaded if it is not there yet. Tests in parallel wait for the first."""
    folder = cache / "ryu-4.34"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _download(cache)
    return folder


def _download(cache: Path) -> None:
    constraint = cache / "constraint.txt"
    constraint.write_text(BUILD_WITH)
    words = ["download", PACKAGE, "--no-deps", "--no-binary", ":all:", "--quiet", "--dest", str(cache)]
    environment = os.environ | {"PIP_CONSTRAINT": str(constraint)}
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, env=environment)
    with tarfile.open(next(cache.glob("ryu-*.tar.gz"))) as archive:
        archive.extractall(cache / "unpacking", filter="data")
    (cache / "unpacking" / "ryu-4.34").rename(cache / "ryu-4.34")


def app(cache: Path, name: str) -> Path:
    """The file of the app `ryu/app/<name>.py`."""
    return download(cache) / "ryu" / "app" / f"{name}.py"
