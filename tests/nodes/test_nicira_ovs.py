"""The same flows and packets in Open vSwitch and here: a packet leaves by the same ports.

ovs-ofctl gives the flows to a private Open vSwitch, which is asked what it would do (ofproto/trace), through a relay;
the flow-mods that passed there go to our data plane.
"""

from __future__ import annotations

import re
import select
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.controller.ovs import PrivateOvs
from tests.dataplane.forwarder import Forwarder
from tests.oracle import frames as f
from tests.tap.rig import PID
from triplane.dataplane.openflow.stream import Framer
from triplane.tap import namespaces as ns

NETNS, BRIDGE = f"nxovs{PID}", "br0"
A, B = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
FLOW_MOD = 14
PATIENCE = 60  # seconds
TCP = f.ethernet(B, A, [], 0x0800, f.ipv4(bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]), 6, f.tcp(1000, 80, bytes(20))))
UDP = f.ethernet(B, A, [], 0x0800, f.ipv4(bytes([10, 0, 0, 1]), bytes([10, 0, 0, 3]), 17, f.udp(53, 5353, bytes(20))))
PACKETS = {"tcp": TCP, "udp": UDP}
CONJUNCTION = """\
priority=10,ip,nw_src=10.0.0.1,actions=conjunction(1,1/2),conjunction(2,1/3)
priority=10,ip,nw_dst=10.0.0.2,actions=conjunction(1,2/2)
priority=10,tcp,actions=conjunction(2,2/3)
priority=10,conj_id=1,actions=output:2
priority=10,conj_id=2,actions=output:4
priority=1,actions=output:3
"""
CASES = [
    "actions=load:7->NXM_NX_REG0[],resubmit(,1)\ntable=1,reg0=7,actions=output:2\ntable=1,priority=1,actions=output:3",
    "actions=load:0x30002->NXM_NX_XXREG0[0..63],output:NXM_NX_REG3[0..15],output:NXM_NX_REG3[16..31]",
    "actions=move:NXM_OF_IN_PORT[]->NXM_NX_REG1[0..15],load:0->NXM_OF_IN_PORT[],output:NXM_NX_REG1[0..15]",
    "actions=output:1,in_port,output:2",
    "actions=load:3->NXM_NX_REG0[],push:NXM_NX_REG0[],load:9->NXM_NX_REG0[],pop:NXM_NX_REG1[],output:NXM_NX_REG1[]",
    "actions=pop:NXM_NX_REG1[],resubmit(,1),output:3\ntable=1,reg1=0,actions=output:2",
    "actions=resubmit(3,1),output:2\ntable=1,in_port=3,actions=in_port,output:4\ntable=1,in_port=1,actions=output:2",
    "actions=resubmit(,1),output:3\ntable=1,actions=output:2,exit,output:4",
    "actions=resubmit(,1),output:3\ntable=1,actions=goto_table:2\ntable=2,actions=output:2",
    "actions=resubmit(,1),output:3\ntable=1,actions=write_actions(output:2)",
    "actions=resubmit(,1),output:3\ntable=1,actions=write_actions(output:2),goto_table:2",
    "actions=resubmit(,1),output:3\ntable=1,actions=output:2,write_metadata:5",
    "actions=resubmit(,0)",
    "actions=output:2,resubmit(,7),output:3",
    "actions=clone(load:5->NXM_NX_REG0[],output:2),resubmit(,1)\ntable=1,reg0=0,actions=output:3",
    "actions=clone(resubmit(,1)),output:4\ntable=1,actions=output:2,output:3",
    "actions=load:2->NXM_NX_REG0[],push:NXM_NX_REG0[],clone(pop:NXM_NX_REG1[],output:NXM_NX_REG1[]),"
    "load:9->NXM_NX_REG0[],pop:NXM_NX_REG2[],output:NXM_NX_REG2[]",
    "actions=write_actions(output:4),goto_table:1\ntable=1,actions=clone(output:2),output:3",
    "actions=clone(resubmit(,1)),output:3\ntable=1,actions=write_actions(output:2)",
    CONJUNCTION,
    CONJUNCTION + "priority=20,udp,actions=conjunction(9,1/2)\npriority=15,udp,actions=output:4",
    "reg0=0/0xff,actions=output:2\nreg0=1/0xff,actions=output:3",
    "ip,nw_ttl=64,actions=output:2\npriority=1,actions=output:3",
    "ip,ip_frag=no,actions=output:2\npriority=1,actions=output:3".replace("ip_frag", "nw_frag"),
    "tcp,tcp_flags=+ack,actions=output:2\ntcp,priority=1,actions=output:3\npriority=0,actions=output:4",
    "tcp,actions=load:443->NXM_OF_TCP_DST[],resubmit(,1)\ntable=1,tcp,tp_dst=443,actions=output:2",
    "tcp,actions=move:NXM_OF_TCP_SRC[]->NXM_OF_TCP_DST[],resubmit(,1)\ntable=1,tcp,tp_dst=1000,actions=output:2",
    "ip,actions=load:0x28->NXM_OF_IP_TOS[],resubmit(,1)\ntable=1,ip,nw_tos=0x28,actions=output:2",
    "actions=load:0x1064->NXM_OF_VLAN_TCI[],resubmit(,1)\ntable=1,dl_vlan=100,actions=output:2",
    "actions=load:2->NXM_NX_TUN_ID[],resubmit(,1)\ntable=1,tun_id=2,actions=output:2",
    "actions=set_field:6->pkt_mark,resubmit(,1)\ntable=1,pkt_mark=0x4/0x4,actions=output:2",
    "actions=load:0xffff->NXM_NX_REG0[],output:NXM_NX_REG0[],output:2",
    "actions=load:2->NXM_NX_REG0[0..3],load:1->NXM_NX_REG0[0],output:NXM_NX_REG0[]",
    "actions=bundle(eth_src,0,active_backup,ofport,slaves:4,3,2)",
    "actions=note:11.22,output:2",
]


