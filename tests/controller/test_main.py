"""`triplane controller` from outside: ready, served, stopped, and why it cannot start."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.controller.fake_switch import FakeSwitch
from tests.controller.plant import until
from tests.controller.process import Controller, command
from triplane.controller import address
from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow import ofproto_v1_3_parser as parser
from triplane.dataplane.openflow.stream import Framer

LEARNING = "triplane.controller.apps.learning_switch"
HELLO = parser.OFPHello(codec.PROTOCOLS[4]).serialize()


def first_messages(sock: socket.socket, count: int) -> list[str]:
    framer, found = Framer(), []
    sock.settimeout(60)
    while len(found) < count:
        data = sock.recv(4096)
        assert data, f"closed after {found}"
        found += [type(codec.parse(4, message)).__name__ for message in framer.feed(data)]
    return found


def test_it_serves_and_ends_on_sigterm(tmp_path: Path) -> None:
    path = tmp_path / "of.sock"
    log = tmp_path / "log"
    with Controller(log, LEARNING, "--listen", "tcp:127.0.0.1:0", "--listen", f"unix:{path}") as controller:
        port = int(controller.ready[1].rpartition(":")[2])
        assert controller.ready == ["ready", f"listen=tcp:127.0.0.1:{port}", f"listen=unix:{path}"]
        with socket.create_connection(("127.0.0.1", port)) as tcp, socket.socket(socket.AF_UNIX) as unix:
            unix.connect(str(path))
            for sock in (tcp, unix):
                sock.sendall(HELLO)
                assert first_messages(sock, 2) == ["OFPHello", "OFPFeaturesRequest"]
            assert controller.stop() == 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nonsense"], "app nonsense: No module named 'nonsense'"),
        (["./nonsense.py"], "app nonsense.py: no such file"),
        (["json"], "app json: it has no subclass of RyuApp"),
        ([LEARNING, "--listen", "tcp:1.2.3.4:x"], "--listen tcp:1.2.3.4:x: must be tcp:HOST:PORT"),
        ([LEARNING, "--listen", "unix:/nowhere/of.sock"], "cannot listen on unix:/nowhere/of.sock: No such file"),
        ([LEARNING, "--listen", "tls:127.0.0.1:0"], "--listen tls:... needs --private-key"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_it_says_why_it_cannot_start(words: list[str], reason: str) -> None:
    done = subprocess.run(command(*words), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("x = (", "app_under_test.py:1: '(' was never closed"),
        ("import not_there", "No module named 'not_there'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        (
            "from ryu.base import app_manager\nclass A(app_manager.RyuApp):\n  OFP_VERSIONS = [2]",
            "it speaks OpenFlow 2, this controller ",
        ),
        (
            "from ryu.base import app_manager\nclass A(app_manager.RyuApp):\n  def __init__(self):\n    open('/x/y')",
            "No such file or directory: '/x/y'",
        ),
    ],
    ids=["syntax", "import", "at import", "version", "constructor"],
)
def test_an_app_that_cannot_be_loaded(tmp_path: Path, source: str, reason: str) -> None:
    app = tmp_path / "app_under_test.py"
    app.write_text(source)
    done = subprocess.run(command(str(app)), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert reason in done.stderr


def certificate(folder: Path) -> list[str]:
    """A key and a certificate that is its own CA, as options."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
    subprocess.run(
        ["openssl", *words, "-subj", "/CN=t", "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True
    )
    return ["--private-key", str(key), "--certificate", str(cert), "--ca-cert", str(cert)]


def test_tls(tmp_path: Path) -> None:
    files = certificate(tmp_path)
    with Controller(tmp_path / "log", LEARNING, "--listen", "tls:127.0.0.1:0", *files) as controller:
        port = int(controller.ready[1].rpartition(":")[2])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(files[5])
        with socket.create_connection(("127.0.0.1", port)) as raw:
            context.load_cert_chain(files[3], files[1])
            with context.wrap_socket(raw) as sock:
                sock.sendall(HELLO)
                assert first_messages(sock, 2) == ["OFPHello", "OFPFeaturesRequest"]


def test_tls_refuses_a_switch_without_certificate(tmp_path: Path) -> None:
    files = certificate(tmp_path)
    with Controller(tmp_path / "log", LEARNING, "--listen", "tls:127.0.0.1:0", *files) as controller:
        port = int(controller.ready[1].rpartition(":")[2])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(files[5])
        with (
            socket.create_connection(("127.0.0.1", port)) as raw,
            pytest.raises((ssl.SSLError, AssertionError, ConnectionError)),
            context.wrap_socket(raw) as sock,
        ):
            sock.sendall(HELLO)
            first_messages(sock, 1)


def test_sigusr1_has_the_counters_logged(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Controller(log, LEARNING, "--listen", f"unix:{tmp_path}/of.sock") as controller:
        controller.process.send_signal(signal.SIGUSR1)
        until(lambda: "app LearningSwitch: waiting 0, dropped 0" in log.read_text())
        assert "loop: handlers called 0, handed over 0, refused 0" in log.read_text()


def test_a_thread_of_an_app_keeps_no_process_alive(tmp_path: Path) -> None:
    app = tmp_path / "endless.py"
    lines = ["import threading", "from ryu.base import app_manager", "class Endless(app_manager.RyuApp):"]
    lines += [
        "  def start(self):",
        "    super().start()",
        "    threading.Thread(target=threading.Event().wait).start()",
    ]
    app.write_text("\n".join(lines))
    with Controller(tmp_path / "log", str(app), "--listen", f"unix:{tmp_path}/of.sock") as controller:
        assert controller.stop() == 0


OS_KEN_APP = """
from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, set_ev_cls
from os_ken.ofproto import ofproto_v1_3

class Marks(app_manager.OSKenApp):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def features(self, event):
        datapath = event.msg.datapath
        datapath.send_msg(datapath.ofproto_parser.OFPFlowMod(datapath, cookie=COOKIE))

COOKIE = 1
"""


def test_an_app_of_os_ken_that_changes_is_reloaded_and_told_of_the_switch(tmp_path: Path) -> None:
    app = tmp_path / "marks.py"
    app.write_text(OS_KEN_APP)
    with Controller(tmp_path / "log", str(app), "--listen", "tcp:127.0.0.1:0", "--reload") as controller:
        there = address.parse(controller.ready[1].partition("=")[2])
        with FakeSwitch(there, 7) as switch:
            switch.comes_into_service()
            app.write_text("class (")
            until(lambda: "not reloaded" in controller.log.read_text(), "the new file to be refused")
            app.write_text(OS_KEN_APP + "COOKIE = 2")
            until(lambda: switch.wait(parser.OFPFlowMod)[0].cookie == 2, "the new app")  # the old one's may come late


@pytest.mark.parametrize(
    ("options", "lines"), [([], 20), (["--log-rate", "7"], 7), (["--log-rate=0"], 50), (["-v"], 50)]
)
def test_a_statement_logs_so_often(tmp_path: Path, options: list[str], lines: int) -> None:
    app, log = tmp_path / "chatty_app.py", tmp_path / "log"
    body = "  def start(self):\n    super().start()\n    for n in range(50):\n      self.logger.info('line %d', n)\n"
    app.write_text(f"from ryu.base import app_manager\nclass Chatty(app_manager.RyuApp):\n{body}")
    with Controller(log, str(app), "--listen", f"unix:{tmp_path}/of.sock", *options):
        pass
    text = log.read_text()
    assert text.count("INFO Chatty: line") == lines
    assert (f"{50 - lines} more lines like one before were left out at the end" in text) == (lines < 50)
