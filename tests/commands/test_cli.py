"""The command line: what it accepts, how it refuses, and that asking for help imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from triplane import cli
from triplane.commands import dataplane
from triplane.nodes.options import DataplaneOptions, StartError, TlsFiles, default_run_dir


def parse(*words: str) -> DataplaneOptions:
    return dataplane.options(cli.command_parser("dataplane", cli.load("dataplane")).parse_args(words))


def test_dataplane_options(tmp_path: Path) -> None:
    certificate = tmp_path / "cert.pem"
    certificate.write_text("")
    words = ["--dpid", "0x1f", "--port", "eth1:xdp,queues=2", "--port", "t0:tap", "--controller", "tls:10.0.0.1:6653"]
    words += ["--listen", "ptcp:6654", "--fail-mode", "standalone", "--workers", "2", "--netns", "tp-data"]
    words += ["--run-dir", "/run/x", "--certificate", str(certificate), "-v"]
    assert parse(*words) == DataplaneOptions(
        dpid=31,
        ports=["eth1:xdp,queues=2", "t0:tap"],
        controllers=["tls:10.0.0.1:6653"],
        listeners=["ptcp:6654"],
        fail_mode="standalone",
        workers=2,
        netns="tp-data",
        run_dir=Path("/run/x"),
        tls=TlsFiles(certificate=certificate),
        verbose=True,
    )


@pytest.mark.parametrize(("text", "dpid"), [("7", 7), ("0x10", 16), ("0000000000000010", 16)])
def test_dpid_forms(text: str, dpid: int) -> None:
    assert parse("--dpid", text).dpid == dpid


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["dataplane"], "--dpid"),
        (["dataplane", "--dpid", "0"], "not between 1"),
        (["dataplane", "--dpid", "eleven"], "not a datapath id"),
        (["dataplane", "--dpid", "1", "--workers", "0"], "not a number above 0"),
        (["dataplane", "--dpid", "1", "--fail-mode", "open"], "invalid choice"),
        (["dataplane", "--dpid", "1", "--ca-cert", "/no/such.pem"], "/no/such.pem: no such file"),
        (["dataplane", "--dpid", "1", "--", "ls"], "nothing may stand after --"),
        (["show", "weather"], "invalid choice"),
        (["fly"], "invalid choice"),
        ([], "COMMAND"),
    ],
)
def test_wrong_usage_is_told_with_status_2(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_each_command_has_help_with_a_description(capsys: pytest.CaptureFixture[str]) -> None:
    for name in set(cli.COMMANDS) - {"controller"}:
        with pytest.raises(SystemExit) as ended:
            cli.main([name, "--help"])
        assert ended.value.code == 0
        assert len(capsys.readouterr().out.splitlines()) > 6


def controller(*words: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, in which `import os_ken` is then answered by us."""
    command = [sys.executable, "-m", "triplane.cli", "controller", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_controller_tells_wrong_usage_and_has_help() -> None:
    ended = controller()
    assert ended.returncode == 2
    assert "APP" in ended.stderr
    ended = controller("--help")
    assert ended.returncode == 0
    assert len(ended.stdout.splitlines()) > 6


def test_a_failure_is_one_line_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> int:
        raise StartError("port eth9: no such device")

    monkeypatch.setattr(dataplane, "run", fail)
    assert cli.main(["dataplane", "--dpid", "1"]) == 1
    assert capsys.readouterr().err == "triplane dataplane: port eth9: no such device\n"


def test_help_imports_neither_numba_nor_a_plane() -> None:
    program = (
        "import sys; from triplane import cli\n"
        "try: cli.main(['dataplane', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numba', 'numpy', 'asyncio', 'triplane.dataplane', 'triplane.controller'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_run_dir_of_root_and_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIPLANE_RUN_DIR", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert default_run_dir() == Path("/run/triplane")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert default_run_dir() == Path("/run/user/1000/triplane")
    monkeypatch.setenv("TRIPLANE_RUN_DIR", "/tmp/elsewhere")
    assert default_run_dir() == Path("/tmp/elsewhere")
