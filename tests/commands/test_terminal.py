"""What people see: tables, progress, colour."""

from __future__ import annotations

import io

import pytest

from triplane.terminal import Progress, columns, paint


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_numbers_stand_to_the_right_and_text_to_the_left() -> None:
    assert columns(["name", "packets"], [["h1", 5], ["longer", 12345]]) == [
        "name    packets",
        "h1            5",
        "longer    12345",
    ]
    assert columns(["name", "n"], []) == ["name  n"]


def test_progress_in_a_log_is_a_line_for_each_tenth() -> None:
    log = io.StringIO()
    with Progress("compiling", stream=log) as progress:
        for done in range(1, 101):
            progress.step(f"kernel{done}", done, 100)
    lines = log.getvalue().splitlines()
    assert len(lines) == 11
    assert lines[-1] == "compiling: 100/100 kernel100"


def test_progress_on_a_terminal_is_one_line_that_goes_away() -> None:
    terminal = Terminal()
    with Progress("compiling", stream=terminal) as progress:
        progress.step("parse", 1, 2)
        progress.step("act", 2, 2)
    assert "\n" not in terminal.getvalue()
    assert "2/2 act" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_quiet_progress_says_nothing() -> None:
    log = io.StringIO()
    with Progress("compiling", quiet=True, stream=log) as progress:
        progress.step("parse", 1, 1)
    assert log.getvalue() == ""


def test_colour_only_on_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert paint("x", "red", io.StringIO()) == "x"
    assert paint("x", "red", Terminal()) == "\x1b[31mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint("x", "red", Terminal()) == "x"
