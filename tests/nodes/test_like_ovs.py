"""What our forwarder and Open vSwitch do alike, seen by the same controller and by Open vSwitch's own tool."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.controller.plant import KINDS, Plant, plant
from tests.nodes.plant import PATIENCE, Controller
from triplane.dataplane.openflow import ofproto_v1_3 as ofp

FRAME = "ffffffffffff0200000000010806" + "00" * 46


@pytest.fixture(params=KINDS)
def net(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Plant]:
    """One switch of either kind, with two hosts and no controller."""
    with plant(str(request.param), tmp_path, f"unix:{tmp_path}/none.sock") as made:
        yield made


def dial(net: Plant, version: int) -> Controller:
    """A controller that is shown packets."""
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(net.management[1])
    controller = Controller(sock, version)
    parser, protocol = controller.protocol.ofproto_parser, controller.protocol
    controller.send(parser.OFPSetConfig(protocol, 0, 128))  # Open vSwitch's tools' connections get none at first
    synchronize(controller)
    return controller


def synchronize(controller: Controller) -> None:
    parser, protocol = controller.protocol.ofproto_parser, controller.protocol
    controller.send(parser.OFPBarrierRequest(protocol))
    controller.next(parser.OFPBarrierReply)


def bundle(net: Plant, *lines: str) -> str:
    """What ovs-ofctl complains of."""
    path = net.folder / "bundle"
    path.write_text("\n".join(lines) + "\n")
    words = ["ovs-ofctl", "-O", "OpenFlow14", "bundle", f"unix:{net.management[1]}", str(path)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE).stderr


def shown(net: Plant) -> list[str]:
    return sorted(line.partition("actions=")[2] for line in net.flows(1))


def test_a_packet_of_a_bundle_meets_the_rules_of_its_place(net: Plant) -> None:
    packet = f"packet-out in_port=controller packet={FRAME} actions=table"
    lines = (
        "group group_id=1,type=all,bucket=output:controller",
        "flow arp,cookie=5,actions=group:1",
        packet,
        "flow add arp,cookie=6,actions=controller",
        packet,
        "group delete",
        "flow del arp",
        packet,
        "flow add actions=drop",
    )
    with dial(net, 4) as controller:
        assert bundle(net, *lines) == ""
        packets: list[Any] = [controller.next(controller.protocol.ofproto_parser.OFPPacketIn) for _ in range(2)]
        assert [(each.cookie, each.data.hex()) for each in packets] == [(5, FRAME), (6, FRAME)]
    assert shown(net) == ["drop"]


def test_ages_of_flow_entries(net: Plant) -> None:
    """Told without being asked for; the tool says nothing of a hard age that is the flow's whole life."""
    net.ofctl(1, "add-flow", "arp,actions=drop", version="OpenFlow10")
    (told,) = re.findall(r"duration=.*?, (idle_age=.*?)arp", net.ofctl(1, "dump-flows", "-Fnxm", version="OpenFlow10"))
    assert told.startswith("idle_age=0, ")


def test_no_packet_of_a_bundle_that_fails_is_sent(net: Plant) -> None:
    packet = f"packet-out in_port=controller packet={FRAME} actions=table"
    with dial(net, 4) as controller:
        told = bundle(net, "flow add arp,cookie=5,actions=controller", packet, packet.replace("table", "group:2"))
        assert "OFPBAC_BAD_OUT_GROUP for: OFPT_PACKET_OUT" in told
        assert "OFPBFC_MSG_FAILED for: OFPT_BUNDLE_CONTROL" in told
        assert shown(net) == []
        assert bundle(net, "flow add arp,cookie=6,actions=controller", packet) == ""
        assert controller.next(controller.protocol.ofproto_parser.OFPPacketIn).cookie == 6
    assert shown(net) == [f"CONTROLLER:{ofp.OFPCML_NO_BUFFER}"]
