"""`triplane show controller`: a process with switches, asked from outside."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.controller.fake_switch import SWITCH, FakeSwitch, packet_in
from tests.controller.plant import plant, until
from tests.controller.process import RUN, Controller, command
from triplane import cli
from triplane.controller import address
from triplane.controller.status import peer
from triplane.controller.status_socket import LONGEST_REQUEST, answer
from triplane.dataplane.openflow import ofproto_v1_3_parser as parser

LEARNING = "triplane.controller.apps.learning_switch"
APPS = """
import threading
from triplane.controller import App, MAIN_DISPATCHER, PacketIn, PortStatus, on

class Failing(App):
    @on(PacketIn, MAIN_DISPATCHER)
    def packet(self, event):
        raise ValueError("bad packet")

class Stuck(App):
    @on(PortStatus, MAIN_DISPATCHER)
    def port(self, event):
        threading.Event().wait()
"""


def show(run_dir: Path) -> Any:
    """What the command says, as JSON."""
    words = [sys.executable, "-c", RUN, "show", "controller", "--json", "--run-dir", str(run_dir)]
    return json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def one(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    (row,) = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    return row


@pytest.mark.parametrize("kind", ["triplane", "ovs"])
def test_real_switches(kind: str, address: str, tmp_path: Path, run_dir: Path) -> None:
    with (
        Controller(tmp_path / "log", LEARNING, "--listen", address) as controller,
        plant(kind, tmp_path, address, hosts=(1, 2), links=((1, 2),)) as net,
    ):
        until(lambda: net.pings(1, 2, count=3))
        found = show(run_dir)
        for number in (1, 2):
            switch = one(found["switches"], dpid=f"{number:016x}", phase="main", address="unix")
            assert switch["openflow"] == "1.3"
            assert switch["packet_ins"] >= 2
            assert switch["messages"] > switch["packet_ins"]
            assert (switch["waiting"], switch["dropped"], switch["malformed"], switch["unsent"]) == (0, 0, 0, 0)
        (app,) = found["apps"]
        assert (app["app"], app["module"], app["state"]) == ("LearningSwitch", LEARNING, "idle")
        totals = found["controller"]
        assert (totals["pid"], totals["switches"], totals["listen"]) == (controller.process.pid, 2, [address])
        assert totals["packet_ins"] == sum(switch["packet_ins"] for switch in found["switches"])


@pytest.fixture
def apps(tmp_path: Path) -> list[str]:
    """Files of the two apps above, each in one, since a file has one app."""
    head, failing, stuck = APPS.split("class ")
    for name, body in (("failing", failing), ("stuck", stuck)):
        (tmp_path / f"{name}.py").write_text(f"{head}class {body}")
    return [str(tmp_path / "failing.py"), str(tmp_path / "stuck.py")]


def test_what_goes_wrong_is_seen(apps: list[str], tmp_path: Path, run_dir: Path) -> None:
    port = parser.OFPPort(1, "02:00:00:00:00:01", b"p", 0, 0, 0, 0, 0, 0, 0, 0)
    with Controller(tmp_path / "log", *apps, "--listen", "tcp:127.0.0.1:0") as controller:
        there = address.parse(controller.ready[1].partition("=")[2])
        with FakeSwitch(there, 7) as switch, FakeSwitch(there, 8):
            switch.comes_into_service()
            switch.send(packet_in(1) + packet_in(2))
            switch.send(b"\x04\x0c\x00\x09\0\0\0\1\0")  # a port status that is too short
            for _ in range(3):
                switch.send(parser.OFPPortStatus(SWITCH, 0, port))
            switch.echo(b"")
            until(lambda: one(show(run_dir)["apps"], app="Stuck")["state"] == "blocked")
            found = show(run_dir)
            row = one(found["switches"], dpid=f"{7:016x}")
            assert (row["packet_ins"], row["malformed"]) == (2, 1)
            assert row["address"].startswith("127.0.0.1:")
            half = one(found["switches"], phase="handshake")
            assert (half["dpid"], half["openflow"]) == (None, None)
            assert one(found["apps"], app="Failing")["failures"] == 2
            stuck = one(found["apps"], app="Stuck")
            assert (stuck["handler"], stuck["waiting"]) == ("Stuck.port", 2)
            assert stuck["seconds"] >= 1
            assert (found["controller"]["switches"], found["controller"]["half_open"]) == (1, 1)
        until(lambda: show(run_dir)["controller"]["disconnected"] == 2)
        totals = show(run_dir)["controller"]
        assert (totals["switches"], totals["packet_ins"], totals["malformed"]) == (0, 2, 1)


def test_it_is_told_as_tables(tmp_path: Path, run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Controller(tmp_path / "log", LEARNING, "--listen", f"unix:{tmp_path}/of.sock"):
        assert cli.main(["show", "controller", "--run-dir", str(run_dir)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "no switches"
    assert lines[2].split()[:4] == ["app", "module", "state", "handler"]
    assert lines[3].split()[:4] == ["LearningSwitch", LEARNING, "idle", "-"]
    assert f"listen           unix:{tmp_path}/of.sock" in lines


def test_the_socket_is_the_owners_and_goes_with_the_controller(tmp_path: Path, run_dir: Path) -> None:
    path = run_dir / "controller.sock"
    listen = f"unix:{tmp_path}/of.sock"
    with Controller(tmp_path / "log", LEARNING, "--listen", listen) as controller:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert controller.stop() == 0
        assert not path.exists()
    with Controller(tmp_path / "log", LEARNING, "--listen", listen) as controller:
        controller.kill()
        assert path.exists()
    with Controller(tmp_path / "log", LEARNING, "--listen", listen) as controller:  # in the place of one that died
        assert show(run_dir)["controller"]["pid"] == controller.process.pid
        assert "will not show this one" not in controller.log.read_text()


def test_two_controllers(tmp_path: Path, run_dir: Path) -> None:
    """The second runs unseen, unless it has a folder of its own."""

    def words(number: int) -> list[str]:
        return [LEARNING, "--listen", f"unix:{tmp_path}/of{number}.sock"]

    third = tmp_path / "third"
    with (
        Controller(tmp_path / "1.log", *words(1)) as first,
        Controller(tmp_path / "2.log", *words(2)) as second,
        Controller(tmp_path / "3.log", *words(3), "--run-dir", str(third)) as other,
    ):
        text = second.log.read_text()
        assert "`triplane show controller` will not show this one (--run-dir DIR gives it another place)" in text
        assert f"cannot listen on {run_dir}/controller.sock: Address already in use" in text
        assert second.stop() == 0
        assert show(run_dir)["controller"]["pid"] == first.process.pid
        assert show(third)["controller"]["pid"] == other.process.pid


def test_a_folder_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    words = command(LEARNING, "--listen", f"unix:{tmp_path}/of.sock", "--run-dir", f"{tmp_path}/file/run")
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    told = f"triplane controller: cannot listen on {tmp_path}/file/run/controller.sock: Not a directory\n"
    assert done.stderr == told


def test_without_the_right_to_make_the_folder_it_runs(tmp_path: Path) -> None:
    forbidden = {"TRIPLANE_RUN_DIR": "/proc/forbidden"}
    with Controller(tmp_path / "log", LEARNING, "--listen", f"unix:{tmp_path}/of.sock", env=forbidden) as controller:
        assert "cannot listen on /proc/forbidden/controller.sock" in controller.log.read_text()
        assert controller.stop() == 0


def test_the_controller_of_a_lab_is_found_from_its_switches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lab = tmp_path / "lab"
    (lab / "s1").mkdir(parents=True)
    with Controller(tmp_path / "log", LEARNING, "--listen", f"unix:{lab}/openflow.sock", "--run-dir", str(lab)):
        for folder in (lab / "s1", lab, tmp_path):
            assert cli.main(["show", "controller", "--run-dir", str(folder)]) == 0
    assert cli.main(["show", "controller", "--run-dir", f"{lab}/s1"]) == 1
    told = f"no controller answers at {lab}/s1/controller.sock: is one running with --run-dir {lab}/s1?\n"
    assert capsys.readouterr().err == f"triplane show: {told}"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"x\n", "not JSON"),
        (b"[]\n", "a request is an object"),
        (b'{"show": "flows"}\n', "cannot show 'flows': a controller shows `controller`"),
        (b"\xff\n", "not JSON"),
        (b"[" * 50_000, ""),
        (b" " * (LONGEST_REQUEST + 1), "longer than 65536 bytes"),
    ],
)
def test_requests_that_make_no_sense(line: bytes, complaint: str) -> None:
    reply = json.loads(answer(line, dict))
    assert not reply["ok"]
    assert complaint in reply["error"]


def test_a_client_that_says_nothing_holds_up_nobody(tmp_path: Path, run_dir: Path) -> None:
    with (
        Controller(tmp_path / "log", LEARNING, "--listen", f"unix:{tmp_path}/of.sock") as controller,
        socket.socket(socket.AF_UNIX) as silent,
    ):
        silent.connect(str(run_dir / "controller.sock"))
        assert show(run_dir)["controller"]["pid"] == controller.process.pid


@pytest.mark.parametrize(
    ("where", "text"), [(("10.0.0.1", 5), "10.0.0.1:5"), (("::1", 5, 0, 0), "[::1]:5"), ("unix", "unix")]
)
def test_addresses(where: Any, text: str) -> None:
    assert peer(where) == text
