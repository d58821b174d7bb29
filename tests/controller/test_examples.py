"""The example app does what it says, and the page that introduces it shows it as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from triplane.controller import SwitchFeatures
from triplane.controller.apps import repeater
from triplane.controller.runtime.protocol import ProtocolDesc
from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow import ofproto_v1_3_parser as parser

TOP = Path(__file__).parents[2]
PAGE = TOP / "docs/controller-apps.md"


class Switch(ProtocolDesc):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(ofp.OFP_VERSION)
        self.sent: list[Any] = []

    def send_msg(self, message: Any) -> None:
        message.xid = 1
        self.sent.append(codec.parse(ofp.OFP_VERSION, message.serialize()))


def test_the_repeater_floods_everything() -> None:
    switch = Switch()
    repeater.Repeater().flood_all(SwitchFeatures(parser.OFPSwitchFeatures(switch, datapath_id=1)))
    (flow,) = switch.sent
    assert flow.match.to_jsondict() == parser.OFPMatch().to_jsondict()
    assert [action.port for action in flow.instructions[0].actions] == [ofp.OFPP_FLOOD]


def test_the_page_shows_it_as_it_is() -> None:
    shown = re.findall(r"```python\n(class Repeater.*?)```", PAGE.read_text(), re.DOTALL)
    assert shown == [Path(repeater.__file__).read_text().partition("\n\n\n")[2]]


def test_code_on_the_page_is_python() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        compile(block, "controller-apps.md", "exec")


def test_links_lead_somewhere() -> None:
    for page in (PAGE, TOP / "docs/differences-from-ryu.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / target).is_file(), target
