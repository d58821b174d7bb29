"""Ryu's own unit tests of what we replaced, against ours: those that fail are in a table, each with its reason."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import subprocess
import sys
import warnings
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.controller import ryu_source
from tests.controller.ryu_units.exceptions import BY_CHANCE, EXCEPTIONS, RACES, TRIES

RUN = Path(__file__).with_name("run.py")
GROUPS = {
    "manager": ("cmd.test_manager",),
    "controller": ("controller.test_controller",),
    "REST": ("app.test_wsgi", "app.test_ws_topology"),
    "hub": ("lib.test_hub", "lib.test_rpc"),
    "imports": ("lib.test_import_module", "lib.test_stringify", "lib.test_ofp_pktinfilter", "sample.test_sample1"),
    "ofctl": (
        # not test_ofctl and test_ofctl_rest: what they read is in neither package
        *("lib.test_ofctl_action_match", "lib.test_ofctl_string", "lib.test_ofctl_utils", "lib.test_ofctl_v1_3"),
    ),
    "ofproto": (
        *("ofproto.test_ofproto", "ofproto.test_ofproto_common", "ofproto.test_ofproto_parser"),
        *("ofproto.test_ofproto_v12", "ofproto.test_oxm", "ofproto.test_oxs", "ofproto.test_nx_flow_spec"),
        *("ofproto.test_ether", "ofproto.test_inet"),
    ),
    "parsers": ("ofproto.test_parser", "ofproto.test_parser_compat", "ofproto.test_parser_ofpstats"),
    "matches": ("ofproto.test_parser_ofpmatch",),
    "parser 1.0": ("ofproto.test_parser_v10",),
    "parser 1.2": ("ofproto.test_parser_v12",),
    "parser 1.3": ("ofproto.test_parser_v13",),
}


@pytest.fixture(scope="session")
def source(pytestconfig: pytest.Config) -> Path:
    """Ryu's source with the packets that its tests read: Ryu's package lacks them, os-ken's has them."""
    ryu = ryu_source.download(pytestconfig.cache.mkdir("ryu"))
    spec = importlib.util.find_spec("os_ken")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    theirs = Path(spec.submodule_search_locations[0]) / "tests"
    for folder in ("packet_data", "unit/ofproto/json"):
        with contextlib.suppress(FileExistsError):
            (ryu / "ryu/tests" / folder).symlink_to(theirs / folder)
    return ryu


def exception(test: str) -> str | None:
    """The pattern of the table that a test is under."""
    return next((pattern for pattern in EXCEPTIONS if fnmatch(test, pattern)), None)


def run(source: Path, group: str, only: Iterable[str] = ()) -> dict[str, str | None]:
    """What Ryu's tests say, by their names: what went wrong, None if nothing did."""
    words = [*(f"--only={test}" for test in only), str(source), *GROUPS[group]]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(RUN), *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=source / "ryu/tests/unit",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told: dict[str, str | None] = json.loads(done.stdout)
    return told


def races(test: str) -> bool:
    return exception(test) is None and any(fnmatch(test, pattern) for pattern in RACES)


def run_again(source: Path, group: str, told: dict[str, str | None]) -> None:
    """Those that depend on the machine's speed, if they failed."""
    for number in range(2, TRIES + 1):
        failed = {test: error for test, error in told.items() if error is not None and races(test)}
        if not failed:
            return
        warnings.warn(f"run {number} of what depends on the machine's speed: {failed}", stacklevel=2)
        told |= run(source, group, failed)


@pytest.mark.parametrize("group", GROUPS)
def test_ryu_s_unit_tests_pass(source: Path, group: str) -> None:
    told = run(source, group)
    run_again(source, group, told)
    failed = {test: error for test, error in told.items() if error is not None}
    print(f"{group}: passed {len(told) - len(failed)} of {len(told)}")
    assert {test: error for test, error in failed.items() if exception(test) is None} == {}
    modules = tuple(f"{module}." for module in GROUPS[group])
    ours = [pattern for pattern in EXCEPTIONS if pattern.startswith(modules) and pattern not in BY_CHANCE]
    assert [pattern for pattern in ours if not any(fnmatch(test, pattern) for test in failed)] == []  # needless
