"""Programs as lists of words, laid out as in `kernels/program.py`, and the switch that they are for."""

from __future__ import annotations

from dataclasses import dataclass, field

BAD_REQUEST, BAD_ACTION, BAD_INSTRUCTION, FLOW_MOD_FAILED, METER_MOD_FAILED = 1, 2, 3, 5, 12  # OFPET_*


@dataclass
class Limits:
    """What exists: tables 0..tables-1, group and meter ids with their slots."""

    tables: int = 254
    max_port: int = 0xFFFFFF00
    groups: dict[int, int] = field(default_factory=dict)
    meters: dict[int, int] = field(default_factory=dict)
    output_table: bool = False
    version: int = 4  # on the wire
    first_egress: int = 0  # table, 0 for none


def head(op: int, size: int, arg: int = 0) -> int:
    return op | size << 8 | arg << 16


def signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


@dataclass
class Action:
    slot: int
    words: list[int]
