"""Channels on real sockets: connecting, listening, losing and finding controllers, and peers that misbehave."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time
from dataclasses import replace
from pathlib import Path

import pytest
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser

from tests.controller.process import own_host
from tests.dataplane.switch.live import QUICK, controller, dial, live, until, within
from tests.dataplane.switch.peer import DESC, HELLO, SECOND, build, raw, read
from triplane.dataplane.switch.address import parse_passive
from triplane.dataplane.switch.datapath import PacketIn
from triplane.dataplane.switch.outbox import Limits
from triplane.dataplane.switch.service import Service, serve
from triplane.dataplane.switch.state import AgentConfig


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_connects_and_connects_again(kind: str, tmp_path: Path) -> None:
    async def script() -> None:
        ryu = await controller(kind, str(tmp_path / "c.sock"))
        async with live([ryu.address]) as switch:
            link = await ryu.accept()
            await link.greet()
            assert await link.alive()
            link.writer.close()
            again = await ryu.accept()
            await again.greet()
            assert await again.alive()
            assert len(switch.agent.switch.connections) == 1
        assert await again.ended()
        await ryu.close()

    asyncio.run(script())


def test_waits_longer_after_each_failure_and_recovers() -> None:
    async def script() -> None:
        ryu = await controller(host=own_host())  # where nobody takes its port meanwhile
        port = int(ryu.address.rsplit(":", 1)[1])
        await ryu.close()
        delays: list[float] = []
        sleep = asyncio.sleep

        async def note(delay: float) -> None:
            if delay != QUICK.tick:
                delays.append(delay)
            await sleep(0)

        async with live([ryu.address]):
            asyncio.sleep = note  # type: ignore[assignment]
            try:
                while len(delays) < 5:
                    await sleep(0.001)
                assert delays[:5] == [0.05, 0.1, 0.2, 0.2, 0.2]
                back = await controller(port=port, host=own_host())
                link = await back.accept()
                await link.greet()
                assert await link.alive()
                delays.clear()
                link.writer.close()
                await back.accept()
                assert delays == [0.05]
            finally:
                asyncio.sleep = sleep
            await back.close()

    asyncio.run(script())


@pytest.mark.parametrize("listener", ["ptcp:0:127.0.0.1", "ptcp:0", "ptcp:0:[::1]", "punix:{tmp}/s.sock"])
def test_listens(listener: str, tmp_path: Path) -> None:
    async def script() -> None:
        async with live(listeners=[listener.format(tmp=tmp_path)]) as switch:
            address = switch.bound[0]
            if address.kind == "tcp" and not address.host:
                address = address._replace(host="127.0.0.1")
            links = [await dial(address) for _ in range(3)]
            for link in links:
                await link.greet()
                assert await link.alive()
        for link in links:
            assert await link.ended()
        assert list(tmp_path.iterdir()) == [], "the socket's file is gone"

    asyncio.run(script())


def test_stale_unix_socket_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async def script() -> None:
        async with live(listeners=[f"punix:{path}"]) as switch:
            with pytest.raises(OSError, match=f"cannot listen on punix:{path}: Address already in use"):
                async with live(listeners=[f"punix:{path}"]):
                    pass
            link = await dial(switch.bound[0])
            await link.greet()
            assert await link.alive()

    asyncio.run(script())


def test_port_in_use_is_said_in_one_line() -> None:
    async def script() -> None:
        async with live(listeners=["ptcp:0:127.0.0.1"]) as switch:
            with pytest.raises(OSError, match=r"cannot listen on ptcp:\d+:127.0.0.1: Address already in use"):
                async with live(listeners=[str(switch.bound[0])]):
                    pass

    asyncio.run(script())


def test_listeners_take_so_many_connections() -> None:
    async def script() -> None:
        async with live(listeners=["ptcp:0:127.0.0.1"], options=replace(QUICK, passive_limit=2)) as switch:
            first, second, third = [await dial(switch.bound[0]) for _ in range(3)]
            for link in (first, second):
                await link.greet()
            assert await third.ended()
            first.writer.close()
            await until(lambda: len(switch.agent.switch.connections) == 1)
            fourth = await dial(switch.bound[0])
            await fourth.greet()
            assert await fourth.alive()

    asyncio.run(script())


def test_pipelined_flow_mods_and_their_barrier() -> None:
    async def script() -> None:
        async with live(listeners=["ptcp:0:127.0.0.1"]) as switch:
            link = await dial(switch.bound[0])
            await link.greet()
            flows = b"".join(build(parser.OFPFlowMod(DESC, priority=n)) for n in range(20_000))
            assert await link.ask(flows + raw(ofp.OFPT_BARRIER_REQUEST)) == raw(ofp.OFPT_BARRIER_REPLY)
            assert len(switch.datapath.flows) == 20_000
            assert sum(switch.datapath.runs) == 20_000

    asyncio.run(script())


def test_a_bundle_that_is_due_does_not_wait_for_the_next_tick() -> None:
    """A commit in OpenFlow 1.5 for 50 ms from now, without a message in it."""
    due = time.time_ns() + 50_000_000
    when = struct.pack("!HH4xQI4x", 1, 24, *divmod(due, SECOND))
    commit = raw(33, struct.pack("!IHH", 7, 4, 4) + when, version=6)

    async def script() -> None:
        options, config = replace(QUICK, tick=3600.0), AgentConfig(versions=(6,))
        async with live(listeners=["ptcp:0:127.0.0.1"], options=options, config=config) as switch:
            link = await dial(switch.bound[0])
            link.writer.write(b"\6" + HELLO[1:])
            assert (await link.receive())[1] == ofp.OFPT_HELLO
            await link.ask(raw(33, struct.pack("!IHH", 7, 0, 0), version=6))
            answer = await link.ask(commit)
            assert answer == raw(33, struct.pack("!IHH", 7, 5, 4), version=6)
            assert time.time_ns() >= due

    asyncio.run(script())


def test_garbage_is_answered_with_an_error_and_closed() -> None:
    async def script() -> None:
        async with live(listeners=["ptcp:0:127.0.0.1"]) as switch:
            link = await dial(switch.bound[0])
            link.writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3000)
            assert (await link.receive())[1] == ofp.OFPT_HELLO
            error = read(await link.receive())
            assert (error.type, error.code) == (ofp.OFPET_HELLO_FAILED, ofp.OFPHFC_INCOMPATIBLE)
            assert await link.ended()
            other = await dial(switch.bound[0])
            await other.greet()
            assert await other.alive()

    asyncio.run(script())


def test_peer_that_stops_reading_costs_bounded_memory_and_others_go_on() -> None:
    limits = Limits(reply_limit=100_000, event_limit=200_000, packet_in_limit=100_000)

    async def script() -> None:
        async with live(listeners=["ptcp:0:127.0.0.1"], options=replace(QUICK, limits=limits)) as switch:
            stuck, other = await dial(switch.bound[0]), await dial(switch.bound[0])
            await stuck.greet()
            stuck_conn = switch.agent.switch.connections[0]
            stuck.reader._transport.pause_reading()  # type: ignore[attr-defined]
            request = raw(ofp.OFPT_ECHO_REQUEST, bytes(60_000))
            sent = 0
            while not (stuck_conn.outbox.full and not stuck_conn.wants_data):
                stuck.writer.write(request)
                sent += 1
                await asyncio.sleep(0)
            packet = PacketIn(ofp.OFPR_ACTION, 0, 0, 1, 0xFFFF, bytes.fromhex("0001000400000000"), bytes(1000))
            switch.datapath.waiting = [packet] * 2000
            await until(lambda: stuck_conn.outbox.sent.packet_ins_dropped[ofp.OFPR_ACTION] > 1500)
            outbox = stuck_conn.outbox
            assert outbox.reply_bytes + outbox.packet_in_bytes < 400_000
            await other.greet()
            assert await other.alive()
            stuck.reader._transport.resume_reading()  # type: ignore[attr-defined]
            echoes = 0
            while echoes < sent:
                echoes += (await stuck.receive())[1] == ofp.OFPT_ECHO_REPLY
            assert stuck_conn.wants_data, "all replies came, and it is heard again"

    asyncio.run(script())


def test_silent_peer_is_probed_and_dropped() -> None:
    async def script() -> None:
        async with live(listeners=["ptcp:0:127.0.0.1"], config=AgentConfig(probe=SECOND // 10)) as switch:
            link = await dial(switch.bound[0])
            await link.greet()
            assert (await link.receive())[1] == ofp.OFPT_ECHO_REQUEST
            assert await link.ended()
            await until(lambda: not switch.agent.switch.connections)

    asyncio.run(script())


def test_peer_that_answers_probes_stays() -> None:
    async def script() -> None:
        now = SECOND
        async with live(listeners=["ptcp:0:127.0.0.1"], config=AgentConfig(probe=SECOND)) as switch:
            switch.service.hub.clock = lambda: now
            link = await dial(switch.bound[0])
            await link.greet()
            for _ in range(3):
                now += SECOND
                probe = await link.receive()
                assert probe[1] == ofp.OFPT_ECHO_REQUEST
                link.writer.write(raw(ofp.OFPT_ECHO_REPLY, xid=int.from_bytes(probe[4:8], "big")))
                assert await link.alive()

    asyncio.run(script())


def test_packet_ins_wake_the_switch() -> None:
    async def script() -> None:
        fd = os.eventfd(0, os.EFD_NONBLOCK)
        slow_timer = replace(QUICK, tick=60.0)
        async with live(listeners=["ptcp:0:127.0.0.1"], options=slow_timer, packet_in_fd=fd) as switch:
            link = await dial(switch.bound[0])
            await link.greet()
            packet = PacketIn(ofp.OFPR_ACTION, 0, 0, 1, 0xFFFF, bytes.fromhex("0001000400000000"), bytes(100))
            switch.datapath.waiting = [packet] * 700
            os.eventfd_write(fd, 1)
            for _ in range(700):
                assert (await link.receive())[1] == ofp.OFPT_PACKET_IN
        os.close(fd)

    asyncio.run(script())


def test_port_changes_are_told_at_once() -> None:
    async def script() -> None:
        async with live(listeners=["ptcp:0:127.0.0.1"]) as switch:
            link = await dial(switch.bound[0])
            await link.greet()
            switch.service.port_changed(ofp.OFPPR_DELETE, switch.datapath.known[1])
            assert read(await link.receive()).desc.port_no == 1

    asyncio.run(script())


def test_standalone_until_a_controller_is_there_and_tools_do_not_count() -> None:
    async def script() -> None:
        ryu = await controller()
        async with live([ryu.address], ["ptcp:0:127.0.0.1"], config=AgentConfig(standalone=True)) as switch:
            link = await ryu.accept()
            tool = await dial(switch.bound[0])
            await tool.greet()
            assert await tool.alive()
            assert switch.datapath.standalone
            await link.greet()
            await until(lambda: not switch.datapath.standalone)
            link.writer.close()
            await until(lambda: switch.datapath.standalone)
        await ryu.close()

    asyncio.run(script())


def test_sockets_are_opened_through_the_hook() -> None:
    opened = []

    async def script() -> None:
        ryu = await controller()

        def within_namespace(call: object) -> socket.socket:
            opened.append(call())  # type: ignore[operator]
            return opened[-1]

        options = replace(QUICK, within=within_namespace)
        async with live([ryu.address], ["ptcp:0:127.0.0.1"], options=options):
            await (await ryu.accept()).greet()
        assert len(opened) == 2
        await ryu.close()

    asyncio.run(script())


def test_serve_until_told_to_stop() -> None:
    async def script() -> None:
        from tests.dataplane.switch.peer import switch

        stop = asyncio.Event()
        heard: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        service = Service(switch()[0], [], ["ptcp:0:127.0.0.1"], QUICK)
        running = asyncio.create_task(serve(service, stop, heard.set_result))
        (address,) = await within(heard)  # type: ignore[misc]
        link = await dial(parse_passive(str(address)))
        link.writer.write(HELLO)
        await link.receive()
        stop.set()
        await within(running)
        assert await link.ended()

    asyncio.run(script())


def test_serve_ends_with_what_breaks_it() -> None:
    async def script() -> None:
        from tests.dataplane.switch.peer import switch

        agent, datapath = switch()
        datapath.expire = lambda now: 1 // 0  # type: ignore[assignment,return-value]
        service = Service(agent, [], ["ptcp:0:127.0.0.1"], QUICK)
        with pytest.raises(ZeroDivisionError):
            await within(serve(service, asyncio.Event(), lambda bound: None))

    asyncio.run(script())
