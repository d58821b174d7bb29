"""What a user can get wrong when he starts a controller: one line says what, where and what to do; status not 0."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controller.process import command
from triplane.controller.tls import TlsFiles, tls_context

LISTEN = ["--listen", "tcp:127.0.0.1:0"]
QUIET = "from ryu.base.app_manager import RyuApp\nclass Quiet(RyuApp):\n    pass\n"
WITH_REST = f"{QUIET}from ryu.app.wsgi import WSGIApplication\nQuiet._CONTEXTS = {{'wsgi': WSGIApplication}}\n"
FILES = {
    "app.py": QUIET,
    "rest.py": WITH_REST,
    "unclosed.py": "x = 1\ny = (\n",
    "lacks.py": "\nimport not_there\n",
    "misspelt.py": "from ryu.base import app_manger\n",
    "divides.py": "def f():\n    1 / 0\n\nf()\n",
    "no.conf": "not a config\n",
    "port.conf": "[DEFAULT]\nwsapi_port = many\n",
    "far.conf": "[DEFAULT]\nofp_tcp_listen_port = 99999\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With all these files, and keys."""
    path = tmp_path_factory.mktemp("complaints")
    for name, text in FILES.items():
        (path / name).write_text(text)
    (path / "binary.conf").write_bytes(b"\xff\xfe\0")
    (path / "junk.pem").write_text("junk\n")
    for name in ("one", "other"):
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "1"]
        make += ["-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt"]
        subprocess.run(make, check=True, capture_output=True, cwd=path)
    lock = ["openssl", "pkey", "-in", "one.key", "-aes128", "-passout", "pass:secret", "-out", "locked.key"]
    subprocess.run(lock, check=True, capture_output=True, cwd=path)
    return path


@pytest.fixture(scope="module")
def taken() -> Iterator[str]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield str(sock.getsockname()[1])


