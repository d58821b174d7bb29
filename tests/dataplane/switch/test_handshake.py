"""Which version two sides agree on, and how the user limits those of the switch."""

from __future__ import annotations

import pytest

from tests.dataplane.switch.peer import raw
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.switch import wire
from triplane.dataplane.switch.handshake import agree
from triplane.dataplane.switch.versions import V1_3, chosen, numbers_of

OURS = {number: V1_3._replace(number=number, name=f"1.{number - 1}") for number in (1, 4, 5)}


def plain(version: int) -> bytes:
    return raw(ofp.OFPT_HELLO, version=version)


@pytest.mark.parametrize(
    ("greeting", "version"),
    [
        (wire.hello((1, 4, 5, 6)), 5),
        (wire.hello((4,)), 4),
        (wire.hello((1, 3)), 1),
        (plain(6), 5),
        (plain(4), 4),
        (plain(3), 1),
        (plain(1), 1),
    ],
)
def test_the_newest_that_both_speak(greeting: bytes, version: int) -> None:
    assert agree(OURS, greeting).number == version


@pytest.mark.parametrize("greeting", [wire.hello((2, 3, 6)), plain(0)])
def test_nothing_in_common(greeting: bytes) -> None:
    with pytest.raises(OpenFlowError) as caught:
        agree(OURS, greeting)
    assert caught.value.data == b"this switch speaks OpenFlow 1.0 (0x01), 1.3 (0x04), 1.4 (0x05) only"


def test_hello_says_all_versions_in_its_bitmap_and_the_newest_in_its_header() -> None:
    assert wire.hello((1, 4, 5)) == bytes.fromhex("05000010 00000000 00010008 00000032")


def test_versions_can_be_limited() -> None:
    assert list(chosen(numbers_of("1.3"))) == [4]
    assert ofp.OFP_VERSION in chosen(())
    with pytest.raises(ValueError, match="is not spoken"):
        numbers_of("1.3,1.7")
