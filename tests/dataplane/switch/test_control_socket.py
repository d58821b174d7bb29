"""The management socket: one JSON line in, one out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dataplane.switch.live import within
from triplane.dataplane.switch.control_socket import LONGEST_REQUEST, MOST_CLIENTS, ControlSocket


def trace(arguments: Mapping[str, Any]) -> list[str]:
    if "port" not in arguments:
        raise ValueError("trace needs a port")
    return [f"enters by port {arguments['port']}"]


PROVIDERS = {"ports": lambda arguments: [{"port_no": 1, "name": "eth1"}], "trace": trace}


def ask(folder: Path, *lines: bytes) -> list[dict[str, Any]]:
    """The replies to lines sent over one connection."""

    async def script() -> list[dict[str, Any]]:
        control = ControlSocket(folder, PROVIDERS)
        await control.start()
        reader, writer = await asyncio.open_unix_connection(str(control.path))
        writer.write(b"".join(lines))
        writer.write_eof()
        replies = (await within(reader.read())).splitlines()
        writer.close()
        await control.stop()
        assert not control.path.exists()
        return [json.loads(reply) for reply in replies]

    return asyncio.run(script())


def test_shows(tmp_path: Path) -> None:
    replies = ask(tmp_path / "made", b'{"show": "ports"}\n', b'{"show": "trace", "args": {"port": 3}}\n')
    assert replies == [
        {"ok": True, "result": [{"port_no": 1, "name": "eth1"}]},
        {"ok": True, "result": ["enters by port 3"]},
    ]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"hello\n", "not JSON"),
        (b"\xff\n", "not JSON"),
        (b"[1]\n", "a request is an object"),
        (b'{"show": 1}\n', "a request is an object"),
        (b'{"show": "ports", "args": 3}\n', '"args" must be an object'),
        (b'{"show": "moon"}\n', "cannot show 'moon': known are ports, trace"),
        (b'{"show": "trace"}\n', "trace needs a port"),
        (b"[" * 60_000 + b"\n", ""),
    ],
)
def test_errors_are_told_and_the_connection_goes_on(tmp_path: Path, line: bytes, error: str) -> None:
    refused, served = ask(tmp_path, line, b'{"show": "ports"}\n')
    assert refused["ok"] is False
    assert error in refused["error"]
    assert served["ok"] is True


def test_long_request_is_refused_and_ends_the_connection(tmp_path: Path) -> None:
    (reply,) = ask(tmp_path, b'"' + b"x" * (2 * LONGEST_REQUEST) + b'"\n', b'{"show": "ports"}\n')
    assert reply == {"ok": False, "error": f"request longer than {LONGEST_REQUEST} bytes"}


@given(st.binary(max_size=200))
def test_any_line_is_answered(line: bytes) -> None:
    reply = ControlSocket(Path("unused"), PROVIDERS).answer(line)
    assert json.loads(json.dumps(reply))["ok"] in (True, False)


def test_clients_are_bounded_and_two_switches_cannot_share_a_folder(tmp_path: Path) -> None:
    async def script() -> None:
        control = ControlSocket(tmp_path, PROVIDERS)
        await control.start()
        clients = [await asyncio.open_unix_connection(str(control.path)) for _ in range(MOST_CLIENTS + 1)]
        reader, _ = clients[-1]
        assert await within(reader.read()) == b""
        first_reader, first_writer = clients[0]
        first_writer.write(b'{"show": "ports"}\n')
        assert json.loads(await within(first_reader.readline()))["ok"]
        with pytest.raises(OSError, match=r"cannot listen on .*dataplane.sock: Address already in use"):
            await ControlSocket(tmp_path, PROVIDERS).start()
        await control.stop()
        for _, writer in clients:
            writer.close()

    asyncio.run(script())
