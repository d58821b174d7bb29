"""What a datapath sends in one call, as Ryu's own libraries use it (OpenFlow 1.0 with rules of `nx_match`)."""

from __future__ import annotations

from typing import Any

import pytest

from triplane.controller import compat
from triplane.controller.runtime.datapath import Datapath
from triplane.dataplane.openflow import codec

compat.install()
LLDP = bytes.fromhex("0180c200000e")


class Sent(list[Any]):
    """A channel that keeps the messages."""

    def send(self, data: bytes) -> bool:
        self.append(codec.parse(data[0], data))
        return True

    def close(self) -> None:
        self.clear()


@pytest.fixture
def sent() -> Sent:
    return Sent()


def connected(sent: Sent, version: int) -> Datapath:
    datapath = Datapath(sent)
    datapath.set_version(version)
    return datapath


def rule() -> Any:
    from ryu.ofproto import nx_match

    made = nx_match.ClsRule()
    made.set_dl_dst(LLDP)
    return made


@pytest.mark.parametrize(("version", "from_nowhere"), [(1, 0xFFFF), (4, 0xFFFFFFFD), (5, 0xFFFFFFFD)])
def test_packet_out(sent: Sent, version: int, from_nowhere: int) -> None:
    datapath = connected(sent, version)
    datapath.send_packet_out(actions=[datapath.ofproto_parser.OFPActionOutput(7)], data=b"frame")
    (message,) = sent
    assert (message.in_port, message.actions[0].port, message.data) == (from_nowhere, 7, b"frame")


def test_a_rule_that_openflow_1_0_can_express(sent: Sent) -> None:
    datapath = connected(sent, 1)
    actions = [datapath.ofproto_parser.OFPActionOutput(datapath.ofproto.OFPP_CONTROLLER, 100)]
    datapath.send_flow_mod(rule(), 5, datapath.ofproto.OFPFC_ADD, 10, 20, actions=actions)
    (message,) = sent
    assert type(message).__name__ == "OFPFlowMod"
    assert (message.cookie, message.idle_timeout, message.hard_timeout, message.priority) == (5, 10, 20, 0x8000)
    assert message.match.dl_dst == LLDP


def test_a_rule_that_needs_niciras_match(sent: Sent) -> None:
    datapath, wanted = connected(sent, 1), rule()
    wanted.set_tun_id(9)
    for _ in range(2):
        datapath.send_flow_mod(wanted, 0, datapath.ofproto.OFPFC_ADD, 0, 0)
    names = [type(getattr(message, "data", message)).__name__ for message in sent]
    assert names == ["NXTSetFlowFormat", "OFPBarrierRequest", "NXTFlowMod", "NXTFlowMod"]


def test_deleting(sent: Sent) -> None:
    datapath = connected(sent, 1)
    datapath.send_flow_del(rule(), 0)
    datapath.send_delete_all_flows()
    some, every = sent
    assert some.command == every.command == datapath.ofproto.OFPFC_DELETE
    assert some.match.dl_dst == LLDP
    assert every.match.wildcards == datapath.ofproto.OFPFW_ALL
