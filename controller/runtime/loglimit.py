"""How often one statement may log, as Open vSwitch limits its own.

A script that logs each packet would otherwise spend more on its log than on its packets. What is too much is left out
before a record is made of it, and the next line of that statement says how many there were.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

RATE = 20  # lines of one statement in `WINDOW`; the first so many are always written
WINDOW = 1.0  # s
_LOGGING = logging._srcfile  # its code says that it is from there
_MOST = 10_000  # statements that are remembered


class Statement:
    """A place in a program that logs, by one logger."""

    __slots__ = ("left", "level", "since", "suppressed")

    def __init__(self, left: int, level: int) -> None:
        self.left = left  # lines that it may still write in this window
        self.level = level
        self.since = time.monotonic()
        self.suppressed = 0


class LimitedLogger(logging.Logger):
    """A logger whose statements are limited, once `limit` is set."""

    limit = 0  # lines in a window; 0: no limit
    _statements: dict[tuple[str, int, int], Statement] = {}  # noqa: RUF012  # shared, of all loggers

    def info(self, msg: object, *args: Any, **how: Any) -> None:
        """As every logger's. A line too many ends here: scripts write one for each packet, and few are shown."""
        if self.isEnabledFor(logging.INFO) and not (LimitedLogger.limit and not self._may(logging.INFO, 2)):
            how["stacklevel"] = how.get("stacklevel", 1) + 1  # this function is not the caller
            super()._log(logging.INFO, msg, args, **how)

    def _log(self, level: int, msg: object, args: Any, **how: Any) -> None:  # type: ignore[override]
        if LimitedLogger.limit and not self._may(level, 3):
            return
        how["stacklevel"] = how.get("stacklevel", 1) + 1  # this function is not the caller
        super()._log(level, msg, args, **how)

    def _may(self, level: int, depth: int) -> bool:
        """Whether the statement that is so many calls up may write."""
        frame = sys._getframe(depth)
        code = frame.f_code
        while code.co_filename is _LOGGING and frame.f_back:
            frame = frame.f_back  # `exception` and `LoggerAdapter` come by way of others
            code = frame.f_code
        key = self.name, id(code), frame.f_lasti
        statement = self._statements.get(key)
        if statement is None:
            if len(self._statements) >= _MOST:
                self._statements.clear()  # code that is made anew again and again
            statement = self._statements[key] = Statement(self.limit, level)
        if not statement.left:
            if time.monotonic() - statement.since < WINDOW:
                statement.suppressed += 1
                return False
            self._begin(statement)
        statement.left -= 1
        return True

    def _begin(self, statement: Statement) -> None:
        """A new window."""
        self._tell(statement)
        statement.left, statement.since, statement.suppressed = self.limit, time.monotonic(), 0

    def _tell(self, statement: Statement) -> None:
        if statement.suppressed:
            text = "%d more lines like the following were left out (--log-rate 0 shows all)"
            super()._log(statement.level, text, (statement.suppressed,))


def install(rate: int = RATE) -> None:
    """Limit all loggers of this process to so many lines per second and statement; 0 lifts the limit."""
    LimitedLogger.limit = rate
    logging.setLoggerClass(LimitedLogger)
    for logger in logging.root.manager.loggerDict.values():
        if logger.__class__ is logging.Logger:
            logger.__class__ = LimitedLogger


def finish() -> None:
    """Say what was left out and has not been told."""
    for (name, _, _), statement in LimitedLogger._statements.items():
        if statement.suppressed:
            text = "%d more lines like one before were left out at the end"
            logging.Logger._log(logging.getLogger(name), statement.level, text, (statement.suppressed,))
            statement.suppressed = 0
