"""Groups the slow way: buckets as tuples, liveness by recursion over dicts, choice by real logarithms."""

from __future__ import annotations

import math
from typing import NamedTuple

from tests.oracle.action_set import Action

ALL, SELECT, INDIRECT, FF = range(4)
DEPTH = 3
MASK = 2**64 - 1


class OracleBucket(NamedTuple):
    weight: int = 0
    port: int | None = None  # watched
    group: int | None = None
    key: int = 0


class OracleGroup(NamedTuple):
    kind: int
    buckets: list[OracleBucket]


def bucket_live(groups: dict[int, OracleGroup], bucket: OracleBucket, ports: set[int], depth: int = DEPTH) -> bool:
    """Nothing watched: live. Else the port, or the group, which is live if it has a live bucket."""
    if bucket.port is None and bucket.group is None:
        return True
    if bucket.port in ports:
        return True
    if bucket.group is None or bucket.group not in groups or depth == 0:
        return False
    return any(bucket_live(groups, below, ports, depth - 1) for below in groups[bucket.group].buckets)


def mixed(word: int) -> int:
    """MurmurHash3's finaliser."""
    word = (word ^ word >> 33) * 0xFF51AFD7ED558CCD & MASK
    word = (word ^ word >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return word ^ word >> 33


def score(bucket: OracleBucket, hashed: int) -> float:
    """The bucket's time to wait: exponentially distributed with its weight as the rate; the shortest wins."""
    number = mixed((hashed ^ bucket.key) & MASK) >> 32 | 1
    return (32 - math.log2(number)) / bucket.weight


def candidates(groups: dict[int, OracleGroup], group: OracleGroup, ports: set[int]) -> list[int]:
    """Buckets that may be chosen."""
    live = [i for i, bucket in enumerate(group.buckets) if bucket_live(groups, bucket, ports)]
    if group.kind == SELECT:
        return [i for i in live if group.buckets[i].weight]
    if group.kind == FF:
        return live[:1]
    return [0] if group.kind == INDIRECT and group.buckets else []


class Bucket(NamedTuple):
    actions: list[Action]
    weight: int = 0
    watch_port: int | None = None
    watch_group: int | None = None


class Group(NamedTuple):
    kind: int
    buckets: list[Bucket]

    def uses(self, what: str, number: int) -> bool:
        """Whether it sends to another group, or through a meter."""
        return any(action[:2] == (what, number) for bucket in self.buckets for action in bucket.actions)


def plain(group: Group) -> OracleGroup:
    buckets = [OracleBucket(bucket.weight, bucket.watch_port, bucket.watch_group) for bucket in group.buckets]
    return OracleGroup(group.kind, buckets)
