"""Nicira's messages from apps: our switch answers as Open vSwitch does."""

from __future__ import annotations

from pathlib import Path

from tests.controller.apps.driven import driven, said
from tests.controller.plant import Plant, until

SCRIPTS = Path(__file__).parent / "scripts"
ANSWERS = {
    "role 1",
    "error 1 5",  # OFPBRC_EPERM: there is no packet-in format 9
    "flow (3, 119, 9, 600, ['NXActionController', 'OFPActionOutput'])",
    "flows 3",
    "packet (3, 119, 1, [('reg0', 5)], 'ffffffffffff')",
    "removed (119, 9, 2, 600, {'eth_type_nxm': 2054})",
}


def test_each_message_has_its_answer(kind: str, tmp_path: Path) -> None:
    with driven(str(SCRIPTS / "nicira_messages.py"), kind, tmp_path, openflow="1.0") as net:
        until(lambda: "told: flows" in said(net), "the flows")
        assert net.reaches(1, 2, count=2)
        until(lambda: "told: removed" in said(net), "the end of a flow")
        assert set(told(net)) == ANSWERS


def told(net: Plant) -> list[str]:
    """What the app says that it was told."""
    return [line.partition("told: ")[2] for line in said(net).splitlines() if "told: " in line]


UPDATES = [
    "entry (0, 0, 1, 1, 0, [1])",  # event, table, cookie, priority, reason, ports
    "error 0xb0c2 0000232000010205",  # NXBRC_FM_DUPLICATE_ID
    "entry (0, 0, 2, 2, 0, [1])",
    "entry (2, 0, 2, 2, 0, [65531])",
    "entry (1, 0, 2, 2, 2, [])",
    "error 0xb0c2 0000232000010207",  # NXBRC_FM_BAD_ID
    "in short (3, 51)",
    "that is all",
]


def test_a_monitor_of_flow_entries(kind: str, tmp_path: Path) -> None:
    with driven(str(SCRIPTS / "nicira_monitor.py"), kind, tmp_path, openflow="1.0") as net:
        until(lambda: "that is all" in said(net), "the end of the script")
        assert told(net)[: len(UPDATES)] == UPDATES


def test_packet_ins_as_properties(kind: str, tmp_path: Path) -> None:
    with driven(str(SCRIPTS / "packet_in2.py"), kind, tmp_path, openflow="1.3") as net:
        until(lambda: "that is all" in said(net), "the flows to be sent")
        until(lambda: net.pings(1, 2, count=2), "the switch to have them")
        expected = f"packet (3, {1 << 33 | 7}, 1, None, True, 'ffffffffffff', [('metadata', 9), ('reg0', 5)])"
        until(lambda: expected in told(net), expected)
