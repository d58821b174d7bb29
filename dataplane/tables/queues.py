"""The owner of port queues: configuration, and what OFPMP_QUEUE and OFPT_QUEUE_GET_CONFIG tell.

Min-rate is told to controllers and not enforced: a port sends what it is given, in order, and only max-rate holds
anything back. OpenFlow 1.3.5 section 7.2.2.
"""

from __future__ import annotations

from dataclasses import dataclass

from triplane.dataplane.kernels.packet import MAX_PORTS
from triplane.dataplane.kernels.queues import (
    PORT_QUEUES,
    Q_BYTES,
    Q_ERRORS,
    Q_PACKETS,
    Q_SINCE,
    make_queues,
    queue_find,
    queue_make,
    queue_remove,
    queue_set_rate,
)
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_3.constants import OFPP_ANY, OFPQ_ALL
from triplane.dataplane.openflow.v1_3.error_codes import OFPET_QUEUE_OP_FAILED, OFPQOFC_BAD_QUEUE

MAX_KBPS = 2**32 - 1
NO_RATE = 0xFFFF  # OFPQ_MIN_RATE_UNCFG, OFPQ_MAX_RATE_UNCFG


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """Rates in bit/s, 0 for none; `speed` is the port's, which OpenFlow gives rates as a share of."""

    min_rate: int = 0
    max_rate: int = 0
    speed: int = 10_000_000_000


class QueueTable:
    """`arrays` is what kernels read."""

    def __init__(self) -> None:
        self.arrays = make_queues()
        self._settings: dict[tuple[int, int], QueueSettings] = {}

    def configure(self, port: int, queue_id: int, settings: QueueSettings, now: int) -> None:
        """Make a queue or change its rates; ValueError with one clear line if that cannot be."""
        if not 0 <= port < MAX_PORTS:
            raise ValueError(f"queue {queue_id}: port {port} is not in 0..{MAX_PORTS - 1}")
        if not 0 <= queue_id < OFPQ_ALL:
            raise ValueError(f"port {port}: queue {queue_id} is not in 0..{OFPQ_ALL - 1:#x}")
        kbps = -(-settings.max_rate // 1000)
        if not 0 <= kbps <= MAX_KBPS:
            raise ValueError(f"port {port} queue {queue_id}: max rate {settings.max_rate} is not in 0..{MAX_KBPS}000")
        at = queue_find(self.arrays, port, queue_id)
        if at >= 0:
            queue_set_rate(self.arrays, at, kbps, now)
        elif queue_make(self.arrays, port, queue_id, kbps, now) < 0:
            raise ValueError(f"port {port} has {PORT_QUEUES} queues, the most there can be; remove one")
        self._settings[port, queue_id] = settings

    def remove(self, port: int, queue_id: int | None = None) -> None:
        """Remove one queue of a port, or all of them; it need not have any."""
        for key in [key for key in self._settings if key[0] == port and queue_id in (None, key[1])]:
            queue_remove(self.arrays, queue_find(self.arrays, *key))
            del self._settings[key]

    def counters(self, port_no: int, queue_id: int, now: int) -> list[tuple[int, int, int, int, int, int]]:
        """Of each queue asked for: port_no, queue_id, tx_bytes, tx_packets, tx_errors, duration ns.

        OFPP_ANY and OFPQ_ALL stand for all; a queue asked for by its number must exist (OFPQOFC_BAD_QUEUE).
        """
        chosen = [key for key in sorted(self._settings) if _chosen(key, port_no, queue_id)]
        if not chosen and queue_id != OFPQ_ALL:
            raise OpenFlowError(OFPET_QUEUE_OP_FAILED, OFPQOFC_BAD_QUEUE)
        return [self._counters(port, queue, now) for port, queue in chosen]

    def _counters(self, port: int, queue: int, now: int) -> tuple[int, int, int, int, int, int]:
        row = self.arrays[queue_find(self.arrays, port, queue) :]
        return port, queue, int(row[Q_BYTES]), int(row[Q_PACKETS]), int(row[Q_ERRORS]), now - int(row[Q_SINCE])

    def config(self, port_no: int) -> list[tuple[int, int, int, int]]:
        """port_no, queue_id, min_rate, max_rate (1/1000 of speed) of a port's queues; OFPP_ANY: of all."""
        keys = [key for key in sorted(self._settings) if _chosen(key, port_no, OFPQ_ALL)]
        return [(*key, *_shares(self._settings[key])) for key in keys]


def _chosen(key: tuple[int, int], port_no: int, queue_id: int) -> bool:
    return port_no in (OFPP_ANY, key[0]) and queue_id in (OFPQ_ALL, key[1])


def _shares(settings: QueueSettings) -> tuple[int, int]:
    """Rates in tenths of a percent of the port's speed; what is not set has the value that says so."""
    return (
        _share(settings.min_rate, settings.speed) if settings.min_rate else NO_RATE,
        _share(settings.max_rate, settings.speed) if settings.max_rate else NO_RATE,
    )


def _share(rate: int, speed: int) -> int:
    return max(1, min(1000, rate * 1000 // speed)) if speed else 1000
