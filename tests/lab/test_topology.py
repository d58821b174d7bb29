"""Shapes, files, and which links a lab must leave down."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triplane.lab.topology import SHAPES, Link, TopologyError, build, choose, from_text


def reachable(names: list[str], links: list[Link]) -> set[str]:
    """What can be reached from the first of `names`: the naive way."""
    found, before = {names[0]}, set[str]()
    while found != before:
        before = set(found)
        found |= {link.beyond(name) for name in before for link in links if name in link}
    return found


def test_each_shape_has_the_switches_and_hosts_it_says() -> None:
    counts = {name: (len(shape(None, None).switches), len(shape(None, None).hosts)) for name, shape in SHAPES.items()}
    assert counts == {"single": (1, 2), "linear": (3, 3), "star": (1, 4), "tree": (3, 4), "mesh": (3, 3)}


def test_hosts_are_spread_and_numbered() -> None:
    linear = SHAPES["linear"](3, 6)
    assert [linear.access(host).beyond(host.name) for host in linear.hosts] == ["s1", "s1", "s2", "s2", "s3", "s3"]
    third = linear.hosts[2]
    assert (third.mac, str(third.ipv4), str(third.ipv6)) == ("02:00:00:00:00:03", "10.0.0.3/24", "fd00::3/64")


def test_a_mesh_links_all_pairs_and_spares_all_but_a_tree() -> None:
    mesh = SHAPES["mesh"](4, 4)
    assert len(mesh.trunks()) == 6
    assert mesh.spare_links() == [Link("s2", "s3"), Link("s2", "s4"), Link("s3", "s4")]


@pytest.mark.parametrize("shape", ["single", "linear", "star", "tree"])
def test_other_shapes_have_no_loops(shape: str) -> None:
    nodes = None if shape == "single" else 7
    assert SHAPES[shape](nodes, 9).spare_links() == []


@given(
    st.integers(1, 8).flatmap(
        lambda n: st.tuples(
            st.just(n), st.sets(st.tuples(st.integers(1, n), st.integers(1, n)).filter(lambda p: p[0] < p[1]))
        )
    )
)
def test_what_is_not_spare_reaches_as_far_and_has_no_loop(case: tuple[int, set[tuple[int, int]]]) -> None:
    nodes, pairs = case
    topology = build(nodes, 1, [1], sorted(pairs))
    kept = [link for link in topology.trunks() if link not in topology.spare_links()]
    names = [switch.name for switch in topology.switches]
    pieces = 0
    while names:
        piece = reachable(names, topology.trunks())
        assert reachable(names, kept) == piece
        names = [name for name in names if name not in piece]
        pieces += 1
    assert len(kept) == nodes - pieces  # a forest


FILE = """
hosts:
  web: {ipv4: 192.168.1.1/24, mac: "02:11:22:33:44:55"}
  user:
switches:
  left: {dpid: 16}
  right:
links:
  - [web, left]
  - [left, right]
  - [right, user]
"""


def test_a_file_names_and_addresses_things() -> None:
    topology = from_text(FILE)
    web, user = topology.hosts
    assert (str(web.ipv4), web.mac, str(user.ipv4)) == ("192.168.1.1/24", "02:11:22:33:44:55", "10.0.0.2/24")
    assert [(switch.name, switch.dpid) for switch in topology.switches] == [("left", 16), ("right", 2)]
    assert topology.links == [Link("web", "left"), Link("left", "right"), Link("right", "user")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("hosts: [1", "not YAML"),
        ("routers: {r1: }", "'routers' is not known"),
        ("hosts: {h1: {ip: 1}}\nswitches: {s1: }", "host h1: 'ip' is not known here"),
        ("hosts: {h1: {ipv4: 10.0.0.300/24}}", "host h1: "),
        ("switches: {s1: {dpid: 0}}", "switch s1: dpid 0"),
        ("switches: {s1: {dpid: 1}, s2: {dpid: 1}}", "same dpid"),
        ("switches: {s1: }\nlinks: [[s1, s9]]", "there is no s9"),
        ("switches: {s1: , s2: }\nlinks: [[s1, s2], [s2, s1]]", "once"),
        ("switches: {s1: }\nlinks: [[s1, s1]]", "two things"),
        ("switches: {s1: }\nhosts: {h1: }", "host h1: wants one link"),
        ("switches: {s1: }\nhosts: {h1: , h2: }\nlinks: [[h1, h2]]", "wants one link, to a switch"),
        ("switches: {s 1: }", "is no name"),
        ("switches: {averyveryverylongname: }", "is no name"),
        ("hosts: {h1: }\nlinks: [h1]", "links: want"),
        ("links: 5", "links: want a list"),
        ("", "there is no switch"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(text: str, complaint: str) -> None:
    with pytest.raises(TopologyError) as raised:
        from_text(text)
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)


def test_choosing(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text(FILE)
    assert choose(str(path), None, None) == from_text(FILE)
    assert len(choose("star", None, 12).hosts) == 12
    for shape, nodes, hosts, complaint in [
        (str(path), 2, None, "--nodes and --hosts"),
        ("ring", None, None, "neither a file nor one of"),
        ("single", 2, None, "one switch"),
        ("star", None, 300, "from 1 to 250"),
    ]:
        with pytest.raises(TopologyError, match=complaint):
            choose(shape, nodes, hosts)
