"""Which entries a monitor means, by their matches."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triplane.dataplane.openflow import ofproto_v1_4_parser as ours
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.switch.monitor_match import covers, fields_of
from triplane.dataplane.switch.v1_0.match import ofp_match

FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "in_port": st.integers(1, 3),
        "eth_dst": st.sampled_from(["02:00:00:00:00:01", ("02:00:00:00:00:00", "ff:ff:ff:00:00:00")]),
        "metadata": st.sampled_from([1, (1, 3), (2, 3), (0, 0x10)]),
    },
)


def value_and_mask(value: Any, size: int) -> tuple[int, int]:
    plain, mask = value if isinstance(value, tuple) else (value, (1 << 8 * size) - 1)
    numbers = [int(each.replace(":", ""), 16) if isinstance(each, str) else each for each in (plain, mask)]
    return numbers[0], numbers[1]


@given(FIELDS, FIELDS)
def test_a_match_covers_another_if_no_packet_tells_otherwise(wide: dict[str, Any], narrow: dict[str, Any]) -> None:
    sizes = {"in_port": 4, "eth_dst": 6, "metadata": 8}
    covered = True
    for name, value in wide.items():
        plain, mask = value_and_mask(value, sizes[name])
        other, other_mask = value_and_mask(narrow[name], sizes[name]) if name in narrow else (0, 0)
        covered &= mask & other_mask == mask and other & mask == plain
    matches = [fields_of(ours.OFPMatch(**fields).to_bytes()) for fields in (wide, narrow)]
    assert covers(*matches) == covered


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("00000002 0001", "80000004 00000001"),  # in_port
        ("00000206 020000000001", "80000606 020000000001"),  # eth_dst
        ("00000602 0800 00000e04 0a000001", "80000a02 0800 80001604 0a000001"),  # eth_type, ipv4_src
        ("00010004 00000001 00010204 00000002", "80010008 0000000100000002"),  # reg0 and reg1, xreg0
        ("00012008 0000000000000009", "80004c08 0000000000000009"),  # tun_id
    ],
)
def test_a_field_is_itself_in_each_of_its_forms(one: str, other: str) -> None:
    fields = [fields_of(ofp_match(bytes.fromhex(each))) for each in (one, other)]
    assert fields[0] == fields[1]
    assert covers(*fields)


@pytest.mark.parametrize(
    ("fields", "error"), [("00000002 00", (4, 1)), ("00000e04 0a000001", (4, 9)), ("8000fe04 00000001", (4, 6))]
)
def test_what_is_no_match_is_refused(fields: str, error: tuple[int, int]) -> None:
    with pytest.raises(OpenFlowError) as caught:
        fields_of(ofp_match(bytes.fromhex(fields)))
    assert (caught.value.type, caught.value.code) == error
