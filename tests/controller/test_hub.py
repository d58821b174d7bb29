"""Threads as Ryu scripts use them."""

from __future__ import annotations

import logging
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from triplane.controller.runtime import hub, selecting

PATIENCE = 60.0  # seconds until a test gives up
ENOUGH = 1_000_000  # steps of a hundredth of a second: no test is held up for so long


def test_a_monitor_as_scripts_have_it() -> None:
    seen: list[int] = []

    def monitor(start: int, *, step: int) -> None:
        for number in range(start, ENOUGH, step):
            seen.append(number)
            hub.sleep(0.01)

    thread = hub.spawn(monitor, 5, step=2)
    while len(seen) < 3:
        hub.sleep(0.01)
    hub.kill(thread)
    hub.joinall([thread])
    assert seen[:3] == [5, 7, 9]
    assert seen[-1] < ENOUGH - 2  # it had not come to its end by itself
    assert thread.dead


@pytest.mark.parametrize(
    "how", ["sleeping", "at a queue", "at an event", "at a semaphore", "joining", "in select", "serving", "running"]
)
def test_a_kill_kills(how: str) -> None:
    started = hub.Event()

    def work() -> None:
        started.set()
        waits = {
            "sleeping": lambda: hub.sleep(1000),
            "at a queue": lambda: hub.Queue().get(),
            "at an event": lambda: hub.Event().wait(),
            "at a semaphore": lambda: hub.Semaphore(0).acquire(),
            "joining": lambda: hub.spawn(hub.sleep, 1000).wait(),
            "in select": lambda: selecting.select([socket.socketpair()[0]], [], []),
            "serving": lambda: hub.StreamServer(("127.0.0.1", 0)).serve_forever(),
        }
        waits.get(how, spin)()

    def spin() -> None:
        while True:
            time.sleep(0.001)

    thread = hub.spawn(work)
    assert started.wait(PATIENCE)
    thread.kill()
    thread.join(PATIENCE)
    assert thread.dead


def test_errors_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    def work() -> None:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        hub.spawn(work).wait()
    assert "failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_spawn_after_and_its_cancel() -> None:
    events = [hub.Event(), hub.Event()]
    hub.spawn_after(0.01, events[0].set)
    late = hub.spawn_after(1000, events[1].set)
    assert events[0].wait(PATIENCE)
    late.cancel()
    late.join(PATIENCE)
    assert late.dead
    assert not events[1].is_set()


def test_queues() -> None:
    queue = hub.Queue(1)
    queue.put("a")
    with pytest.raises(hub.QueueFull):
        queue.put("b", block=False)
    assert queue.get() == "a"
    with pytest.raises(hub.QueueEmpty):
        queue.get(block=False)
    with pytest.raises(hub.QueueEmpty):
        queue.get(timeout=0.01)
    assert not hub.Event().wait(0.01)


def compute() -> None:
    while True:
        sum(range(100))


WAYS: list[Callable[[], object]] = [lambda: hub.sleep(1000), hub.Event().wait, hub.Queue().get, compute]


@pytest.mark.parametrize("wait", WAYS, ids=["sleeping", "at an event", "at a queue", "running"])
def test_a_timeout_raises(wait: Callable[[], object]) -> None:
    timeout = hub.Timeout()
    timeout.seconds = 0.01  # counts when `with` begins: a busy machine may take as long to get there
    with pytest.raises(hub.Timeout) as raised, timeout:
        wait()
    assert raised.value is timeout
    assert str(timeout) == "0.01 seconds"


def test_a_timeout_with_an_exception_of_ones_own() -> None:
    with pytest.raises(KeyError), hub.Timeout(0.01, KeyError):
        hub.sleep(1000)
    mine = ValueError("late")
    with pytest.raises(ValueError, match="late") as raised, hub.Timeout(0.01, mine):
        compute()
    assert raised.value is mine
    with hub.Timeout(1, False):  # before `with` it would be raised
        hub.sleep(1000)


def test_a_timeout_that_is_cancelled_is_not_raised() -> None:
    timeout = hub.Timeout(1000)
    assert timeout.pending
    timer = timeout._timer
    timeout.cancel()
    assert not timeout.pending
    assert not timer.is_alive(), "who would raise it"
    for seconds in (None, 1000):
        with hub.Timeout(seconds):
            hub.sleep(0.01)


