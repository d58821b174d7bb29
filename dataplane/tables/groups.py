"""The group table's owner: group-mods checked and put into arrays, statistics read from them.

OpenFlow 1.3.5 sections 5.6, 6.5 (modification), 7.3.4.3 and 7.3.5.6 to 7.3.5.8; errors of section 7.5.4.7.
What stands behind "the switch may": groups may be chained, loops and the removal of a group that others
use are refused, buckets of any type may watch, unequal weights are kept to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct

import numpy as np

from triplane.dataplane.kernels.bucket_actions import decode_bucket_actions
from triplane.dataplane.kernels.groups import (
    GB_COUNTERS,
    GB_STRIDE,
    NO_WATCH,
    WATCH_DEPTH,
    bucket_set,
    bucket_watch,
    group_make,
    make_groups,
    programs_at,
)
from triplane.dataplane.kernels.ids import id_insert, id_remove
from triplane.dataplane.kernels.limits import LIMIT_VERSION, OPENFLOW_1_3, OPENFLOW_1_5, make_limits
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.publish import publish
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_3 import constants as ofp
from triplane.dataplane.openflow.v1_3 import error_codes as ec
from triplane.dataplane.tables.buckets import (
    Bucket,
    check_ids,
    check_watches,
    check_weights,
    group_failed,
    parse_buckets,
    split_buckets,
)
from triplane.dataplane.tables.slots import Gone, Restorable

PROGRAM_ROOM = 512  # words: an action set has 60 slots of at most 4
GROUP_TYPES = (ofp.OFPGT_ALL, ofp.OFPGT_SELECT, ofp.OFPGT_INDIRECT, ofp.OFPGT_FF)
CAPABILITIES = ofp.OFPGFC_SELECT_WEIGHT | ofp.OFPGFC_SELECT_LIVENESS | ofp.OFPGFC_CHAINING | ofp.OFPGFC_CHAINING_CHECKS
ACTION_TYPES = (0, 11, 12, *range(15, 28))  # OFPAT_*: all but experimenter
ACTIONS = sum(1 << number for number in ACTION_TYPES)

_STATS = Struct("!H2xII4xQQII")  # ofp_group_stats: length, id, ref_count, packets, bytes, sec, nsec
_DESC = Struct("!HBxI")  # ofp_group_desc: length, type, id
_FEATURES = Struct("!10I")  # ofp_group_features: types, capabilities, max_groups[4], actions[4]


@dataclass(slots=True)
class Group:
    """A group as it was sent, and where it is."""

    slot: int
    since: int  # ns
    kind: int
    wire: bytes
    ids: tuple[int, ...]  # of the buckets (OpenFlow 1.5)
    forwards: frozenset[int]  # ids of the groups in its actions
    watches: frozenset[int]
    meters: frozenset[int]  # ids of those in its actions

    @property
    def uses(self) -> frozenset[int]:
        return self.forwards | self.watches


class GroupTable(Restorable):
    """`arrays` and the arena are what kernels read. `uses` tells how many flows use each slot (for ref_count)."""

    def __init__(
        self,
        arena: Words,
        workers: int,
        slots: int = 65536,
        limits: Words | None = None,
        uses: Callable[[], Words] | None = None,
    ) -> None:
        self.arrays = make_groups(workers, slots)
        super().__init__(arena, slots, [self.arrays.ids, self.arrays.block])
        self._workers = workers
        self.uses = uses or (lambda: np.zeros(slots, np.int64))
        self.limits = make_limits() if limits is None else limits
        self._groups: dict[int, Group] = {}
        self._users: dict[int, set[int]] = {}  # by id: the groups that forward to it or watch it
        self._stage = np.zeros(PROGRAM_ROOM, np.int64)

    def mod(
        self,
        command: int,
        kind: int,
        group_id: int,
        buckets: bytes,
        now: int,
        ids: tuple[int, ...] | None = None,
        version: int = OPENFLOW_1_3,
    ) -> list[Gone]:
        """Add, modify or delete. Returns what was deleted. OpenFlowError before anything has changed.

        `ids`: one for each bucket; without, they are numbered from 0. `version` is what the actions are of.
        """
        self._remember()
        if command == ofp.OFPGC_DELETE:
            return self._delete(group_id)
        if command not in (ofp.OFPGC_ADD, ofp.OFPGC_MODIFY):
            raise group_failed(ec.OFPGMFC_BAD_COMMAND)
        self._check_identity(command, kind, group_id)
        group, block = self._prepare(group_id, kind, buckets, ids, version, now)
        if command == ofp.OFPGC_ADD:
            self._add(group_id, group, block)
        else:
            self._modify(group_id, group, block)
        return []

    def _prepare(
        self, group_id: int, kind: int, buckets: bytes, ids: tuple[int, ...] | None, version: int, now: int
    ) -> tuple[Group, int]:
        """A group of these buckets, checked, and its block in the arena."""
        parsed = parse_buckets(buckets)
        check_weights(kind, parsed)
        check_watches(kind, parsed)
        numbers = tuple(range(len(parsed))) if ids is None else ids
        check_ids(numbers, len(parsed))
        group = _describe(kind, buckets, parsed, numbers, now)
        self._check_chains(group_id, group)
        self.limits[LIMIT_VERSION] = version
        return group, self._make_block(kind, buckets, parsed)

    # buckets of their own (OpenFlow 1.5.1 section 7.3.4.3)

    def parts(self, group_id: int) -> tuple[int, tuple[int, ...], list[bytes]]:
        """Type, bucket ids and buckets of a group; OFPGMFC_UNKNOWN_GROUP."""
        group = self._groups.get(group_id)
        if group is None:
            raise group_failed(ec.OFPGMFC_UNKNOWN_GROUP)
        return group.kind, group.ids, split_buckets(group.wire)

    def rebuild(self, group_id: int, ids: tuple[int, ...], buckets: list[bytes], now: int) -> None:
        """Give a group these buckets. Those whose ids it had before are the same ones: they keep their counters."""
        self._remember()
        old = self._groups[group_id]
        group, block = self._prepare(group_id, old.kind, b"".join(buckets), ids, OPENFLOW_1_5, now)
        places = {number: place for place, number in enumerate(old.ids)}
        for place, number in enumerate(ids):
            if number in places:
                self._copy_counters(int(self.arrays.block[old.slot]), places[number], block, place)
        self._modify(group_id, group, block)

    def _copy_counters(self, block: int, place: int, to_block: int, to_place: int) -> None:
        source, target = self._counters_at(block), self._counters_at(to_block)
        target[:, 2 * to_place : 2 * to_place + 2] = source[:, 2 * place : 2 * place + 2]

    def _counters_at(self, block: int) -> Words:
        """int64[workers, stride]: packets and bytes of each bucket, one after the other."""
        start, stride = block + int(self._arena[block + GB_COUNTERS]), int(self._arena[block + GB_STRIDE])
        return self._arena[start : start + self._workers * stride].reshape(self._workers, -1)

    def _check_identity(self, command: int, kind: int, group_id: int) -> None:
        if group_id > ofp.OFPG_MAX:
            raise group_failed(ec.OFPGMFC_INVALID_GROUP)
        if command == ofp.OFPGC_ADD and group_id in self._groups:
            raise group_failed(ec.OFPGMFC_GROUP_EXISTS)
        if command == ofp.OFPGC_MODIFY and group_id not in self._groups:
            raise group_failed(ec.OFPGMFC_UNKNOWN_GROUP)
        if kind not in GROUP_TYPES:
            raise group_failed(ec.OFPGMFC_BAD_TYPE)

    def _check_chains(self, group_id: int, group: Group) -> None:
        """No group may lead back to itself, by forwarding or watching, nor watch through too many others."""
        if group_id in group.uses or any(self._leads_to(used, group_id) for used in group.uses):
            raise group_failed(ec.OFPGMFC_LOOP)
        if not group.watches <= self._groups.keys():
            raise group_failed(ec.OFPGMFC_BAD_WATCH)
        if group.watches and self._height(group_id) + self._depth(group.watches) > WATCH_DEPTH:
            raise group_failed(ec.OFPGMFC_WATCH_UNSUPPORTED)

    def _leads_to(self, start: int, target: int) -> bool:
        """Is `target` used by `start`, or by what `start` uses, and so on?"""
        seen, stack = {start}, [start]
        while stack:
            group = self._groups.get(stack.pop())
            uses = group.uses if group else frozenset()
            if target in uses:
                return True
            stack += uses - seen
            seen |= uses
        return False

    def _depth(self, watches: frozenset[int]) -> int:
        """Groups that are watched in a row, from these down."""
        return max((1 + self._depth(self._groups[watched].watches) for watched in watches), default=0)

    def _height(self, group_id: int) -> int:
        """Groups in a row that watch this one."""
        users = self._users.get(group_id, ())
        above = [user for user in users if group_id in self._groups[user].watches]
        return max((1 + self._height(user) for user in above), default=0)

    def _make_block(self, kind: int, wire: bytes, buckets: list[Bucket]) -> int:
        """Buckets and programs in the arena."""
        programs = self._decode(wire, buckets)
        words = sum(len(program) for program in programs)
        block = int(group_make(self._arena, kind, len(buckets), self._workers, words))
        if block < 0:
            raise group_failed(ec.OFPGMFC_OUT_OF_GROUPS)
        self._made(block)
        to = int(programs_at(self._arena, block, self._workers))
        for number, (bucket, program) in enumerate(zip(buckets, programs, strict=True)):
            self._arena[to : to + len(program)] = program
            group = self._groups[bucket.watch_group].slot if bucket.watches_group else NO_WATCH
            bucket_set(self._arena, block, number, bucket.weight, bucket.key, to)
            bucket_watch(self._arena, block, number, bucket.port_slot, group)
            to += len(program)
        return block

    def _decode(self, wire: bytes, buckets: list[Bucket]) -> list[Words]:
        """The program of each bucket; OpenFlowError of type OFPET_BAD_ACTION."""
        octets = np.frombuffer(bytearray(wire), np.uint8)
        return [self._decode_bucket(octets, bucket) for bucket in buckets]

    def _decode_bucket(self, octets: np.ndarray[tuple[int], np.dtype[np.uint8]], bucket: Bucket) -> Words:
        ids, room = self.arrays.ids, len(self._stage)
        words = int(decode_bucket_actions(octets, bucket.start, bucket.end, self.limits, ids, self._stage, 0, room))
        if words < 0:
            raise OpenFlowError(-words >> 16, -words & 0xFFFF)
        return self._stage[:words].copy()

    def _add(self, group_id: int, group: Group, block: int) -> None:
        slot = self._take_slot()
        if slot is None:
            self._free_block(block)
            raise group_failed(ec.OFPGMFC_OUT_OF_GROUPS)
        group.slot = slot
        self._counts(slot)[:] = 0
        publish(self.arrays.block, slot, block)
        id_insert(self.arrays.ids, group_id, slot)
        self._groups[group_id] = group
        self._use(group_id, group)

    def _modify(self, group_id: int, group: Group, block: int) -> None:
        """The group keeps its counters and age, its buckets start anew (section 6.5)."""
        old = self._groups[group_id]
        group.slot, group.since = old.slot, old.since
        self._unuse(group_id, old)
        self._groups[group_id] = group
        self._use(group_id, group)
        self._replace_block(group.slot, block)

    def _replace_block(self, slot: int, block: int) -> None:
        old = int(self.arrays.block[slot])
        publish(self.arrays.block, slot, block)
        self._free_block(old)

    def _use(self, group_id: int, group: Group) -> None:
        for used in group.uses:
            self._users.setdefault(used, set()).add(group_id)

    def _unuse(self, group_id: int, group: Group) -> None:
        for used in group.uses:
            self._users[used].discard(group_id)

    def _delete(self, group_id: int) -> list[Gone]:
        if group_id == ofp.OFPG_ALL:
            self._users.clear()
            return [self._delete_one(chosen) for chosen in list(self._groups)]
        if group_id not in self._groups:
            return []
        if self._users.get(group_id):
            raise group_failed(ec.OFPGMFC_CHAINED_GROUP)
        self._users.pop(group_id, None)
        self._unuse(group_id, self._groups[group_id])
        return [self._delete_one(group_id)]

    def delete_metered(self, meter_id: int) -> list[Gone]:
        """Delete the groups with an action of a meter that is gone, and those that use them."""
        self._remember()
        doomed = {group_id for group_id, group in self._groups.items() if meter_id in group.meters}
        stack = list(doomed)
        while stack:
            users = self._users.get(stack.pop(), set()) - doomed
            doomed |= users
            stack += users
        for group_id in doomed:
            self._unuse(group_id, self._groups[group_id])
        for group_id in doomed:
            self._users.pop(group_id, None)
        return [self._delete_one(group_id) for group_id in doomed]

    def _delete_one(self, group_id: int) -> Gone:
        group = self._groups.pop(group_id)
        id_remove(self.arrays.ids, group_id)
        self._replace_block(group.slot, 0)
        self._free_slot(group.slot)
        return Gone(group_id, group.slot)

    def _state(self) -> tuple[dict[int, Group], dict[int, set[int]]]:
        return dict(self._groups), {used: set(users) for used, users in self._users.items()}

    def _restore(self, state: tuple[dict[int, Group], dict[int, set[int]]]) -> None:
        self._groups, self._users = state

    def turn(self) -> None:
        """Call beside `arena_turn`: slots of deleted groups become free two turns later."""
        self._slots.turn()

    def stats(self, group_id: int, now: int) -> list[bytes]:
        """An ofp_group_stats of one group, or of each with OFPG_ALL; none if there is no such group."""
        chosen = self._groups if group_id == ofp.OFPG_ALL else self._groups.keys() & {group_id}
        uses = self.uses()
        return [self._encode_stats(number, self._groups[number], uses, now) for number in chosen]

    def desc(self) -> list[bytes]:
        """An ofp_group_desc of each group: type and buckets as they were sent."""
        return [
            _DESC.pack(_DESC.size + len(group.wire), group.kind, number) + group.wire
            for number, group in self._groups.items()
        ]

    def features(self) -> bytes:
        """Body of the OFPMP_GROUP_FEATURES reply."""
        kinds = sum(1 << kind for kind in GROUP_TYPES)
        return _FEATURES.pack(kinds, CAPABILITIES, *[self._slots.count] * 4, *[ACTIONS] * 4)

    def _encode_stats(self, group_id: int, group: Group, uses: Words, now: int) -> bytes:
        packets, octets = (int(part) for part in self._counts(group.slot).sum(axis=0))
        counters = self._bucket_counts(group).astype(">u8").tobytes()
        users = sum(group_id in self._groups[user].forwards for user in self._users.get(group_id, ()))
        references = int(uses[group.slot]) + users
        life = divmod(now - group.since, 1_000_000_000)
        return _STATS.pack(_STATS.size + len(counters), group_id, references, packets, octets, *life) + counters

    def _counts(self, slot: int) -> Words:
        """int64[workers, 2]: packets and bytes."""
        return self.arrays.counts.reshape(self._workers, -1, 2)[:, slot]

    def _bucket_counts(self, group: Group) -> Words:
        """Packets and bytes of each bucket, one after the other."""
        per_worker = self._counters_at(int(self.arrays.block[group.slot]))
        counts: Words = per_worker[:, : 2 * len(group.ids)].sum(axis=0)
        return counts


def _describe(kind: int, wire: bytes, buckets: list[Bucket], ids: tuple[int, ...], now: int) -> Group:
    forwards = frozenset(number for bucket in buckets for number in bucket.forwards)
    watches = frozenset(bucket.watch_group for bucket in buckets if bucket.watches_group)
    meters = frozenset(number for bucket in buckets for number in bucket.meters)
    return Group(-1, now, kind, wire, ids, forwards, watches, meters)
