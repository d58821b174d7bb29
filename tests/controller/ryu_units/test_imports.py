"""Every module of Ryu can be imported, by its name in Ryu; each in one process, as an app would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.controller import ryu_source

SCRIPT = """
import importlib, sys
from triplane.controller import compat
compat.install()
sys.path.insert(0, sys.argv[1])
for module in sys.argv[2:]:
    try:
        importlib.import_module(module)
    except Exception as error:
        print(module, type(error).__name__, error)
print("eventlet" in sys.modules)
"""
# these are not for apps, or need what Ryu does not install either
LEFT_OUT = {
    "ryu.cmd.ofa_neutron_agent": "OpenStack's neutron",
    "ryu.cmd.rpc_cli": "a program of its own, whose options Ryu's other programs have too",
    "ryu.services.protocols.zebra.db": "sqlalchemy",
    "ryu.services.protocols.zebra.server": "sqlalchemy",
}


def test_every_module_of_ryu_can_be_imported(pytestconfig: pytest.Config) -> None:
    cache = pytestconfig.cache
    assert cache is not None
    source = ryu_source.download(cache.mkdir("ryu"))
    paths = [path for path in sorted((source / "ryu").rglob("*.py")) if "tests" not in path.parts]
    names = [_name(path.relative_to(source)) for path in paths]
    wanted = [name for name in names if not name.startswith(tuple(LEFT_OUT))]
    assert len(wanted) > 290
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(source), *wanted], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1:] == ["False"]
    assert [line for line in done.stdout.splitlines() if line.startswith("ryu.")] == []


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")
