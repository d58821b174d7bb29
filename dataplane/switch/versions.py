"""The OpenFlow versions that the switch speaks. One more is a `Version`: its differences from another."""

from __future__ import annotations

from collections.abc import Iterable

from triplane.dataplane.switch import handlers, multipart, wire
from triplane.dataplane.switch.version import Version

V1_3 = Version(4, "1.3", wire.WIRE, handlers.ROWS, multipart.ROWS)

VERSIONS = {version.number: version for version in (V1_3,)}
NAMES = {version.name: version.number for version in VERSIONS.values()}


def numbers_of(text: str) -> tuple[int, ...]:
    """`1.3,1.4`: the versions' numbers. Raises ValueError, a line for the user."""
    names = text.split(",")
    for name in names:
        if name not in NAMES:
            raise ValueError(f"OpenFlow version {name!r} is not spoken, only {', '.join(NAMES)}")
    return tuple(NAMES[name] for name in names)


def chosen(numbers: Iterable[int]) -> dict[int, Version]:
    """The versions of these numbers; all, if there are none."""
    wanted = tuple(numbers)
    return {number: version for number, version in VERSIONS.items() if not wanted or number in wanted}
