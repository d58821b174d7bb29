"""What OpenFlow 1.5 lets flow entries do to packets, on frames: each of its changes of the pipeline (appendix B.18)."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Dot1Q, Ether

from tests.dataplane.forwarder import Forwarder
from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow import ofproto_v1_5 as ofp
from triplane.dataplane.openflow import ofproto_v1_5_parser as parser

DP = codec.PROTOCOLS[6]
A, B = "02:00:00:00:00:01", "02:00:00:00:00:02"
output, meter, set_field = parser.OFPActionOutput, parser.OFPActionMeter, parser.OFPActionSetField
PING = bytes(
    Ether(dst=B, src=A) / IP(src="10.1.2.3", dst="10.4.5.6", ttl=9) / TCP(sport=7, dport=80, flags="S") / bytes(32)
)
TAGGED = bytes(Ether(dst=B, src=A) / Dot1Q(vlan=0x123, prio=5) / IP(src="10.1.2.3") / TCP())
CLEAR = parser.OFPInstructionActions(ofp.OFPIT_CLEAR_ACTIONS, [])


def apply(*actions: Any) -> Any:
    return parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, list(actions))


def write(*actions: Any) -> Any:
    return parser.OFPInstructionActions(ofp.OFPIT_WRITE_ACTIONS, list(actions))


def goto(table: int) -> Any:
    return parser.OFPInstructionGotoTable(table)


def flow(node: Forwarder, *instructions: Any, version: int = 6, table: int = 0, **match: Any) -> tuple[int, int] | None:
    """Add a flow; type and code if it is refused."""
    wanted = parser.OFPMatch(**match)
    message = parser.OFPFlowMod(DP, table_id=table, match=wanted, instructions=list(instructions), priority=len(match))
    data = bytearray(message.serialize())
    data[0] = version
    outcome = node.send(bytes(data))
    return outcome.errors[0][1:] if outcome.errors else None


def frames(node: Forwarder, data: bytes = PING, port: int = 1) -> dict[int, Any]:
    return {number: Ether(frame) for number, frame in node.receive(port, data)}


def same_but(data: bytes, change: Any) -> bytes:
    """The frame after a change with scapy, its checksums made anew."""
    packet = Ether(data)
    change(packet)
    del packet[IP].chksum, packet[TCP].chksum
    return bytes(packet)


# set-field with a mask


def test_set_field_sets_the_bits_of_its_mask(node: Forwarder) -> None:
    assert flow(node, apply(set_field(ipv4_dst=("192.168.0.0", "255.255.0.0")), output(2)), eth_type=0x800) is None

    def change(packet: Any) -> None:
        packet[IP].dst = "192.168.5.6"

    assert node.receive(1, PING) == [(2, same_but(PING, change))]


def test_a_masked_set_field_in_the_action_set(node: Forwarder) -> None:
    assert flow(node, write(set_field(eth_dst=("00:00:00:00:aa:00", "00:00:00:00:ff:00")), output(2))) is None
    assert frames(node)[2].dst == "02:00:00:00:aa:02"


def test_a_masked_set_field_in_a_bucket_is_of_an_action_set(node: Forwarder) -> None:
    """It stands behind the output, and is done before."""
    actions = [output(2), set_field(eth_src=("00:00:00:00:00:f0", "00:00:00:00:00:f0"))]
    bucket = bytes((0, 16 + sum(len(action.serialize()) for action in actions))) + bytes(2) + b"\xff" * 8 + bytes(4)
    wire = bucket + b"".join(action.serialize() for action in actions)
    node.node.group_mod(ofp.OFPGC_ADD, ofp.OFPGT_ALL, 5, wire, node.now, version=6)
    flow(node, apply(parser.OFPActionGroup(5)))
    assert frames(node)[2].src == "02:00:00:00:00:f1"


@pytest.mark.parametrize("version", [4, 5])
def test_before_1_5_there_is_none_of_this(node: Forwarder, version: int) -> None:
    bad_type = (ofp.OFPET_BAD_ACTION, ofp.OFPBAC_BAD_TYPE)
    masked = apply(set_field(eth_dst=("00:00:00:00:aa:00", "00:00:00:00:ff:00")))
    assert flow(node, masked, version=version) == (ofp.OFPET_BAD_ACTION, ofp.OFPBAC_BAD_SET_ARGUMENT)
    copy = parser.OFPActionCopyField(8, 0, 0, ["eth_src", "eth_dst"])
    assert flow(node, apply(copy), version=version) == bad_type
    assert flow(node, apply(meter(1)), version=version) == bad_type
    trigger = parser.OFPInstructionStatTrigger(0, parser.OFPStats(packet_count=1))
    assert flow(node, trigger, version=version) == (ofp.OFPET_BAD_INSTRUCTION, ofp.OFPBIC_UNKNOWN_INST)


def test_metadata_can_be_set(node: Forwarder) -> None:
    assert flow(node, apply(set_field(metadata=5)), goto(1)) is None
    assert flow(node, apply(output(3)), table=1, metadata=5) is None
    assert list(frames(node)) == [3]


def test_the_ingress_port_cannot_be_set(node: Forwarder) -> None:
    assert flow(node, apply(set_field(in_port=2))) == (ofp.OFPET_BAD_ACTION, ofp.OFPBAC_BAD_SET_ARGUMENT)


# copy-field


def test_copy_field(node: Forwarder) -> None:
    copies = [
        parser.OFPActionCopyField(16, 32, 0, ["eth_src", "eth_dst"]),
        parser.OFPActionCopyField(8, 0, 24, ["ipv4_src", "ipv4_dst"]),
    ]
    assert flow(node, apply(*copies, output(2)), eth_type=0x800) is None
    sent = frames(node)[2]
    assert (sent.dst, sent[IP].dst) == ("02:00:00:00:02:00", "3.4.5.6")
    assert bytes(sent) == same_but(bytes(sent), lambda packet: None)


def test_copies_by_way_of_a_register(node: Forwarder) -> None:
    there = parser.OFPActionCopyField(12, 0, 4, ["vlan_vid", "xreg1"])
    back = parser.OFPActionCopyField(8, 4, 0, ["xreg1", "ipv4_dst"])
    assert flow(node, apply(there, back, output(2)), vlan_vid=(0x1000, 0x1000), eth_type=0x800) is None
    assert frames(node, TAGGED)[2][IP].dst.endswith(".35")  # 0x23


COPY_ERRORS: dict[str, tuple[Any, dict[str, Any]]] = {
    "beyond the field": (parser.OFPActionCopyField(33, 0, 0, ["ipv4_src", "ipv4_dst"]), {"eth_type": 0x800}),
    "no bits": (parser.OFPActionCopyField(0, 0, 0, ["eth_src", "eth_dst"]), {}),
    "to what cannot be written": (parser.OFPActionCopyField(8, 0, 0, ["eth_src", "actset_output"]), {}),
    "of a packet that may lack it": (parser.OFPActionCopyField(8, 0, 0, ["ipv4_src", "eth_dst"]), {}),
}


@pytest.mark.parametrize("name", COPY_ERRORS)
def test_copies_that_are_refused(node: Forwarder, name: str) -> None:
    action, match = COPY_ERRORS[name]
    refused = flow(node, apply(action), **match)
    assert refused is not None
    assert refused[0] == ofp.OFPET_BAD_ACTION


# meters as actions


def limit(node: Forwarder, number: int = 3, rate: int = 1, band: Any = parser.OFPMeterBandDrop) -> None:
    wire = band(rate, 1).serialize()
    node.node.meter_mod(ofp.OFPMC_ADD, ofp.OFPMF_PKTPS | ofp.OFPMF_BURST, number, wire, node.now)


def remarking(rate: int, burst: int) -> Any:
    return parser.OFPMeterBandDscpRemark(rate, burst, prec_level=1)


@pytest.mark.parametrize("place", [apply, write])
def test_a_meter_is_an_action(node: Forwarder, place: Any) -> None:
    limit(node)
    assert flow(node, place(meter(3), output(2))) is None
    assert [list(frames(node)) for _ in range(3)] == [[2], [], []]


def test_meters_stand_anywhere_and_more_than_once(node: Forwarder) -> None:
    limit(node)
    limit(node, 4, rate=1_000_000)
    assert flow(node, apply(output(2), meter(4), meter(3), output(3))) is None
    assert [list(frames(node)) for _ in range(2)] == [[2, 3], [2]]


def test_a_meter_remarks_the_packet_as_earlier_actions_left_it(node: Forwarder) -> None:
    """Their DSCP, not that which the packet came with: AF11, then AF12, then AF13."""
    for number in (3, 4):
        limit(node, number, band=remarking)
    marked = set_field(ip_dscp=10)
    assert flow(node, apply(marked, meter(3), output(2), meter(4), output(3)), eth_type=0x800) is None
    sent = [{port: frame[IP].tos >> 2 for port, frame in frames(node).items()} for _ in range(2)]
    assert sent == [{2: 10, 3: 10}, {2: 12, 3: 14}]


def test_in_the_action_set_a_meter_comes_after_the_fields(node: Forwarder) -> None:
    """OpenFlow 1.5.1 section 5.6: the last but for the output."""
    limit(node, band=remarking)
    assert flow(node, write(meter(3), set_field(ip_dscp=10), output(2)), eth_type=0x800) is None
    assert [frames(node)[2][IP].tos >> 2 for _ in range(2)] == [10, 12]


def test_a_meter_that_is_not_there(node: Forwarder) -> None:
    assert flow(node, apply(meter(3))) == (ofp.OFPET_BAD_ACTION, ofp.OFPBAC_BAD_METER)


def test_what_uses_a_meter_goes_with_it(node: Forwarder) -> None:
    limit(node)
    flow(node, apply(meter(3), output(2)))
    flow(node, apply(output(3)), eth_type=0x806)
    bucket = parser.OFPActionMeter(3).serialize()
    wire = bytes((0, 24, 0, 0)) + b"\xff" * 8 + bytes(4) + bucket
    node.node.group_mod(ofp.OFPGC_ADD, ofp.OFPGT_ALL, 5, wire, node.now, version=6)
    flow(node, apply(parser.OFPActionGroup(5)), eth_type=0x88CC)
    (stats,) = node.node.meter_stats(3, node.now)
    assert int.from_bytes(stats[12:16], "big") == 1  # flows
    node.node.meter_mod(ofp.OFPMC_DELETE, 0, 3, b"", node.now)
    assert len(node.counts()) == 1
    assert node.node.group_desc() == []
    assert frames(node) == {}


# fields


@pytest.mark.parametrize(("flags", "port"), [("S", 2), ("SA", 2), ("A", 3), ("", 3)])
def test_tcp_flags(node: Forwarder, flags: str, port: int) -> None:
    tcp = {"eth_type": 0x800, "ip_proto": 6}
    assert flow(node, apply(output(2)), **tcp, tcp_flags=(2, 2)) is None
    assert flow(node, apply(output(3)), **tcp) is None
    assert list(frames(node, bytes(Ether(dst=B, src=A) / IP() / TCP(flags=flags)))) == [port]


def test_the_output_in_the_action_set(node: Forwarder) -> None:
    assert flow(node, write(output(4)), goto(1), eth_type=0x800) is None
    assert flow(node, goto(1)) is None
    assert flow(node, apply(output(2)), table=1, actset_output=4) is None
    assert flow(node, apply(output(3)), table=1, actset_output=ofp.OFPP_UNSET) is None
    assert list(frames(node)) == [2, 4]
    assert list(frames(node, bytes(Ether(dst=B, src=A, type=0x9000)))) == [3]


def test_a_group_takes_the_place_of_an_output(node: Forwarder) -> None:
    node.node.group_mod(ofp.OFPGC_ADD, ofp.OFPGT_ALL, 5, b"", node.now)
    assert flow(node, write(output(4), parser.OFPActionGroup(5)), goto(1)) is None
    assert flow(node, apply(output(3)), table=1, actset_output=ofp.OFPP_UNSET) is None
    assert list(frames(node)) == [3]


def test_a_bucket_sees_the_action_set_as_it_was_when_the_packet_came_to_the_group(node: Forwarder) -> None:
    copy = parser.OFPActionCopyField(16, 0, 0, ["actset_output", "eth_src"])
    body = output(2).serialize() + copy.serialize()
    bucket = bytes((0, 16 + len(body))) + bytes(2) + b"\xff" * 8 + bytes(4) + body
    node.node.group_mod(ofp.OFPGC_ADD, ofp.OFPGT_ALL, 5, bucket, node.now, version=6)
    assert flow(node, write(output(4)), goto(1)) is None
    assert flow(node, apply(parser.OFPActionGroup(5)), write(output(3)), table=1) is None
    assert {port: frame.src for port, frame in frames(node).items()} == {2: "02:00:00:00:00:04", 3: A}


def test_a_clone_sees_the_action_set_as_it_was_when_it_was_made(node: Forwarder) -> None:
    clone = parser.NXActionClone([parser.NXActionResubmitTable(0xFFF8, 2)])
    assert flow(node, write(output(4)), goto(1)) is None
    assert flow(node, apply(clone), CLEAR, table=1) is None
    assert flow(node, apply(output(2)), table=2, actset_output=4) is None
    assert 2 in frames(node)


def test_a_clone_in_an_egress_table_leaves_by_the_same_port(node: Forwarder) -> None:
    node.node.set_egress(9)
    clone = parser.NXActionClone([parser.NXActionResubmitTable(0xFFF8, 10)])
    flow(node, write(output(4)))
    assert flow(node, apply(clone), table=9) is None
    assert flow(node, apply(output(2)), table=10, actset_output=4) is None
    assert 2 in frames(node)


def test_every_packet_is_ethernet(node: Forwarder) -> None:
    assert flow(node, apply(output(2)), packet_type=0) is None
    assert list(frames(node)) == [2]
    assert flow(node, packet_type=1 << 16 | 0x800) == (ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_VALUE)


def test_pbb_uca(node: Forwarder) -> None:
    plain = bytes(Ether(dst=B, src=A, type=0x88E7)) + bytes(4) + PING
    assert flow(node, apply(set_field(pbb_uca=1), output(2)), eth_type=0x88E7, pbb_uca=0) is None
    assert flow(node, apply(output(3)), eth_type=0x88E7, pbb_uca=1) is None
    ((port, sent),) = node.receive(1, plain)
    assert (port, sent[14]) == (2, 0x08)
    assert node.receive(1, sent) == [(3, sent)]


# egress tables


def test_a_packet_that_leaves_goes_through_the_egress_tables(node: Forwarder) -> None:
    flow(node, apply(output(2), output(3)))
    node.node.set_egress(9)
    assert frames(node) == {}  # nothing is there: dropped
    assert flow(node, apply(set_field(eth_src="02:00:00:00:00:99")), goto(11), table=9, actset_output=2) is None
    assert flow(node, write(set_field(eth_dst="02:00:00:00:00:88")), table=11) is None
    assert flow(node, table=9, actset_output=3) is None
    sent = frames(node)
    assert {port: (frame.src, frame.dst) for port, frame in sent.items()} == {
        2: ("02:00:00:00:00:99", "02:00:00:00:00:88"),
        3: (A, B),
    }
    node.node.set_egress(None)
    assert {frame.src for frame in frames(node).values()} == {A}


def test_clearing_actions_leaves_the_output_that_led_to_egress(node: Forwarder) -> None:
    node.node.set_egress(9)
    flow(node, write(output(2)))
    assert flow(node, CLEAR, table=9) is None
    assert list(frames(node)) == [2]


def test_an_output_in_an_egress_table_is_direct(node: Forwarder) -> None:
    node.node.set_egress(9)
    flow(node, apply(output(2)))
    assert flow(node, apply(output(3)), table=9) is None
    assert list(frames(node)) == [2, 3]


def test_floods_and_groups_leave_by_egress_tables_too(node: Forwarder) -> None:
    node.node.set_egress(9)
    bucket = bytes((0, 32, 0, 0)) + b"\xff" * 8 + bytes(4) + output(2).serialize()
    node.node.group_mod(ofp.OFPGC_ADD, ofp.OFPGT_ALL, 5, bucket, node.now)
    flow(node, apply(output(ofp.OFPP_ALL)), eth_type=0x806)
    flow(node, apply(parser.OFPActionGroup(5)))
    flow(node, apply(set_field(eth_src="02:00:00:00:00:99")), table=9)
    assert {port: frame.src for port, frame in frames(node).items()} == {2: "02:00:00:00:00:99"}
    arp = bytes(Ether(dst=B, src=A, type=0x806)) + bytes(46)
    assert {port: frame.src for port, frame in frames(node, arp).items()} == dict.fromkeys(
        (2, 3, 4), "02:00:00:00:00:99"
    )


def test_a_group_in_an_egress_table_ends(node: Forwarder) -> None:
    node.node.set_egress(9)
    bucket = bytes((0, 32, 0, 0)) + b"\xff" * 8 + bytes(4) + output(3).serialize()
    node.node.group_mod(ofp.OFPGC_ADD, ofp.OFPGT_ALL, 5, bucket, node.now)
    flow(node, apply(output(2)))
    assert flow(node, apply(parser.OFPActionGroup(5)), table=9) is None
    assert list(frames(node)) == [2, 3]


def test_egress_tables_keep_to_themselves(node: Forwarder) -> None:
    node.node.set_egress(9)
    bad_table = (ofp.OFPET_BAD_INSTRUCTION, ofp.OFPBIC_BAD_TABLE_ID)
    assert flow(node, goto(9)) == bad_table
    assert flow(node, goto(8)) is None
    assert flow(node, goto(10), table=9) is None
    bad_type = (ofp.OFPET_BAD_ACTION, ofp.OFPBAC_BAD_TYPE)
    assert flow(node, write(output(2)), table=9) == bad_type
    assert flow(node, write(set_field(eth_src=A)), table=9) is None


def test_packets_for_the_controller_do_not_leave(node: Forwarder) -> None:
    node.node.set_egress(9)
    flow(node, apply(output(ofp.OFPP_CONTROLLER, ofp.OFPCML_NO_BUFFER)))
    assert frames(node) == {}
    assert [packet.data for packet in node.node.packet_ins(9)] == [PING]
