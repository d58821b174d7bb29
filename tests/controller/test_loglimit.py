"""Statements that log: how often, what is told of what was left out, and that the caller is still the caller."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from triplane.controller.runtime import loglimit
from triplane.controller.runtime.loglimit import LimitedLogger


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """A logger whose statements may write three lines in each window."""
    monkeypatch.setattr(LimitedLogger, "limit", 3)
    monkeypatch.setattr(LimitedLogger, "_statements", {})
    logger = LimitedLogger("limited")
    logger.parent = logging.root
    yield logger


def records(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Of this logger: threads that other tests have left behind log too."""
    return [record for record in caplog.records if record.name == "limited"]


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in records(caplog)]


def test_each_statement_has_its_own_limit(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(10):
        log.warning("one %d", number)
        log.warning(f"another {number}")
    assert told(caplog) == [f"{which} {number}" for number in range(3) for which in ("one", "another")]


def test_then_it_says_how_many_there_were(
    log: logging.Logger, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        if number == 8:
            monkeypatch.setattr(loglimit, "WINDOW", 0.0)  # as if it were later
        log.error("line %d", number)
    left_out = "5 more lines like the following were left out (--log-rate 0 shows all)"
    assert told(caplog) == ["line 0", "line 1", "line 2", left_out, "line 8", "line 9"]


def test_what_was_not_told_is_told_at_the_end(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(10):
        log.warning("line %d", number)
    loglimit.finish()
    assert told(caplog)[3:] == ["7 more lines like one before were left out at the end"]


def test_exceptions_are_of_the_statement_that_logs_them(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(5):
        try:
            raise ValueError("x")
        except ValueError:
            log.exception("first")
            log.exception("second")
    assert told(caplog) == ["first", "second"] * 3
    assert all(record.exc_info for record in records(caplog))


def test_a_record_names_its_caller(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    log.warning("here")
    (record,) = records(caplog)
    assert (record.filename, record.funcName) == ("test_loglimit.py", "test_a_record_names_its_caller")


def test_without_limit_all_is_written(
    log: logging.Logger, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LimitedLogger, "limit", 0)
    for number in range(10):
        log.warning("line %d", number)
    assert len(told(caplog)) == 10


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical"])
def test_every_way_to_log_is_limited_and_names_its_caller(
    log: logging.Logger, caplog: pytest.LogCaptureFixture, level: str
) -> None:
    caplog.set_level(logging.DEBUG)
    log.setLevel(logging.DEBUG)
    for number in range(5):
        getattr(log, level)("line %d", number)
    assert told(caplog) == ["line 0", "line 1", "line 2"]
    assert {record.funcName for record in caplog.records if record.name == log.name} == {
        "test_every_way_to_log_is_limited_and_names_its_caller"
    }


def test_a_logger_adapter_s_statements_are_its_callers(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log.setLevel(logging.INFO)
    adapter = logging.LoggerAdapter(log, {})
    for number in range(5):
        adapter.info("one %d", number)
        adapter.info("another %d", number)
    assert told(caplog) == [f"{which} {number}" for number in range(3) for which in ("one", "another")]
