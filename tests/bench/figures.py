"""What is measured: a figure is a name, a unit and a number for each round."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Figure:
    """`name` is PIECE/CASE/WHO; figures of a piece and a case compare."""

    name: str
    unit: str
    samples: list[float] = field(default_factory=list)
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        return min(self.samples), max(self.samples)


@dataclass
class Settings:
    """How long and how often. `quick`: only to see that it works."""

    rounds: int = 3
    quick: bool = False

    def pick(self, full: float, quick: float) -> float:
        return quick if self.quick else full

    def count(self, full: int, quick: int) -> int:
        return quick if self.quick else full


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for logs, sockets and frames that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="triplane-bench-") as name:
        yield Path(name)
