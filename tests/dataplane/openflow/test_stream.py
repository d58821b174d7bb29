"""Messages come out whole, however the bytes arrive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.stream import Framer

ECHO = bytes.fromhex("0402000c00000001deadbeef")


@given(st.lists(st.binary(max_size=50)), st.lists(st.integers(1, 40)))
def test_any_chunks(bodies: list[bytes], cuts: list[int]) -> None:
    messages = [b"\x04\x02" + (8 + len(body)).to_bytes(2, "big") + bytes(4) + body for body in bodies]
    stream = b"".join(messages)
    framer, found = Framer(), []
    for cut in [*cuts, len(stream)]:
        found += framer.feed(stream[:cut])
        stream = stream[cut:]
    found += framer.feed(stream)
    assert found == messages
    assert framer.pending == 0


def test_a_byte_at_a_time() -> None:
    framer = Framer()
    assert [framer.feed(ECHO[at : at + 1]) for at in range(12)] == [[]] * 11 + [[ECHO]]


def test_a_length_below_eight_is_an_error() -> None:
    with pytest.raises(OpenFlowError) as raised:
        Framer().feed(ECHO + bytes.fromhex("0402000700000001"))
    assert (raised.value.type, raised.value.code) == (1, 6)
    assert raised.value.data == bytes.fromhex("0402000700000001")


def test_what_waits_is_bounded() -> None:
    framer = Framer()
    start = b"\x04\x02\xff\xff" + bytes(0xFFFA)
    assert framer.feed(start) == []
    assert framer.pending == 0xFFFE
    assert framer.feed(b"x" + ECHO) == [start + b"x", ECHO]
    assert framer.pending == 0
