"""Ryu's NXT messages in OpenFlow 1.0: our switch answers as Open vSwitch does."""

from __future__ import annotations

from pathlib import Path

from tests.controller.apps.driven import driven, said
from tests.controller.plant import until

APP = str(Path(__file__).parent / "scripts/nicira_messages.py")
TOLD = {
    "role 1",
    "error 1 5",  # OFPBRC_EPERM: there is no packet-in format 9
    "flow (3, 119, 9, 600, ['NXActionController', 'OFPActionOutput'])",
    "flows 3",
    "packet (3, 119, 1, [('reg0', 5)], 'ffffffffffff')",
    "removed (119, 9, 2, 600, {'eth_type_nxm': 2054})",
}


def test_each_message_has_its_answer(kind: str, tmp_path: Path) -> None:
    with driven(APP, kind, tmp_path, openflow="1.0") as net:
        until(lambda: "told: flows" in said(net), "the flows")
        assert net.pings(1, 2, count=2)
        until(lambda: "told: removed" in said(net), "the end of a flow")
        assert {line.partition("told: ")[2] for line in said(net).splitlines() if "told: " in line} == TOLD
