"""Triplane's own processes, started and stopped by a lab."""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from triplane.lab.network import LabError

START_SECONDS = 120.0  # a machine may be slow, and kernels may have to be compiled
STOP_SECONDS = 5.0
PR_SET_PDEATHSIG = 1  # linux/prctl.h
TRIPLANE = [sys.executable, "-m", "triplane.cli"]

_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """In the child: be told to end when the lab is killed."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """A `triplane COMMAND` in the background, in a session of its own; what it logs goes to a file."""

    def __init__(self, name: str, words: Sequence[str], log: Path) -> None:
        self.name = name
        self.log = log
        self.ready_line = ""
        with log.open("wb") as stream:
            self.child = subprocess.Popen(
                [*TRIPLANE, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stream,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509  a lab has no threads when it starts processes
            )

    @property
    def pid(self) -> int:
        return self.child.pid

    def running(self) -> bool:
        return self.child.poll() is None

    def complaint(self) -> str:
        """The last thing it logged."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"status {self.child.returncode}"

    def wait_ready(self, seconds: float = START_SECONDS) -> str:
        """Wait for its line `ready ...`; LabError when it ends instead, or takes too long."""
        assert self.child.stdout is not None
        deadline, said = time.monotonic() + seconds, b""
        with selectors.DefaultSelector() as selector:
            selector.register(self.child.stdout, selectors.EVENT_READ)
            while not said.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise LabError(
                        f"{self.name} was not ready after {seconds:.0f} s: {self.complaint()} (see {self.log})"
                    )
                chunk = os.read(self.child.stdout.fileno(), 4096)
                if not chunk:
                    self.child.wait()
                    raise LabError(f"{self.name} did not start: {self.complaint()}")
                said += chunk
        self.ready_line = said.decode().splitlines()[0]
        return self.ready_line

    def stop(self) -> None:
        """SIGTERM, and after five seconds SIGKILL."""
        if self.running():
            self.child.terminate()
        try:
            self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"{self.name} did not end in {STOP_SECONDS:.0f} s, killed (see {self.log})", file=sys.stderr)
            self.child.kill()
            self.child.wait()
        if self.child.stdout is not None:
            self.child.stdout.close()
