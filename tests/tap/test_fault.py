"""The fault port: a bad cable whose mishaps follow from its seed."""

import select
from pathlib import Path

import pytest

from tests.tap.rig import drain, give_all, is_full, pcap_bytes, pcap_frames, receive, transmit, wait_for
from triplane.dataplane.kernels import port as columns
from triplane.dataplane.kernels.pool import make_pool
from triplane.tap.fault import FaultPort
from triplane.tap.port import PortError, PortSpec, open_port

FRAMES = [n.to_bytes(2, "big") * 30 for n in range(400)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "in.pcap").write_bytes(pcap_bytes(FRAMES))
    return tmp_path / "in.pcap"


def opened(source: Path, options: str) -> FaultPort:
    port = open_port(PortSpec.parse(f"f:fault,of=pcap,in={source},{options}"), 1, make_pool(2048, 8))
    assert isinstance(port, FaultPort)
    return port


def through(source: Path, options: str) -> list[bytes]:
    """What arrives of FRAMES."""
    port = opened(source, options)
    frames = drain(port)
    while port.lines[0][0][1]:
        frames += drain(port)
    assert is_full(port.pool)
    port.close()
    return frames


def test_no_fault_no_change(source: Path) -> None:
    assert through(source, "seed=1") == FRAMES


def test_the_seed_decides(source: Path) -> None:
    faults = "drop=0.1,corrupt=0.1,duplicate=0.1"
    first = through(source, f"{faults},seed=7")
    assert first == through(source, f"{faults},seed=7")
    assert first != through(source, f"{faults},seed=8")
    assert first != FRAMES


def test_drop(source: Path) -> None:
    assert through(source, "drop=1") == []
    kept = through(source, "drop=0.5,seed=3")
    assert 120 < len(kept) < 280
    assert kept == sorted(kept), "order is kept"
    assert set(kept) <= set(FRAMES)


def test_each_chance_draws_apart(source: Path) -> None:
    """Turning one fault on does not change what another one does."""
    dropped = set(FRAMES) - set(through(source, "drop=0.2,seed=5"))
    assert dropped == set(FRAMES) - set(through(source, "drop=0.2,duplicate=0.5,seed=5"))


def test_corrupt_flips_one_bit(source: Path) -> None:
    broken = through(source, "corrupt=1")
    changes = [int.from_bytes(a) ^ int.from_bytes(b) for a, b in zip(FRAMES, broken, strict=True)]
    assert {change.bit_count() for change in changes} == {1}
    assert len(set(changes)) > 100, "not always the same bit"


def test_duplicate(source: Path) -> None:
    assert through(source, "duplicate=1") == [frame for frame in FRAMES for _ in (0, 1)]


def test_reorder_lets_later_frames_pass(source: Path) -> None:
    frames = through(source, "reorder=0.1,gap=5,seed=2")
    assert sorted(frames) == FRAMES
    assert frames != FRAMES
    port = opened(source, "reorder=1,gap=50")
    assert len(receive(port)) == 0
    assert port.counters()["reordered"] == 64
    port.close()
    assert is_full(port.pool), "frames on their way are given back"


def test_delay_wakes_the_worker(tmp_path: Path, source: Path) -> None:
    """While frames wait, the descriptor is not ready; when they are due, it is."""
    port = opened(source, "delay=30")
    assert len(receive(port, limit=10)) == 0
    poll = select.poll()
    poll.register(port.timers[0], select.POLLIN)
    assert poll.poll(10_000) == [(port.timers[0], select.POLLIN)]
    assert list(drain(port))[:10] == FRAMES[:10]
    port.close()


def test_transmit_late_is_sent_by_the_worker(tmp_path: Path, source: Path) -> None:
    path = tmp_path / "out.pcap"
    port = opened(source, f"out={path},delay=20,direction=tx")
    batch = receive(port)
    assert transmit(port, batch) == 0
    assert pcap_frames(path) == []
    assert port.counters()["delayed"] == len(batch)
    wait_for(lambda: give_all(port.pool, receive(port)) or pcap_frames(path) == FRAMES[:64], "late frames")
    assert port.rows[0][columns.P_TX_PACKETS] == 64
    port.close()


def test_direction(tmp_path: Path, source: Path) -> None:
    path = tmp_path / "out.pcap"
    port = opened(source, f"out={path},drop=1,direction=tx")
    batch = receive(port)
    assert len(batch) == 64
    assert transmit(port, batch) == 0
    assert port.counters()["dropped"] == 64
    assert pcap_frames(path) == []
    port.close()


@pytest.mark.parametrize("option", ["drop=2", "drop=x", "delay=-1", "direction=up", "drip=0.1"])
def test_refuses_wrong_options(source: Path, option: str) -> None:
    with pytest.raises(PortError, match=option.split("=", maxsplit=1)[0]):
        opened(source, option)
