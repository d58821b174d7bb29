"""Addresses as users write them."""

from __future__ import annotations

import pytest

from triplane.dataplane.switch.address import Address, parse_active, parse_passive


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tcp:127.0.0.1:6633", Address("tcp", False, "127.0.0.1", 6633)),
        ("tcp:controller.example", Address("tcp", False, "controller.example", 6653)),
        ("tls:[fe80::1]:6653", Address("tls", False, "fe80::1", 6653)),
        ("ssl:10.0.0.1:1", Address("tls", False, "10.0.0.1", 1)),
        ("unix:/run/a b.sock", Address("unix", False, path="/run/a b.sock")),
    ],
)
def test_active(text: str, address: Address) -> None:
    assert parse_active(text) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ptcp:6654", Address("tcp", True, "", 6654)),
        ("ptcp:", Address("tcp", True)),
        ("ptcp:0:127.0.0.1", Address("tcp", True, "127.0.0.1", 0)),
        ("ptls:6653:[::1]", Address("tls", True, "::1")),
        ("pssl:6653", Address("tls", True)),
        ("punix:x.sock", Address("unix", True, path="x.sock")),
    ],
)
def test_passive(text: str, address: Address) -> None:
    assert parse_passive(text) == address


@pytest.mark.parametrize("text", ["tcp:10.0.0.1:6653", "tls:[::1]:6653", "unix:/x"])
def test_active_prints_as_written(text: str) -> None:
    assert str(parse_active(text)) == text


@pytest.mark.parametrize("text", ["ptcp:6653:10.0.0.1", "ptcp:6653", "ptls:1:[::1]", "punix:/x"])
def test_passive_prints_as_written(text: str) -> None:
    assert str(parse_passive(text)) == text


@pytest.mark.parametrize("text", ["", "tcp", "tcp:", "tcp::6653", "tcp:a:b", "udp:a:1", "tcp:fe80::1:6653", "ptcp:1"])
def test_active_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be tcp:HOST:PORT"):
        parse_active(text)


@pytest.mark.parametrize("text", ["ptcp:x", "tcp:a:1", "punix:", "unix:/x", "ptcp:1:a:b"])
def test_passive_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be ptcp:PORT"):
        parse_passive(text)


def test_limits() -> None:
    with pytest.raises(ValueError, match="above 65535"):
        parse_active("tcp:a:65536")
    with pytest.raises(ValueError, match="at most 107 bytes"):
        parse_passive("punix:" + "x" * 108)
