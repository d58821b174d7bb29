from __future__ import annotations

from struct import unpack_from

import numpy as np
import pytest
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser

from triplane.dataplane.kernels.arena import A_USED, arena_turn, make_arena
from triplane.dataplane.kernels.ids import id_lookup
from triplane.dataplane.kernels.meters import METER_DROP, METER_PASS, VIRTUAL_CONTROLLER, meter_run
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.tables.meters import MeterTable

SECOND = 10**9
KBPS, PKTPS, BURST = ofp.OFPMF_KBPS, ofp.OFPMF_PKTPS, ofp.OFPMF_BURST


def encode(*bands: parser.OFPMeterBand) -> bytes:
    wire = bytearray()
    for band in bands:
        band.serialize(wire, len(wire))
    return bytes(wire)


DROP = encode(parser.OFPMeterBandDrop(rate=1000, burst_size=10))
REMARK_AND_DROP = encode(
    parser.OFPMeterBandDscpRemark(rate=10, burst_size=1, prec_level=2), parser.OFPMeterBandDrop(rate=20, burst_size=2)
)


def table(slots: int = 16) -> MeterTable:
    return MeterTable(make_arena(1 << 14), workers=2, slots=slots, uses=lambda: np.arange(70, 70 + slots))


def added(meters: MeterTable, meter_id: int, flags: int = KBPS, bands: bytes = DROP, now: int = SECOND) -> int:
    meters.mod(ofp.OFPMC_ADD, flags, meter_id, bands, now)
    return id_lookup(meters.arrays.ids, meter_id)


def run(meters: MeterTable, slot: int, size: int = 100, now: int = SECOND, worker: int = 0) -> int:
    return meter_run(meters.arrays, meters._arena, slot, 1, size, now, worker)


@pytest.mark.parametrize("flags", [0, KBPS, PKTPS, KBPS | BURST, PKTPS | BURST | ofp.OFPMF_STATS])
@pytest.mark.parametrize("bands", [b"", DROP, REMARK_AND_DROP])
def test_config_says_what_was_sent(flags: int, bands: bytes) -> None:
    meters = table()
    added(meters, 5, flags, bands)
    (wire,) = meters.config(5)
    read = parser.OFPMeterConfigStats.parser(wire, 0)
    assert (read.length, read.flags, read.meter_id) == (len(wire), flags, 5)
    assert wire[8:] == bands


def test_stats_in_the_order_of_the_message() -> None:
    meters = table()
    slot = added(meters, 7, PKTPS | BURST, REMARK_AND_DROP)
    assert [run(meters, slot, worker=i % 2) for i in range(4)] == [METER_PASS, 2, METER_DROP, METER_DROP]
    (wire,) = meters.stats(7, 3 * SECOND + 4)
    read = parser.OFPMeterStats.parser(wire, 0)
    assert (read.meter_id, read.len, read.flow_count) == (7, len(wire), 70 + slot)
    assert (read.packet_in_count, read.byte_in_count, read.duration_sec, read.duration_nsec) == (4, 400, 2, 4)
    counts = [(band.packet_band_count, band.byte_band_count) for band in read.band_stats]
    assert counts == [(1, 100), (2, 200)]


