"""A learning table the slow way: a dict, and every entry's time to the nanosecond."""

from __future__ import annotations

SLACK = 1.1  # seconds: refreshes are noted once a second, times in ticks of a millisecond


class Learning:
    """Unbounded: the table under test may know less (evictions), never something else."""

    def __init__(self, ageing: float) -> None:
        self.ageing = ageing
        self.seen: dict[tuple[int, int], tuple[int, int]] = {}

    def learn(self, vlan: int, mac: int, port: int, now: int) -> None:
        if mac and not mac >> 40 & 1:
            self.seen[vlan, mac] = (port, now)

    def lookup(self, vlan: int, mac: int, now: int) -> set[int]:
        """The answers that are right; two of them when the entry is about as old as the ageing time."""
        if (vlan, mac) not in self.seen:
            return {-1}
        port, since = self.seen[vlan, mac]
        age = (now - since) / 1e9
        if age > self.ageing + 0.01:
            return {-1}
        return {port} if age < self.ageing - SLACK else {port, -1}

    def flush(self, port: int) -> None:
        self.seen = {key: entry for key, entry in self.seen.items() if entry[0] != port}
