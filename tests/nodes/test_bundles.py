"""Bundles on the real command: no packet meets half of one, and one that fails changes nothing."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.nodes.plant import PATIENCE, Controller, Dataplane, plant, until
from tests.nodes.stream import PORT, RECEIVE_BUFFER, SO_RCVBUFFORCE, udp
from tests.tap.rig import HOST_A, HOST_B, IP_B
from triplane.dataplane.openflow import ofproto_v1_3_parser as parser13
from triplane.dataplane.openflow import ofproto_v1_4 as ofp
from triplane.dataplane.openflow import ofproto_v1_4_parser as parser14
from triplane.dataplane.openflow import ofproto_v1_5 as v1_5

V1_3, V1_4, V1_5 = 4, 5, 6
VARIANTS = (3, 7)
COMMITS = 40
WIDTH = 300  # rules between the two that a packet must not see one without the other
IP_RECVTOS, IP_RECVTTL = 13, 12  # linux/in.h


class Bundler(Controller):
    """A controller that sends bundles, of 1.4 or as ONF's extension of 1.3."""

    @property
    def parser(self) -> Any:
        return self.protocol.ofproto_parser

    def control(self, kind: int) -> Any:
        """The answer, which is an error perhaps."""
        make = parser14.OFPBundleCtrlMsg if self.version == V1_4 else parser13.ONFBundleCtrlMsg
        self.send(make(self.protocol, bundle_id=1, type_=kind, flags=ofp.OFPBF_ATOMIC, properties=[]))
        return self.next((type(make(self.protocol)), self.parser.OFPErrorMsg))  # type: ignore[arg-type]

    def commit(self, messages: list[Any]) -> Any:
        make = parser14.OFPBundleAddMsg if self.version == V1_4 else parser13.ONFBundleAddMsg
        self.control(ofp.OFPBCT_OPEN_REQUEST)
        for message in messages:
            self.send(make(self.protocol, 1, ofp.OFPBF_ATOMIC, message, []))
        return self.control(ofp.OFPBCT_COMMIT_REQUEST)

    def rules(self, variant: int) -> list[Any]:
        """Table 0 writes the variant into the DSCP and table 1 into the TTL of packets to B; the rest is a cable."""
        to_b = self.parser.OFPMatch(in_port=1, eth_type=0x800)
        mark = [self.parser.OFPActionSetField(ip_dscp=variant)]
        finish = [self.parser.OFPActionSetNwTtl(variant), self.parser.OFPActionOutput(2)]
        others = (self.parser.OFPMatch(eth_type=0x800, ipv4_dst=0xC0000000 + number) for number in range(WIDTH))
        return [
            self.flow(0, to_b, mark, self.parser.OFPInstructionGotoTable(1)),
            *(self.flow(9, match, []) for match in others),
            self.flow(1, to_b, finish),
        ]

    def flow(self, table: int, match: Any, actions: list[Any], *more: Any) -> Any:
        apply = self.parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions)
        return self.parser.OFPFlowMod(self.protocol, table_id=table, match=match, instructions=[apply, *more])


class Marks:
    """A stream of datagrams to B, and which pairs of DSCP and TTL they arrived with."""

    def __init__(self) -> None:
        self.seen: Counter[tuple[int, int]] = Counter()
        self.sender, self.receiver = udp(HOST_A), udp(HOST_B)
        self.receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        self.receiver.setsockopt(socket.IPPROTO_IP, IP_RECVTOS, 1)
        self.receiver.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        self.receiver.bind((IP_B, PORT))
        self.receiver.settimeout(0.1)
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.send), threading.Thread(target=self.receive)]

    def send(self) -> None:
        while not self.ended.wait(0.0002):
            self.sender.sendto(bytes(32), (IP_B, PORT))

    def receive(self) -> None:
        while not self.ended.is_set():
            try:
                _, found, _, _ = self.receiver.recvmsg(64, 256)
            except TimeoutError:
                continue
            marks = {kind: int.from_bytes(data, "little") for _, kind, data in found}
            self.seen[marks[socket.IP_TOS] >> 2, marks[socket.IP_TTL]] += 1

    def __enter__(self) -> Marks:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()
        self.sender.close()
        self.receiver.close()


@pytest.mark.parametrize("version", [V1_3, V1_4], ids=["1.3", "1.4"])
def test_no_packet_meets_half_of_a_bundle(run_dir: Path, version: int) -> None:
    with plant(run_dir, "packet", "packet", "--workers", "2") as dataplane:
        dataplane.ofctl("add-flow", "priority=0,actions=normal")
        with Bundler.dial(dataplane, version) as controller, Marks() as marks:
            for number in range(COMMITS):
                variant = VARIANTS[number % 2]
                assert controller.commit(controller.rules(variant)).type == ofp.OFPBCT_COMMIT_REPLY
                before = marks.seen[variant, variant]
                until(lambda: marks.seen[variant, variant] > before, "a packet of the new rules")  # noqa: B023
            mixed = {pair: count for pair, count in marks.seen.items() if pair[0] != pair[1] and pair[0] in VARIANTS}
        assert mixed == {}


