"""A short run of the wire fuzzer; `python -m tests.fuzz.fuzz_wire 10000000` is the long one."""

from __future__ import annotations

from tests.fuzz.fuzz_wire import DONE, Fuzzer
from triplane.dataplane.kernels.compiler import INTERPRETED
from triplane.dataplane.kernels.errors import BAD_ACTION_METER, UNSUPPORTED_INSTRUCTION


def test_mutated_flow_mods_neither_crash_nor_read_beyond_their_end() -> None:
    rounds = 300 if INTERPRETED else 200_000
    fuzzer = Fuzzer(seed=20)
    assert fuzzer.run(rounds) == DONE, fuzzer.input.hex()
    assert rounds // 50 < fuzzer.accepted < rounds
    if not INTERPRETED:  # every error but those of OpenFlow 1.5 alone: meters as actions, egress tables
        assert fuzzer.unseen == {BAD_ACTION_METER, UNSUPPORTED_INSTRUCTION}
