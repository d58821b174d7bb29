"""Labs with real switches and real packets, and that nothing of them stays."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.conftest import namespaces
from triplane.control_client import ask
from triplane.lab.lab import Lab, LabOptions
from triplane.lab.network import LabError
from triplane.lab.playground import Prompt, overview, ping_all
from triplane.lab.topology import choose

TRIPLANE = [sys.executable, "-m", "triplane.cli"]


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*TRIPLANE, "lab", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_up(lab: subprocess.Popen[str]) -> list[str]:
    """What it says until it is up."""
    assert lab.stdout is not None
    said = []
    for line in lab.stdout:
        said.append(line.rstrip())
        if line.startswith("ready"):
            return said
    raise AssertionError(f"the lab ended: {said} {lab.communicate()}")


@pytest.mark.parametrize("kind", ["packet", "tap", "xdp"])
def test_hosts_reach_each_other_through_every_kind_of_port(prefix: str, kind: str) -> None:
    with Lab(choose("single", None, 3), LabOptions(kind=kind, prefix=prefix)) as lab:
        assert ping_all(lab) == 0
        ports = ask(lab.switch_dir(lab.topology.switches[0]), "ports")
        assert [(port["device"], port["kind"]) for port in ports] == [(name, kind) for name in ("h1", "h2", "h3")]


@pytest.mark.parametrize(("shape", "nodes"), [("tree", 3), ("mesh", 3)])
def test_hosts_reach_each_other_through_several_switches(prefix: str, shape: str, nodes: int) -> None:
    with Lab(choose(shape, nodes, 3), LabOptions(prefix=prefix)) as lab:
        assert ping_all(lab) == 0


def test_without_a_controller_standalone_switches_forward(prefix: str) -> None:
    options = LabOptions(prefix=prefix, controllers=["tcp:127.0.0.1:1"], fail_mode="standalone")
    with Lab(choose("single", None, 2), options) as lab:
        assert ping_all(lab) == 0


def test_without_a_controller_secure_switches_do_not(prefix: str) -> None:
    options = LabOptions(prefix=prefix, controllers=["tcp:127.0.0.1:1"])
    with Lab(choose("single", None, 2), options) as lab:
        assert lab.run("h1", ["ping", "-c", "1", "-W", "1", "h2"]).returncode == 1


def test_a_lab_that_fails_half_way_leaves_nothing_and_says_why(prefix: str) -> None:
    with pytest.raises(LabError, match=r"controller did not start: .*no_such_app") as raised:
        Lab(choose("single", None, 2), LabOptions(prefix=prefix, apps=["no_such_app.py"])).__enter__()
    assert "\n" not in str(raised.value)
    assert namespaces(prefix) == []


def test_a_command_runs_in_a_host_and_its_status_is_the_labs(prefix: str) -> None:
    common = [*TRIPLANE, "lab", "single", "--netns-prefix", prefix, "--"]
    done = subprocess.run([*common, "h1", "ping", "-c", "1", "h2"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 received" in done.stdout
    assert subprocess.run([*common, "h1", "sh", "-c", "exit 7"], check=False).returncode == 7


def test_a_command_outside_finds_the_switch(prefix: str) -> None:
    words = [*TRIPLANE, "lab", "single", "--netns-prefix", prefix, "--", "triplane", "show", "ports"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "h2" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stays_up_until_a_signal_and_cleans_up(prefix: str, number: signal.Signals) -> None:
    lab = start("star", "--hosts", "2", "--netns-prefix", prefix)
    said = wait_up(lab)
    assert f"ip netns exec {prefix}h2 bash" in "\n".join(said)
    assert sorted(namespaces(prefix)) == [f"{prefix}{name}" for name in ("h1", "h2", "s1")]
    lab.send_signal(number)
    lab.communicate(timeout=60)
    assert namespaces(prefix) == []


def test_after_kill_9_the_next_lab_clears_up_and_works(prefix: str) -> None:
    lab = start("single", "--netns-prefix", prefix)
    wait_up(lab)
    lab.kill()
    lab.communicate()
    assert namespaces(prefix)
    with Lab(choose("single", None, 2), LabOptions(prefix=prefix)) as second:
        assert ping_all(second) == 0


def test_two_labs_do_not_share_a_prefix(prefix: str) -> None:
    topology, options = choose("single", None, 2), LabOptions(prefix=prefix)
    with Lab(topology, options) as lab:
        with pytest.raises(LabError, match="runs already"):
            Lab(topology, options).__enter__()
        assert ping_all(lab) == 0


def test_somebody_elses_namespace_is_left_alone(prefix: str) -> None:
    name = f"{prefix}h2"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        with pytest.raises(LabError, match=f"there is a namespace {name} already"):
            Lab(choose("single", None, 2), LabOptions(prefix=prefix)).__enter__()
        assert namespaces(prefix) == [name]
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def test_a_dead_switch_ends_the_waiting_lab(prefix: str, tmp_path: Path) -> None:
    lab = start("single", "--netns-prefix", prefix)
    wait_up(lab)
    found = subprocess.run(["pgrep", "-f", f"dataplane.*{tmp_path}"], capture_output=True, text=True, check=True)
    (switch,) = found.stdout.split()
    subprocess.run(["kill", "-9", switch], check=True)
    _, complaint = lab.communicate(timeout=60)
    assert lab.returncode == 1
    assert "s1 has ended" in complaint


def test_the_prompt_runs_commands_in_hosts_and_shows_switches(prefix: str, capfd: pytest.CaptureFixture[str]) -> None:
    with Lab(choose("single", None, 2), LabOptions(prefix=prefix)) as lab:
        prompt = Prompt(lab)
        for line in ["h1 ping -c 1 h2", "pingall", "s1 ports", "s1 weather", "nonsense", "'", "", "hosts", "exit"]:
            assert not prompt.end
            prompt.do(line)
        assert prompt.end
        told = capfd.readouterr().out
        assert "1 received" in told
        assert "all reached" in told
        assert "s1: want one of" in told
        assert "nonsense: neither" in told
        assert overview(lab)[1] in told


def test_an_ordinary_user_has_a_lab_in_a_user_namespace(prefix: str) -> None:
    """The outer unshare stands for an ordinary user: it maps this one to number 1000."""
    user = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    words = [*user, *TRIPLANE, "lab", "single", "--netns-prefix", prefix, "--", "h1", "ping", "-c", "1", "h2"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 received" in done.stdout
    refused = subprocess.run(
        [*user, *TRIPLANE, "lab", "single", "--kind", "xdp"], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith("triplane lab: --kind xdp loads a BPF program")
