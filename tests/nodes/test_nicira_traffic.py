"""What scripts build of Nicira's actions, on real packets: ovs-ofctl adds the flows, two hosts talk."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nodes.plant import Dataplane, plant, until
from tests.tap.rig import HOST_A, HOST_B, IP6_B, IP_A, IP_B, ping, raw_socket, receive_raw

REFLECTOR = """\
table=0,dl_type=0x88b5,actions=load:0x1->NXM_NX_REG2[],resubmit(,1)
table=1,reg2=1,actions=push:NXM_OF_ETH_SRC[],move:NXM_OF_ETH_DST[]->NXM_OF_ETH_SRC[],pop:NXM_OF_ETH_DST[],\
move:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15],load:0->NXM_OF_IN_PORT[],output:NXM_NX_REG0[0..15]
"""
LEARNING_SWITCH = """\
table=0,actions=learn(table=1,hard_timeout=60,priority=10,cookie=0x77,NXM_OF_VLAN_TCI[0..11],\
NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15]),resubmit(,1),resubmit(,2)
table=2,reg0=0,actions=flood
table=2,priority=1,reg0=0,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,actions=flood
table=2,priority=0,actions=output:NXM_NX_REG0[0..15]
"""
FIREWALL = """\
priority=5,arp,actions=normal
priority=10,ip,nw_src={a},actions=conjunction(5,1/2)
priority=10,ip,nw_src={b},actions=conjunction(5,1/2)
priority=10,icmp,icmp_type=8,actions=conjunction(5,2/2)
priority=10,icmp,icmp_type=0,actions=conjunction(5,2/2)
priority=10,conj_id=5,actions=normal
priority=1,actions=drop
"""


@pytest.fixture(scope="module")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataplane]:
    with plant(tmp_path_factory.mktemp("nicira") / "run", "packet", "tap") as dataplane:
        yield dataplane


def program(switch: Dataplane, tmp_path: Path, flows: str) -> None:
    """These flows and no others."""
    path = tmp_path / "flows"
    path.write_text(flows)
    switch.ofctl("del-flows")
    switch.ofctl("add-flows", str(path))


def test_a_reflector(switch: Dataplane, tmp_path: Path) -> None:
    program(switch, tmp_path, REFLECTOR)
    for host, end in ((HOST_A, "a"), (HOST_B, "b")):
        with raw_socket(host, end) as sock:
            sent = bytes.fromhex("020000000009 020000000008 88b5") + b"come back" + bytes(51)
            sock.send(sent)
            back = receive_raw(sock, b"come back")
            while back[:6] == sent[:6]:
                back = receive_raw(sock, b"come back")
            assert back == sent[6:12] + sent[:6] + sent[12:]


def test_a_learning_switch(switch: Dataplane, tmp_path: Path) -> None:
    program(switch, tmp_path, LEARNING_SWITCH)
    ping(IP_B, count=5)
    ping(IP6_B, count=5)
    until(lambda: switch.ofctl("dump-flows", "table=1,cookie=0x77/-1").count("->NXM_NX_REG0[0..15]") == 2, "two hosts")
    switch.ofctl("del-flows", "table=1")
    ping(IP_A, host=HOST_B)
    until(lambda: switch.ofctl("dump-flows", "table=1").count("hard_timeout=60") == 2, "two hosts, once more")


def test_a_firewall_of_conjunctions(switch: Dataplane, tmp_path: Path) -> None:
    program(switch, tmp_path, FIREWALL.format(a=IP_A, b=IP_B))
    ping(IP_B)
    switch.ofctl("del-flows", "--strict", f"priority=10,ip,nw_src={IP_A}")
    with pytest.raises((AssertionError, subprocess.SubprocessError)):
        ping(IP_B, "-W", "1")
    switch.ofctl("add-flow", f"priority=10,ip,nw_src={IP_A},actions=conjunction(5,1/2)")
    ping(IP_B)
    told = switch.ofctl("dump-flows", "conj_id=5")
    assert "n_packets=0" not in told
    assert "actions=NORMAL" in told
