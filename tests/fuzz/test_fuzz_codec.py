"""A short run of the codec's fuzzer; `python -m tests.fuzz.fuzz_codec 10000000` is the long one."""

from __future__ import annotations

import pytest

from tests.fuzz.fuzz_codec import FOLDERS, Fuzzer


@pytest.mark.parametrize("version", FOLDERS)
def test_damaged_messages_raise_nothing_but_openflow_errors(version: int) -> None:
    rounds = 10_000
    fuzzer = Fuzzer(13, version)
    fuzzer.run(rounds)
    assert rounds // 20 < fuzzer.accepted < rounds
    assert len(fuzzer.errors) > 5