def test_a_timeout_is_started_again_once_it_is_cancelled() -> None:
    timeout = hub.Timeout(1000)
    with pytest.raises(RuntimeError):
        timeout.start()
    timeout.cancel()
    timeout.seconds = 0.01
    with pytest.raises(hub.Timeout):
        timeout.start()
        hub.sleep(1000)


def test_the_inner_of_two_timeouts_is_told_from_the_outer() -> None:
    inner = hub.Timeout()
    inner.seconds = 0.01
    with hub.Timeout(1000), pytest.raises(hub.Timeout) as raised, inner:
        hub.sleep(1000)
    assert raised.value is inner


def test_timeouts_and_kills_that_come_at_any_moment() -> None:
    """None is lost, none comes after its block: a hundred of them, each at another point of the loop below."""
    caught = 0
    for number in range(100):
        try:
            with hub.Timeout(number * 1e-5):
                while True:
                    hub.sleep(1e-5)
        except hub.Timeout:
            caught += 1
    assert caught == 100
    threads = [hub.spawn(compute) for _ in range(8)]
    for thread in threads:
        thread.kill()
        thread.kill()
    hub.joinall(threads)
    assert all(thread.dead for thread in threads)


def test_what_a_thread_returns_and_raises() -> None:
    linked: list[int] = []
    thread = hub.spawn(lambda number: number + 1, 41)
    thread.link(linked.append, 1)
    assert thread.wait() == 42
    thread.link(linked.append, 2)
    assert linked == [1, 2]
    with pytest.raises(ZeroDivisionError):
        hub.spawn(lambda: 1 / 0, raise_error=True).wait()
    assert hub.spawn(hub.getcurrent).wait() is not threading.current_thread()


def test_semaphores() -> None:
    semaphore = hub.BoundedSemaphore(1)
    with semaphore:
        assert semaphore.locked()
        assert not semaphore.acquire(blocking=False)
        assert not semaphore.acquire(timeout=0.01)
        waiting = hub.spawn(semaphore.acquire)
    assert waiting.wait() is True
    semaphore.release()
    with pytest.raises(ValueError, match="released more often"):
        semaphore.release()
    with pytest.raises(ValueError, match="at least 0"):
        hub.Semaphore(-1)


def test_many_threads_at_one_queue_get_everything_once() -> None:
    queue, found = hub.Queue(3), hub.Queue()

    def take() -> None:
        while (item := queue.get()) is not None:
            found.put(item)

    threads = [hub.spawn(take) for _ in range(5)]
    for number in range(500):
        queue.put(number)
    for _ in threads:
        queue.put(None)
    hub.joinall(threads)
    assert sorted(found.get_nowait() for _ in range(found.qsize())) == list(range(500))
    assert found.empty()


def echo(sock: socket.socket, _address: object) -> None:
    sock.sendall(sock.recv(100))
    sock.close()


def test_a_stream_server_and_its_client(tmp_path: Path) -> None:
    for where in (("127.0.0.1", 0), ("::1", 0), (str(tmp_path / "sock"), None)):
        server = hub.StreamServer(where, echo)
        thread = hub.spawn(server.serve_forever)
        family, address = server.server.family, server.server.getsockname()
        with hub.connect(address, family) as sock:
            sock.sendall(b"hello")
            assert sock.recv(100) == b"hello"
        hub.kill(thread)
        thread.join(PATIENCE)
        assert thread.dead
        server.server.close()
        assert where[1] is None or hub.StreamClient(address[:2], timeout=1).connect() is None


def test_a_client_that_hangs_in_its_tls_handshake_holds_up_no_other(tmp_path: Path) -> None:
    key, cert = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=t"]
    subprocess.run(["openssl", *words, "-keyout", key, "-out", cert], check=True, capture_output=True)
    server = hub.StreamServer(("127.0.0.1", 0), echo, keyfile=key, certfile=cert)
    thread = hub.spawn(server.serve_forever)
    address = server.server.getsockname()
    with socket.create_connection(address):  # says nothing
        client = hub.StreamClient(address, cert_reqs=ssl.CERT_REQUIRED, ca_certs=cert)
        sock = client.connect()
        assert sock is not None
        sock.sendall(b"hello")
        assert sock.recv(100) == b"hello"
        sock.close()
        seen = hub.Queue()
        loop = hub.spawn(client.connect_loop, lambda sock, _: (seen.put(1), sock.close()), 0.01)
        assert [seen.get(timeout=PATIENCE) for _ in range(2)] == [1, 1]
        client.stop()
        loop.join(PATIENCE)
        assert loop.dead
    hub.kill(thread)
    server.server.close()
