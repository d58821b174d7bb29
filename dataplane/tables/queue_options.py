"""Queues as options of a port on the command line: `queueN=MAX` or `queueN=MIN-MAX`, in bit/s.

    --port eth1:packet,queue0=0,queue1=10M-100M

Rates are whole numbers with k, M or G behind them or nothing; 0 is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from triplane.dataplane.tables.queues import QueueSettings

UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_NAME = re.compile(r"queue(\d+)")
_RATE = re.compile(r"(\d+)([kMG]?)")


def take_queues(options: Mapping[str, str], speed: int) -> tuple[dict[int, QueueSettings], dict[str, str]]:
    """The queues that options ask for, by id, and the other options. `speed` of the port in bit/s.

    ValueError with one line for a rate that is none.
    """
    queues: dict[int, QueueSettings] = {}
    rest: dict[str, str] = {}
    for key, text in options.items():
        name = _NAME.fullmatch(key)
        if name:
            queues[int(name[1])] = _settings(key, text, speed)
        else:
            rest[key] = text
    return queues, rest


def _settings(key: str, text: str, speed: int) -> QueueSettings:
    low, dash, high = text.partition("-")
    least, most = (low, high) if dash else ("0", low)
    return QueueSettings(_rate(key, text, least), _rate(key, text, most), speed)


def _rate(key: str, text: str, rate: str) -> int:
    found = _RATE.fullmatch(rate)
    if not found:
        raise ValueError(f"{key}={text}: {rate!r} is not a rate in bit/s such as 0, 64k, 100M or 1G")
    return int(found[1]) * UNITS[found[2]]
