"""Links and ports that come and go while traffic flows; controllers hear of it."""

import subprocess
from pathlib import Path

import pytest

from tests.nodes.plant import PATIENCE, TRIPLANE, Controller, join, plant
from tests.nodes.stream import lossless
from tests.tap.rig import HOST_A, IP_A, IP_B, PID, SWITCH, cable, ping
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.tap import namespaces as ns

HOST_C, IP_C = f"tc{PID}", "10.77.0.3"


@pytest.mark.parametrize("kind", ["tap", "xdp"])
def test_a_link_that_flaps(run_dir: Path, kind: str) -> None:
    with plant(run_dir, kind, "packet") as dataplane, Controller.dial(dataplane) as controller:
        join(dataplane)
        ping(IP_B)
        for _ in range(3):
            ns.set_link(HOST_A, "a", up=False)
            controller.port_status(1, ofp.OFPPR_MODIFY, down=True)
            ns.set_link(HOST_A, "a", up=True)
            controller.port_status(1, ofp.OFPPR_MODIFY, down=False)
        ping(IP_B)


@pytest.mark.parametrize("kind", ["packet", "xdp"])
def test_a_device_that_is_deleted_and_made_again(run_dir: Path, kind: str) -> None:
    with plant(run_dir, kind, "packet") as dataplane, Controller.dial(dataplane) as controller:
        join(dataplane)
        ping(IP_B)
        ns.delete_link(SWITCH, "pa")
        controller.port_status(1, ofp.OFPPR_MODIFY, down=True)
        cable(kind, HOST_A, "a", 1500)
        ns.add_address(HOST_A, "a", f"{IP_A}/24")
        controller.port_status(1, ofp.OFPPR_MODIFY, down=False)
        ping(IP_B)


def test_ports_come_and_go_beside_traffic(run_dir: Path) -> None:
    with (
        ns.namespaces(HOST_C),
        plant(run_dir, "packet", "packet") as dataplane,
        Controller.dial(dataplane) as controller,
    ):
        dataplane.ofctl("add-flow", "actions=normal")
        ping(IP_B)
        with lossless() as streams:
            for _ in range(2):
                assert dataplane.cli("port", "add", f"c:tap,netns={HOST_C},address=02:00:00:00:00:0c") == "3\n"
                controller.port_status(3, ofp.OFPPR_ADD, down=False)
                ns.add_address(HOST_C, "c", f"{IP_C}/24")
                ping(IP_C)
                assert dataplane.cli("port", "remove", "3") == ""
                controller.port_status(3, ofp.OFPPR_DELETE, down=False)
                streams.go_on()
        assert [line.split()[0] for line in dataplane.cli("show", "ports").splitlines()] == ["port", "1", "2"]


def refusal(run_dir: Path, *words: str) -> str:
    command = [*TRIPLANE, "port", *words, "--run-dir", str(run_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    return line


def test_a_port_that_cannot_be_added_or_removed(run_dir: Path) -> None:
    with plant(run_dir, "packet", "packet") as dataplane:
        join(dataplane)
        assert refusal(run_dir, "remove", "9") == "triplane port: there is no port 9"
        assert refusal(run_dir, "remove", "nine") == "triplane port: 'nine' is not the number of a port"
        assert "nosuch0" in refusal(run_dir, "add", "nosuch0:packet")
        assert "nosuchkind" in refusal(run_dir, "add", "x:nosuchkind")
        assert f"nosuch{PID}" in refusal(run_dir, "add", f"x:tap,netns=nosuch{PID}")
        ping(IP_B)
