"""A short run of the codec's fuzzer; `python -m tests.fuzz.fuzz_codec 10000000` is the long one."""

from __future__ import annotations

from tests.fuzz.fuzz_codec import Fuzzer


def test_damaged_messages_raise_nothing_but_openflow_errors() -> None:
    rounds = 20_000
    fuzzer = Fuzzer(seed=13)
    fuzzer.run(rounds)
    assert rounds // 20 < fuzzer.accepted < rounds
    assert len(fuzzer.errors) > 10