@contextmanager
def relay(path: Path, target: str) -> Iterator[list[bytes]]:
    """A socket that leads to the switch at another; the flow-mods that pass are noted."""
    found: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        thread = threading.Thread(target=pass_on, args=(server, target, found))
        thread.start()
        yield found
        thread.join()
    path.unlink()


def pass_on(server: socket.socket, target: str, found: list[bytes]) -> None:
    """One connection, to its end."""
    client, _ = server.accept()
    with client, socket.socket(socket.AF_UNIX) as switch:
        switch.connect(target)
        framer = Framer()
        while True:
            ready, _, _ = select.select([client, switch], [], [], PATIENCE)
            for sock in ready:
                data = sock.recv(1 << 16)
                if not data:
                    return
                (switch if sock is client else client).sendall(data)
                if sock is client:
                    found += [message for message in framer.feed(data) if message[1] == FLOW_MOD]
            assert ready, "nobody says anything"


@pytest.fixture(scope="module")
def ovs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateOvs]:
    """A bridge with ports 1 to 4."""
    with ns.namespaces(NETNS), PrivateOvs(tmp_path_factory.mktemp("ovs"), NETNS) as switch:
        words = ["add-br", BRIDGE, "--", "set", "bridge", BRIDGE, "datapath_type=netdev", "fail-mode=secure"]
        words += ["protocols=OpenFlow10,OpenFlow13"]
        for number in range(1, 5):
            name = f"p{number}"
            words += ["--", "add-port", BRIDGE, name, "--", "set", "interface", name, "type=internal"]
            words += [f"ofport_request={number}"]
        switch.vsctl(*words)
        for number in range(1, 5):
            subprocess.run(["ip", "-n", NETNS, "link", "set", f"p{number}", "up"], check=True)
        yield switch


def ofctl(command: str, target: str, *words: str) -> None:
    """Without names, which it would ask for: of all tables, with all their features."""
    tool = ["ovs-ofctl", "--no-names", "-O", "OpenFlow13"]
    subprocess.run([*tool, command, f"unix:{target}", *words], check=True, timeout=PATIENCE)


def datapath_ports(ovs: PrivateOvs) -> dict[int, int]:
    """OpenFlow's number of each port by the datapath's."""
    pairs = re.findall(r"p\d (\d+)/(\d+)", ovs.appctl("dpif/show"))
    return {int(theirs): int(number) for number, theirs in pairs}


def verdict(ovs: PrivateOvs, packet: bytes) -> list[int]:
    """The ports that Open vSwitch sends the packet to, coming in by port 1."""
    told = ovs.appctl("ofproto/trace", BRIDGE, "in_port=1", packet.hex())
    actions = told.rpartition("Datapath actions: ")[2].splitlines()[0]
    plain = re.sub(r"(set|push_vlan|meter)\((?:[^()]|\([^()]*\))*\)", "", actions)
    numbers = datapath_ports(ovs)
    return sorted(numbers[int(number)] for number in re.findall(r"(?<![\w.])\d+(?![\w.])", plain))


@pytest.mark.parametrize("flows", CASES)
def test_a_packet_leaves_by_the_same_ports(ovs: PrivateOvs, tmp_path: Path, flows: str) -> None:
    path = tmp_path / "flows"
    path.write_text(flows + "\n")
    bridge = f"{ovs.folder}/{BRIDGE}.mgmt"
    ofctl("del-flows", bridge)
    with relay(tmp_path / "relay", bridge) as messages:
        ofctl("add-flows", f"{tmp_path}/relay", str(path))
    node = Forwarder()
    for message in messages:
        assert node.send(message).errors == []
    for name, packet in PACKETS.items():
        sent = sorted(number for number, _ in node.receive(1, packet))
        assert sent == verdict(ovs, packet), name
    node.close()
