"""os-ken's OVSDB client (`ryu.lib.ovs.vsctl`) with the `ovs` library of today.

It converts values with a function that the library has made a method of its rows. What it converts it writes: there
the id of a row does as well as the row.
"""

from __future__ import annotations

from typing import Any

from ovs.db import idl


def _uuid_to_row(atom: Any, _base: Any) -> Any:
    return atom


if not hasattr(idl, "_uuid_to_row"):
    idl._uuid_to_row = _uuid_to_row
