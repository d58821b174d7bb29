"""Runs unit tests of Ryu's source package in this process, where `ryu` is ours.

`run.py [--only TEST]... SOURCE MODULE...`. On stdout comes a JSON object: each test's name and what went wrong, null
if nothing did. What the tests import that is gone (nose, imp, the old names of unittest) is made here.
"""

from __future__ import annotations

import argparse
import builtins
import contextlib
import importlib
import json
import os
import struct
import sys
import threading
import time
import types
import unittest
import unittest.mock
from collections import deque
from collections.abc import Callable
from typing import Any

from triplane.controller import compat
from triplane.dataplane.openflow.errors import OpenFlowError

TEST_SECONDS = 10.0


def _equal(one: Any, other: Any, msg: str | None = None) -> None:
    assert one == other, msg or f"{one!r} != {other!r}"


def _ok(value: Any, msg: str | None = None) -> None:
    assert value, msg


def _raises(*errors: type[BaseException]) -> Callable[..., Any]:
    """Where Ryu asserts, ours says what is wrong: OpenFlowError of bytes, ValueError and struct.error of values."""
    if AssertionError in errors:
        errors = (*errors, OpenFlowError, ValueError, struct.error)

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        def raising(*args: Any, **kwargs: Any) -> None:
            try:
                test(*args, **kwargs)
            except errors:
                return
            raise AssertionError(f"{errors} was not raised")

        raising.__name__ = test.__name__
        return raising

    return decorate


def provide_star_names() -> None:
    """What the parser modules of Ryu import, tests take from them by `import *`."""
    for minor in (0, 2, 3):
        parser = importlib.import_module(f"ryu.ofproto.ofproto_v1_{minor}_parser")
        names = {
            "ofproto": importlib.import_module(f"ryu.ofproto.ofproto_v1_{minor}"),
            "nx_match": importlib.import_module("ryu.ofproto.nx_match"),
            **{name: importlib.import_module(f"ryu.lib.{name}") for name in ("addrconv", "mac")},
        }
        parser.__dict__.update(names)
        if hasattr(parser, "__all__"):
            parser.__all__ = [*parser.__all__, *names]


def _module(name: str, **names: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__.update(names)
    sys.modules[name] = module
    return module


def provide_what_is_gone() -> None:
    """nose, mock, imp, and names that unittest had until Python 3.11."""
    tools = _module("nose.tools", eq_=_equal, ok_=_ok, raises=_raises, nottest=lambda test: test)
    result = _module("nose.result", TextTestResult=unittest.TextTestResult)
    core = _module("nose.core", TextTestRunner=unittest.TextTestRunner)
    parts = {"result": result, "core": core, "config": _module("nose.config")}
    _module("nose", **parts, tools=tools, main=unittest.main, SkipTest=unittest.SkipTest)
    sys.modules["mock"] = unittest.mock
    if sys.version_info >= (3, 12):
        _module("imp", reload=importlib.reload)
    for old, new in (
        ("assertEquals", "assertEqual"),
        ("assertNotEquals", "assertNotEqual"),
        ("assertItemsEqual", "assertCountEqual"),
        ("assertRaisesRegexp", "assertRaisesRegex"),
        ("assertRegexpMatches", "assertRegex"),
        ("assert_", "assertTrue"),
    ):
        if not hasattr(unittest.TestCase, old):
            setattr(unittest.TestCase, old, getattr(unittest.TestCase, new))


class Result(unittest.TestResult):
    """Notes what went wrong with each test."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, str | None] = {}

    def startTest(self, test: unittest.TestCase) -> None:
        self.told.setdefault(_name(test), None)

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        self.told[_name(test)] = _short(f"{err[0].__name__}: {err[1]}")

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self.addError(test, err)


def _short(text: str) -> str:
    """The error itself; of a failed import, what a traceback ends with."""
    return text.strip().splitlines()[-1] if "Traceback" in text else text[:300]


def _name(test: Any) -> str:
    return str(test.id()).removeprefix("ryu.tests.unit.")


class Importing:
    """Around a module's import: what it raises is told under the module's name."""

    def __init__(self, module: str, result: Result) -> None:
        self.module, self.result = module, result

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        if not isinstance(error, Exception):
            return False
        self.result.told[self.module] = _short(f"{type(error).__name__}: {error}")
        return True


def lend_names(module: str) -> None:
    """Names that a test takes from what Ryu's parser itself imported, by `from ..._parser import *`."""
    for name, target in (("mac", "lib.mac"), ("nx_match", "ofproto.nx_match")):
        setattr(builtins, name, importlib.import_module(f"ryu.{target}"))
    version = module.rpartition("_v1")[2]
    if version in ("0", "2", "3"):
        builtins.__dict__["ofproto"] = importlib.import_module(f"ryu.ofproto.ofproto_v1_{version}")


def tests_of(module: str, result: Result) -> list[unittest.TestCase]:
    """The tests that a module defines, flat; none if it cannot be imported."""
    with Importing(module, result):
        lend_names(module)
        importlib.import_module(f"ryu.tests.unit.{module}")
    if module in result.told:
        return []
    found: list[Any] = [unittest.defaultTestLoader.loadTestsFromName(f"ryu.tests.unit.{module}")]
    flat: list[unittest.TestCase] = []
    while found:
        item = found.pop(0)
        if isinstance(item, unittest.TestSuite):
            found = [*item, *found]
        else:
            flat.append(item)
    return flat


class Worker(threading.Thread):
    """Runs tests from a shared list, until it is empty or one does not end and the next worker has taken over."""

    def __init__(self, waiting: deque[unittest.TestCase], result: Result) -> None:
        super().__init__(daemon=True)
        self.waiting, self.result = waiting, result
        self.running: tuple[str, float] | None = None
        self.relieved = False

    def run(self) -> None:
        while self.waiting and not self.relieved:
            test = self.waiting.popleft()
            self.running = _name(test), time.monotonic()
            test.run(self.result)


def run_all(tests: list[unittest.TestCase], result: Result) -> None:
    """Run tests one after the other; one that does not end is left behind."""
    waiting = deque(tests)
    while waiting:
        worker = Worker(waiting, result)
        worker.start()
        while worker.is_alive() and not worker.relieved:
            worker.join(0.5)
            name, since = worker.running or ("", time.monotonic())
            if worker.is_alive() and time.monotonic() - since > TEST_SECONDS:
                worker.relieved = True
                result.told[name] = "it does not end"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("--only", action="append", metavar="TEST", help="none of the others")
    parser.add_argument("modules", nargs="+")
    chosen = parser.parse_args()
    provide_what_is_gone()
    compat.install()
    provide_star_names()
    sys.path.insert(0, chosen.source)
    result = Result()
    with contextlib.redirect_stdout(sys.stderr):
        tests = [test for module in chosen.modules for test in tests_of(module, result)]
        run_all([test for test in tests if not chosen.only or _name(test) in chosen.only], result)
    print(json.dumps(result.told), flush=True)
    os._exit(0)  # threads that tests left behind are not waited for


if __name__ == "__main__":
    main()
