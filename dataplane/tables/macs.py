"""The MAC table's owner: ages, flushes and shows what workers have learnt for OFPP_NORMAL."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from triplane.dataplane.kernels.macs import (
    ALL_MACS,
    M_COUNT,
    M_EVICTED,
    M_EXPIRED,
    M_FLUSHED,
    M_LEARNED,
    M_MOVED,
    PORT_MASK,
    SET_WORDS,
    TICK_SHIFT,
    WAYS,
    mac_expire,
    mac_flush,
    make_macs,
)


class MacEntry(NamedTuple):
    """One learnt address. `age` is in seconds, exact to about one."""

    vlan: int  # 0: untagged
    mac: str
    port: int
    age: float


class MacTable:
    """`arrays` is what kernels read. Addresses silent for `ageing` seconds are forgotten (IEEE 802.1Q 8.8.3: 300)."""

    def __init__(self, capacity: int = 32768, ageing: float = 300.0) -> None:
        self.arrays = make_macs(capacity, ageing)

    def flush(self, port: int | None = None) -> int:
        """Forget what was learnt on `port` (its link went down, it was removed), or all; returns how many."""
        return int(mac_flush(self.arrays, ALL_MACS if port is None else port))

    def expire(self, now: int) -> int:
        """Forget what has aged out; `now` in ns. Lookups ignore it anyway: this only frees the space."""
        return int(mac_expire(self.arrays, now))

    def entries(self, now: int) -> list[MacEntry]:
        """All entries, in order of VLAN and address."""
        sets = self.arrays.entry.reshape(-1, SET_WORDS)
        keys, values = sets[:, :WAYS].ravel(), sets[:, WAYS:].ravel()
        used = np.flatnonzero(keys)
        return sorted(_entry(int(keys[i]), int(values[i]), now) for i in used)

    def counters(self) -> dict[str, int]:
        state = self.arrays.state
        return {
            "entries": int(state[M_COUNT]),
            "learned": int(state[M_LEARNED]),
            "moved": int(state[M_MOVED]),
            "evicted": int(state[M_EVICTED]),
            "expired": int(state[M_EXPIRED]),
            "flushed": int(state[M_FLUSHED]),
        }


def _entry(key: int, value: int, now: int) -> MacEntry:
    seen = value >> 16 << TICK_SHIFT
    mac = (key & 0xFFFF_FFFF_FFFF).to_bytes(6, "big").hex(":")
    return MacEntry(key >> 48 & 0xFFF, mac, value & PORT_MASK, max(now - seen, 0) / 1e9)
