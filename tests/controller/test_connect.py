"""Connections in every way: we listen or the switch does, TCP, TLS or Unix socket; the switch is Open vSwitch."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.controller.fake_switch import FakeSwitch, serving
from tests.controller.plant import plant, until
from tests.controller.process import Controller
from triplane.controller import server as servers
from triplane.controller.address import Address
from triplane.tap import namespaces as ns

LEARNING = "triplane.controller.apps.learning_switch"
PORT = 16653  # in the namespace of the switches, which is theirs and ours


def certificate(folder: Path) -> list[str]:
    """A key and a certificate that is its own CA, as files."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
    subprocess.run(
        ["openssl", *words, "-subj", "/CN=t", "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True
    )
    return [str(key), str(cert), str(cert)]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (f"ptcp:{PORT}:127.0.0.1", f"--connect=tcp:127.0.0.1:{PORT}"),
        (f"pssl:{PORT}:127.0.0.1", f"--connect=tls:127.0.0.1:{PORT}"),
        (f"tcp:127.0.0.1:{PORT}", f"--listen=tcp:127.0.0.1:{PORT}"),
        (f"ssl:127.0.0.1:{PORT}", f"--listen=tls:127.0.0.1:{PORT}"),
    ],
    ids=["to tcp", "to tls", "from tcp", "from tls"],
)
def test_open_vswitch(tmp_path: Path, theirs: str, ours: str) -> None:
    files = certificate(tmp_path)
    options = [
        f"{name}={file}" for name, file in zip(("--private-key", "--certificate", "--ca-cert"), files, strict=True)
    ]
    log = tmp_path / "controller.log"
    listening = [ours] if ours.startswith("--listen") else [ours, f"--listen=unix:{tmp_path}/unused.sock"]
    with plant("ovs", tmp_path / "net", theirs) as net:
        assert net.ovs is not None
        ns.set_link(net.netns, "lo", up=True)
        net.ovs.vsctl("set-ssl", *files)
        with Controller(log, LEARNING, *listening, *options, prefix=["ip", "netns", "exec", net.netns]):
            until(lambda: "is in service" in log.read_text(), "the switch")
            until(
                lambda: any("CONTROLLER:65535" in flow for flow in net.flows(1)), "the flow for what no other matches"
            )
            if theirs[0] != "p":  # Open vSwitch sends packets to those alone whom it called itself
                assert net.reaches(1, 2, count=3)


def listening(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    sock.listen(1)
    sock.settimeout(30)
    return sock


def test_we_connect_again_when_the_switch_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "RETRY_SECONDS", (0.01, 0.02))
    path = tmp_path / "switch.sock"
    with serving() as (server, _):
        server.connect(Address("unix", path=str(path)))  # nobody is there yet
        for _ in range(2):
            with listening(path) as sock, FakeSwitch.of(sock.accept()[0], 1) as switch:
                switch.comes_into_service()
                (connection,) = server.connections
                assert connection.session.datapath.id == 1
            os.unlink(path)
        until(lambda: not server.connections)
