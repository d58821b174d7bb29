"""What our forwarder and Open vSwitch do alike, seen by the same controller and by Open vSwitch's own tool."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.controller.plant import KINDS, Plant, plant, until
from tests.dataplane.switch.peer import raw
from tests.nodes.plant import PATIENCE, Controller
from triplane.dataplane.openflow import nicira_ext as nx
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.switch.nicira_packet_in import packed

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


PAUSING = (
    "arp,cookie=5,actions=load:1->NXM_NX_REG0[],push:NXM_NX_REG0[],resubmit(,1),pop:NXM_NX_REG2[],resubmit(,2)",
    "table=1,cookie=6,actions=controller(userdata=01.02.03.04.05,pause),load:3->NXM_NX_REG1[]",
    "table=2,cookie=7,reg0=9,reg1=3,reg2=1,metadata=4,actions=controller(userdata=ff)",
    "table=2,cookie=8,reg0=1,reg1=3,reg2=1,metadata=0,actions=controller(userdata=fe)",
)
CHANGED = bytes.fromhex("00010004 00000009 80000408 0000000000000004")  # reg0 and metadata


def pausing(net: Plant) -> Controller:
    """A controller that wants packet-ins as properties, and a packet in the tables."""
    for flow in PAUSING:
        net.ofctl(1, "add-flow", flow)
    controller = dial(net, 4)
    controller.send(controller.protocol.ofproto_parser.NXTSetPacketInFormatMsg(controller.protocol, 2))
    synchronize(controller)
    net.ofctl(1, "packet-out", f"in_port=controller packet={FRAME} actions=table")
    return controller


def resume(controller: Controller, continuation: bytes, fields: bytes) -> None:
    listed = (
        (nx.NXPINT_PACKET, bytes.fromhex(FRAME)),
        (nx.NXPINT_METADATA, fields),
        (nx.NXPINT_CONTINUATION, continuation),
    )
    body = (0x2320).to_bytes(4) + (28).to_bytes(4) + b"".join(packed(*each) for each in listed)
    controller.socket.sendall(raw(ofp.OFPT_EXPERIMENTER, body))


@pytest.mark.parametrize("changed", [False, True], ids=["as it was", "changed"])
def test_a_paused_packet_goes_on(net: Plant, changed: bool) -> None:
    with pausing(net) as controller:
        parser = controller.protocol.ofproto_parser
        first = controller.next(parser.NXTPacketIn2)
        assert (first.userdata, first.data.hex()) == (bytes(range(1, 6)), FRAME)
        resume(controller, first.continuation, CHANGED if changed else first.metadata)
        second = controller.next(parser.NXTPacketIn2)
        expected = (b"\xff", 7) if changed else (b"\xfe", 8)
        assert (second.userdata, second.cookie, second.table_id, second.continuation) == (*expected, 2, None)


def test_a_pausing_action_is_told_as_it_was_sent(net: Plant) -> None:
    net.ofctl(1, "add-flow", PAUSING[1])
    (told,) = net.flows(1)
    assert "controller(userdata=01.02.03.04.05,pause)" in told


def test_a_property_without_meaning_is_refused(net: Plant) -> None:
    """Of the controller action: one that nobody knows, and one that lacks a byte; one with a byte to spare is none."""
    with dial(net, 4) as controller:
        parser = controller.protocol.ofproto_parser
        for content, code in (("0063000400000000", ofp.OFPTFFC_BAD_TYPE), ("0000000500000000", ofp.OFPTFFC_BAD_LEN)):
            controller.send(with_property(controller, content))
            error = controller.next(parser.OFPErrorMsg)
            assert (error.type, error.code) == (ofp.OFPET_TABLE_FEATURES_FAILED, code)
        assert net.flows(1) == []
        controller.send(with_property(controller, "0002000600010000"))
        synchronize(controller)
        assert len(net.flows(1)) == 1


def with_property(controller: Controller, content: str) -> Any:
    """A flow whose controller action has this property."""
    parser, protocol = controller.protocol.ofproto_parser, controller.protocol
    action = parser.OFPActionExperimenterUnknown(0x2320, bytes.fromhex("0025000000000000" + content))
    apply = parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, [action])
    return parser.OFPFlowMod(protocol, instructions=[apply])


def test_a_continuation_that_is_none(net: Plant) -> None:
    with dial(net, 4) as controller:
        resume(controller, bytes(4), b"")
        error = controller.next(controller.protocol.ofproto_parser.OFPErrorMsg)
        assert error.type == ofp.OFPET_EXPERIMENTER
        assert bytes(error.buf)[8:16] == bytes.fromhex("ffff 0023 00002320")


def test_open_vswitchs_monitor_resumes(net: Plant) -> None:
    for flow in PAUSING:
        net.ofctl(1, "add-flow", flow)
    log = net.folder / "monitor"
    options = ["-O", "OpenFlow13", "-P", "nxt_packet_in2", f"--unixctl={net.folder}/monitor.ctl"]
    words = ["ovs-ofctl", *options, "monitor", f"unix:{net.management[1]}", "65535", "resume"]
    with log.open("w") as output, subprocess.Popen(words, stdout=output, stderr=output) as monitor:
        until(lambda: sent(net) and "userdata=fe" in log.read_text(), "a packet that was resumed")
        monitor.terminate()
    told = log.read_text()
    assert "userdata=01.02.03.04.05" in told
    assert "cookie=0x8 total_len=60" in told


def sent(net: Plant) -> bool:
    """A packet goes into the tables."""
    net.ofctl(1, "packet-out", f"in_port=controller packet={FRAME} actions=table")
    return True


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
