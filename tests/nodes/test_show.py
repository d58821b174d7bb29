"""`triplane show` and `triplane trace` on a dataplane that has seen traffic."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.nodes.plant import Controller, Dataplane, plant
from tests.tap.rig import IP_B, ping

FLOWS = (
    "table=0,priority=10,cookie=0x77,in_port=1,actions=goto_table:1",
    "table=0,priority=9,in_port=2,actions=meter:5,normal",
    "table=1,priority=3,ip,nw_dst=10.77.0.0/16,actions=group:4",
    "table=1,priority=2,arp,actions=normal",
    "table=1,priority=1,tcp,tcp_dst=22,actions=dec_ttl,set_field:02:00:00:00:00:09->eth_dst,output:2",
    "table=1,priority=0,actions=controller",
)
HEAD = "020000000002 020000000001 "
IP = "0800 4500001c 00000000 4011 0000"  # UDP, no options


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataplane]:
    """A dataplane with flows, a group and a meter, all used."""
    with plant(tmp_path_factory.mktemp("show") / "run", "packet", "tap") as dataplane:
        with Controller.dial(dataplane):
            dataplane.ofctl("add-meter", "meter=5,pktps,band=type=drop,rate=100000")
            dataplane.ofctl("add-group", "group_id=4,type=select,bucket=output:2")
            for flow in FLOWS:
                dataplane.ofctl("add-flow", flow)
            ping(IP_B)
        yield dataplane


def rows(dataplane: Dataplane, kind: str) -> Any:
    return json.loads(dataplane.cli("show", kind, "--json"))


def test_ports(busy: Dataplane) -> None:
    first, second = rows(busy, "ports")
    assert (first["port"], first["device"], first["kind"], first["link"]) == ("1", "pa", "packet", "up")
    assert (second["port"], second["device"], second["kind"], second["link"]) == ("2", "b", "tap", "up")
    for row in (first, second):
        assert min(row["rx_packets"], row["tx_packets"]) >= 4
        assert row["rx_bytes"] >= 3 * 98
        assert row["rx_errors"] == row["tx_errors"] == row["rx_dropped"] == row["tx_dropped"] == 0
        assert len(bytes.fromhex(row["mac"].replace(":", ""))) == 6


def test_flows(busy: Dataplane) -> None:
    found = rows(busy, "flows")
    assert [(row["table"], row["priority"], row["match"], row["instructions"]) for row in found] == [
        (0, 10, "in_port=1", "goto:1"),
        (0, 9, "in_port=2", "meter:5 apply(output:normal)"),
        (1, 3, "eth_type=0x0800,ipv4_dst=10.77.0.0/255.255.0.0", "apply(group:4)"),
        (1, 2, "eth_type=0x0806", "apply(output:normal)"),
        (
            1,
            1,
            "eth_type=0x0800,ip_proto=6,tcp_dst=22",
            "apply(dec_nw_ttl,set_field:eth_dst=02:00:00:00:00:09,output:2)",
        ),
        (1, 0, "any", "apply(output:controller)"),
    ]
    assert found[0]["cookie"] == "0x77"
    assert found[0]["packets"] >= 4
    assert found[2]["packets"] == 3
    assert found[2]["bytes"] == 3 * 98
    assert found[4]["packets"] == 0


def test_groups_and_meters(busy: Dataplane) -> None:
    (group,) = rows(busy, "groups")
    assert group == {"group": 4, "type": "select", "flows": 1, "packets": 3, "bytes": 3 * 98, "buckets": ["output:2"]}
    (meter,) = rows(busy, "meters")
    assert (meter["meter"], meter["flows"], meter["bands"]) == (5, 1, ["drop>100000packet/s"])
    assert meter["packets"] >= 4


def test_macs_and_punts_and_what_it_has_none_of(busy: Dataplane) -> None:
    learned = rows(busy, "macs")
    assert {row["port"] for row in learned} == {1, 2}
    assert {row["vlan"] for row in learned} == {0}
    assert all(set(row) == {"vlan", "mac", "port", "age"} for row in learned)
    classes = {row["class"]: row for row in rows(busy, "punts") if "class" in row}
    assert classes
    assert rows(busy, "fib") == rows(busy, "neighbours") == []


@pytest.mark.parametrize("kind", ["ports", "flows", "groups", "meters", "macs", "punts"])
def test_tables_for_people_have_a_line_a_row(busy: Dataplane, kind: str) -> None:
    assert len(busy.cli("show", kind).splitlines()) == 1 + len(rows(busy, kind))


def ip_packets(dataplane: Dataplane) -> list[int]:
    """Packets of the flows that only IPv4 meets: the hosts' kernels send IPv6 messages whenever they like."""
    return [row["packets"] for row in rows(dataplane, "flows") if "eth_type=0x0800" in str(row["match"])]


def test_trace_tells_the_way_through_the_tables(busy: Dataplane) -> None:
    before = ip_packets(busy)
    steps = busy.cli("trace", "1", HEAD + IP + "0a4d0001 0a4d0002 0001000200080000").splitlines()
    assert steps == [
        "packet of 42 bytes in by port 1",
        "table 0: priority 10, cookie 0x77: in_port=1 -> goto:1",
        "table 1: priority 3, cookie 0x0: eth_type=0x0800,ipv4_dst=10.77.0.0/255.255.0.0 -> apply(group:4)",
        "end of the tables",
    ]
    assert busy.cli("trace", "2", HEAD + "88b5" + "00" * 46).splitlines()[1:] == [
        "table 0: priority 9, cookie 0x0: in_port=2 -> meter:5 apply(output:normal)",
        "end of the tables",
    ]
    assert "table 1: priority 0, cookie 0x0: any -> apply(output:controller)" in busy.cli("trace", "1", HEAD + "88b5")
    assert busy.cli("trace", "9", HEAD + "88b5").splitlines()[1:] == ["table 0: no flow matches, dropped"]
    assert ip_packets(busy) == before, "a trace counts as traffic"


def test_trace_of_a_spent_ttl_and_of_a_capture(busy: Dataplane, tmp_path: Path) -> None:
    from tests.tap.rig import pcap_bytes

    head = bytes.fromhex(HEAD + "0800 45000028 00000000 0106 0000 0a4d0001 01010101 04d20016")
    (tmp_path / "x.pcap").write_bytes(pcap_bytes([head + bytes(16), bytes(60)]))
    assert busy.cli("trace", "1", f"@{tmp_path / 'x.pcap'}").splitlines()[2:] == [
        "table 1: priority 1, cookie 0x0: eth_type=0x0800,ip_proto=6,tcp_dst=22 -> "
        "apply(dec_nw_ttl,set_field:eth_dst=02:00:00:00:00:09,output:2)",
        "the TTL is spent: to the controller as invalid_ttl, dropped",
    ]