@pytest.mark.parametrize("version", [V1_3, V1_4], ids=["1.3", "1.4"])
def test_a_bundle_that_fails_changes_nothing(run_dir: Path, version: int) -> None:
    with plant(run_dir, "packet", "packet") as dataplane:
        dataplane.ofctl("add-flow", "table=2,priority=5,ip,nw_dst=10.0.0.0/8,actions=output:2")
        dataplane.ofctl("add-group", "group_id=1,type=all,bucket=output:1")
        dataplane.ofctl("add-meter", "meter=1,kbps,band=type=drop,rate=100")
        before = state(dataplane)
        with Bundler.dial(dataplane, version) as controller:
            parser, protocol = controller.parser, controller.protocol
            answer = controller.commit(
                [
                    parser.OFPFlowMod(protocol, command=ofp.OFPFC_DELETE, table_id=255),
                    parser.OFPGroupMod(protocol, ofp.OFPGC_DELETE, group_id=ofp.OFPG_ALL),
                    parser.OFPMeterMod(protocol, ofp.OFPMC_DELETE, meter_id=ofp.OFPM_ALL),
                    parser.OFPGroupMod(protocol, ofp.OFPGC_ADD, group_id=7),
                    *controller.rules(3),
                    controller.flow(0, parser.OFPMatch(), [parser.OFPActionGroup(99)]),
                ]
            )
            assert (answer.type, answer.code) == (ofp.OFPET_BAD_ACTION, ofp.OFPBAC_BAD_OUT_GROUP)
        assert state(dataplane) == before


def state(dataplane: Dataplane) -> list[str]:
    """Flow entries without their age, groups and meters."""
    flows = dataplane.ofctl("dump-flows", "--no-stats")
    return [flows, dataplane.ofctl("dump-groups"), dataplane.ofctl("dump-meters")]


def test_open_vswitch_sends_its_bundles(run_dir: Path, tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    flows.write_text("priority=1,in_port=1,actions=output:2\npriority=1,in_port=2,actions=output:1\n")
    with plant(run_dir, "packet", "packet") as dataplane:
        for version in ("OpenFlow13", "OpenFlow14"):
            dataplane.ofctl("add-flows", "--bundle", str(flows), version=version)
            assert "flow_count=2" in dataplane.ofctl("dump-aggregate", version=version)
            dataplane.ofctl("replace-flows", "--bundle", str(flows), version=version)
            dataplane.ofctl("del-flows", version=version)
        both = tmp_path / "both"
        both.write_text("group add group_id=1,type=all,bucket=output:2\nflow add in_port=1,actions=group:1\n")
        dataplane.ofctl("bundle", str(both), version="OpenFlow14")
        assert "actions=group:1" in dataplane.ofctl("dump-flows", version="OpenFlow14")
        both.write_text("flow del\nflow add in_port=3,actions=group:9\n")
        refused = ["ovs-ofctl", "-O", "OpenFlow14", "bundle", f"unix:{dataplane.listener}", str(both)]
        done = subprocess.run(refused, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert "OFPBFC_MSG_FAILED" in done.stderr
        assert "OFPBAC_BAD_OUT_GROUP" in done.stderr
        assert "actions=group:1" in dataplane.ofctl("dump-flows", version="OpenFlow14")


def test_a_bundle_is_carried_out_when_it_is_due(run_dir: Path) -> None:
    with plant(run_dir, "packet", "packet") as dataplane, Bundler.dial(dataplane, V1_5) as controller:
        protocol, parser = controller.protocol, controller.parser
        controller.send(parser.OFPBundleFeaturesStatsRequest(protocol, 0, v1_5.OFPBF_TIMESTAMP))
        (capable,) = controller.next(parser.OFPBundleFeaturesStatsReply).body.properties
        due = parser.OFPTime(capable.timestamp.seconds + 1, capable.timestamp.nanoseconds)
        controller.send(parser.OFPBundleAddMsg(protocol, 1, 0, parser.OFPFlowMod(protocol, priority=3), []))
        when = parser.OFPBundlePropTime(scheduled_time=due)
        controller.send(parser.OFPBundleCtrlMsg(protocol, 1, ofp.OFPBCT_COMMIT_REQUEST, v1_5.OFPBF_TIME, [when]))
        assert controller.next(parser.OFPBundleCtrlMsg).type == ofp.OFPBCT_COMMIT_REPLY
        assert "priority=3" in dataplane.ofctl("dump-flows")
        controller.send(parser.OFPBundleFeaturesStatsRequest(protocol, 0, v1_5.OFPBF_TIMESTAMP))
        (after,) = controller.next(parser.OFPBundleFeaturesStatsReply).body.properties
        assert (after.timestamp.seconds, after.timestamp.nanoseconds) >= (due.seconds, due.nanoseconds)
