"""What each figure should be: in numbers, or as a multiple of another figure of the same run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.bench.figures import Figure


@dataclass(frozen=True)
class Goal:
    """`bound` is a number, or a factor of figure `of`. `least`: at least that, else at most."""

    bound: float
    of: str = ""
    least: bool = True

    def __str__(self) -> str:
        sign = "≥" if self.least else "≤"
        return f"{sign} {self.bound:g} x {self.of.partition('/')[2]}" if self.of else f"{sign} {self.bound:,g}"

    def met(self, figure: Figure, figures: Mapping[str, Figure]) -> bool | None:
        """None: the other figure was not measured."""
        if self.of and self.of not in figures:
            return None
        bound = self.bound * (figures[self.of].median if self.of else 1)
        return figure.median >= bound if self.least else figure.median <= bound


def below(bound: float) -> Goal:
    return Goal(bound, least=False)


def controllers() -> dict[str, list[Goal]]:
    """Ten times os-ken, and with many switches no slower than with one."""
    goals: dict[str, list[Goal]] = {}
    for mode in ("latency", "throughput"):
        one, many = (f"controller/{mode}, {switches}" for switches in ("1 switch", "16 switches"))
        for case in (one, many):
            goals[f"{case}/triplane"] = [Goal(10, f"{case}/os-ken")]
        goals[f"{many}/triplane"].append(Goal(1, f"{one}/triplane"))
    return goals


GOALS = controllers() | {
    "pipeline/10,000 flows, 1 mask/triplane": [below(120)],
    "flow-mods/pipelined, 1 barrier/triplane": [Goal(250_000)],
    "throughput/10,000 flows/xdp": [
        Goal(1, "throughput/10,000 flows/ovs-afxdp"),
        Goal(4, "throughput/10,000 flows/ovs-packet"),
    ],
    "throughput/10,000 flows/packet": [Goal(2, "throughput/10,000 flows/ovs-packet")],
    "throughput/100,000 exact rules/xdp": [Goal(1.3, "throughput/100,000 exact rules/ovs-afxdp")],
    "throughput/500 masks/xdp": [Goal(5, "throughput/500 masks/ovs-afxdp"), Goal(0.5, "throughput/1 mask/xdp")],
    "throughput/new flows/xdp": [Goal(1000)],
    "tcp/1 stream/packet": [Goal(1, "tcp/1 stream/ovs-tso")],
    "tcp/1 stream/tap": [Goal(1, "tcp/1 stream/ovs-tap"), Goal(1, "tcp/1 stream/ovs-tso")],
    "tcp/1 stream/xdp": [Goal(1, "tcp/1 stream/ovs-afxdp")],
    "latency/ping median/xdp": [below(20)],
    "latency/ping median/packet": [below(40)],
    "process/idle/triplane": [below(1)],
    "process/memory/triplane": [below(300)],
    "process/warm start/triplane": [below(1.5)],
    "process/first start/triplane": [below(60)],
}
