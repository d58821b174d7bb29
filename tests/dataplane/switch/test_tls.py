"""TLS channels: both sides must show a certificate that the other's CA has signed."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from os_ken.ofproto import ofproto_v1_3 as ofp

from tests.dataplane.switch.certificates import Authority
from tests.dataplane.switch.live import QUICK, controller, dial, live, until
from tests.dataplane.switch.peer import raw, switch
from triplane.dataplane.switch.service import Service, ServiceOptions
from triplane.dataplane.switch.tls import TlsOptions, client_context, server_context


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("theirs"), "theirs")


def using(tls: TlsOptions) -> ServiceOptions:
    return replace(QUICK, tls=tls)


def counting(tls: TlsOptions) -> tuple[list[socket.socket], ServiceOptions]:
    """Options, and the sockets that will have been opened with them."""
    attempts: list[socket.socket] = []

    def note(call: Callable[[], socket.socket]) -> socket.socket:
        attempts.append(call())
        return attempts[-1]

    return attempts, replace(QUICK, tls=tls, within=note)


def test_connects_to_a_controller_of_our_ca(ours: Authority) -> None:
    async def script() -> None:
        ryu = await controller("tls", ssl=server_context(ours.sign("controller")))
        async with live([ryu.address], options=using(ours.sign("switch"))):
            link = await ryu.accept()
            await link.greet()
            large = raw(ofp.OFPT_ECHO_REQUEST, bytes(60_000))
            assert len(await link.ask(large)) == len(large)
        await ryu.close()

    asyncio.run(script())


@pytest.mark.parametrize("wrong", ["controller", "switch"])
def test_wrong_ca_on_either_side_is_no_controller(ours: Authority, theirs: Authority, wrong: str) -> None:
    signs = {name: theirs if name == wrong else ours for name in ("controller", "switch")}

    async def script() -> None:
        ryu = await controller("tls", ssl=server_context(signs["controller"].sign("controller", trusts=ours)))
        attempts, options = counting(signs["switch"].sign("switch", trusts=ours))
        counts: list[int] = []
        async with live([ryu.address], options=options) as running:
            running.agent.on_controllers = counts.append
            await until(lambda: len(attempts) >= 3)  # it keeps trying
        assert not any(counts)
        await ryu.close()

    asyncio.run(script())


def test_listener_takes_a_client_of_our_ca(ours: Authority) -> None:
    async def script() -> None:
        async with live(listeners=["ptls:0:127.0.0.1"], options=using(ours.sign("switch"))) as running:
            link = await dial(running.bound[0], client_context(ours.sign("tool")))
            await link.greet()
            assert await link.alive()

    asyncio.run(script())


def test_listener_refuses_strangers(ours: Authority, theirs: Authority) -> None:
    anonymous = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anonymous.check_hostname = False
    anonymous.verify_mode = ssl.CERT_NONE
    stranger = client_context(theirs.sign("stranger", trusts=ours))

    async def script() -> None:
        async with live(listeners=["ptls:0:127.0.0.1"], options=using(ours.sign("switch"))) as running:
            for context in (anonymous, stranger):
                link = await dial(running.bound[0], context)
                with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                    await link.receive()
            plain = await dial(running.bound[0])
            plain.writer.write(bytes(100))
            assert await plain.ended()
            assert running.agent.switch.connections == []
            await until(lambda: not running.service.hub.sessions)

    asyncio.run(script())


def test_name_is_checked_if_told_so(ours: Authority) -> None:
    async def script() -> None:
        ryu = await controller("tls", ssl=server_context(ours.sign("some-other-host")))
        attempts, options = counting(replace(ours.sign("switch"), check_name=True))
        async with live([ryu.address], options=options):
            await until(lambda: len(attempts) >= 3)
            assert ryu.arrived.empty()
        await ryu.close()

    asyncio.run(script())


def test_missing_files_are_named(ours: Authority, tmp_path: Path) -> None:
    agent = switch()[0]
    with pytest.raises(ValueError, match="a TLS channel needs private key, certificate, CA certificate"):
        Service(agent, ["tls:127.0.0.1:6653"], [])
    gone = replace(ours.sign("switch"), ca_cert=tmp_path / "gone.pem")
    with pytest.raises(ValueError, match=r"gone.pem: no such file"):
        Service(agent, [], ["ptls:6653"], using(gone))
