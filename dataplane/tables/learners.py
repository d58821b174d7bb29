"""Which learn actions have gone that owned the flows they made, by the log of changes (see `kernels/learners`)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from triplane.dataplane.kernels.classify import F_CODE, Flows
from triplane.dataplane.kernels.flow_log import ADDED, B_CODE, CHANGED, LOG_COUNT, LOG_HEAD, LOG_ROW
from triplane.dataplane.kernels.learn import DELETE_LEARNED, LEARN_COOKIE
from triplane.dataplane.kernels.learners import any_learner, next_learner
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.program import OP_LEARN, arg_of, head_of, size_of

MASK64 = (1 << 64) - 1


class Learners:
    """`noted` rows of the log have been looked at."""

    def __init__(self) -> None:
        self.noted = 0
        self._lost: dict[tuple[int, int], None] = {}  # table and cookie; the first one lost comes first

    def warm(self) -> None:
        """Load the compiled code, as FlowTables.warm."""
        self._note_program(np.array([head_of(OP_LEARN, 4, 0), 0, 0, DELETE_LEARNED, 0]), 0)
        self.forget()

    @property
    def lost(self) -> bool:
        """Whether any are gone that were not looked into."""
        return bool(self._lost)

    def note(self, flows: Flows, log: Words) -> None:
        """Read in the rows that are new which programs are gone, before what they keep is freed."""
        count = max(int(log[LOG_COUNT]), 0)
        for row in range(self.noted, count):
            at = LOG_HEAD + row * LOG_ROW
            kind, flow, other, _ = log[at : at + LOG_ROW].tolist()
            if kind == CHANGED:
                self._note_program(flows.arena, int(flows.arena[other + B_CODE]))
            elif kind != ADDED or other:
                self._note_program(flows.arena, int(flows.arena[(other if kind == ADDED else flow) + F_CODE]))
        self.noted = count

    def _note_program(self, arena: Words, at: int) -> None:
        at = int(next_learner(arena, at))
        while at:
            head = int(arena[at])
            self._lost[arg_of(head) >> 16, int(arena[at + LEARN_COOKIE])] = None
            at = int(next_learner(arena, at + size_of(head)))

    def orphans(self, flows: Flows) -> Iterator[tuple[int, int]]:
        """Table and cookie of flows that nobody owns any more; taken up while they are removed, which may make more."""
        while self._lost:
            table, cookie = next(iter(self._lost))
            del self._lost[table, cookie]
            if not any_learner(flows, table, cookie):
                yield table, cookie & MASK64

    def forget(self) -> None:
        """All that was noted has not happened."""
        self.noted = 0
        self._lost.clear()
