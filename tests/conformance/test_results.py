"""How the suite's files are read, shared out and counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance import results, suite
from tests.conformance.lane import target_words
from tests.conformance.results import Result
from tests.conformance.suite import SuiteFile

PLAIN = {"description": "d", "prerequisite": [], "tests": [{"ingress": ["p"], "egress": ["p"]}]}
INGRESS = {"packets": {"pktps": 700}}
RATED = {"description": "d", "prerequisite": [], "tests": [{"ingress": INGRESS, "egress": {"throughput": []}}]}


def file(description: str, tests: int = 3, throughput: int = 0) -> SuiteFile:
    return SuiteFile(Path(description), description, tests, throughput)


def test_the_installed_suite_has_991_tests_of_which_51_measure_throughput() -> None:
    files = suite.files(suite.suite_folder("13"))
    assert results.total(files) == 991
    assert sum(one.throughput for one in files) == 36 + 15  # meters and groups


@pytest.mark.parametrize(("version", "tests"), [("10", 192), ("14", 1003)])
def test_every_test_of_the_other_suites_has_a_file_of_its_own(version: str, tests: int) -> None:
    files = suite.files(suite.suite_folder(version))
    assert results.total(files) == tests
    assert len({one.description for one in files}) == len(files)


def test_a_file_is_read_with_its_description_and_counts(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(["meter: 01_X", PLAIN, RATED, RATED]))
    assert suite.files(tmp_path) == [SuiteFile(path, "meter: 01_X", 3, 2, 700)]
    assert suite.files(tmp_path, "y") == []


def test_categories_and_what_the_specification_requires() -> None:
    told = {
        one.description: (one.category, one.required)
        for one in map(
            file,
            [
                "match: 03_ETH_DST (Mask)",
                "match: 10_IP_PROTO (IPv6)",
                "match: 06_VLAN_VID",
                "action: 00_OUTPUT",
                "action: 17_PUSH_VLAN",
                "action: set_field: 03_ETH_DST",
                "group: 00_ALL",
                "group: 01_SELECT_Ether",
            ],
        )
    }
    assert told == {
        "match: 03_ETH_DST (Mask)": ("match", True),
        "match: 10_IP_PROTO (IPv6)": ("match", True),
        "match: 06_VLAN_VID": ("match", False),
        "action: 00_OUTPUT": ("action", True),
        "action: 17_PUSH_VLAN": ("action", False),
        "action: set_field: 03_ETH_DST": ("set_field", False),
        "group: 00_ALL": ("group", True),
        "group: 01_SELECT_Ether": ("group", False),
    }


def test_long_files_go_to_different_lanes_and_none_is_lost() -> None:
    files = [file("long", 3, 3), file("longer", 4, 4), *(file(f"short{number}") for number in range(9))]
    shares = suite.deal(files, 2, 10)
    assert sorted(one.description for share in shares for one in share) == sorted(one.description for one in files)
    assert not any({one.description for one in share} >= {"long", "longer"} for share in shares)
    assert len(suite.deal(files[:1], 4, 10)) == 1


def test_heavy_files_run_one_after_the_other() -> None:
    heavy = [SuiteFile(Path(name), name, 3, 3, 20_000) for name in ("a", "b", "c")]
    shares = suite.deal([file("light1", 50), *heavy, file("light2", 50)], 2, 10)
    assert heavy in shares


def test_what_did_not_run_has_failed() -> None:
    chosen = [file("match: 00_IN_PORT"), file("meter: 01_X", 2)]
    told = [
        Result("match: 00_IN_PORT", "a", "OK", 0.1),
        Result("match: 00_IN_PORT", "b", "Failed to add flows", 0.1),
        Result("meter: 01_X", "a", "OK", 0.1),
        Result("meter: 01_X", "b", "OK", 0.1),
    ]
    assert results.by_category(chosen, told) == [("match", "required", 1, 3), ("meter", "optional", 2, 2)]
    assert results.failures(chosen, told) == [
        f"FAIL {'match: 00_IN_PORT':<40} 1/3  1x Failed to add flows; 1x did not run"
    ]
    assert results.report(chosen, told, 1.0).endswith("TOTAL 3/5 (1 s)")


def test_a_rate_that_was_measured_again_is_told() -> None:
    told = [Result("meter: 01_X", "a", "OK", 1.0, 2), Result("meter: 01_X", "b", "OK", 1.0)]
    assert results.repeated(told) == ["2 runs of meter: 01_X / a"]


def test_the_targets_command_line_is_filled_in() -> None:
    words = target_words("sw --id {dpid} {dpid16} {if1} {if3} tcp:{controller} '{run_dir}/a b'", Path("/x"))
    assert words == ["sw", "--id", "1", "0000000000000001", "lbt1", "lbt3", "tcp:127.0.0.1:6653", "/x/a b"]
