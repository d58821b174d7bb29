"""os-ken's OVSDB client (`ryu.lib.ovs.vsctl`) with threads, and with the `ovs` library of today."""

from __future__ import annotations

import threading
from types import ModuleType
from typing import Any

from ovs.db import idl

from triplane.controller.runtime.turns import in_turn


def _uuid_to_row(atom: Any, _base: Any) -> Any:
    """The library has made this a method of its rows. What the client converts it writes, where ids do as well."""
    return atom


def mend(vsctl: ModuleType) -> None:
    """One command at a time for each client: it keeps its transaction in itself, and green threads changed rarely."""
    if not hasattr(idl, "_uuid_to_row"):
        idl._uuid_to_row = _uuid_to_row
    run = vsctl.VSCtl.run_command

    def run_command(self: Any, *args: Any, **kwargs: Any) -> Any:
        with in_turn(None), self.__dict__.setdefault("_one_at_a_time", threading.RLock()):
            return run(self, *args, **kwargs)

    vsctl.VSCtl.run_command = run_command
