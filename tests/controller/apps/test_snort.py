"""simple_switch_snort: a copy of what the hosts say goes to Snort's port, and Snort's alerts come by its socket."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from pathlib import Path

from tests.controller.plant import plant, until
from tests.controller.process import Controller

RyuApp = Callable[[str], str]
SOCKET_APP = str(Path(__file__).parent / "scripts" / "snort_socket.py")
ICMP = bytes.fromhex(
    "020000000002 020000000001 0800"
    "4500001c00010000 4001 66dd 0a000001 0a000002"  # IPv4, no options, ICMP
    "0800 f7fd 0001 0001"
)


def alert(message: bytes, packet: bytes) -> bytes:
    """An Alertpkt of Snort's output to a Unix socket (snort.org, `spo_alert_unixsock.h`), as Ryu reads it."""
    header = struct.pack("!II", 1, 2) + struct.pack("!II", len(packet), len(packet))
    parts = message.ljust(256, b"\0") + header + struct.pack("!IIIII65535s", 0, 14, 34, 42, 0, packet)
    return parts + bytes(36)


def test_alerts_and_copies(kind: str, ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    log, path = tmp_path / "controller.log", str(tmp_path / "snort_alert")
    apps = (SOCKET_APP, ryu_app("simple_switch_snort"))
    with (
        Controller(log, *apps, "--listen", address, env={"SNORT_ALERT": path}) as controller,
        plant(kind, tmp_path, address, hosts=(1, 1, 1)) as net,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as snort,
    ):
        until(lambda: net.pings(1, 2), "host 1 to reach host 2")
        before = net.counted(1, "h3")
        assert net.reaches(1, 2, count=5)
        until(lambda: net.counted(1, "h3") >= before + 10, "copies for Snort")

        until(lambda: Path(path).exists(), "the app to listen to Snort")
        snort.connect(path)
        for _ in range(3):
            snort.send(alert(b"Pinging...", ICMP))
        until(lambda: log.read_text().count("ipv4(") >= 3, "the alerts")
        assert "icmp(" in log.read_text()
        assert "src='10.0.0.1'" in log.read_text()
        assert "Traceback" not in log.read_text()
        controller.process.terminate()
        assert controller.process.stdout is not None
        assert "alertmsg: Pinging..." in controller.process.stdout.read()
