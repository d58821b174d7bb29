"""The life of `triplane dataplane`: how it starts, how it ends, and what it does while its controller is away."""

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.nodes.plant import PATIENCE, TRIPLANE, Controller, controllers_at, join, plant, running, until
from tests.tap.rig import HOST_A, HOST_B, IP_A, IP_B, SWITCH, ping, transfer
from triplane.cli import main
from triplane.tap import namespaces as ns


def link_of(netns: str, name: str) -> str:
    """What `ip` shows of a device; nothing if there is none."""
    shown = subprocess.run(["ip", "-n", netns, "link", "show", name], capture_output=True, text=True, check=False)
    return shown.stdout


def test_secure_keeps_its_flows_without_a_controller_and_takes_a_new_one(run_dir: Path, tmp_path: Path) -> None:
    address = tmp_path / "controller"
    with plant(run_dir, "packet", "tap", "--controller", f"unix:{address}") as dataplane:
        with controllers_at(address) as server, Controller(server.accept()[0]) as controller:
            controller.add_flow(1, 2)
            controller.add_flow(2, 1)
            ping(IP_B)
        ping(IP_B)
        assert dataplane.ofctl("dump-flows").count("actions=output:") == 2
        with controllers_at(address) as server, Controller(server.accept()[0]) as controller:
            controller.add_flow(1, 2)
            ping(IP_B)


def test_standalone_forwards_by_itself_when_the_controller_is_gone(run_dir: Path, tmp_path: Path) -> None:
    address = tmp_path / "controller"
    words = ("--controller", f"unix:{address}", "--fail-mode", "standalone")
    with plant(run_dir, "packet", "packet", *words):
        ping(IP_B)
        with controllers_at(address) as server, Controller(server.accept()[0]):
            until(lambda: not reaches(IP_B), "the controller to be in charge, who sets no flows")
        until(lambda: reaches(IP_B), "the switch to forward by itself")
        ping(IP_A, host=HOST_B)


def reaches(target: str) -> bool:
    command = ["ip", "netns", "exec", HOST_A, "ping", "-c", "1", "-W", "0.3", target]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_killed_and_started_again(run_dir: Path) -> None:
    """Sockets, devices and programs of the dead process are in nobody's way."""
    with plant(run_dir, "tap", "xdp") as dataplane:
        join(dataplane)
        ping(IP_B)
        assert dataplane.end(signal.SIGKILL) == -signal.SIGKILL
        assert (run_dir / "dataplane.sock").exists()
        dataplane.start()
        ns.add_address(HOST_A, "a", f"{IP_A}/24")
        join(dataplane)
        ping(IP_B)
        data = bytes(range(256)) * 4096
        assert transfer(data) == data


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_end_leaves_nothing(run_dir: Path, number: int) -> None:
    with plant(run_dir, "tap", "xdp") as dataplane:
        join(dataplane)
        ping(IP_B)
        assert "a: <" in link_of(HOST_A, "a")
        assert "xdp" in link_of(SWITCH, "pb")
        with Controller.dial(dataplane) as controller:
            assert dataplane.end(number) == 0
            assert b"" in iter(lambda: controller.socket.recv(1 << 16), None)  # its end, behind what it still said
        assert link_of(HOST_A, "a") == ""
        assert "pb@" in link_of(SWITCH, "pb")
        assert "xdp" not in link_of(SWITCH, "pb")
        assert list(run_dir.iterdir()) == []


def refused(run_dir: Path, *words: str) -> str:
    """The one line that says why a dataplane does not start."""
    command = [*TRIPLANE, "dataplane", "--dpid", "7", "--run-dir", str(run_dir), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("triplane dataplane: ")
    return line.removeprefix("triplane dataplane: ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--port", "nosuch0:packet"), "nosuch0"),
        (("--port", "nosuch0:xdp"), "nosuch0"),
        (("--port", "eth0:carrier-pigeon"), "carrier-pigeon"),
        (("--port", "t0:tap,colour=red"), "colour"),
        (("--netns", "nosuch-netns", "--port", "t0:tap"), "nosuch-netns"),
        (("--netns", "nosuch-netns"), "nosuch-netns"),
        (("--port", "t0:tap,netns=nosuch-netns"), "nosuch-netns"),
        (("--listen", "ptcp:6653:192.0.2.1"), "cannot listen on ptcp:6653:192.0.2.1"),
        (("--listen", "nonsense"), "nonsense"),
        (("--controller", "tcp:127.0.0.1:not-a-port"), "tcp:127.0.0.1:not-a-port"),
    ],
)
def test_what_cannot_start_says_why_in_one_line(
    run_dir: Path, words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dataplane", "--dpid", "7", "--run-dir", str(run_dir), *words]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("triplane dataplane: ")
    assert told in line


def test_a_busy_listener(run_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"ptcp:{taken.getsockname()[1]}:127.0.0.1"
        assert refused(run_dir, "--listen", address) == f"[Errno 98] cannot listen on {address}: Address already in use"


def test_a_second_one_on_the_same_ports_or_run_dir(run_dir: Path, tmp_path: Path) -> None:
    """It is refused, and the first one goes on."""
    with plant(run_dir, "tap", "xdp") as dataplane:
        join(dataplane)
        assert str(run_dir) in refused(run_dir)
        assert "port a: " in refused(tmp_path / "other", "--port", f"a:tap,netns={HOST_A}")
        assert "port pb: " in refused(tmp_path / "other", "--port", f"pb:xdp,netns={SWITCH}")
        ping(IP_B)


def test_ports_in_the_namespace_that_netns_names(run_dir: Path) -> None:
    with ns.namespaces(SWITCH), running(run_dir, "--netns", SWITCH, "--port", "t0", "--port", "t1:tap") as dataplane:
        assert "t0: <" in link_of(SWITCH, "t0")
        assert "t1: <" in link_of(SWITCH, "t1")
        assert " 2(t1): " in dataplane.ofctl("show")
