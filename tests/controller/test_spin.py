"""When the loop spins: while it pays, not for longer, and not where others want the processor."""

from __future__ import annotations

import threading

from tests.controller.plant import until
from triplane.controller.runtime.loop import Loop
from triplane.controller.runtime.spin import LEAST, LONGEST_REST, MOST, REST, Spin

SOON, LATE = MOST / 2, MOST * 2  # s until something came


def test_at_first_it_sleeps() -> None:
    assert Spin(2).seconds == 0


def test_it_spins_longer_while_what_comes_comes_soon() -> None:
    spin, found = Spin(2), []
    for _ in range(6):
        spin.slept(SOON, spun=bool(spin.seconds), now=1.0)
        found.append(spin.seconds)
    assert found == [LEAST, 2 * LEAST, 4 * LEAST, MOST, MOST, MOST]


def test_it_spins_no_more_once_that_was_in_vain() -> None:
    spin, found = Spin(2), []
    spin.seconds = MOST
    for _ in range(5):
        spin.slept(LATE, spun=bool(spin.seconds), now=1.0)
        found.append(spin.seconds)
    assert found == [MOST / 2, MOST / 4, LEAST, 0, 0]


def test_it_does_not_spin_for_what_comes_late() -> None:
    spin = Spin(2)
    for _ in range(100):
        spin.slept(LATE, spun=False, now=1.0)
    assert spin.seconds == 0


def test_it_does_not_spin_on_a_single_processor() -> None:
    spin = Spin(1)
    for now in range(100):
        spin.slept(SOON, spun=False, now=float(now))
    assert spin.seconds == 0


def test_held_up_it_rests_ever_longer() -> None:
    spin, now, rests = Spin(2), 100.0, []
    for _ in range(9):
        spin.slept(SOON, spun=False, now=now)
        assert spin.seconds
        spin.held_up(now)
        began = now
        while not spin.seconds:
            now += REST / 4
            spin.slept(SOON, spun=False, now=now)
        rests.append(round((now - began) / REST))
    assert rests == [1, 2, 4, 8, 16, 32, 64, 128, 256]


def test_it_rests_no_longer_than_that() -> None:
    spin, now = Spin(2), 100.0
    for _ in range(100):
        spin.held_up(now)
        now += LONGEST_REST
        spin.slept(SOON, spun=False, now=now)
        assert spin.seconds


def test_what_was_long_ago_is_forgiven() -> None:
    spin = Spin(2)
    for now in (100.0, 100.001, 100.002):
        spin.held_up(now)
    spin.held_up(200.0)
    spin.slept(SOON, spun=False, now=200.0 + REST)
    assert spin.seconds


def test_a_loop_that_spins_hears_other_threads() -> None:
    loop, called = Loop(), threading.Event()
    loop._spin.seconds = 3600.0
    loop.start()
    until(lambda: loop.asleep)
    loop.call_soon(called.set)
    assert called.wait(60)
    loop.stop()
