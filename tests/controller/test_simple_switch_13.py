"""The base class that scripts take from `ryu.app.simple_switch_13`, without a source of Ryu."""

from __future__ import annotations

from typing import Any

from triplane.controller import PacketIn, SwitchFeatures
from triplane.controller.compat.simple_switch_13 import SimpleSwitch13
from triplane.controller.runtime.protocol import ProtocolDesc
from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow import ofproto_v1_3_parser as parser

ONE, OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02"


class Switch(ProtocolDesc):
    """Keeps what it is sent."""

    id = 7

    def __init__(self) -> None:
        super().__init__(ofp.OFP_VERSION)
        self.sent: list[Any] = []

    def send_msg(self, message: Any) -> None:
        message.xid = 1
        self.sent.append(codec.parse(ofp.OFP_VERSION, message.serialize()))

    def told(self) -> list[Any]:
        told, self.sent = self.sent, []
        return told


class Important(SimpleSwitch13):
    """Overrides what scripts override."""

    def add_flow(self, datapath: Any, priority: int, match: Any, actions: Any, buffer_id: int | None = None) -> None:
        super().add_flow(datapath, priority + 10, match, actions, buffer_id)


def packet_in(
    switch: Switch, source: str, to: str, port: int, buffer: int = ofp.OFP_NO_BUFFER, kind: int = 0
) -> PacketIn:
    data = bytes.fromhex((to + source).replace(":", "")) + (kind or 0x0800).to_bytes(2, "big") + bytes(46)
    return PacketIn(parser.OFPPacketIn(switch, buffer, len(data), 0, 0, 0, parser.OFPMatch(in_port=port), data))


def ports(actions: list[Any]) -> list[int]:
    return [action.port for action in actions]


def test_it_asks_for_what_it_does_not_know() -> None:
    switch = Switch()
    Important().switch_features_handler(SwitchFeatures(parser.OFPSwitchFeatures(switch, datapath_id=7)))
    (miss,) = switch.told()
    assert (miss.priority, ports(miss.instructions[0].actions)) == (10, [ofp.OFPP_CONTROLLER])


def test_it_floods_then_learns() -> None:
    switch, app = Switch(), SimpleSwitch13()
    app._packet_in_handler(packet_in(switch, ONE, OTHER, 1))
    (out,) = switch.told()
    assert (out.in_port, ports(out.actions)) == (1, [ofp.OFPP_FLOOD])
    app._packet_in_handler(packet_in(switch, OTHER, ONE, 2))
    flow, out = switch.told()
    assert (flow.priority, dict(flow.match.items())) == (1, {"in_port": 2, "eth_dst": ONE, "eth_src": OTHER})
    assert ports(flow.instructions[0].actions) == ports(out.actions) == [1]
    assert app.mac_to_port == {"0000000000000007": {ONE: 1, OTHER: 2}}


def test_the_flow_takes_a_buffered_packet_along() -> None:
    switch, app = Switch(), SimpleSwitch13()
    app._packet_in_handler(packet_in(switch, ONE, OTHER, 1, buffer=5))
    (out,) = switch.told()
    assert (out.buffer_id, out.data) == (5, b"")
    app._packet_in_handler(packet_in(switch, OTHER, ONE, 2, buffer=6))
    (flow,) = switch.told()
    assert flow.buffer_id == 6


def test_lldp_is_not_forwarded() -> None:
    switch = Switch()
    SimpleSwitch13()._packet_in_handler(packet_in(switch, ONE, "01:80:c2:00:00:0e", 1, kind=0x88CC))
    assert switch.told() == []
