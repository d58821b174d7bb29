from __future__ import annotations

import threading
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tests.oracle.meters import OracleBand, OracleMeter, remarked
from triplane.dataplane.kernels.arena import make_arena
from triplane.dataplane.kernels.meters import (
    BAND_BYTE_COUNT,
    BAND_PACKET_COUNT,
    METER_DROP,
    METER_PASS,
    Meters,
    band_at,
    band_set,
    make_meters,
    meter_make,
    meter_run,
    remark_dscp,
)
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.tokens import PACKETS

SECOND = 10**9
bands = st.builds(
    OracleBand,
    st.sampled_from([0, 1, 10, 1000, 10**6, 2**32 - 1]),
    st.integers(0, 2**32 - 1).map(Fraction),
    st.integers(-1, 3),
)
frames = st.lists(st.tuples(st.integers(1, 45), st.integers(14, 66_000), st.integers(0, SECOND)), max_size=30)


def installed(in_packets: bool, chosen: list[OracleBand], now: int, slot: int = 3) -> tuple[Meters, Words, int]:
    meters, code = make_meters(2, 8), make_arena(1 << 12)
    block = meter_make(code, len(chosen), int(in_packets))
    for number, (place, band) in enumerate(sorted(enumerate(chosen), key=lambda pair: -pair[1].rate)):
        band_set(code, block, number, band.rate, int(band.burst) * PACKETS, band.verdict, place, now)
    meters.block[slot] = block
    return meters, code, block


@given(st.booleans(), st.lists(bands, max_size=4), frames)
def test_the_first_band_that_is_exceeded_applies(
    in_packets: bool, chosen: list[OracleBand], sent: list[tuple[int, int, int]]
) -> None:
    now = SECOND
    meters, code, block = installed(in_packets, chosen, now)
    oracle = OracleMeter(in_packets, chosen, now)
    for number, (packets, size, wait) in enumerate(sent):
        now += wait
        assert meter_run(meters, code, 3, packets, size, now, number % 2) == oracle.run(packets, size, now)
    assert list(meters.counts.reshape(2, 8, 2)[:, 3].sum(axis=0)) == oracle.total
    ranked = sorted(range(len(chosen)), key=lambda i: -chosen[i].rate)
    for number, place in enumerate(ranked):
        at = band_at(block, number)
        assert [code[at + BAND_PACKET_COUNT], code[at + BAND_BYTE_COUNT]] == oracle.counts[place]


def test_over_time_a_drop_band_passes_its_rate() -> None:
    meters, code, _ = installed(True, [OracleBand(1000, Fraction(200), METER_DROP)], 0)
    passed = sum(meter_run(meters, code, 3, 1, 1500, i * SECOND // 2000, 0) == METER_PASS for i in range(20_000))
    assert passed == 10_000 + 200 - 1  # 10 s of 1000 packets/s and the burst; the last one is due half a ms later


def test_what_is_dropped_does_not_use_up_the_slower_band() -> None:
    slow, fast = OracleBand(1000, Fraction(1), 1), OracleBand(2000, Fraction(1), METER_DROP)
    meters, code, _ = installed(True, [slow, fast], 0)
    verdicts = [meter_run(meters, code, 3, 1, 100, i * SECOND // 4000, 0) for i in range(40_000)]
    thousands = {verdict: round(verdicts.count(verdict) / 1000) for verdict in (METER_PASS, 1, METER_DROP)}
    assert thousands == {METER_PASS: 10, 1: 10, METER_DROP: 20}


def test_a_meter_that_is_gone_lets_pass_and_counts_nothing() -> None:
    meters, code = make_meters(1, 8), make_arena(1 << 12)
    assert meter_run(meters, code, 5, 1, 100, SECOND, 0) == METER_PASS
    assert not meters.counts.any()


def test_workers_share_one_rate() -> None:
    meters, code, _ = installed(True, [OracleBand(1, Fraction(100), METER_DROP)], 0)
    passed = []

    def work(worker: int) -> None:
        passed.append(sum(meter_run(meters, code, 3, 1, 60, 0, worker) == METER_PASS for _ in range(200)))

    workers = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(passed) == 100


@given(st.integers(0, 63), st.integers(0, 255))
def test_remarking_raises_the_drop_precedence_of_af_classes(dscp: int, levels: int) -> None:
    assert remark_dscp(dscp, levels) == remarked(dscp, levels)
