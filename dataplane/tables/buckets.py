"""Group buckets, from the wire: what a group-mod says of each, and what of it a group type forbids.

OpenFlow 1.3.5 section 7.3.4.3, struct ofp_bucket.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from struct import Struct

from triplane.dataplane.kernels.groups import DEAD_PORT, NO_WATCH
from triplane.dataplane.kernels.packet import MAX_PORTS
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_3 import constants as ofp
from triplane.dataplane.openflow.v1_3 import error_codes as ec

MAX_BUCKETS = 1024

_BUCKET = Struct("!HHII4x")  # len, weight, watch_port, watch_group
_ACTION = Struct("!HHI")  # type, len, and the id of a group or meter action
OFPAT_GROUP, OFPAT_METER = 22, 29
OFPG_BUCKET_MAX = 0xFFFFFF00


def group_failed(code: int) -> OpenFlowError:
    return OpenFlowError(ec.OFPET_GROUP_MOD_FAILED, code)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket; its actions are wire[start:end] of the message."""

    weight: int
    watch_port: int
    watch_group: int
    start: int
    end: int
    key: int  # sets it apart from the other buckets of its group, and stays when other buckets come and go
    forwards: tuple[int, ...]  # groups in its actions
    meters: tuple[int, ...]

    @property
    def watches_group(self) -> bool:
        return self.watch_group != ofp.OFPG_ANY

    @property
    def watches(self) -> bool:
        return self.watch_port != ofp.OFPP_ANY or self.watches_group

    @property
    def port_slot(self) -> int:
        """What kernels watch. A port may come later, so one that is not there is dead and no error."""
        if self.watch_port == ofp.OFPP_ANY:
            return NO_WATCH
        if self.watch_port == ofp.OFPP_LOCAL:
            return 0
        return self.watch_port if self.watch_port < MAX_PORTS else DEAD_PORT


def parse_buckets(wire: bytes) -> list[Bucket]:
    """Buckets as they stand back to back; OFPGMFC_BAD_BUCKET, OFPGMFC_OUT_OF_BUCKETS."""
    found: list[Bucket] = []
    same: Counter[bytes] = Counter()
    at = 0
    while at < len(wire):
        bucket = _parse_bucket(wire, at, same)
        found.append(bucket)
        at = bucket.end
    if len(found) > MAX_BUCKETS:
        raise group_failed(ec.OFPGMFC_OUT_OF_BUCKETS)
    return found


def split_buckets(wire: bytes) -> list[bytes]:
    """The buckets, which parse_buckets has found to be right, one by one."""
    found = []
    while wire:
        length = int.from_bytes(wire[:2], "big")
        found.append(wire[:length])
        wire = wire[length:]
    return found


def _parse_bucket(wire: bytes, at: int, same: Counter[bytes]) -> Bucket:
    if len(wire) - at < _BUCKET.size:
        raise group_failed(ec.OFPGMFC_BAD_BUCKET)
    length, weight, port, group = _BUCKET.unpack_from(wire, at)
    if length < _BUCKET.size or length % 8 or length > len(wire) - at:
        raise group_failed(ec.OFPGMFC_BAD_BUCKET)
    start, end = at + _BUCKET.size, at + length
    content = wire[at + 4 : end]  # all but length and weight
    same[content] += 1
    named = [tuple(_named(wire, start, end, kind)) for kind in (OFPAT_GROUP, OFPAT_METER)]
    return Bucket(weight, port, group, start, end, _key(content, same[content]), *named)


def _key(content: bytes, copy: int) -> int:
    """A number of 63 bits for what a bucket does, another one for each further bucket that does just the same."""
    return int.from_bytes(blake2b(content + copy.to_bytes(2, "big"), digest_size=8).digest(), "big") >> 1


def _named(wire: bytes, at: int, end: int, wanted: int) -> Iterator[int]:
    """Groups or meters that an action list names, as far as its lengths make sense; the decoder refuses the rest."""
    while end - at >= _ACTION.size:
        kind, length, number = _ACTION.unpack_from(wire, at)
        if kind == wanted and length == _ACTION.size:
            yield number
        if length < _ACTION.size:
            return
        at += length


def check_ids(ids: tuple[int, ...], buckets: int) -> None:
    """Each bucket has an id of its own, up to OFPG_BUCKET_MAX (OpenFlow 1.5.1 section 7.3.4.3)."""
    if len(ids) != buckets or len(set(ids)) != buckets or any(number > OFPG_BUCKET_MAX for number in ids):
        raise group_failed(ec.OFPGMFC_BAD_BUCKET)


def check_weights(kind: int, buckets: list[Bucket]) -> None:
    """Weights are for select groups only, and an indirect group has one bucket (sections 5.6.1, 6.5)."""
    if kind == ofp.OFPGT_INDIRECT and len(buckets) != 1:
        raise group_failed(ec.OFPGMFC_INVALID_GROUP)
    if kind != ofp.OFPGT_SELECT and any(bucket.weight for bucket in buckets):
        raise group_failed(ec.OFPGMFC_INVALID_GROUP)


def check_watches(kind: int, buckets: list[Bucket]) -> None:
    """A fast-failover bucket must watch something; what is watched must be a port number that a port can have."""
    for bucket in buckets:
        numbered = 0 < bucket.watch_port <= ofp.OFPP_MAX
        if not numbered and bucket.watch_port not in (ofp.OFPP_LOCAL, ofp.OFPP_ANY):
            raise group_failed(ec.OFPGMFC_BAD_WATCH)
        if kind == ofp.OFPGT_FF and not bucket.watches:
            raise group_failed(ec.OFPGMFC_BAD_WATCH)
