"""OFPMatch as scripts use it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triplane.dataplane.kernels import fields as kernel_fields
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow import values
from triplane.dataplane.openflow.match import OFPMatch
from triplane.dataplane.openflow.v1_3.oxm_fields import BASIC_FIELDS

MAC = "aa:bb:cc:dd:ee:ff"


def test_a_script_looks_into_a_match() -> None:
    match = OFPMatch(in_port=1, eth_dst=(MAC, "ff:ff:ff:00:00:00"), ipv4_src="10.0.0.1")
    assert match["in_port"] == 1
    assert match["eth_dst"] == ("aa:bb:cc:00:00:00", "ff:ff:ff:00:00:00")
    assert "ipv4_src" in match
    assert "ipv4_dst" not in match
    assert match.get("vlan_vid", 7) == 7
    assert list(match) == ["in_port", "eth_dst", "ipv4_src"]
    assert match.items()[0] == ("in_port", 1)
    with pytest.raises(KeyError):
        match["vlan_vid"]


def test_the_order_of_keywords_does_not_matter() -> None:
    assert OFPMatch(eth_type=0x800, in_port=1).to_bytes() == OFPMatch(in_port=1, eth_type=0x800).to_bytes()


def test_bytes_of_a_match() -> None:
    # ofp_match (type 1, length 12), OXM in_port, 4 bytes of padding: 1.3.5 section 7.2.3
    assert OFPMatch(in_port=7).to_bytes().hex() == "0001000c800000040000000700000000"
    assert OFPMatch().to_bytes().hex() == "0001000400000000"


def test_prefixes() -> None:
    assert OFPMatch(ipv4_dst="10.1.2.3/8")["ipv4_dst"] == ("10.0.0.0", "255.0.0.0")
    assert OFPMatch(ipv6_dst="2001:db8::1/32")["ipv6_dst"] == ("2001:db8::", "ffff:ffff::")


@pytest.mark.parametrize("bad", [{"nonsense": 1}, {"field_x": 1}])
def test_unknown_fields(bad: dict[str, Any]) -> None:
    with pytest.raises(KeyError, match="unknown OXM field"):
        OFPMatch(**bad)


@pytest.mark.parametrize("bad", [{"eth_dst": "aa:bb"}, {"ipv4_src": "10.0.0"}, {"ipv6_src": "::g"}, {"eth_src": b"x"}])
def test_values_that_cannot_be(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not"):
        OFPMatch(**bad)


def test_the_old_interface() -> None:
    match = OFPMatch()
    match.set_in_port(3)  # type: ignore[attr-defined]
    match.set_dl_dst(bytes(6))  # type: ignore[attr-defined]
    match.set_vlan_vid(5)  # type: ignore[attr-defined]
    match.set_ipv4_src_masked(0x0A000001, 0xFFFFFF00)  # type: ignore[attr-defined]
    match.append_field(ofp.OXM_OF_IPV6_SRC, [0xFE80, 0, 0, 0, 0, 0, 0, 1])
    assert dict(match.items()) == {
        "in_port": 3,
        "eth_dst": "00:00:00:00:00:00",
        "vlan_vid": 0x1005,
        "ipv4_src": ("10.0.0.0", "255.255.255.0"),
        "ipv6_src": "fe80::1",
    }
    field = match.fields[4]
    assert (field.header, field.value) == (ofp.OXM_OF_IPV6_SRC, [0xFE80, 0, 0, 0, 0, 0, 0, 1])


def user_values(kind: values.Kind) -> st.SearchStrategy[Any]:
    return st.binary(min_size=kind.size, max_size=kind.size).map(kind.decode)


@given(st.data())
def test_any_match_comes_back(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(BASIC_FIELDS), unique=True))
    wanted = {field.name: data.draw(user_values(field.kind)) for field in chosen}
    match, end = OFPMatch.read_strict(OFPMatch(**wanted).to_bytes(), 0, 4096)
    assert dict(match.items()) == wanted
    assert end % 8 == 0


@given(st.data())
def test_masks_come_back_and_clear_what_they_leave_out(data: st.DataObject) -> None:
    field = data.draw(st.sampled_from([field for field in BASIC_FIELDS if field.maskable]))
    value, mask = data.draw(user_values(field.kind)), data.draw(user_values(field.kind))
    wire = OFPMatch(**{field.name: (value, mask)}).to_bytes()
    found, found_mask = OFPMatch.parser(wire, 0)[field.name]
    assert found_mask == mask
    as_int = [int.from_bytes(field.kind.encode(part), "big") for part in (value, mask, found)]
    assert as_int[2] == as_int[0] & as_int[1]


def test_the_data_plane_has_the_same_fields() -> None:
    ours = [(field.name, field.num, field.kind.size, field.maskable) for field in BASIC_FIELDS]
    theirs = [(f.name, 0x8000 << 7 | f.number, f.size, f.maskable) for f in kernel_fields.FIELDS]
    assert ours == theirs
