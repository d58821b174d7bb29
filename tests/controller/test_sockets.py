"""Sockets whose waits are the hub's."""

from __future__ import annotations

import socket as plain
from collections.abc import Iterator

import pytest

from tests.controller.process import own_host
from triplane.controller.runtime import hub, sockets
from triplane.controller.runtime.turns import Turn, in_turn

MUCH = bytes(range(256)) * (1 << 14)  # more than a socket's buffers hold
PATIENCE = 60.0


@pytest.fixture
def server() -> Iterator[sockets.socket]:
    with sockets.socket(plain.AF_INET, plain.SOCK_STREAM) as made:
        made.bind((own_host(), 0))
        made.listen()
        yield made


def receive_all(sock: plain.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(1 << 16), b""))


def test_both_ways(server: sockets.socket) -> None:
    def serve() -> bytes:
        client, address = server.accept()
        assert isinstance(client, sockets.socket)
        assert address[0] == "127.0.0.1"
        with client:
            client.sendall(MUCH)
            client.shutdown(plain.SHUT_WR)
            return receive_all(client)

    serving = hub.spawn(serve)
    with sockets.socket(plain.AF_INET, plain.SOCK_STREAM) as sock:
        sock.connect(server.getsockname())
        assert receive_all(sock) == MUCH
        sock.sendall(b"thanks")
        sock.shutdown(plain.SHUT_WR)
        assert serving.wait(PATIENCE) == b"thanks"


def test_nobody_there(server: sockets.socket) -> None:
    address = server.getsockname()
    server.close()
    with sockets.socket(plain.AF_INET, plain.SOCK_STREAM) as sock, pytest.raises(ConnectionRefusedError):
        sock.connect(address)


def test_a_timeout_of_its_own_and_one_of_the_hub(server: sockets.socket) -> None:
    server.settimeout(0.01)
    with pytest.raises(TimeoutError):
        server.accept()
    server.settimeout(None)
    with pytest.raises(plain.gaierror), hub.Timeout(0.01, plain.gaierror):
        server.accept()


def test_a_kill_while_it_waits(server: sockets.socket) -> None:
    waiting = hub.spawn(server.accept)
    waiting.kill()
    waiting.join(PATIENCE)
    assert waiting.dead


def test_the_turn_is_free_while_one_waits(server: sockets.socket) -> None:
    def accept() -> bytes:
        client, _ = server.accept()
        with client:
            return receive_all(client)

    with in_turn(Turn()):
        accepting = hub.spawn(accept)
        with sockets.socket(plain.AF_INET, plain.SOCK_STREAM) as sock:
            sock.connect(server.getsockname())
            hub.sleep(0.01)
            sock.sendall(b"in turn")
    assert accepting.wait(PATIENCE) == b"in turn"
