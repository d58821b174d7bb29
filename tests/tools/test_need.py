"""tools/need installs what is missing, as root, and otherwise says what to install. apt-get and id are stand-ins."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

NEED = Path(__file__).parents[2] / "tools" / "need"


def program(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def need(folder: Path, *pairs: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    return subprocess.run([NEED, *pairs], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    """A folder in front of PATH, where apt-get writes its arguments to a file."""
    program(tmp_path, "apt-get", f'echo "$DEBIAN_FRONTEND $@" >>{tmp_path}/calls')
    program(tmp_path, "id", "echo 0")
    return tmp_path


def test_what_is_there_needs_nothing(apt: Path) -> None:
    done = need(apt, "sh=dash", "python3:json=python3")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (apt / "calls").exists()


def test_what_is_missing_is_named_and_installed_once(apt: Path) -> None:
    done = need(apt, "no-such-a=package-b", "sh=dash", "no-such-b=package-b", "python3:no_such_module=package-a")
    assert done.returncode == 0
    assert done.stdout == "installing system packages: package-a package-b\n"
    assert (apt / "calls").read_text().splitlines() == [
        "noninteractive update",
        "noninteractive install --yes --no-install-recommends package-a package-b",
    ]


def test_an_ordinary_user_is_told_what_to_install(apt: Path) -> None:
    program(apt, "id", "echo 1000")
    done = need(apt, "no-such-a=package-a")
    assert done.returncode == 1
    assert "apt-get install package-a" in done.stderr
    assert not (apt / "calls").exists()


def test_what_apt_says_when_it_fails_is_shown(apt: Path) -> None:
    program(apt, "apt-get", "echo E: no network; exit 100")
    done = need(apt, "no-such-a=package-a")
    assert done.returncode == 1
    assert "E: no network" in done.stderr
    assert "could not install package-a" in done.stderr
