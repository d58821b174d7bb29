"""The demo ends well only if the traffic arrived."""

from __future__ import annotations

import pytest

from triplane.lab import demo
from triplane.lab.demo import Outcome
from triplane.lab.lab import LabOptions


def test_it_sends_all_kinds_of_traffic_and_shows_the_switch(
    prefix: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "TCP_SECONDS", 1)
    monkeypatch.setattr(demo, "IDLE_PINGS", 5)
    arrived = demo.demonstrate(LabOptions(prefix=prefix))
    told = capfd.readouterr().out
    assert arrived, told
    assert "every byte as sent" in told
    assert told.count("Gbit/s") == 2
    assert told.count("answered") == 3
    assert "FAILED" not in told
    assert "flow table" in told


def test_one_step_that_fails_fails_it(
    prefix: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def some_steps(*_: object) -> list[object]:
        return [("one", lambda: Outcome(True, "fine")), ("two", lambda: Outcome(False, "lost"))]

    monkeypatch.setattr(demo, "steps", some_steps)
    assert not demo.demonstrate(LabOptions(prefix=prefix))
    told = capfd.readouterr().out
    assert "ok  fine" in told
    assert "FAILED  lost" in told


def test_round_trips_are_read_from_ping() -> None:
    line = "64 bytes from 10.0.0.2: icmp_seq={} ttl=64 time={} ms\n"
    lines = [line.format(number, time) for number, time in ((1, 0.25), (2, 12), (4, 0.5))]
    assert demo.round_trips("PING 10.0.0.2\n" + "".join(lines), 3) == [0.25, 12.0]
