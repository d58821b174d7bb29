"""All arrays of one node, and the row that leads kernels to them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from triplane.dataplane.kernels import node as n
from triplane.dataplane.kernels.arena import make_arena, make_words
from triplane.dataplane.kernels.limits import give_meters
from triplane.dataplane.kernels.packet import MAX_PORTS
from triplane.dataplane.kernels.pool import Bytes, Pool, Words, make_pool
from triplane.dataplane.tables.flow_uses import FlowUses
from triplane.dataplane.tables.flows import FlowTables
from triplane.dataplane.tables.groups import GroupTable
from triplane.dataplane.tables.macs import MacTable
from triplane.dataplane.tables.meters import MeterTable
from triplane.dataplane.tables.punts import PuntRings
from triplane.dataplane.tables.queues import QueueTable


def lead(row: Words, at: int, arrays: Iterable[Words | Bytes]) -> None:
    """Write (address, length) of each array into the row from `at` on."""
    for array in arrays:
        row[at], row[at + 1] = array.ctypes.data, len(array)
        at += 2


class State:
    """What a node's kernels read and write. `workers` counts the control thread, which is the last one."""

    def __init__(self, workers: int, small_frames: int = 16384, big_frames: int = 512) -> None:
        self.workers = workers + 1
        self.pool: Pool = make_pool(small_frames, big_frames)
        self.arena = make_arena()
        self.groups = GroupTable(self.arena, self.workers)
        self.meters = MeterTable(self.arena, self.workers)
        self.flows = FlowTables(self.arena, self.workers, self.groups.arrays.ids, self.meters.arrays.ids)
        uses = FlowUses(self.flows.flows, len(self.groups.arrays.block), len(self.meters.arrays.block))
        self.groups.uses, self.meters.uses = uses.groups, uses.meters
        for limits in (self.flows.decoder.limits, self.groups.limits):
            give_meters(limits, self.meters.arrays.ids)
        self.macs = MacTable()
        self.queues = QueueTable()
        self.punts = PuntRings(self.workers)
        self.ports = make_words(MAX_PORTS * n.OUT_WORDS)
        self.live = make_words(MAX_PORTS)
        self.node = np.zeros(n.NODE_WORDS, np.int64)
        self.rows = [self._worker_row(number) for number in range(self.workers)]
        self._fill_node()

    def _fill_node(self) -> None:
        node, flows = self.node, self.flows.flows
        lead(node, n.N_MEM, (self.pool.mem, self.pool.pool, self.arena))
        node[n.N_TABLES] = flows.tables.ctypes.data
        node[n.N_WORKERS] = self.workers
        node[n.N_PORTS], node[n.N_LIVE] = self.ports.ctypes.data, self.live.ctypes.data
        node[n.N_EPOCH] = 1
        lead(node, n.N_GROUPS, self.groups.arrays)
        lead(node, n.N_METERS, self.meters.arrays)
        lead(node, n.N_MACS, self.macs.arrays)
        lead(node, n.N_QUEUES, (self.queues.arrays,))

    def _worker_row(self, number: int) -> Words:
        row = make_words(n.WORKER_WORDS)
        row[n.W_ID] = number
        row[n.W_EPOCH] = n.EPOCH_ASLEEP
        lead(row, n.W_PUNT, (self.punts.rings[number],))
        return row

    @property
    def control(self) -> Words:
        """The control thread's worker row."""
        return self.rows[-1]

    def table_counts(self, table: int) -> tuple[int, int]:
        """Lookups and matches of a table."""
        at = n.W_TABLE_COUNTS + 2 * table
        return sum(int(row[at]) for row in self.rows), sum(int(row[at + 1]) for row in self.rows)

    def drops(self) -> dict[str, int]:
        """Packets dropped by the node, by reason."""
        return {name: sum(int(row[n.W_DROPS + i]) for row in self.rows) for i, name in enumerate(n.DROP_NAMES)}
