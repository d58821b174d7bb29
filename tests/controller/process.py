"""Commands of Triplane as processes, for tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

RUN = "import sys; from triplane.cli import main; sys.exit(main(sys.argv[1:]))"
PATIENCE = 60  # seconds that an end may take on a busy machine


def own_host() -> str:
    """An address of the loopback that no other process uses: nobody takes a port there that is free now."""
    pid = os.getpid()
    return f"127.{1 + (pid >> 16)}.{pid >> 8 & 255}.{pid & 255}"


def free_port() -> int:
    """A port that is free at `own_host()`."""
    with socket.create_server((own_host(), 0)) as server:
        return int(server.getsockname()[1])


def command(*words: str) -> list[str]:
    return [sys.executable, "-c", RUN, "controller", *words]


class Service:
    """A process that says `ready` on its stdout when it serves, logs to `log`, and ends by SIGTERM.

    `with Service(...) as service` waits for `ready`; to start several at once, `start` each before entering it, and
    `stop` those that were not entered.
    `env`: what its environment has besides ours.
    """

    def __init__(self, log: Path, words: list[str], env: Mapping[str, str] | None = None) -> None:
        self.log = log
        self.words = words
        self.env = {**os.environ, **(env or {})}
        self.started = False

    def start(self) -> None:
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                self.words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, env=self.env
            )
        self.started = True

    def __enter__(self) -> Service:
        if not self.started:
            self.start()
        assert self.process.stdout is not None
        try:
            self.ready = self.process.stdout.readline().split()
            assert self.ready[:1] == ["ready"], self.log.read_text()
        except BaseException:  # or the test's time is over
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self.process.stdout is not None:
            self.process.stdout.close()
        if error is not None:
            print(f"{self.log}:\n{self.log.read_text()}")  # pytest shows it with the failure

    def kill(self) -> None:
        """SIGKILL: it has no time to say goodbye."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()


class Controller(Service):
    """`with Controller(log, app, "--listen", ...) as controller`: `triplane controller`.

    `prefix`: words before the command, `ip netns exec ...` for instance.
    """

    def __init__(
        self, log: Path, *words: str, prefix: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(log, [*prefix, *command(*words)], env)


class Dataplane(Service):
    """`triplane dataplane` with these words, in a network namespace."""

    def __init__(self, log: Path, netns: str, *words: str) -> None:
        super().__init__(log, ["ip", "netns", "exec", netns, sys.executable, "-c", RUN, "dataplane", *words])
