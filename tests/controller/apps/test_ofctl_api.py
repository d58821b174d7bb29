"""ryu.app.ofctl: an app sends a request and waits for its reply, inside a handler."""

from __future__ import annotations

from pathlib import Path

from tests.controller.plant import plant, until
from tests.controller.process import Controller

SCRIPT = str(Path(__file__).parent / "scripts" / "asks_ofctl.py")
MAKERS = {"triplane": "Triplane", "ovs": "Nicira, Inc."}


def test_an_app_asks_and_is_answered(kind: str, address: str, tmp_path: Path) -> None:
    log = tmp_path / "controller.log"
    with Controller(log, SCRIPT, "--listen", address), plant(kind, tmp_path, address) as net:
        until(lambda: "all is answered" in log.read_text() or "Traceback" in log.read_text(), "the answers")
        told = log.read_text()
        for words in (
            f"it is made by {MAKERS[kind]}",
            "it has ports [1, 2]",
            "its barrier is a OFPBarrierReply",
            "it refuses with type 5",  # OFPET_FLOW_MOD_FAILED
            "nobody knows Datapath Invalid 2",
        ):
            assert words in told or words.replace("Datapath Invalid ", "") in told, (words, told)
        assert "Traceback" not in told
        until(lambda: [flow for flow in net.flows(1) if "priority=77" in flow], "the app's flow")
