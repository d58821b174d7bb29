"""Apps of Ryu, as Ryu shipped them: from its source package on PyPI, which pip fetches; nothing of it is kept here."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

VERSION = "4.34"
WITH_PAGES = "4.32"  # the last one whose package has the web page of gui_topology
# Ryu's setup.py, which pip runs to read the name, needs a setuptools of its time
BUILD_WITH = "setuptools<68"


def download(cache: Path, version: str = VERSION) -> Path:
    """The unpacked package, in `cache`; downloaded if it is not there yet. Tests in parallel wait for the first."""
    folder = cache / f"ryu-{version}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _download(cache, version)
    return folder


def _download(cache: Path, version: str) -> None:
    constraint = cache / "constraint.txt"
    constraint.write_text(BUILD_WITH)
    words = ["download", f"ryu=={version}", "--no-deps", "--no-binary", ":all:", "--quiet", "--dest", str(cache)]
    environment = os.environ | {"PIP_CONSTRAINT": str(constraint)}
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, env=environment)
    name = f"ryu-{version}"
    with tarfile.open(cache / f"{name}.tar.gz") as archive:
        archive.extractall(cache / "unpacking", filter="data")
    (cache / "unpacking" / name).rename(cache / name)


def gui(cache: Path) -> Path:
    """The file of gui_topology, its page beside it, which the package of 4.34 lacks."""
    folder = download(cache) / "ryu" / "app" / "gui_topology"
    page = download(cache, WITH_PAGES) / "ryu" / "app" / "gui_topology" / "html"
    shutil.copytree(page, folder / "html", dirs_exist_ok=True)
    return folder / "gui_topology.py"


def app(cache: Path, name: str) -> Path:
    """The file of the app `ryu/app/<name>.py`."""
    return download(cache) / "ryu" / "app" / f"{name}.py"