def test_a_rate_in_kilobits_with_the_default_burst() -> None:
    meters = table()
    slot = added(meters, 1)  # 1000 kbit/s, so 12,500 bytes in a tenth of a second
    assert [run(meters, slot, 6_250) for _ in range(3)] == [METER_PASS, METER_PASS, METER_DROP]
    assert run(meters, slot, 1250, SECOND + SECOND // 100 - 1) == METER_DROP
    assert run(meters, slot, 1250, SECOND + SECOND // 100) == METER_PASS


def test_modify_keeps_the_counters_of_the_meter_and_clears_the_bands() -> None:
    meters = table()
    slot = added(meters, 1, PKTPS | BURST, REMARK_AND_DROP)
    for _ in range(3):
        run(meters, slot)
    meters.mod(ofp.OFPMC_MODIFY, KBPS, 1, DROP, SECOND)
    assert id_lookup(meters.arrays.ids, 1) == slot
    read = parser.OFPMeterStats.parser(meters.stats(1, SECOND)[0], 0)
    assert (read.packet_in_count, [band.packet_band_count for band in read.band_stats]) == (3, [0])
    assert meters.config(1)[0][8:] == DROP


def test_delete_tells_slots_and_frees_all() -> None:
    meters = table(slots=2)
    arena = meters._arena
    for _ in range(5):
        slots = {number: added(meters, number) for number in (1, 9)}
        assert dict(meters.mod(ofp.OFPMC_DELETE, 0, ofp.OFPM_ALL, b"", SECOND)) == slots
        assert meters.config(ofp.OFPM_ALL) == []
        assert run(meters, slots[1]) == METER_PASS
        assert id_lookup(meters.arrays.ids, 9) == -1
        for _ in range(2):
            meters.turn()
            arena_turn(arena)
    assert arena[A_USED] == 0


def test_a_new_meter_in_an_old_slot_counts_from_zero() -> None:
    meters = table(slots=1)
    run(meters, added(meters, 1))
    meters.mod(ofp.OFPMC_DELETE, 0, 1, b"", SECOND)
    meters.turn()
    meters.turn()
    added(meters, 2)
    assert parser.OFPMeterStats.parser(meters.stats(2, SECOND)[0], 0).packet_in_count == 0


def test_deleting_what_is_not_there_is_no_error() -> None:
    assert table().mod(ofp.OFPMC_DELETE, 0, 1, b"", SECOND) == []


def test_the_controllers_meter_is_found_apart() -> None:
    meters = table()
    added(meters, ofp.OFPM_CONTROLLER, PKTPS | BURST)
    slot = int(meters.arrays.virtual[VIRTUAL_CONTROLLER])
    assert run(meters, slot) == METER_PASS
    assert id_lookup(meters.arrays.ids, ofp.OFPM_CONTROLLER) == -1
    meters.mod(ofp.OFPMC_DELETE, 0, ofp.OFPM_CONTROLLER, b"", SECOND)
    assert list(meters.arrays.virtual) == [-1, -1]


def test_features() -> None:
    meters = table()
    read = parser.OFPMeterFeaturesStats.parser(meters.features(), 0)
    assert (read.max_meter, read.band_types, read.capabilities, read.max_bands) == (16, 0b110, 0b1111, 255)


EXPERIMENTER = encode(parser.OFPMeterBandExperimenter(rate=1, burst_size=1, experimenter=9))


@pytest.mark.parametrize(
    ("command", "flags", "meter_id", "bands", "code"),
    [
        (ofp.OFPMC_ADD, KBPS, 1, DROP, "METER_EXISTS"),
        (ofp.OFPMC_ADD, KBPS, 0, DROP, "INVALID_METER"),
        (ofp.OFPMC_ADD, KBPS, ofp.OFPM_MAX + 1, DROP, "INVALID_METER"),
        (ofp.OFPMC_ADD, KBPS, ofp.OFPM_ALL, DROP, "INVALID_METER"),
        (ofp.OFPMC_MODIFY, KBPS, 2, DROP, "UNKNOWN_METER"),
        (3, KBPS, 2, DROP, "BAD_COMMAND"),
        (ofp.OFPMC_ADD, KBPS | PKTPS, 2, DROP, "BAD_FLAGS"),
        (ofp.OFPMC_ADD, 1 << 4, 2, DROP, "BAD_FLAGS"),
        (ofp.OFPMC_ADD, KBPS, 2, EXPERIMENTER, "BAD_BAND"),
        (ofp.OFPMC_ADD, KBPS, 2, DROP[:12], "BAD_BAND"),
        (ofp.OFPMC_ADD, KBPS, 2, DROP[:3] + b"\x18" + DROP[4:], "BAD_BAND"),
        (ofp.OFPMC_MODIFY, KBPS, 1, b"\0\7" + DROP[2:], "BAD_BAND"),
        (ofp.OFPMC_ADD, KBPS, 2, DROP * 256, "OUT_OF_BANDS"),
        (ofp.OFPMC_ADD, KBPS, 2, DROP, "OUT_OF_METERS"),
    ],
)
def test_a_bad_request_changes_nothing(command: int, flags: int, meter_id: int, bands: bytes, code: str) -> None:
    meters = table(slots=1)
    added(meters, 1)
    before = meters.config(ofp.OFPM_ALL), meters._arena[A_USED]
    with pytest.raises(OpenFlowError, match=f"OFPMMFC_{code}"):
        meters.mod(command, flags, meter_id, bands, SECOND)
    assert (meters.config(ofp.OFPM_ALL), meters._arena[A_USED]) == before


def test_asking_for_an_unknown_meter_is_an_error() -> None:
    for ask in (lambda meters: meters.config(3), lambda meters: meters.stats(3, SECOND)):
        with pytest.raises(OpenFlowError, match="OFPMMFC_UNKNOWN_METER"):
            ask(table())


def test_stats_lengths_add_up() -> None:
    meters = table()
    for number in range(1, 5):
        added(meters, number, KBPS, DROP * number)
    for wire in meters.stats(ofp.OFPM_ALL, SECOND):
        assert unpack_from("!H", wire, 4) == (len(wire),)


def test_what_is_undone_leaves_meters_as_they_were() -> None:
    meters = table()
    slot = added(meters, 1, KBPS, DROP)
    added(meters, ofp.OFPM_CONTROLLER)
    before, used = (meters.config(ofp.OFPM_ALL), meters.stats(ofp.OFPM_ALL, SECOND)), meters._arena[A_USED]
    meters.begin()
    meters.mod(ofp.OFPMC_MODIFY, PKTPS, 1, REMARK_AND_DROP, SECOND)
    added(meters, 3)
    meters.mod(ofp.OFPMC_DELETE, 0, ofp.OFPM_ALL, b"", SECOND)
    added(meters, 1, PKTPS)
    meters.undo()
    assert (meters.config(ofp.OFPM_ALL), meters.stats(ofp.OFPM_ALL, SECOND), meters._arena[A_USED]) == (*before, used)
    assert [id_lookup(meters.arrays.ids, number) for number in (1, 3)] == [slot, -1]
    assert meters.arrays.virtual[VIRTUAL_CONTROLLER] >= 0


def test_what_is_committed_stands() -> None:
    meters = table()
    slot = added(meters, 1)
    meters.begin()
    meters.mod(ofp.OFPMC_MODIFY, PKTPS, 1, REMARK_AND_DROP, SECOND)
    meters.commit()
    assert id_lookup(meters.arrays.ids, 1) == slot
    assert [entry[8:] for entry in meters.config(1)] == [REMARK_AND_DROP]
