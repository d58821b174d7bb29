from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser

from triplane.dataplane.kernels.groups import DEAD_PORT, NO_WATCH
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.tables.buckets import Bucket, parse_buckets

OUTPUT = parser.OFPActionOutput(2)


def encode(*buckets: parser.OFPBucket) -> bytes:
    wire = bytearray()
    for bucket in buckets:
        bucket.serialize(wire, len(wire))
    return bytes(wire)


def bucket(*actions: Any, **fields: int) -> parser.OFPBucket:
    return parser.OFPBucket(actions=list(actions), **fields)


def keys(*buckets: parser.OFPBucket) -> Sequence[int]:
    return [parsed.key for parsed in parse_buckets(encode(*buckets))]


def test_fields_and_where_the_actions_are() -> None:
    wire = encode(bucket(OUTPUT, weight=5, watch_port=3, watch_group=9), bucket(parser.OFPActionGroup(4)))
    first, second = parse_buckets(wire)
    assert (first.weight, first.watch_port, first.watch_group, first.start, first.end) == (5, 3, 9, 16, 32)
    assert (second.start, second.end, second.forwards, second.watches) == (48, 56, (4,), False)


def test_what_is_watched_as_a_slot() -> None:
    wanted = {3: 3, ofp.OFPP_LOCAL: 0, ofp.OFPP_ANY: NO_WATCH, 256: DEAD_PORT, ofp.OFPP_MAX: DEAD_PORT}
    for port, slot in wanted.items():
        (parsed,) = parse_buckets(encode(bucket(watch_port=port)))
        assert parsed.port_slot == slot


def test_keys_stay_with_what_a_bucket_does() -> None:
    one, two = bucket(OUTPUT, weight=1), bucket(parser.OFPActionOutput(3), weight=1)
    assert keys(one, two) == keys(two, one)[::-1]
    assert keys(one) == keys(bucket(OUTPUT, weight=9))
    assert len(set(keys(one, one, one, two))) == 4
    assert keys(one, one)[:1] == keys(one)


WHOLE = encode(bucket(OUTPUT))


@pytest.mark.parametrize(
    "wire",
    [WHOLE[:15], WHOLE + b"\0" * 8, WHOLE[:24], b"\0\x0f" + WHOLE[2:], b"\0\x14" + WHOLE[2:], b"\0\x28" + WHOLE[2:]],
)
def test_lengths_that_do_not_fit(wire: bytes) -> None:
    with pytest.raises(OpenFlowError, match="OFPGMFC_BAD_BUCKET"):
        parse_buckets(wire)


def test_too_many() -> None:
    with pytest.raises(OpenFlowError, match="OFPGMFC_OUT_OF_BUCKETS"):
        parse_buckets(encode(bucket()) * 1025)


def test_forwards_of_nonsense_end() -> None:
    wire = b"\0\x18" + WHOLE[2:16] + b"\0\x16\0\0\0\0\0\7"
    (parsed,) = parse_buckets(wire)
    assert isinstance(parsed, Bucket)
    assert parsed.forwards == ()
