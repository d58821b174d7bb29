"""The meter table's owner: meter-mods checked and put into arrays, statistics read from them.

OpenFlow 1.3.5 sections 5.7, 6.7 (modification), 7.3.4.4 and 7.3.5.9 to 7.3.5.11; errors of section 7.5.4.13.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from struct import Struct
from typing import NamedTuple

import numpy as np

from triplane.dataplane.kernels.ids import id_insert, id_remove
from triplane.dataplane.kernels.meters import (
    BAND_BYTE_COUNT,
    BAND_PACKET_COUNT,
    BAND_PLACE,
    METER_DROP,
    VIRTUAL_CONTROLLER,
    VIRTUAL_SLOWPATH,
    band_at,
    band_set,
    make_meters,
    meter_make,
)
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.publish import publish
from triplane.dataplane.kernels.tokens import PACKETS
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_3 import constants as ofp
from triplane.dataplane.openflow.v1_3 import error_codes as ec
from triplane.dataplane.tables.slots import Gone, Restorable

MAX_BANDS = 255
BURST_UNIT = PACKETS  # tokens of a unit of burst_size: a packet, and just so a kilobit
DEFAULT_BURST = 100_000_000  # ns of the rate, without OFPMF_BURST: short beside any measurement, long beside a stall
KNOWN_FLAGS = ofp.OFPMF_KBPS | ofp.OFPMF_PKTPS | ofp.OFPMF_BURST | ofp.OFPMF_STATS
BAND_TYPES = 1 << ofp.OFPMBT_DROP | 1 << ofp.OFPMBT_DSCP_REMARK
COLORS = 3  # drop precedences that remarking tells apart
VIRTUAL = {ofp.OFPM_CONTROLLER: VIRTUAL_CONTROLLER, ofp.OFPM_SLOWPATH: VIRTUAL_SLOWPATH}

_BAND = Struct("!HHIIB3x")  # type, len, rate, burst_size, prec_level
_STATS = Struct("!IH6xIQQII")  # ofp_meter_stats: id, len, flow_count, packets, bytes, sec, nsec
_BAND_STATS = Struct("!QQ")
_CONFIG = Struct("!HHI")  # ofp_meter_config: length, flags, id
_FEATURES = Struct("!IIIBB2x")  # ofp_meter_features


class Band(NamedTuple):
    """One band as it was sent; `verdict` as kernels have it."""

    rate: int
    burst_size: int
    verdict: int
    place: int


@dataclass(slots=True)
class Meter:
    """A meter as it was sent, and where it is."""

    slot: int
    since: int  # ns
    flags: int
    wire: bytes  # the bands
    count: int = 0  # of bands


class MeterTable(Restorable):
    """`arrays` and the arena are what kernels read. `uses` tells how many flows use each slot (for flow_count)."""

    def __init__(self, arena: Words, workers: int, slots: int = 65536, uses: Callable[[], Words] | None = None) -> None:
        self.arrays = make_meters(workers, slots)
        super().__init__(arena, slots, [self.arrays.ids, self.arrays.block, self.arrays.virtual])
        self._workers = workers
        self.uses = uses or (lambda: np.zeros(slots, np.int64))
        self._meters: dict[int, Meter] = {}

    def mod(self, command: int, flags: int, meter_id: int, bands: bytes, now: int) -> list[Gone]:
        """Add, modify or delete. Returns what was deleted. OpenFlowError before anything has changed."""
        self._remember()
        if command == ofp.OFPMC_DELETE:
            return self._delete(meter_id)
        if command not in (ofp.OFPMC_ADD, ofp.OFPMC_MODIFY):
            raise _failed(ec.OFPMMFC_BAD_COMMAND)
        if not 0 < meter_id <= ofp.OFPM_MAX and meter_id not in VIRTUAL:
            raise _failed(ec.OFPMMFC_INVALID_METER)
        self._check_presence(command, meter_id)
        _check_flags(flags)
        block = self._make_block(flags, _parse_bands(bands), now)
        if command == ofp.OFPMC_ADD:
            self._add(meter_id, flags, bands, block, now)
        else:
            self._modify(meter_id, flags, bands, block)
        return []

    def _check_presence(self, command: int, meter_id: int) -> None:
        present = meter_id in self._meters
        if command == ofp.OFPMC_ADD and present:
            raise _failed(ec.OFPMMFC_METER_EXISTS)
        if command == ofp.OFPMC_MODIFY and not present:
            raise _failed(ec.OFPMMFC_UNKNOWN_METER)

    def _make_block(self, flags: int, bands: list[Band], now: int) -> int:
        """Bands in the arena, highest rate first."""
        block = int(meter_make(self._arena, len(bands), int(flags & ofp.OFPMF_PKTPS != 0)))
        if block < 0:
            raise _failed(ec.OFPMMFC_OUT_OF_METERS)
        self._made(block)
        for number, band in enumerate(sorted(bands, key=lambda band: -band.rate)):
            burst = _burst(flags, band)
            band_set(self._arena, block, number, band.rate, burst, band.verdict, band.place, now)
        return block

    def _add(self, meter_id: int, flags: int, bands: bytes, block: int, now: int) -> None:
        slot = self._take_slot()
        if slot is None:
            self._free_block(block)
            raise _failed(ec.OFPMMFC_OUT_OF_METERS)
        self._meters[meter_id] = Meter(slot, now, flags, bands, len(bands) // _BAND.size)
        self._counts(slot)[:] = 0
        publish(self.arrays.block, slot, block)
        if meter_id in VIRTUAL:
            publish(self.arrays.virtual, VIRTUAL[meter_id], slot)
        else:
            id_insert(self.arrays.ids, meter_id, slot)

    def _modify(self, meter_id: int, flags: int, bands: bytes, block: int) -> None:
        """The meter keeps its counters, its bands start anew (section 6.7)."""
        meter = replace(self._meters[meter_id], flags=flags, wire=bands, count=len(bands) // _BAND.size)
        self._meters[meter_id] = meter
        self._replace_block(meter.slot, block)

    def _replace_block(self, slot: int, block: int) -> None:
        old = int(self.arrays.block[slot])
        publish(self.arrays.block, slot, block)
        self._free_block(old)

    def _delete(self, meter_id: int) -> list[Gone]:
        chosen = list(self._meters) if meter_id == ofp.OFPM_ALL else [meter_id] if meter_id in self._meters else []
        return [self._delete_one(chosen_id) for chosen_id in chosen]

    def _delete_one(self, meter_id: int) -> Gone:
        meter = self._meters.pop(meter_id)
        if meter_id in VIRTUAL:
            publish(self.arrays.virtual, VIRTUAL[meter_id], -1)
        else:
            id_remove(self.arrays.ids, meter_id)
        self._replace_block(meter.slot, 0)
        self._free_slot(meter.slot)
        return Gone(meter_id, meter.slot)

    def _state(self) -> dict[int, Meter]:
        return dict(self._meters)

    def _restore(self, state: dict[int, Meter]) -> None:
        self._meters = state

    def turn(self) -> None:
        """Call beside `arena_turn`: slots of deleted meters become free two turns later."""
        self._slots.turn()

    def stats(self, meter_id: int, now: int) -> list[bytes]:
        """An ofp_meter_stats of one meter, or of each with OFPM_ALL."""
        chosen, uses = self._chosen(meter_id), self.uses()
        return [self._encode_stats(number, self._meters[number], uses, now) for number in chosen]

    def config(self, meter_id: int) -> list[bytes]:
        """An ofp_meter_config of one meter, or of each with OFPM_ALL: flags and bands as they were sent."""
        return [_encode_config(number, self._meters[number]) for number in self._chosen(meter_id)]

    def _chosen(self, meter_id: int) -> list[int]:
        if meter_id == ofp.OFPM_ALL:
            return list(self._meters)
        if meter_id not in self._meters:
            raise _failed(ec.OFPMMFC_UNKNOWN_METER)
        return [meter_id]

    def features(self) -> bytes:
        """Body of the OFPMP_METER_FEATURES reply."""
        return _FEATURES.pack(self._slots.count, BAND_TYPES, KNOWN_FLAGS, MAX_BANDS, COLORS)

    def _encode_stats(self, meter_id: int, meter: Meter, uses: Words, now: int) -> bytes:
        packets, octets = (int(part) for part in self._counts(meter.slot).sum(axis=0))
        size = _STATS.size + meter.count * _BAND_STATS.size
        life = divmod(now - meter.since, 1_000_000_000)
        head = _STATS.pack(meter_id, size, int(uses[meter.slot]), packets, octets, *life)
        return head + b"".join(_BAND_STATS.pack(*counts) for counts in self._band_counts(meter))

    def _counts(self, slot: int) -> Words:
        """int64[workers, 2]: packets and bytes."""
        return self.arrays.counts.reshape(self._workers, -1, 2)[:, slot]

    def _band_counts(self, meter: Meter) -> list[tuple[int, int]]:
        """Packets and bytes of each band, in the order they were sent."""
        counts = [(0, 0)] * meter.count
        for number in range(meter.count):
            at = band_at(int(self.arrays.block[meter.slot]), number)
            pair = int(self._arena[at + BAND_PACKET_COUNT]), int(self._arena[at + BAND_BYTE_COUNT])
            counts[self._arena[at + BAND_PLACE]] = pair
        return counts


def _failed(code: int) -> OpenFlowError:
    return OpenFlowError(ec.OFPET_METER_MOD_FAILED, code)


def _check_flags(flags: int) -> None:
    """Rates are in kbit/s unless OFPMF_PKTPS says otherwise; both at once mean nothing."""
    if flags & ~KNOWN_FLAGS or (flags & ofp.OFPMF_KBPS and flags & ofp.OFPMF_PKTPS):
        raise _failed(ec.OFPMMFC_BAD_FLAGS)


def _parse_bands(wire: bytes) -> list[Band]:
    """Bands as they stand back to back, all of known types and sizes."""
    if len(wire) % _BAND.size:
        raise _failed(ec.OFPMMFC_BAD_BAND)
    if len(wire) > MAX_BANDS * _BAND.size:
        raise _failed(ec.OFPMMFC_OUT_OF_BANDS)
    return [_parse_band(place, *fields) for place, fields in enumerate(_BAND.iter_unpack(wire))]


def _parse_band(place: int, kind: int, length: int, rate: int, burst_size: int, prec_level: int) -> Band:
    if kind not in (ofp.OFPMBT_DROP, ofp.OFPMBT_DSCP_REMARK) or length != _BAND.size:
        raise _failed(ec.OFPMMFC_BAD_BAND)
    return Band(rate, burst_size, METER_DROP if kind == ofp.OFPMBT_DROP else prec_level, place)


def _burst(flags: int, band: Band) -> int:
    """Tokens that the band's bucket holds. A burst of nothing would let nothing pass: then the default."""
    if flags & ofp.OFPMF_BURST and band.burst_size:
        return band.burst_size * BURST_UNIT
    return band.rate * DEFAULT_BURST


def _encode_config(meter_id: int, meter: Meter) -> bytes:
    return _CONFIG.pack(_CONFIG.size + len(meter.wire), meter.flags, meter_id) + meter.wire
