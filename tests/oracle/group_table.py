"""The rules of the group table the slow way: which group-mods are refused and why, what is there afterwards."""

from __future__ import annotations

from typing import NamedTuple

ADD, MODIFY, DELETE = range(3)
ALL, SELECT, INDIRECT, FF = range(4)
EVERY_GROUP = 0xFFFFFFFC
DEEPEST = 3


class Said(NamedTuple):
    """What a bucket says: the group it forwards to, the group it watches."""

    weight: int
    forward: int | None
    watch: int | None


Table = dict[int, tuple[int, tuple[Said, ...]]]  # by id: type, buckets


def edges(table: Table, group: int, watched_only: bool = False) -> set[int]:
    buckets = table[group][1] if group in table else ()
    found = {said.watch for said in buckets} | (set() if watched_only else {said.forward for said in buckets})
    return {used for used in found if used is not None}


def returns(table: Table, group: int) -> bool:
    """Does the group lead back to itself?"""
    reached = edges(table, group)
    for _ in range(len(table) + 1):
        reached |= {further for used in reached for further in edges(table, used)}
    return group in reached


def depth(table: Table, group: int) -> int:
    """Groups that are watched in a row from here on; the table has no loops."""
    return max((1 + depth(table, below) for below in edges(table, group, True)), default=0)


def refusal(table: Table, command: int, kind: int, group: int, buckets: tuple[Said, ...]) -> str:
    """Name of the error that an add or a modify gets, or nothing."""
    after = {**table, group: (kind, buckets)}
    watched = {said.watch for said in buckets if said.watch is not None}
    forwards = {said.forward for said in buckets if said.forward is not None}
    reasons = {
        "GROUP_EXISTS": command == ADD and group in table,
        "UNKNOWN_GROUP": command == MODIFY and group not in table,
        "INVALID_GROUP": (kind == INDIRECT and len(buckets) != 1)
        or (kind != SELECT and any(said.weight for said in buckets)),
        "BAD_WATCH": kind == FF and any(said.watch is None for said in buckets),
        "LOOP": returns(after, group),
    }
    reasons["BAD_WATCH "] = not watched <= table.keys()
    for name, holds in reasons.items():
        if holds:
            return name.strip()
    if watched and max(depth(after, number) for number in after) > DEEPEST:
        return "WATCH_UNSUPPORTED"
    return "" if forwards <= table.keys() else "BAD_OUT_GROUP"


def deletion(table: Table, group: int) -> str:
    """Name of the error that a delete gets, or nothing."""
    used = {number for other in table for number in edges(table, other)}
    return "CHAINED_GROUP" if group in used and group in table else ""


def apply(table: Table, command: int, kind: int, group: int, buckets: tuple[Said, ...]) -> tuple[str, Table]:
    """The error or nothing, and the table afterwards."""
    if command == DELETE:
        error = "" if group == EVERY_GROUP else deletion(table, group)
        gone = set(table) if group == EVERY_GROUP else {group}
        return error, table if error else {number: table[number] for number in table if number not in gone}
    error = refusal(table, command, kind, group, buckets)
    return error, table if error else {**table, group: (kind, buckets)}
