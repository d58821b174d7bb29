"""How many flows use each group and meter, for their statistics: counted when someone asks, in one pass."""

from __future__ import annotations

import numpy as np

from triplane.dataplane.kernels.classify import Flows
from triplane.dataplane.kernels.flow_uses import count_uses
from triplane.dataplane.kernels.pool import Words


class FlowUses:
    """`groups` and `meters` are what GroupTable and MeterTable take as their `uses`."""

    def __init__(self, flows: Flows, group_slots: int, meter_slots: int) -> None:
        self._flows = flows
        self._groups, self._meters = np.zeros(group_slots, np.int64), np.zeros(meter_slots, np.int64)

    def groups(self) -> Words:
        """Flows of each group slot; valid until the next call."""
        count_uses(self._flows, self._groups, self._meters)
        return self._groups

    def meters(self) -> Words:
        """Flows of each meter slot; valid until the next call."""
        count_uses(self._flows, self._groups, self._meters)
        return self._meters
