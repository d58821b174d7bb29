"""The `record` kind: a port within (`of`), and a capture file (`file`) of all that passes it, both ways.

Frames stand in the file as they pass: unfinished checksums and GSO frames too.
"""

from __future__ import annotations

import os

import numpy as np

from triplane.dataplane.kernels.pool import Pool
from triplane.tap.kernels import record as kernels
from triplane.tap.pcap import create_output
from triplane.tap.port import PortError, PortSpec
from triplane.tap.wrapper import WrapperPort


class RecordPort(WrapperPort):
    kind = "record"
    receive = kernels.receive
    transmit = kernels.transmit
    options = frozenset({"file"})

    def __init__(self, spec: PortSpec, slot: int, pool: Pool, queues: int) -> None:
        if "file" not in spec.options:
            raise PortError(f"port {spec.name}: kind record needs file=FILE")
        self.file = create_output(spec.options["file"])
        try:
            super().__init__(spec, slot, pool, queues)
        except (OSError, PortError):
            os.close(self.file)
            raise
        self.times = np.zeros(4 * len(self.rows), np.int64)
        for queue, row in enumerate(self.rows):
            row[kernels.W_FILE] = self.file
            row[kernels.W_RECEIVE_TIME] = self.times.ctypes.data + 32 * queue
            row[kernels.W_TRANSMIT_TIME] = self.times.ctypes.data + 32 * queue + 16

    @property
    def unwritten(self) -> int:
        """Records lost because the file could not be written (disk full)."""
        return sum(int(row[kernels.W_UNWRITTEN]) for row in self.rows)

    def close(self) -> None:
        super().close()
        os.close(self.file)
