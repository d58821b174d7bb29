"""Stat-triggers: which flow entries have reached a threshold of theirs (OpenFlow 1.5.1 section 7.2.5).

An entry's instruction names thresholds for its duration, packets and bytes. Each is told of once, or with
OFPSTF_PERIODIC at each multiple; with OFPSTF_ONLY_FIRST only the one that is reached first, and then all of them count
anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct

from triplane.dataplane.openflow.v1_5 import constants as ofp

RECORD = Struct("!4xII20xQQ")  # ofp_flow_stats: duration in s and ns, packets, bytes; behind them the match
INSTRUCTION = Struct("!HH")  # type, length
TRIGGER = Struct("!4xI2xH")  # flags, length of the ofp_stats
MATCH_AT = 48
SECOND = 1_000_000_000
DURATION, PACKETS, BYTES = 0, 4, 5  # OXS fields

Values = dict[int, int]  # by OXS field; durations in ns


@dataclass(slots=True)
class Watch:
    """One entry's trigger and how far it has come."""

    wire: bytes  # the instruction
    flags: int
    thresholds: Values
    base: Values  # where counting begins
    times: Values = field(default_factory=dict)  # how often each threshold has been told of


class Triggers:
    """`reached` is asked of each entry with a trigger, again and again."""

    def __init__(self) -> None:
        self._watches: dict[tuple[int, int], Watch] = {}

    def keep(self, names: set[tuple[int, int]]) -> None:
        """Forget the entries that have other names."""
        self._watches = {name: watch for name, watch in self._watches.items() if name in names}

    def reached(self, name: tuple[int, int], record: bytes) -> bool:
        """Whether the entry has reached a threshold since it was asked about last."""
        wire = trigger_of(record)
        if wire is None:
            return False
        values = values_of(record)
        watch = self._watches.get(name)
        if watch is None or watch.wire != wire:
            watch = self._watches[name] = watch_for(wire, values if watch else {})
        return advance(watch, values)


def watch_for(wire: bytes, base: Values) -> Watch:
    flags, _ = TRIGGER.unpack_from(wire)
    return Watch(wire, flags, dict(thresholds_of(wire)), base)


def advance(watch: Watch, values: Values) -> bool:
    """Note which thresholds are reached; True if one is that has not been told of."""
    again = False
    for number, threshold in watch.thresholds.items():
        times = (values[number] - watch.base.get(number, 0)) // max(threshold, 1)
        if not watch.flags & ofp.OFPSTF_PERIODIC:
            times = min(times, 1)
        again |= times > watch.times.get(number, 0)
        watch.times[number] = max(times, watch.times.get(number, 0))
    if again and watch.flags & ofp.OFPSTF_ONLY_FIRST:
        periodic = watch.flags & ofp.OFPSTF_PERIODIC
        watch.base, watch.times = values, {}
        watch.thresholds = watch.thresholds if periodic else {}
    return again


def values_of(record: bytes) -> Values:
    seconds, nanoseconds, packets, octets = RECORD.unpack_from(record)
    return {DURATION: seconds * SECOND + nanoseconds, PACKETS: packets, BYTES: octets}


def trigger_of(record: bytes) -> bytes | None:
    """The stat-trigger among the entry's instructions."""
    length = int.from_bytes(record[MATCH_AT + 2 : MATCH_AT + 4])
    at = MATCH_AT + length + -length % 8
    while at < len(record):
        kind, size = INSTRUCTION.unpack_from(record, at)
        if kind == ofp.OFPIT_STAT_TRIGGER:
            return record[at : at + size]
        at += size
    return None


def thresholds_of(wire: bytes) -> Iterator[tuple[int, int]]:
    """The instruction's OXS fields and their values."""
    _, length = TRIGGER.unpack_from(wire)
    at, end = 12, 8 + length
    while at < end:
        number, size = wire[at + 2] >> 1, wire[at + 3]
        value = int.from_bytes(wire[at + 4 : at + 4 + size])
        yield number, (value >> 32) * SECOND + (value & 0xFFFFFFFF) if number == DURATION else value
        at += 4 + size
