"""What a datapath sends for apps that use Ryu's oldest calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from os_ken.ofproto import nx_match

from triplane.controller.runtime import protocol
from triplane.controller.runtime.datapath import Datapath
from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow import ofproto_v1_0 as ofp


class Channel:
    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, data: bytes) -> bool:
        self.sent.append(codec.parse(ofp.OFP_VERSION, data))
        return True

    def close(self) -> None: ...

    def abort(self) -> None: ...


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Channel]:
    monkeypatch.setattr(protocol, "_supported", {ofp.OFP_VERSION})
    yield Channel()


def test_a_rule_that_openflow_1_0_can_say(channel: Channel) -> None:
    rule = nx_match.ClsRule()
    rule.set_dl_type(0x88CC)
    Datapath(channel).send_flow_mod(rule, 7, ofp.OFPFC_ADD, 0, 0, priority=0xFFFF, actions=[])
    (mod,) = channel.sent
    assert (mod.cookie, mod.match.dl_type, mod.priority, mod.out_port) == (7, 0x88CC, 0xFFFF, ofp.OFPP_NONE)


def test_one_that_only_nicira_can_say(channel: Channel) -> None:
    datapath = Datapath(channel)
    for _ in range(2):
        rule = nx_match.ClsRule()
        rule.set_tun_id(5)
        datapath.send_flow_del(rule, 0)
    asked, barrier, *mods = channel.sent
    assert type(barrier).__name__ == "OFPBarrierRequest"
    said = [type(message.data).__name__ for message in (asked, *mods)]
    assert said == ["NXTSetFlowFormat", "NXTFlowMod", "NXTFlowMod"]


def test_all_flows(channel: Channel) -> None:
    Datapath(channel).send_delete_all_flows()
    (mod,) = channel.sent
    assert (mod.command, mod.match.wildcards) == (ofp.OFPFC_DELETE, ofp.OFPFW_ALL)