def complaint(folder: Path, words: list[str]) -> tuple[int, str]:
    """The status, and what stands on stderr."""
    done = subprocess.run(
        command(*words), capture_output=True, text=True, check=False, timeout=100, cwd=folder, stdin=subprocess.DEVNULL
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "the following arguments are required: APP"),
        (["app.py", "--listen"], "argument --listen: expected one argument"),
        (["app.py", "--log-rate", "-3"], "argument --log-rate: '-3' is not a number, 0 or above"),
        (["app.py", "--private-key", "none.key"], "argument --private-key: none.key: no such file"),
        (["app.py", "--", "x"], "nothing may stand after --"),
    ],
)
def test_wrong_options_are_told_without_the_right_ones(folder: Path, words: list[str], line: str) -> None:
    told = f"triplane controller: {line}; `triplane controller --help` lists the options\n"
    assert complaint(folder, words) == (2, told)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["none"], "app none: No module named 'none'; a file is named with its .py"),
        (["none.py"], "app none.py: no such file"),
        (["."], "app .: it is a folder, not a file"),
        (["unclosed.py"], "app unclosed.py: HERE/unclosed.py:2: '(' was never closed"),
        (["lacks.py"], "app lacks.py: HERE/lacks.py:2: No module named 'not_there'"),
        (["misspelt.py"], "app misspelt.py: HERE/misspelt.py:1: cannot import name 'app_manger' from 'ryu.base'"),
        (["app.py", "--user-flags", "unclosed.py"], "--user-flags HERE/unclosed.py: HERE/unclosed.py:2: '(' was never"),
        (
            ["app.py", "--listen", "tcp:127.0.0.1:TAKEN"],
            "cannot listen on tcp:127.0.0.1:TAKEN: Address already in use; ",
        ),
        (
            ["app.py", "--listen", "tcp:192.0.2.9:1"],
            "cannot listen on tcp:192.0.2.9:1: Cannot assign requested address",
        ),
        (["app.py", "--listen", "tcp:127.0.0.1:65536"], "--listen tcp:127.0.0.1:65536: a port is a number up to 65535"),
        (["app.py", "--listen", "unix:app.py"], "cannot listen on unix:app.py: Address already in use; a program list"),
        (["app.py", *LISTEN, "--connect", "tcp:n.invalid:1"], "cannot connect to tcp:n.invalid:1: "),
        (["app.py", "--ofp-tcp-listen-port", "65536"], "--ofp-tcp-listen-port tcp:0.0.0.0:65536: a port is a number"),
        (["app.py", "--ctl-privkey", "one.key"], "OpenFlow over TLS needs both --ctl-privkey and --ctl-cert"),
        (["app.py", "--ofp-ssl-listen-port", "6653"], "OpenFlow over TLS needs both --ctl-privkey and --ctl-cert"),
        (
            ["rest.py", *LISTEN, "--rest", "127.0.0.1:TAKEN"],
            "cannot serve REST at 127.0.0.1:TAKEN: Address already in use",
        ),
        (["rest.py", *LISTEN, "--rest", "192.0.2.9:1"], "cannot serve REST at 192.0.2.9:1: Cannot assign requested"),
        (["rest.py", *LISTEN, "--wsapi-port", "65536"], "cannot serve REST at 127.0.0.1:65536: there is no such port"),
        (["app.py", "--config-file", "none.conf"], "Failed to find some config files: HERE/none.conf"),
        (["app.py", "--config-file", "no.conf"], "Failed to parse HERE/no.conf: at HERE/no.conf:1, No ':' or '='"),
        (["app.py", "--config-file", "."], "config file HERE: Is a directory"),
        (
            ["app.py", "--config-file", "port.conf"],
            "argument --wsapi_port: Invalid Integer value: many (on the command ",
        ),
        (["app.py", "--config-file", "far.conf"], "--ofp-tcp-listen-port tcp:0.0.0.0:99999: a port is a number up to"),
        (
            ["app.py", "--config-file", "binary.conf"],
            "a config file is no text in UTF-8 (on the command line or in bin",
        ),
        (["app.py", *LISTEN, "--pid-file", "/none/pid"], "--pid-file /none/pid: No such file or directory"),
        (["app.py", "--log-file", "/none/log"], "cannot log as --log-file /none/log --log-file-mode 0644 says: "),
        (
            ["app.py", "--log-config-file", "no.conf"],
            "cannot log as --log-config-file no.conf --log-file-mode 0644 says",
        ),
        (
            ["app.py", "--log-file", "x", "--log-file-mode", "rw"],
            "cannot log as --log-file x --log-file-mode rw says: ",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_work_is_told_in_one_line(folder: Path, taken: str, words: list[str], line: str) -> None:
    status, told = complaint(folder, [word.replace("TAKEN", taken) for word in words])
    line = line.replace("HERE", str(folder)).replace("TAKEN", taken)
    assert told[: len(line) + 21] == f"triplane controller: {line}"
    assert told.count("\n") == 1
    assert status == 1


def test_an_error_of_the_app_is_logged_and_then_told_in_one_line(folder: Path) -> None:
    status, told = complaint(folder, ["divides.py"])
    *traceback, last = told.splitlines()
    assert "app divides.py: failed to be imported" in traceback[0]
    assert last == f"triplane controller: app divides.py: {folder}/divides.py:2: ZeroDivisionError: division by zero"
    assert status == 1


@pytest.mark.parametrize(
    ("key", "certificate", "ca", "line"),
    [
        ("one.key", "other.crt", "one.crt", "--private-key one.key: it is not the key of --certificate other.crt"),
        ("junk.pem", "one.crt", "one.crt", "--private-key junk.pem: there is no private key in it, in PEM"),
        ("one.key", "junk.pem", "one.crt", "--certificate junk.pem: there is no certificate in it, in PEM"),
        ("one.key", "one.crt", "one.key", "--ca-cert one.key: there is no certificate in it, in PEM"),
        ("none.key", "one.crt", "one.crt", "--private-key none.key: no such file"),
        ("locked.key", "one.crt", "one.crt", "--private-key locked.key: it is encrypted; `openssl pkey -in locked.key"),
        (None, "one.crt", "one.crt", "--listen tls:... needs --private-key"),
    ],
)
def test_tls_files_that_do_not_fit(
    key: str | None, certificate: str, ca: str, line: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(ValueError, match=r".") as refused:
        tls_context(TlsFiles(Path(key) if key else None, Path(certificate), Path(ca)))
    assert str(refused.value).startswith(line)


def test_the_line_of_tls_reaches_the_user(folder: Path) -> None:
    files = ["--private-key", "one.key", "--certificate", "other.crt", "--ca-cert", "one.crt"]
    told = "triplane controller: --private-key one.key: it is not the key of --certificate other.crt\n"
    assert complaint(folder, ["app.py", "--listen", "tls:127.0.0.1:0", *files]) == (1, told)
