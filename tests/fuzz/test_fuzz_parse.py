from __future__ import annotations

from tests.fuzz.corpus import seeds
from tests.fuzz.fuzz_parse import Fuzzer
from tests.oracle.parse import parse
from triplane.dataplane.kernels.compiler import INTERPRETED


def test_a_short_campaign_finds_nothing() -> None:
    assert Fuzzer(1).run(300 if INTERPRETED else 50_000) == ""


def test_seeds_reach_every_header() -> None:
    reached = set()
    for frame in seeds():
        parsed = parse(frame)
        reached |= parsed.at.keys() | parsed.fields.keys() | {parsed.fragment}
    assert {"l4", "vlan", "mpls", "pbb", "sll", "tll", "later", "first", "arp_op", "sctp_src", "ipv6_exthdr"} <= reached
