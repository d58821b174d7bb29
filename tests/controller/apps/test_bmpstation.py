"""bmpstation: routers tell of their BGP sessions over the BGP Monitoring Protocol (RFC 7854)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from os_ken.lib.packet import bgp, bmp

from tests.controller.plant import PATIENCE, until
from tests.controller.process import Controller, free_port, own_host

RyuApp = Callable[[str], str]
PEER = {"peer_type": 0, "is_post_policy": True, "peer_distinguisher": 0, "peer_address": "192.0.2.1", "peer_as": 65001}
PEER |= {"peer_bgp_id": "192.0.2.1", "timestamp": 1.5}


def messages() -> list[bytes]:
    """A router's words from its start to its end."""
    version = [{"type": bmp.BMP_INIT_TYPE_STRING, "value": "a test"}]
    opened = bgp.BGPOpen(my_as=65001, bgp_identifier="192.0.2.1")
    update = bgp.BGPUpdate(
        path_attributes=[bgp.BGPPathAttributeOrigin(0), bgp.BGPPathAttributeNextHop("192.0.2.1")],
        nlri=[bgp.BGPNLRI(24, "198.51.100.0")],
    )
    ended = [{"type": bmp.BMP_TERM_TYPE_REASON, "value": bmp.BMP_TERM_REASON_ADMIN}]
    told = [
        bmp.BMPInitiation(version),
        bmp.BMPPeerUpNotification("192.0.2.2", 179, 40000, opened, opened, **PEER),
        bmp.BMPRouteMonitoring(update, **PEER),
        bmp.BMPStatisticsReport([{"type": bmp.BMP_STAT_TYPE_REJECTED, "value": 7}], **PEER),
        bmp.BMPPeerDownNotification(bmp.BMP_PEER_DOWN_REASON_REMOTE_NO_NOTIFICATION, None, **PEER),
        bmp.BMPTermination(ended),
    ]
    return [bytes(message.serialize()) for message in told]


def test_a_router_reports(ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    log, output, failed = tmp_path / "controller.log", tmp_path / "bmp.log", tmp_path / "bmp.failed"
    station = own_host(), free_port()
    env = {"RYU_BMP_SERVER_HOST": station[0], "RYU_BMP_SERVER_PORT": str(station[1])}
    env |= {"RYU_BMP_OUTPUT_FILE": str(output), "RYU_BMP_FAILED_DUMP": str(failed)}
    with Controller(log, ryu_app("bmpstation"), "--listen", address, "--verbose", env=env):
        told = messages()
        for number in (1, 2):  # a station hears one router after the other
            with socket.create_connection(station, PATIENCE) as router:
                for byte in range(len(told[0])):
                    router.send(told[0][byte : byte + 1])
                router.sendall(b"".join(told[1:]))
            lines = len(told) * number
            until(lambda lines=lines: output.read_text().count("127.0.0.1 |") == lines, f"{lines} messages")
        text = output.read_text()
        for name in ("Initiation", "PeerUp", "RouteMonitoring", "StatisticsReport", "PeerDown", "Termination"):
            assert f"BMP{name}" in text
        assert "198.51.100.0" in text

        with socket.create_connection(station, PATIENCE) as stranger:
            stranger.sendall(b"GET / ")  # as much as a header has
            assert stranger.recv(1) == b""
        assert "unsupported bmp version: 71" in log.read_text()
        assert "Traceback" not in log.read_text()
